"""Libraries that examples have wrappers of: functions and classes of all
kinds."""

import dataclasses
import math


class EmptyClass:
    """Without a constructor of its own."""

    def name(self) -> str:
        return type(self).__name__


class Point:
    """A point of a plane."""

    def __init__(self, x: float, y: float):
        self.x = x
        self.y = y

    def magnitude(self) -> float:
        """How far it is from the origin."""
        return math.hypot(self.x, self.y)


@dataclasses.dataclass
class Config:
    """Where things are."""

    path: str = "/tmp/demo"
    readonly: bool = False

    def summary(self) -> str:
        return f"{self.path} (readonly={self.readonly})"


def add(one: int, other: int) -> int:
    """Adds two integers.

    Args:
        one: The first.
        other: The second, see :func:`multiply`.

    Returns:
        Their sum, :math:`a + b`.
    """
    return one + other


def multiply(one: int, other: int) -> int:
    """Multiplies two integers."""
    return one * other


def mystery(*what, **more):
    return len(what) + len(more)
