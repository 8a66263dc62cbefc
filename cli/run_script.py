"""Runs a file as `python FILE ARG…` does, in a worker: `snakebridge run`.

`run` is called once (run.cpp). It takes the program's stdin, stdout and stderr,
which arrive over a socket, in the place of the worker's own."""

import atexit
import builtins
import importlib.machinery
import io
import os
import signal
import socket
import sys
import threading
import types

import snakebridge

OURS = "<snakebridge run>"  # the file of this code, in tracebacks


def opened(name, number, mode):
    """As Python makes it at its start."""
    before = getattr(sys, name)
    writes = mode == "w"
    unbuffered = writes and bool(os.environ.get("PYTHONUNBUFFERED"))
    binary = open(number, mode + "b", 0 if unbuffered else -1, closefd=False)
    raw = getattr(binary, "raw", binary)
    raw.name = f"<{name}>"
    text = io.TextIOWrapper(
        binary, before.encoding, before.errors, "\n" if writes else None,
        line_buffering=name == "stderr" or raw.isatty(),
        write_through=unbuffered)
    text.mode = mode
    return text


def take_streams(address):
    sys.stdout.flush()
    sys.stderr.flush()
    with socket.socket(socket.AF_UNIX) as program:
        program.connect("\0" + address)
        _, given, _, _ = socket.recv_fds(program, 1, 3)
    for number, each in enumerate(given):
        os.dup2(each, number)
        os.close(each)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        text = opened(name, number, "w" if number else "r")
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def take_signals():
    """The program passes its own on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def run_file(file, arguments):
    path = os.path.join(os.getcwd(), file)
    sys.argv = [file, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    main = types.ModuleType("__main__")
    main.__file__ = path
    main.__builtins__ = builtins
    main.__cached__ = None
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    sys.modules["__main__"] = main
    with io.open_code(path) as source:
        code = compile(source.read(), path, "exec", dont_inherit=True)
    exec(code, main.__dict__)


def without_ours(raised):
    """Only the script's own frames are shown."""
    trace = raised.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == OURS:
        trace = trace.tb_next
    return raised.with_traceback(trace)


def exit_code(raised):
    """What Python ends with; an exception is shown, as it does that."""
    if isinstance(raised, SystemExit):
        if raised.code is None:
            return 0
        if isinstance(raised.code, int):
            return raised.code & 0xFF
        print(raised.code, file=sys.stderr)
        return 1
    without_ours(raised)
    for show in sys.excepthook, sys.__excepthook__:
        try:
            show(type(raised), raised, raised.__traceback__)
            break
        except SystemExit as ended:
            return exit_code(ended)
        except Exception as failed:
            print("Error in sys.excepthook:", failed, file=sys.stderr)
    interrupted = isinstance(raised, KeyboardInterrupt)
    return 128 + signal.SIGINT if interrupted else 1


def code_of(body, *arguments):
    """How `body` ended. That our call has ended is told to who made it."""
    try:
        body(*arguments)
        return 0
    except snakebridge.Cancelled:
        raise
    except BaseException as raised:
        return exit_code(raised)


def end():
    threading._shutdown()
    atexit._run_exitfuncs()


def begin(file, arguments, address):
    take_streams(address)
    run_file(file, arguments)


def run(file, arguments, address):
    take_signals()  # before the program knows to whom it is to pass them on
    code = code_of(begin, file, arguments, address)
    code_of(end)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return code or 120  # as Python: nobody reads, or the disk is full
    return code
