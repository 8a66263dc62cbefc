"""The module `snakebridge` that Python code sees: what SnakeBridge gives it."""

# Run once in each interpreter, in the module's namespace. `cancelled` is there
# already (module.cpp).

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


class NotAuthorizedError(ImportError):
    """The pool's setting `importable` does not allow this module."""


class Cancelled(BaseException):
    """Raised in a call whose caller cancelled it, has gone or had no more time.

    Clean up and let it pass: a call that goes on is killed with its worker."""


# What is awaited, is on the event loop of this interpreter: on a thread of its
# own, from the first time on.

_loop = None
_loop_lock = _thread.allocate_lock()
# A thread that waits for the loop is interrupted between two looks at it: in a
# lock it is not, but for the main thread.
_look_again_s = 0.05
# How long its end may take: a task may block it.
_end_s = 1


def _event_loop():
    global _loop
    with _loop_lock:
        if _loop is None:
            import asyncio
            import atexit
            import threading

            loop = asyncio.new_event_loop()

            def run():
                asyncio.set_event_loop(loop)
                loop.run_forever()

            thread = threading.Thread(
                target=run, name="snakebridge-loop", daemon=True
            )
            thread.start()

            # Where Python is a guest a bridge may come after this one's end.
            def end():
                global _loop
                with _loop_lock:
                    _loop = None
                loop.call_soon_threadsafe(loop.stop)
                thread.join(_end_s)
                if not thread.is_alive():
                    loop.close()

            atexit.register(end)
            _loop = loop
    return _loop


def _on_loop(coroutine):
    """Runs a coroutine on the event loop, and waits for what it answers."""
    import asyncio
    import concurrent.futures

    future = asyncio.run_coroutine_threadsafe(coroutine, _event_loop())
    try:
        while True:
            try:
                return future.result(_look_again_s)
            except concurrent.futures.TimeoutError:
                if future.done():
                    return future.result()
    except BaseException:
        future.cancel()
        raise


async def _wait_for(awaitable):
    return await awaitable


def _awaited(awaitable):
    return _on_loop(_wait_for(awaitable))


# The tasks that are in an asynchronous iterator now, by its id.
_steps = {}


async def _step(iterator):
    import asyncio

    _steps[id(iterator)] = asyncio.current_task()
    try:
        return await iterator.__anext__()
    finally:
        del _steps[id(iterator)]


async def _end(iterator):
    import asyncio

    # A step that was cancelled may still be at its end.
    running = _steps.get(id(iterator))
    if running is not None:
        await asyncio.wait([running])
    if hasattr(iterator, "aclose"):
        await iterator.aclose()


def _next_awaited(iterator):
    return _on_loop(_step(iterator))


def _close_awaited(iterator):
    return _on_loop(_end(iterator))
