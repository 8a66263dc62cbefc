"""Signals that are meant for the program, and reach its workers as well."""

import os
import signal
import threading


def leave_to_the_bridge(number, frame):
    """A worker ends with its bridge, and no call is disturbed."""


def hold():
    """What is sent to a child at once waits until it has its defaults."""
    held[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK,
                                                         SIGNALS)


def let_go():
    mask = held.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def restore_in_child():
    for each in SIGNALS:
        if signal.getsignal(each) is leave_to_the_bridge:
            signal.signal(each, DEFAULTS[each])
    let_go()


def take():
    """Again, where code has left a default behind, as asyncio does."""
    for each in SIGNALS:
        if signal.getsignal(each) == DEFAULTS[each]:
            signal.signal(each, leave_to_the_bridge)
            signal.siginterrupt(each, False)


# `signals` is given by signals.cpp.
SIGNALS = tuple(signal.Signals(each) for each in signals)
DEFAULTS = {each: signal.SIG_DFL for each in SIGNALS}
DEFAULTS[signal.SIGINT] = signal.default_int_handler
held = {}  # masks, by thread
for each in SIGNALS:
    signal.signal(each, leave_to_the_bridge)
    signal.siginterrupt(each, False)
os.register_at_fork(before=hold, after_in_parent=let_go,
                    after_in_child=restore_in_child)
