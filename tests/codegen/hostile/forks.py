"""Leaves a child behind, which waits for ever."""
import os
import signal

if os.fork() == 0:
    signal.pause()


def parent() -> int:
    return os.getpid()
