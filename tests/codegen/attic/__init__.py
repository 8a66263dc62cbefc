"""Names that C++ has otherwise, and things that are at home elsewhere."""

from collections.abc import Awaitable
from typing import Final, Optional, Union

from .chest import Trunk, carry

__all__ = ["EOF", "Trunk", "carry", "chest", "later", "linux", "many", "new",
           "rows", "tune", "virtual"]

EOF: Final = -1


class linux:
    """A class with a macro's name, and members with names of objects'."""

    def end(self, volatile: int = 0) -> int:
        return volatile

    def linux(self) -> str:
        return "of its class's name"

    @property
    def held(self) -> bool:
        return True


class virtual(Trunk):
    """Derived from a class of another module."""

    def __or__(self, other: Trunk) -> Trunk:
        return self


def chest(register: int) -> int:
    """It has the name of a submodule."""
    return register


def new(python: str, options: int, *, auto: bool = False) -> None:
    """Its parameters have names that generated code has."""


def later(to: int) -> Awaitable[int]:
    """What it returns is awaited."""
    async def made() -> int:
        return to
    return made()


def many(which: Union[int, str, bytes, list[int], slice, None]) -> None:
    """More kinds than a variant has."""


def rows(of: dict[tuple[int, int], float],
         to: Optional[set[tuple[int, int]]] = None) -> dict[str, list[int]]:
    """Keys that are not simple."""
    return {}


def tune(first: int, second: str = "", *rest: float, **more: object) -> None:
    """One behind a required one, any number, and names."""
