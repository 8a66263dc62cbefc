"""Things on shelves: every construct that wrappers are generated of."""

import datetime
import decimal
import enum
import fractions
import os
import uuid
from typing import (Any, AsyncIterator, Callable, Final, Generator, Generic,
                    Iterable, Iterator, Literal, Mapping, Optional, Sequence,
                    SupportsIndex, TypeVar, Union, overload)

T = TypeVar("T")
S = TypeVar("S", bound="Item")
Pathish = Union[str, "os.PathLike[str]"]

LIMIT: Final = 100
RATE: Final[float] = 0.19
OWNER = "Ada"
counter = 7


class Place(enum.Enum):
    """Where a thing is kept."""

    SHELF = 1
    YARD = 2


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Far(enum.IntEnum):
    """Of numbers that C++ writes otherwise, or not at all."""

    LEAST = -2**63
    MOST = 2**63 - 1
    BEYOND = 2**63


class Missing(KeyError):
    """There is no such item."""


class Item:
    """One thing."""

    kind: str = "plain"

    def __init__(self, name: str, price: float = 1.0, *,
                 place: Place = Place.SHELF, tags: Sequence[str] = ()):
        """Makes one.

        `price` is without tax."""
        self.name = name
        self._price = price
        self.place = place
        self.tags = list(tags)

    @property
    def price(self) -> float:
        """Without tax."""
        return self._price

    @price.setter
    def price(self, amount: float) -> None:
        self._price = amount

    @property
    def label(self) -> str:
        return f"{self.name}@{self._price:g}"

    def raised(self, by: float) -> "Item":
        return type(self)(self.name, self._price + by)

    def same(self: S) -> S:
        return self

    def question(self, message_of: int = 1) -> int:
        return message_of

    def Item(self) -> str:
        return "a member of its class's name"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __lt__(self, other: "Item") -> bool:
        return self._price < other._price


class Named:
    """A mixin."""

    def nickname(self) -> str:
        return "nick"


class Tool(Item, Named):
    """An item one works with."""

    def use(self, times: int = 1) -> int:
        return times * 2


class Store:
    """A set of items."""

    class Size(enum.Enum):
        SMALL = "s"
        LARGE = "l"

    class Shelf:
        """A part of a store."""

        def __init__(self, size: "Store.Size"):
            self._size = size

        @property
        def size(self) -> "Store.Size":
            return self._size

        def grown(self) -> "Store.Shelf":
            return type(self)(Store.Size.LARGE)

    def __init__(self, file: Pathish, mode: Literal["r", "w"] = "r",
                 strict: bool = False):
        self.file = os.fspath(file)
        self.mode = mode
        self.strict = strict
        self.items: dict[str, Item] = {}

    def shelf(self, size: Size = Size.SMALL) -> Shelf:
        return self.Shelf(size)

    def places(self) -> list[Place]:
        return [each.place for each in self.items.values()]

    @classmethod
    def open(cls, url: str) -> "Store":
        return cls(url)

    @staticmethod
    def version() -> tuple[int, int]:
        return (1, 2)

    @overload
    def find(self, key: int) -> Item: ...
    @overload
    def find(self, key: str) -> list[Item]: ...
    def find(self, key):
        if isinstance(key, int):
            return list(self.items.values())[key]
        return [each for each in self.items.values() if each.name == key]

    def add(self, *items: Item, place: Optional[Place] = None,
            note: str = "") -> int:
        """Adds items; how many there are then."""
        for each in items:
            if place is not None:
                each.place = place
            self.items[each.name] = each
        return len(self.items)

    def scan(self) -> Iterator[Item]:
        yield from self.items.values()

    def keys(self) -> Generator[str, None, None]:
        yield from self.items

    def missing(self, name: str) -> Item:
        raise Missing(name)

    def each(self, do: Callable[[str], Any]) -> None:
        for name in self.items:
            do(name)

    def __getitem__(self, name: str) -> Item:
        if name not in self.items:
            raise Missing(name)
        return self.items[name]

    def __setitem__(self, name: str, item: Item) -> None:
        self.items[name] = item

    def __delitem__(self, name: str) -> None:
        del self.items[name]

    def __contains__(self, name: object) -> bool:
        return name in self.items

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items.values())

    def __call__(self, name: str) -> Optional[Item]:
        return self.items.get(name)

    def __bool__(self) -> bool:
        return bool(self.items)

    def __add__(self, other: "Store") -> "Store":
        made = Store(self.file)
        made.items = {**self.items, **other.items}
        return made

    def __neg__(self) -> "Store":
        return Store(self.file)

    def __enter__(self) -> "Store":
        self.mode = "w"
        return self

    def __exit__(self, *exception: object) -> None:
        self.mode = "r"


class Box(Generic[T]):
    """A class of anything."""

    def __init__(self, inside: T):
        self._inside = inside

    def get(self) -> T:
        return self._inside


def total(store: Store, *, tax: float = 0.0,
          currency: Literal["EUR", "USD"] = "EUR", **more: int) -> float:
    """The price of all.

    `tax` is a part of one."""
    return sum(each.price for each in store) * (1 + tax) + sum(more.values())


def scalars(a: int, b: float, c: bool, d: str, e: bytes, f: complex) -> str:
    return f"{a} {b} {c} {d} {e!r} {f}"


def index(at: SupportsIndex, number: Union[int, float]) -> float:
    return list(range(9))[at] + number


def moments(when: datetime.datetime, day: datetime.date, at: datetime.time,
            late: datetime.timedelta) -> datetime.datetime:
    return when + late


def exact(amount: decimal.Decimal,
          key: uuid.UUID) -> tuple[decimal.Decimal, str]:
    return amount + 1, str(key)


def maybe(name: Optional[str] = None) -> Optional[int]:
    return None if name is None else len(name)


def either(which: int) -> Union[int, str]:
    return which if which else "zero"


def anything(of: Any) -> Any:
    return of


def same(of: T) -> T:
    return of


def wide(*, limit: Union[int, float, None] = None) -> float:
    return 0.0 if limit is None else limit


def sums(rows: Iterable[float], names: Sequence[str] = ()) -> list[float]:
    return [sum(rows), float(len(names))]


def count(words: Mapping[str, int]) -> dict[str, int]:
    return {key: value + 1 for key, value in words.items()}


def pair(both: tuple[int, str], many: tuple[int, ...]) -> tuple[str, int]:
    return both[1], both[0] + len(many)


def distinct(of: set[int]) -> frozenset[int]:
    return frozenset(of)


def paint(item: Item, colour: Colour) -> Colour:
    return Colour.BLUE if colour is Colour.RED else Colour.RED


def put(place: Place) -> Place:
    return Place.YARD if place is Place.SHELF else Place.SHELF


def mixed(which: Union[Colour, int]) -> Optional[Colour]:
    return which if isinstance(which, Colour) else None


def allowed(rights: Rights) -> Rights:
    return rights | Rights.READ


def where(path: "os.PathLike[str]") -> str:
    return os.fspath(path)


def half(of: fractions.Fraction) -> fractions.Fraction:
    return of / 2


def make(name: str, price: float = 2.0) -> Item:
    return Item(name, price)


def stock(names: list[str]) -> list[Item]:
    return [Item(each) for each in names]


def numbers(up_to: int) -> Iterator[int]:
    yield from range(up_to)


async def refresh(store: Store, times: int = 1) -> int:
    return len(store) + times


async def ticks(up_to: int) -> AsyncIterator[int]:
    for each in range(up_to):
        yield each


def shift(x: int, y: int = 0, /, z: int = 0) -> tuple[int, int, int]:
    return x, y, z


def untyped(a, b=2):
    return [a, b]


def delete(new: int, errno: int = 0) -> int:
    """Its name and its parameters' are words or macros of C++."""
    return new + errno


def spread(*values: int) -> int:
    return sum(values)


def asks(question: int, message_of: int, *, asks_options: int = 1) -> int:
    """Its parameters' names are those that generated code has.\r#error\\\x0c"""
    return question + message_of + asks_options


def message_of(text: str = "\\", end: str = "\r\\ ") -> str:
    """Writes no more than a line, which ends so: \\ \x0c"""
    return text + end
