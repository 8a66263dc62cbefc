"""`leaves::plain`: what stands for an object that has no value form.

`plain(object)` answers what it is, a step nearer to a value: its result is
looked at again. `NotImplemented`: nothing is, the object becomes a ref. Only
libraries that are loaded are asked, and by their own names: an object of theirs
has made them be."""

import datetime
import sys
from enum import Enum

missing = object()
zone_of = datetime.timezone
# The real ones: tests put others in their places.
dates = datetime.datetime, datetime.date, datetime.time, datetime.timedelta


def known(module, *names):
    """The classes of those names, as far as the module is loaded."""
    found = sys.modules.get(module)
    return tuple(each for each in (getattr(found, name, None) for name in names)
                 if isinstance(each, type))


def of_numpy(item):
    if not isinstance(item, known("numpy", "ndarray", "generic")):
        return NotImplemented
    if item.dtype.kind in "mM":
        return of_numpy_times(item)
    inner = item.tolist()
    return NotImplemented if type(inner) is type(item) else inner


def of_numpy_times(item):
    unit = item.dtype.str.rpartition("[")[2]
    if unit.rstrip("]").lstrip("0123456789") in ("ns", "ps", "fs", "as"):
        item = item.astype(item.dtype.str[:3] + "[us]")
    inner = item.tolist()
    if not hasattr(item, "__len__") or item.ndim == 0:
        # NumPy answers an int for years no datetime has, and for months.
        return NotImplemented if type(inner) is int else inner
    return (list(item) if any(type(each) is int
                              for each in item.ravel().tolist()) else inner)


def of_pandas(item):
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return NotImplemented
    if item is getattr(pandas, "NaT", missing) \
            or item is getattr(pandas, "NA", missing):
        return None
    if isinstance(item, known("pandas", "Timestamp")):
        return item.to_pydatetime(warn=False)
    if isinstance(item, known("pandas", "Timedelta")):
        return item.to_pytimedelta()
    if isinstance(item, known("pandas", "Series", "Index")) \
            or isinstance(item, known("pandas.api.extensions",
                                      "ExtensionArray")):
        return list(item)
    return NotImplemented


def of_tables(item):
    if isinstance(item, known("polars", "Series")):
        return item.to_list()
    if isinstance(item, known("pyarrow", "Array", "ChunkedArray")):
        return item.to_pylist()
    if isinstance(item, known("pyarrow", "Scalar")):
        return item.as_py()
    if isinstance(item, known("sqlalchemy.engine.row", "Row")):
        return tuple(item)
    if isinstance(item, known("sqlalchemy.engine.row", "RowMapping")):
        return dict(item)
    if isinstance(item, known("sqlite3", "Row")):
        return dict(item)
    return NotImplemented


def of_dates(item):
    for cls in dates:
        if not isinstance(item, cls):
            continue
        if cls is dates[3]:
            return cls(item.days, item.seconds, item.microseconds)
        parts = [getattr(item, part) for part in (
            "year", "month", "day", "hour", "minute", "second", "microsecond",
            "tzinfo") if hasattr(item, part)]
        if cls is dates[1]:
            return cls(*parts)
        made = cls(*parts, fold=item.fold)
        if type(item) is not cls:
            return made
        if item.tzinfo is None:
            return NotImplemented
        # The zone is an object of its own: its offset is what it says here.
        offset = item.utcoffset()
        return (NotImplemented if offset is None
                else made.replace(tzinfo=zone_of(offset)))
    return NotImplemented


# Each as itself: not by what a class derived from it makes of `__iter__`.
bases = (
    (bool, bool), (int, int.__int__), (float, float.__float__),
    (complex, lambda item: complex(item.real, item.imag)),
    (str, lambda item: str.__str__(item)), (bytes, lambda item: bytes(
        memoryview(item))), (bytearray, lambda item: bytearray(
            memoryview(item))),
    (tuple, lambda item: tuple(tuple.__iter__(item))),
    (list, lambda item: list(list.__iter__(item))),
    (dict, dict),  # in its own order: an OrderedDict has one
    (set, lambda item: set(set.__iter__(item))),
    (frozenset, lambda item: frozenset(frozenset.__iter__(item))),
)


def of_bases(item):
    for base, made in bases:
        if isinstance(item, base) and type(item) is not base:
            return made(item)
    return NotImplemented


def of_containers(item):
    fields = getattr(type(item), "__dataclass_fields__", None)
    if isinstance(fields, dict):
        dataclasses = sys.modules["dataclasses"]
        return {each.name: getattr(item, each.name)
                for each in dataclasses.fields(item)}
    for names in ("__attrs_attrs__", "__pydantic_fields__",
                  "__struct_fields__"):  # of attrs, pydantic, msgspec
        fields = getattr(type(item), names, None)
        if isinstance(fields, (tuple, dict)):
            return {name: getattr(item, name) for name in (
                getattr(each, "name", each) for each in fields)}
    if isinstance(item, known("types", "SimpleNamespace")):
        return dict(vars(item))
    for base in known("decimal", "Decimal"):
        if isinstance(item, base) and type(item) is not base:
            return base(item)
    for base in known("uuid", "UUID"):
        if isinstance(item, base) and type(item) is not base:
            return base(int=item.int)
    if isinstance(item, known("collections", "deque", "UserList")) \
            or isinstance(item, known("array", "array")) \
            or isinstance(item, (range, type({}.keys()), type({}.values()),
                                 type({}.items()))):
        return list(item)
    if isinstance(item, (type(type.__dict__),)
                  + known("collections", "UserDict", "ChainMap")):
        return dict(item)
    if isinstance(item, known("collections", "UserString")):
        return str(item)
    return NotImplemented


def of_enums(item):
    return item.value if isinstance(item, Enum) else NotImplemented


def plain(item):
    for step in (of_enums, of_bases, of_pandas, of_numpy, of_tables, of_dates,
                 of_containers):
        try:
            made = step(item)
        except Exception:  # pylint: disable=broad-except
            return NotImplemented  # of an object that fails when it is read
        if made is NotImplemented:
            continue
        # A step that leads nowhere; of dates it leads to a simpler zone.
        return (NotImplemented if type(made) is type(item)
                and step is not of_dates else made)
    return NotImplemented


simple = frozenset((str, int, float, bytes, bool, type(None)))


def hashable(key):
    """The same of a key, all of it at once; itself where that has no hash."""
    if type(key) in simple:
        return key
    if type(key) in (tuple, frozenset):
        return type(key)(hashable(each) for each in key)
    made = plain(key)
    try:
        hash(made)
    except TypeError:
        return key
    return key if made is NotImplemented else hashable(made)


def keys(items):
    """What stands for the keys of a dict, or the items of a set: as many, and
    no two of them equal."""
    taken = set(items)
    told = []
    for key in items:
        made = hashable(key)
        taken.discard(key)
        if made in taken:
            made = key
        taken.add(made)
        told.append(made)
    return told
