"""Objects that have no value form: each stays in Python, and is named by a ref.
For tests/runtime/hosts/fidelity_refs_test.cpp."""
import collections
import dataclasses
import datetime
import decimal
import enum
import io
import pathlib
import sys
import time
import uuid
import zoneinfo

import numpy


class Color(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: int = 0


class Zone(datetime.tzinfo):
    def utcoffset(self, at):
        return datetime.timedelta(hours=1)

    def dst(self, at):
        return None


class NamedZone(zoneinfo.ZoneInfo):
    pass


class Claims:
    """It only says that it is a Decimal."""
    def __str__(self):
        return "1.5"


Claims.__module__, Claims.__qualname__ = "decimal", "Decimal"
Claims.__name__ = "Decimal"


class LiesOfItsClass:
    @property
    def __class__(self):
        raise RuntimeError("not even its class")


class HidingMeta(type):
    @property
    def __module__(cls):
        raise RuntimeError("it does not say where it is from")

    def __getattribute__(cls, name):
        raise RuntimeError("it says nothing at all")


class Hidden(metaclass=HidingMeta):
    pass


def subclass(of, *arguments):
    return type("Sub" + of.__name__, (of,), {})(*arguments)


def generator():
    yield 1


async def async_generator():
    yield 1


def foreign_zone():
    """A ZoneInfo of its own data, under a name that is another's."""
    rows = zoneinfo.ZoneInfo("Europe/Paris")
    del rows
    for folder in zoneinfo.TZPATH:
        path = pathlib.Path(folder, "Asia", "Tokyo")
        if path.is_file():
            with path.open("rb") as data:
                return zoneinfo.ZoneInfo.from_file(data, key="Europe/Paris")
    raise LookupError("no time zones here")


def plain():
    """name → object."""
    moment = datetime.datetime(2024, 1, 1)
    return {
        "namedtuple": collections.namedtuple("Pair", "a b")(1, 2),
        "struct_time": time.gmtime(0),
        "Enum": Color.RED,
        "IntEnum": Number.ONE,
        "defaultdict": collections.defaultdict(int, a=1),
        "OrderedDict": collections.OrderedDict(a=1),
        "Counter": collections.Counter("aab"),
        "deque": collections.deque([1]),
        "dataclass": Point(),
        "str subclass": subclass(str, "x"),
        "int subclass": subclass(int, 5),
        "float subclass": subclass(float, 5),
        "complex subclass": subclass(complex, 5),
        "bytes subclass": subclass(bytes, b"x"),
        "bytearray subclass": subclass(bytearray, b"x"),
        "list subclass": subclass(list, [1]),
        "tuple subclass": subclass(tuple, (1,)),
        "dict subclass": subclass(dict, {1: 2}),
        "set subclass": subclass(set, {1}),
        "frozenset subclass": subclass(frozenset, {1}),
        "date subclass": subclass(datetime.date, 2024, 1, 1),
        "datetime subclass": subclass(datetime.datetime, 2024, 1, 1),
        "timedelta subclass": subclass(datetime.timedelta, 1),
        "Decimal subclass": subclass(decimal.Decimal, "1"),
        "UUID subclass": subclass(uuid.UUID, "0" * 32),
        "numpy subclass": subclass(numpy.float64, 1.5),
        "user's tzinfo": moment.replace(tzinfo=Zone()),
        "user's tzinfo of a time": moment.time().replace(tzinfo=Zone()),
        "ZoneInfo subclass": moment.replace(tzinfo=NamedZone("UTC")),
        "ZoneInfo of a file": moment.replace(tzinfo=foreign_zone()),
        "numpy.longdouble": numpy.longdouble(1),
        "numpy.clongdouble": numpy.clongdouble(1),
        "numpy.datetime64": numpy.datetime64("2024-01-01"),
        "numpy.timedelta64": numpy.timedelta64(1, "s"),
        "numpy.void": numpy.zeros(1, "i4,f8")[0],
        "0-d array": numpy.array(1.5),
        "1-d array": numpy.array([1.5]),
        "2-d array": numpy.zeros((2, 2)),
        "memoryview of ints": memoryview(numpy.arange(3)),
        "memoryview with steps": memoryview(b"abcdef")[::2],
        "released memoryview": released(),
        "Path": pathlib.Path("/tmp"),
        "range": range(3),
        "slice": slice(1, 2),
        "function": generator,
        "lambda": lambda: 0,
        "built-in": len,
        "method": [].append,
        "class": Point,
        "built-in class": int,
        "module": sys,
        "exception": ValueError("x"),
        "Ellipsis": ...,
        "NotImplemented": NotImplemented,
        "fixed zone": datetime.timezone.utc,
        "ZoneInfo": zoneinfo.ZoneInfo("UTC"),
        "dict keys": {1: 2}.keys(),
        "mapping proxy": Point.__dict__,
        "claims to be a Decimal": Claims(),
        "raises of its class": LiesOfItsClass(),
        "hides its type": Hidden(),
    }


def released():
    view = memoryview(b"x")
    view.release()
    return view


def streams():
    return {
        "generator": generator(),
        "async generator": async_generator(),
        "iterator": iter([1]),
        "map": map(str, [1]),
        "zip": zip([1]),
        "enumerate": enumerate([1]),
        "open file": io.StringIO("x"),
    }


PLAIN, STREAMS = plain(), streams()
ALL = {**PLAIN, **STREAMS}


def is_same(name, thing):
    return thing is ALL[name]


def in_all_places(name):
    thing = ALL[name]
    return [thing, (thing,), {"k": thing}, {0: [{1: thing}]}]


def all_are(name, things):
    thing = ALL[name]
    return (things[0] is thing and things[1][0] is thing
            and things[2]["k"] is thing and things[3][0][0][1] is thing)
