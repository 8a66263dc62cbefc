"""Signals that are meant for the program, and reach its workers as well."""

import os
import signal


def leave_to_the_bridge(number, frame):
    """A worker ends with its bridge, and no call is disturbed."""


def restore_in_child():
    for each in SIGNALS:
        if signal.getsignal(each) is leave_to_the_bridge:
            signal.signal(each, DEFAULTS[each])
    let_go()


def take():
    """Again, where code has left a default behind, as asyncio does."""
    for each in SIGNALS:
        if signal.getsignal(each) in (signal.SIG_DFL, DEFAULTS[each]):
            signal.signal(each, leave_to_the_bridge)
            signal.siginterrupt(each, False)


# `signals`, `hold` and `let_go` are given by signals.cpp. The latter keep the
# signals from a child until it has its defaults; in Python they would run
# handlers, and what those raise would be lost.
SIGNALS = tuple(signal.Signals(each) for each in signals)
DEFAULTS = {each: signal.SIG_DFL for each in SIGNALS}
DEFAULTS[signal.SIGINT] = signal.default_int_handler
for each in SIGNALS:
    signal.signal(each, leave_to_the_bridge)
    signal.siginterrupt(each, False)
os.register_at_fork(before=hold, after_in_parent=let_go,
                    after_in_child=restore_in_child)
