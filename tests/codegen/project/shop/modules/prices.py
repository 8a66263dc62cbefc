"""What things cost."""

import enum
import fractions


class Currency(enum.Enum):
    EUR = 1
    USD = 2


class Basket:
    """What one buys."""

    def __init__(self, owner: str, limit: float = 100.0):
        self.owner = owner
        self.limit = limit
        self.prices: list[float] = []

    def add(self, price: float, count: int = 1) -> int:
        """Adds so many of one price; how many there are then."""
        self.prices += [price] * count
        return len(self.prices)

    def total(self) -> float:
        return sum(self.prices)


def with_tax(price: float, *, rate: float = 0.19) -> float:
    """The price with `rate`, a part of one, on it."""
    return round(price * (1 + rate), 2)


def in_words(price: float, currency: Currency) -> str:
    return f"{price:g} {currency.name}"


def mystery(*anything, **more):
    return len(anything) + len(more)


def factorial(of: int) -> int:
    return of if of < 2 else of * factorial(of - 1)


def countdown(since: int) -> list[int]:
    return iter(range(since, 0, -1))


def later(price: float) -> float:
    async def wait():
        return price
    return wait()


def half(of: int) -> fractions.Fraction:
    return fractions.Fraction(of, 2)
