"""The module `snakebridge` that Python code sees: what SnakeBridge gives it."""

import logging
from typing import Any, Callable, Generic, TypeVar, overload

_T = TypeVar("_T")
_V = TypeVar("_V")

class Atom:
    """A name that is its own meaning, from C++ (sb::atom)."""

    def __init__(self, value: object) -> None: ...
    @property
    def value(self) -> str: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class CallbackError(Exception):
    """What a C++ callback threw: its text, and in `type` what it was."""

    type: str | None
    def __init__(self, message: str, type: str | None = None) -> None: ...

class Callback:
    """C++ that can be called, as long as its session lives."""

    def __init__(
        self,
        call: Callable[[tuple[Any, ...], dict[str, Any]], Any],
        number: int,
    ) -> None: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class _OfSession(Generic[_V]):
    """Of the session whose code runs here; None: it has none, or it is none's.

    Tasks and `asyncio.to_thread` take it along, as they do any ContextVar; a
    thread of its own has it where it runs in a copy of the context.
    """

    def __init__(self, name: str) -> None: ...
    @overload
    def get(self, default: None = None) -> _V | None: ...
    @overload
    def get(self, default: _T) -> _V | _T: ...
    @overload
    def __call__(self, default: None = None) -> _V | None: ...
    @overload
    def __call__(self, default: _T) -> _V | _T: ...

session_id: _OfSession[str]
"""Its id."""

session_epoch: _OfSession[int]
"""Which life of its id it is, where it is one of a cluster: a later one has a
higher number, so it is a fencing token."""

log: logging.Logger
"""A logger whose messages go to the program's `on_output`."""

def cancelled() -> bool:
    """True when nobody wants the result of the call that runs on this thread,
    or has started it: it was cancelled, or is past its deadline."""

def tools() -> dict[str, str]:
    """The tools of the C++ program: a dict of their names and signatures."""

def call(name: str, /, *args: Any, **kwargs: Any) -> Any:
    """Calls a tool of the C++ program (sb::bridge::tool)."""

class NotAuthorizedError(ImportError):
    """The pool's setting `importable` does not allow this module."""

class HelperLoadError(ImportError):
    """A helper file does not load: `path` names it, `__cause__` says why."""

class Cancelled(BaseException):
    """Raised in a call whose caller cancelled it, has gone or had no more time.

    Clean up and let it pass: a call that goes on is killed with its worker.
    """
