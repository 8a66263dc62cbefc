"""Random values of all kinds, nested, from a seed; and pairs of them with what
Python says of their equality. For tests/runtime/hosts/fidelity_random_test.cpp."""
import datetime
import decimal
import random
import struct
import uuid
import zoneinfo

import fidelity
import numpy

DEPTH_MAX = 5
ZONES = [None, *fidelity.zones()]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, depth=0):
        if depth < DEPTH_MAX and self.random.random() < 0.4:
            return self.container(depth)
        return self.scalar()

    def key(self, depth):
        for _ in range(20):
            made = self.value(depth)
            if fidelity.hashable(made):
                return made
        return None

    def scalar(self):
        make = self.random.choice((
            self.old, self.integer, self.floating, self.complex, self.text,
            self.data, self.moment, self.timedelta, self.decimal, self.uuid,
            self.numpy))
        return make()

    def container(self, depth):
        size = self.random.choice((0, 1, 2, 3, 5, 20 if depth > 1 else 3))
        kind = self.random.choice((list, tuple, set, frozenset, dict, "row"))
        if kind == "row":
            make = self.random.choice((self.integer, self.floating))
            return [make() for _ in range(size)]
        if kind in (dict, set, frozenset):
            keys = {}
            for _ in range(size):
                # NumPy 2 refuses to compare some that have the same hash.
                try:
                    keys[self.key(depth + 1)] = self.value(depth + 1)
                except ValueError:
                    continue
            return keys if kind is dict else kind(keys)
        return kind(self.value(depth + 1) for _ in range(size))

    def old(self):
        """One of the corpus: what is most easily lost at the edges."""
        make = self.random.choice(list(fidelity.KINDS.values()))
        return self.random.choice(list(make()))

    def integer(self):
        bits = self.random.choice((3, 8, 31, 62, 63, 64, 65, 200, 2000))
        return self.random.getrandbits(bits) * self.random.choice((1, -1))

    def floating(self):
        if self.random.random() < 0.5:
            return self.random.uniform(-1e6, 1e6)
        return struct.unpack("d", self.random.randbytes(8))[0]

    def complex(self):
        return complex(self.floating(), self.floating())

    def text(self):
        most = self.random.choice((0x7F, 0xFF, 0xFFFF, 0x10FFFF))
        return "".join(chr(self.random.randint(0, most))
                       for _ in range(self.random.choice((0, 1, 5, 40))))

    def data(self):
        made = self.random.randbytes(self.random.choice((0, 1, 7, 100)))
        return self.random.choice((bytes, bytearray, memoryview))(made)

    def moment(self):
        day = datetime.datetime(
            self.random.choice((1, 1900, 2024, 2024, 9999)),
            self.random.randint(1, 12), self.random.randint(1, 28),
            self.random.randint(0, 23), self.random.randint(0, 59),
            self.random.choice((0, 59)),
            self.random.choice((0, 1, 999999)),
            tzinfo=self.random.choice(ZONES),
            fold=self.random.choice((0, 0, 1)))
        return self.random.choice((day, day.date(), day.timetz()))

    def timedelta(self):
        return datetime.timedelta(self.random.randint(-10**8, 10**8),
                                  self.random.randint(0, 86399),
                                  self.random.randint(0, 999999))

    def decimal(self):
        digits = [self.random.randint(0, 9)
                  for _ in range(self.random.choice((1, 5, 60)))]
        exponent = self.random.choice((0, -2, 3, -100, 5000))
        return decimal.Decimal((self.random.randint(0, 1), digits, exponent))

    def uuid(self):
        return uuid.UUID(bytes=self.random.randbytes(16))

    def numpy(self):
        kind = self.random.choice((numpy.int8, numpy.uint64, numpy.float16,
                                   numpy.float32, numpy.float64,
                                   numpy.complex64, numpy.str_, numpy.bool_))
        data = self.random.randbytes(16)
        if kind is numpy.str_:
            return numpy.str_(self.text())
        if kind is numpy.bool_:
            return numpy.bool_(data[0] & 1)
        return numpy.frombuffer(data, dtype=kind)[0]


def make(seed, count):
    """Kept, to be compared with what comes back."""
    maker = Maker(seed)
    fidelity.kept = [maker.value() for _ in range(count)]


def near(seed, maker):
    """Values of which many are equal, though of other types."""
    number = maker.random.choice((0, 1, -1, 2, 2**53, 2**53 + 1, 2**63,
                                  -2**63, 2**64, 2**70, 10**23, -5))
    yield from (number, float(number), complex(number), number + 0j * -1)
    yield from (bool(number % 2), number + 0.5, float("nan"), float("inf"),
                -0.0, complex(0, 1), complex(-0.0, -0.0))
    for text in ("1", "1.0", "1E+0", "10E-1", "0", "-0.00", "NaN", "sNaN",
                 "100", "1E+2", "Infinity", "-Infinity"):
        yield decimal.Decimal(text)
    yield from ("1", b"1", bytearray(b"1"), memoryview(b"1"), None, "")
    yield from ([number], (number,), [float(number)], (float(number),),
                {number}, frozenset([float(number)]), {number: 1},
                {float(number): True}, set(), {}, [], (), frozenset())
    delta = datetime.timedelta
    yield from (delta(1), delta(hours=24), delta(0), delta(seconds=1))
    yield from moments(maker)
    yield from (uuid.UUID(int=1), uuid.UUID(int=1,
                                            is_safe=uuid.SafeUUID.safe))


def moments(maker):
    """Near the two hours of 2024 in which Paris changes its clocks."""
    utc = maker.random.choice((
        datetime.datetime(2024, 10, 27, 0, 30),
        datetime.datetime(2024, 10, 27, 1, 30),
        datetime.datetime(2024, 3, 31, 0, 30),
        datetime.datetime(2024, 3, 31, 1, 30),
        datetime.datetime(2024, 6, 1, 12))).replace(tzinfo=fidelity.UTC)
    zones = (fidelity.UTC, fidelity.PARIS, fidelity.hours(1),
             fidelity.hours(2), fidelity.hours(1, microseconds=7),
             zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("UTC"))
    for zone in zones:
        at = utc.astimezone(zone)
        yield from (at, at.replace(fold=1 - at.fold), at.replace(tzinfo=None),
                    at.timetz(), at.time(), at.date(),
                    (at + datetime.timedelta(hours=1)))
    yield datetime.datetime(2024, 3, 31, 2, 30, tzinfo=fidelity.PARIS)


def numbers(seed):
    """In order: [int, its digits, its float where that is exact]."""
    maker = Maker(seed)
    made = sorted(each + near for each in (maker.integer() for _ in range(60))
                  for near in (-1, 0, 1))
    return [(each, str(each), exact(each)) for each in made]


def exact(number):
    try:
        return float(number) if int(float(number)) == number else None
    except OverflowError:
        return None


def same_class(left, right):
    """C++ has it that a Decimal equals Decimals only, at any depth."""
    return (isinstance(left, decimal.Decimal)
            == isinstance(right, decimal.Decimal))


def pairs(seed):
    """Which of the values made are equal: rows of bools."""
    maker = Maker(seed)
    fidelity.kept = list(near(seed, maker))
    kept = fidelity.kept
    return [[fidelity.equals(left, right) and same_class(left, right)
             for right in kept] for left in kept]


def found():
    """Whether a dict with the one as its key has the other."""
    kept = fidelity.kept
    return [[fidelity.hashable(left) and fidelity.hashable(right)
             and same_class(left, right) and right in {left: 0}
             for right in kept] for left in kept]


def values():
    return [(each, fidelity.hashable(each)) for each in fidelity.kept]
