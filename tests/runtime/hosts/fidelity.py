"""What the fidelity tests send: every kind of value, and how it must return.

Runs inside the interpreter under test. `item` makes a value, which goes to C++
and back; `difference` then says what of it changed: types by identity, then
all that a repr shows and more, at any depth.
"""
import datetime
import decimal
import struct
import unicodedata
import uuid
import zoneinfo

import numpy

UTC = datetime.timezone.utc
PARIS = zoneinfo.ZoneInfo("Europe/Paris")


def hours(count, seconds=0, microseconds=0, name=None):
    offset = datetime.timedelta(hours=count, seconds=seconds,
                                microseconds=microseconds)
    return (datetime.timezone(offset) if name is None
            else datetime.timezone(offset, name))


def integers():
    yield from (0, 1, -1, 10**400, -10**400, 10**400 + 1)
    for bits in (7, 8, 15, 16, 31, 32, 53, 63, 64, 65, 127, 128, 1000):
        for near in (-1, 0, 1):
            yield 2**bits + near
            yield -2**bits + near


def floats():
    inf = float("inf")
    yield from (0.0, -0.0, 1.0, -1.5, 0.1, inf, -inf, float("nan"), 5e-324,
                -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
                1e16, 1e15, 1e-4, 1e-5, 2.0**63, -2.0**63, 2.0**64)
    for near in (-1, 0, 1):
        yield float(2**53 + near)


def complexes():
    parts = (0.0, -0.0, 1.0, -2.5, 1e16, 1e-5, float("nan"), float("inf"),
             -float("inf"))
    for real in parts:
        for imaginary in parts:
            yield complex(real, imaginary)


def texts():
    yield from ("", "a", "it's", 'say "hi"', "both ' and \"", "\\",
                "nul\0inside", "\0", "\x1f\x7f\x80\x9f\xa0\xad", "\t\r\n",
                "\u00e9", "e\u0301", "\u20ac", "\ufeff", "\uffff",
                "\U0001f40d", "\U0010ffff", "\u200d\u2028", "\U000e0001")
    # Lone surrogates: high, low, the wrong way round, a pair that is none.
    yield from ("\ud800", "\udfff", "\udc00\ud800", "\ud83d\udc0d", "a\udcffb",
                b"/tmp/\xff\xfe".decode("utf-8", "surrogateescape"))
    for plane in range(17):
        yield "x" + chr(plane * 0x10000 + 0x41)
    yield "x" * 5000


def byte_strings():
    for data in (b"", b"\0", b"a\0b", bytes(range(256)), b"it's", b'"'):
        yield data
        yield bytearray(data)
        yield memoryview(data)
        yield memoryview(bytearray(data))


def zones():
    return (UTC, hours(2), hours(-5, seconds=-1), hours(1, microseconds=7),
            hours(0, name="UTC"), hours(3, name=""), hours(3, name="\ud800"),
            hours(-23, seconds=-3599, microseconds=-999999),
            hours(23, seconds=3599, microseconds=999999), PARIS,
            zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("America/St_Johns"),
            zoneinfo.ZoneInfo("Australia/Lord_Howe"))


def moments():
    yield from (datetime.date.min, datetime.date.max,
                datetime.date(2024, 2, 29))
    times = (datetime.time.min, datetime.time.max, datetime.time(12, 30),
             datetime.time(1, 2, 3), datetime.time(1, 2, 0, 4),
             datetime.time(1, 2, fold=1))
    days = (datetime.datetime.min, datetime.datetime.max,
            datetime.datetime(2024, 2, 29, 12, 30),
            datetime.datetime(2024, 2, 29, 1, 2, 3),
            datetime.datetime(2024, 2, 29, 1, 2, 0, 4),
            # Twice that day in Paris, and not at all that day.
            datetime.datetime(2024, 10, 27, 2, 30),
            datetime.datetime(2024, 10, 27, 2, 30, fold=1),
            datetime.datetime(2024, 3, 31, 2, 30),
            datetime.datetime(2024, 3, 31, 2, 30, fold=1))
    for moment in times + days:
        yield moment
        for zone in zones():
            yield moment.replace(tzinfo=zone)


def timedeltas():
    delta = datetime.timedelta
    yield from (delta.min, delta.max, delta.resolution, -delta.resolution,
                delta(0), delta(1), delta(-1), delta(seconds=5),
                delta(days=2, seconds=3, microseconds=4), delta(hours=-1))


def decimals():
    for text in ("0", "-0", "0E+3", "-0E-7", "1", "1.0", "1.00", "-1.50",
                 "1E+3", "1000", "0.000001", "0.0000001", "1.23E-7",
                 "Infinity", "-Infinity", "NaN", "-NaN", "NaN123", "sNaN",
                 "-sNaN5", "1E+999999", "1E-999999",
                 "1E+999999999999999999", "1E-1999999999999999997",
                 "3.1415926535897932384626433832795028841971693993751",
                 "123456789" * 5 + "00000", "0E-1999999999999999997"):
        yield decimal.Decimal(text)


def uuids():
    safe = uuid.SafeUUID
    yield from (uuid.uuid1(), uuid.uuid4(), uuid.UUID(int=0),
                uuid.UUID(int=2**128 - 1))
    for how in (safe.safe, safe.unsafe, safe.unknown):
        yield uuid.UUID(int=5, is_safe=how)


def numpy_scalars():
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16",
                 "uint32", "uint64", "longlong", "ulonglong"):
        kind = getattr(numpy, name)
        about = numpy.iinfo(kind)
        yield from (kind(about.min), kind(about.max), kind(1))
    for name in ("float16", "float32", "float64"):
        kind = getattr(numpy, name)
        about = numpy.finfo(kind)
        for number in (0.1, -0.0, 1.0, about.max, about.tiny, 1e-5,
                       float("nan"), float("-inf")):
            yield kind(number)
    yield from (numpy.bool_(True), numpy.bool_(False), numpy.complex64(0.1 + 2j),
                numpy.complex128(complex("nan-infj")), numpy.str_("a\u20ac"),
                numpy.str_(""), numpy.str_("a\0"), numpy.str_("\udc80"),
                numpy.bytes_(b"\xff"), numpy.bytes_(b""), numpy.bytes_(b"a\0"),
                numpy.float16(2049), numpy.float32(16777217))


def containers():
    yield from ([], (), {}, set(), frozenset(), [()], ([],), [[[]]],
                {"k": {}}, [1.0, 2.5, -0.0, float("nan")], [1, 2, 2**63 - 1],
                [1, 2.0], [1.0, 2], [1, 2**63], [2**63, 1], [1, True],
                [True, 1], [1.0, numpy.float64(1)], [numpy.float64(1), 1.0],
                [1, numpy.int64(1)], list(range(1000)), [0.5] * 1000,
                tuple(range(100)), set(range(100)), frozenset("abcdefghijk"),
                {n: str(n) for n in range(100)})
    yield {1: "int", "1": "str", b"1": "bytes", None: "none", 2.5: "float",
           float("nan"): "nan", (): "tuple", (1, ("a",)): "nested",
           frozenset({1, (2,)}): "frozenset", 1j: "complex",
           datetime.date.min: "date", UTC.utcoffset(None): "timedelta",
           decimal.Decimal("1.5"): "decimal", uuid.UUID(int=1): "uuid",
           numpy.float32(0.1): "numpy", 2**70: "big", "z": 0, "a": 1}
    yield from ({1: "one"}, {True: "true"}, {1.0: "float"}, {False: 0, 1: 1},
                {(): {(): {(): ()}}}, {frozenset(): set()},
                {float("nan"): 1, float("nan"): 2})
    yield {2**64: 1, "\ud800": 2, -0.0: 3}


KINDS = {
    "none": lambda: iter([None]),
    "bool": lambda: iter([True, False]),
    "int": integers,
    "float": floats,
    "complex": complexes,
    "str": texts,
    "bytes": byte_strings,
    "moment": moments,
    "timedelta": timedeltas,
    "decimal": decimals,
    "uuid": uuids,
    "numpy": numpy_scalars,
    "container": containers,
}

CANNOT = object()

# What an object is put into, where it can be.
NESTINGS = {
    "alone": lambda x: x,
    "list": lambda x: [x, 0, x],
    "tuple": lambda x: (x,),
    "value": lambda x: {"k": x},
    "key": lambda x: {x: "v"} if hashable(x) else CANNOT,
    "set": lambda x: {x} if hashable(x) else CANNOT,
    "frozenset": lambda x: frozenset([x]) if hashable(x) else CANNOT,
    "deep": lambda x: [({"k": [x]},), x],
    "deep_key": lambda x: ({((x,), 1): {frozenset([(x,)])}}
                           if hashable(x) else CANNOT),
}


def hashable(thing):
    try:
        hash(thing)
    except (TypeError, ValueError):
        return False
    return True


def kinds():
    return list(KINDS)


def nestings():
    return list(NESTINGS)


def items(kind, nesting):
    """Made once, and kept: they are compared with what comes back."""
    global kept
    made = [NESTINGS[nesting](each) for each in KINDS[kind]()]
    kept = [each for each in made if each is not CANNOT]
    return len(kept)


def item(at):
    return kept[at]


def shown(thing):
    """All that tells one object from another."""
    kind = type(thing)
    name = f"{kind.__module__}.{kind.__qualname__}@{id(kind):x}"
    if kind in (list, tuple):
        inside = [shown(each) for each in thing]
    elif kind in (set, frozenset):
        inside = sorted(shown(each) for each in thing)
    elif kind is dict:
        inside = [(shown(key), shown(thing[key]) if key == key else shown(each))
                  for key, each in thing.items()]
    elif kind is float:
        inside = struct.pack("d", thing).hex()
    elif kind is complex:
        inside = struct.pack("dd", thing.real, thing.imag).hex()
    elif kind is memoryview:
        inside = bytes(thing).hex()
    elif isinstance(thing, numpy.generic):
        # NumPy itself shows text and bytes without a NUL at their end.
        if isinstance(thing, str):
            inside = [ord(each) for each in thing]
        elif isinstance(thing, bytes):
            inside = list(thing)
        else:
            inside = (thing.tobytes().hex(), repr(thing))
    elif kind in (datetime.datetime, datetime.time):
        zone = thing.tzinfo
        inside = (repr(thing), thing.fold, repr(thing.utcoffset()),
                  id(zone) if isinstance(zone, zoneinfo.ZoneInfo) else "")
    elif kind is uuid.UUID:
        inside = (repr(thing), repr(thing.is_safe))
    elif kind is int:
        inside = hex(thing)  # str() is limited in its digits
    else:
        inside = repr(thing)
    return f"{name} {inside}"


def equals(left, right):
    try:
        return bool(left == right)
    except decimal.InvalidOperation:  # a signalling NaN
        return False


def difference(sent, back):
    if shown(sent) != shown(back):
        return f"sent {shown(sent)}\ngot  {shown(back)}"
    # One that holds a NaN equals only itself.
    if equals(sent, NESTINGS["alone"](sent)) and not has_nan(sent):
        if not equals(sent, back):
            return f"{sent!r} does not equal {back!r}"
    return ""


def has_nan(thing):
    if isinstance(thing, (list, tuple, set, frozenset)):
        return any(has_nan(each) for each in thing)
    if isinstance(thing, dict):
        return has_nan(list(thing)) or has_nan(list(thing.values()))
    return not equals(thing, thing) or repeated(thing)


def repeated(thing):
    """A moment that was twice, or never, equals none of another zone object."""
    return getattr(thing, "fold", 0) == 1


def compare(at, back):
    return difference(kept[at], back)


def prints_alike(thing):
    """False where C++ shows less on purpose, or Python an address."""
    if isinstance(thing, (list, tuple, set, frozenset)):
        return all(prints_alike(each) for each in thing)
    if isinstance(thing, dict):
        return prints_alike(list(thing)) and prints_alike(list(thing.values()))
    if isinstance(thing, str) and any(map(unassigned, thing)):
        return False
    return not isinstance(thing, (memoryview, numpy.generic))


def unassigned(character):
    return unicodedata.category(character) == "Cn"


def repr_of(at):
    """None where C++ prints something else on purpose."""
    return repr(kept[at]) if prints_alike(kept[at]) else None


def has_nan_at(at):
    return has_nan(kept[at])


def assigned(plane):
    first = plane * 0x10000
    return "".join(each for each in map(chr, range(first, first + 0x10000))
                   if unicodedata.category(each) != "Cn")
