"""The module `snakebridge` that Python code sees: what SnakeBridge gives it."""

# Run once in each interpreter, in the module's namespace. `cancelled` is there
# already (module.cpp).

import _contextvars
import _thread


class Atom:
    """A name that is its own meaning, from C++ (sb::atom)."""

    __slots__ = ("value",)

    def __init__(self, value):
        object.__setattr__(self, "value", str(value))

    def __setattr__(self, name, value):
        raise AttributeError("an Atom does not change")

    def __delattr__(self, name):
        raise AttributeError("an Atom does not change")

    def __reduce__(self):
        return (Atom, (self.value,))

    def __eq__(self, other):
        if type(other) is not Atom:
            return NotImplemented
        return self.value == other.value

    def __hash__(self):
        return hash((Atom, self.value))

    def __str__(self):
        return self.value

    def __repr__(self):
        return f"Atom({self.value!r})"


class CallbackError(Exception):
    """What a C++ callback threw: its text, and in `type` what it was."""

    def __init__(self, message, type=None):
        super().__init__(message)
        self.type = type


class Callback:
    """C++ that can be called, as long as its session lives."""

    def __init__(self, call, number):
        self._call = call
        self._number = number

    def __call__(self, /, *args, **kwargs):
        return self._call(args, kwargs)

    def __eq__(self, other):
        if type(other) is not Callback:
            return NotImplemented
        return self._number == other._number

    def __hash__(self):
        return hash((Callback, self._number))

    def __repr__(self):
        return f"<snakebridge.Callback {self._number}>"


class _OfSession:
    """Of the session whose code runs here; None: it has none, or it is none's.

    Tasks and `asyncio.to_thread` take it along, as they do any ContextVar; a
    thread of its own has it where it runs in a copy of the context.
    """

    def __init__(self, name):
        self._var = _contextvars.ContextVar(name)

    def get(self, default=None):
        return self._var.get(default)

    __call__ = get

    def __repr__(self):
        return f"<{self._var.name} {self.get()!r}>"


session_id = _OfSession("snakebridge.session_id")
session_epoch = _OfSession("snakebridge.session_epoch")


class _Program:
    """The program, as a session has it: until that ends, whoever keeps it.

    `call` takes a tool's name first; None asks which there are, and the level
    of a message logs that.
    """

    __slots__ = ("call",)


_program = _contextvars.ContextVar("snakebridge.program")


def _in_session(context, name, epoch, call):
    context.run(session_id._var.set, name)
    if epoch:
        context.run(session_epoch._var.set, epoch)
    program = _Program()
    program.call = call
    context.run(_program.set, program)
    return program


def _program_here():
    program = _program.get(None)
    return program and program.call


def _here():
    program = _program_here()
    if program is None:
        raise RuntimeError(
            "no session's code runs here: a thread has to run in a copy of the "
            "context of the call that starts it (contextvars.copy_context)"
        )
    return program


def tools():
    """The tools of the C++ program: a dict of their names and signatures."""
    return _here()(None)


def call(name, /, *args, **kwargs):
    """Calls a tool of the C++ program (sb::bridge::tool)."""
    if not isinstance(name, str):
        raise TypeError("the name of a tool is a str")
    return _here()(name, *args, **kwargs)


def __getattr__(name):
    if name != "log":
        raise AttributeError(f"module 'snakebridge' has no attribute {name!r}")
    global log
    import logging  # which lets others run: before the lock

    with _log_lock:
        if "log" not in globals():
            log = _new_log(logging)
    return log


_log_lock = _thread.allocate_lock()


def _new_log(logging):
    """A logger whose messages go to the program's `on_output`."""
    import sys

    # Who waits for the program must not keep another from it.
    class NoLock:
        def acquire(self):
            pass

        release = acquire

        def __enter__(self):
            pass

        def __exit__(self, *why):
            pass

    class ToProgram(logging.Handler):
        def createLock(self):
            self.lock = NoLock()

        def emit(self, record):
            try:
                text = self.format(record)
                program = _program_here()
                if program is None:
                    print(text, file=sys.stderr)
                else:
                    program(record.levelno, text)
            except Exception:
                self.handleError(record)

    made = logging.getLogger("snakebridge")
    made.setLevel(logging.INFO)
    made.propagate = False
    made.addHandler(ToProgram())
    return made


def _enter(manager):
    """`with manager`, up to its body; of an asynchronous one a coroutine."""
    kind = type(manager)
    if hasattr(kind, "__enter__") and hasattr(kind, "__exit__"):
        return kind.__enter__(manager)
    if hasattr(kind, "__aenter__") and hasattr(kind, "__aexit__"):
        return _wait_for(kind.__aenter__(manager))
    raise TypeError(
        f"'{kind.__qualname__}' object does not support the context manager "
        "protocol"
    )


def _exit(manager, raised=None, text=None, type_name=None):
    """Its end. `raised`, or else `text` and `type_name`: what the body threw."""
    kind = type(manager)
    if raised is None and text is not None:
        raised = CallbackError(text, type_name)
    what = (
        (None, None, None)
        if raised is None
        else (type(raised), raised, raised.__traceback__)
    )
    if hasattr(kind, "__enter__") and hasattr(kind, "__exit__"):
        return bool(kind.__exit__(manager, *what))
    return _truth_of(kind.__aexit__(manager, *what))


async def _truth_of(awaitable):
    return bool(await awaitable)


class NotAuthorizedError(ImportError):
    """The pool's setting `importable` does not allow this module."""


class HelperLoadError(ImportError):
    """A helper file does not load: `path` names it, `__cause__` says why."""


class Cancelled(BaseException):
    """Raised in a call whose caller cancelled it, has gone or had no more time.

    Clean up and let it pass: a call that goes on is killed with its worker."""


# What is awaited, is on the event loop of this interpreter: on a thread of its
# own, from the first time on.

_loop = None
_loop_thread = None
_loop_lock = _thread.allocate_lock()
# A thread that waits for the loop is interrupted between two looks at it: in a
# lock it is not, but for the main thread.
_look_again_s = 0.05
# How long its end may take: a task may block it.
_end_s = 1
# While calls wait for it, it shows so often that it is not blocked.
_beat_s = 0.02


def _event_loop():
    loop = _loop
    if loop is None or _loop_thread is None:
        loop = _start_loop()
    return loop


def _start_loop():
    """Interrupted anywhere, the next one goes on from there."""
    global _loop
    import asyncio
    import threading

    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
        loop = _loop
    threading.Thread(
        target=_run_loop, args=(loop,), name="snakebridge-loop", daemon=True
    ).start()
    return loop


def _run_loop(loop):
    global _loop_thread
    import asyncio
    import atexit
    import threading

    with _loop_lock:
        if _loop is not loop or _loop_thread is not None:
            return  # another thread runs it
        _loop_thread = threading.current_thread()
    atexit.register(_end_loop)
    asyncio.set_event_loop(loop)
    try:
        loop.add_reader(_cancellations, _cancel_tasks)
    except BaseException:
        _loop_thread = None  # the next one tries again
        raise
    # What ends a program, ends no loop: the task alone that raises it.
    while _loop is loop:
        try:
            loop.run_forever()
        except BaseException:
            pass


# Where Python is a guest a bridge may come after this one's end.
def _end_loop():
    global _loop, _loop_thread, _tasks, _beats
    with _loop_lock:
        loop, _loop = _loop, None
        thread, _loop_thread = _loop_thread, None
    if loop is None:
        return
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_end_s)
    _tasks, _beats = {}, False
    if not thread.is_alive():
        loop.close()


# The tasks of calls, each by its number.
_tasks = {}
_beats = False


def _await(number, awaitable):
    """Begins it in the context of this call, with `_ended` to be told."""
    loop = _event_loop()
    loop.call_soon_threadsafe(_begin, loop, number, awaitable)


def _begin(loop, number, awaitable):
    import functools

    if not _begun(number):
        return
    _call.set(number)
    task = _tasks[number] = loop.create_task(_wait_for(awaitable))
    task.add_done_callback(functools.partial(_end_task, number))
    if not _beats:
        _beat(loop)


def _end_task(number, task):
    _ended(number, task)
    _tasks.pop(number, None)


def _cancel_tasks():
    for number in _take_cancelled():
        task = _tasks.get(number)
        if task is None:
            continue
        # What was raised in it may have come in the way of its end.
        if task.done():
            _end_task(number, task)
        else:
            task.cancel()


def _running():
    """The call whose task runs now, else 0, and the thread of the loop; then
    that task, the loop, and C functions that answer its task and all frames."""
    import _asyncio
    import asyncio
    import sys

    loop, thread = _loop, _loop_thread
    if loop is None or thread is None:
        return 0, 0
    number = 0
    task = asyncio.current_task(loop)
    current = getattr(_asyncio, "current_task", None)
    if current is None:
        current = _asyncio._current_tasks.get
    if hasattr(task, "get_context"):
        number = task.get_context().get(_call, 0)
    elif task is not None:
        number = next((at for at, of in _tasks.items() if of is task), 0)
    return number, thread.ident, task, loop, current, sys._current_frames


def _beat(loop):
    global _beats
    _beaten()
    _beats = bool(_tasks)
    if _beats:
        loop.call_later(_beat_s, _beat, loop)


def _on_loop(coroutine, *cancel):
    """Runs a coroutine on the event loop, and waits for what it answers. Where
    this thread is interrupted it is cancelled: by `cancel`, once it has begun."""
    import asyncio
    import concurrent.futures

    loop = _event_loop()
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        while True:
            try:
                return future.result(_look_again_s)
            except concurrent.futures.TimeoutError:
                if future.done():
                    return future.result()
    except BaseException:
        if not cancel:
            future.cancel()
        elif not future.done():
            # Its task begins in the turn of the loop after its own making.
            loop.call_soon_threadsafe(loop.call_soon, *cancel)
        raise


async def _wait_for(awaitable):
    return await awaitable


# The tasks that are in an asynchronous iterator now, by its id; and those of
# them that were told to end.
_steps = {}
_ending = set()


async def _step(iterator):
    import asyncio

    task = _steps[id(iterator)] = asyncio.current_task()
    try:
        return await iterator.__anext__()
    finally:
        del _steps[id(iterator)]
        _ending.discard(task)


def _cancel_step(iterator):
    """Once: what it does at its end is not cancelled. None: it is in no step."""
    task = _steps.get(id(iterator))
    if task is not None and task not in _ending:
        _ending.add(task)
        task.cancel()
    return task


async def _end(iterator):
    import asyncio

    # Its thread may have been interrupted before it could cancel it.
    running = _cancel_step(iterator)
    if running is not None:
        await asyncio.wait([running])
    if hasattr(iterator, "aclose"):
        await iterator.aclose()


def _next_awaited(iterator):
    return _on_loop(_step(iterator), _cancel_step, iterator)


def _close_awaited(iterator):
    return _on_loop(_end(iterator))
