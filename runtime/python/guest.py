"""Python as a guest: in a program that was there before, and lives on after."""

import atexit
import gc
import io
import sys
import threading
import time


class _ThreadOfProgram(threading._DummyThread):
    """As such a thread calls Python, a script's main thread would: so threads
    that it starts are no daemons."""

    def __init__(self):
        super().__init__()
        self._daemonic = False


def begin():
    threading._DummyThread = _ThreadOfProgram


def end_executors():
    """As threading does at the end: but who comes later may make new ones."""
    for each in reversed(list(getattr(threading, "_threading_atexits", ()))):
        each()
    for name, flag in (("thread", "_shutdown"), ("process", "_global_shutdown")):
        module = sys.modules.get("concurrent.futures." + name)
        if hasattr(module, flag):
            setattr(module, flag, False)


def join_threads(seconds):
    until = time.monotonic() + seconds
    executors = threading.Thread(target=end_executors, daemon=True)
    executors.start()
    executors.join(seconds)
    apart = threading.main_thread(), threading.current_thread()
    for each in threading.enumerate():
        if not each.daemon and each not in apart \
                and not isinstance(each, _ThreadOfProgram):
            each.join(max(0, until - time.monotonic()))


def flush_files():
    """Those that Python's end would close: other code may still use them."""
    files = [
        each for each in gc.get_objects() if issubclass(type(each), io.IOBase)
    ]
    # What writes into another comes first.
    files.sort(key=lambda each: type(each).__module__ == "_io")
    for layer in (io.TextIOBase, io.BufferedIOBase):
        for each in files:
            try:
                if isinstance(each, layer) and not each.closed:
                    each.flush()
            except Exception:
                pass  # nobody is left to be told


def end(seconds):
    """What `python3` does at its end."""
    join_threads(seconds)
    logging = sys.modules.get("logging")
    if logging is not None:  # it would close files that may yet be written
        atexit.unregister(logging.shutdown)
    atexit._run_exitfuncs()
    if logging is not None:
        flush_handlers(logging)
        atexit.register(logging.shutdown)
    flush_files()
    live_on()


def flush_handlers(logging):
    for each in reversed(list(logging._handlerList)):
        try:
            each().flush()
        except Exception:
            pass  # gone, or closed


def live_on():
    """Libraries that think all is over by now are told that it is not."""
    weakref = sys.modules.get("weakref")
    if weakref is not None:
        weakref.finalize._shutdown = False
        weakref.finalize._registered_with_atexit = False
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._exiting = False
        atexit.register(util._exit_function)
