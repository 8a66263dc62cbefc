"""Signals that are meant for the program, and reach its workers as well."""

import os
import signal


def leave_to_the_bridge(number, frame):
    """A worker ends with its bridge, and no call is disturbed."""


def restore_in_child():
    for each in SIGNALS:
        if signal.getsignal(each) is leave_to_the_bridge:
            signal.signal(each, DEFAULTS.get(each, signal.SIG_DFL))


# `signals` is given by signals.cpp.
SIGNALS = tuple(signal.Signals(each) for each in signals)
DEFAULTS = {signal.SIGINT: signal.default_int_handler}
for each in SIGNALS:
    signal.signal(each, leave_to_the_bridge)
    signal.siginterrupt(each, False)
os.register_at_fork(after_in_child=restore_in_child)
