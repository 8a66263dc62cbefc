"""`leaves::plain`: what stands for an object that has no value form.

`plain(object)` answers what it is, a step nearer to a value: its result is
looked at again. `NotImplemented`: nothing is, the object becomes a ref. Only
libraries that are loaded are asked, and by their own names: an object of theirs
has made them be."""

import sys
from enum import Enum

missing = object()


def known(module, *names):
    """The classes of those names, as far as the module is loaded."""
    found = sys.modules.get(module)
    return tuple(each for each in (getattr(found, name, None) for name in names)
                 if isinstance(each, type))


def of_numpy(item):
    if not isinstance(item, known("numpy", "ndarray", "generic")):
        return NotImplemented
    if item.dtype.kind in "mM" and "[ns]" in item.dtype.str:
        # Beyond what a datetime tells NumPy answers ints.
        item = item.astype(item.dtype.str.replace("[ns]", "[us]"))
    inner = item.tolist()
    return NotImplemented if type(inner) is type(item) else inner


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
    for name in "datetime", "date", "time", "timedelta":
        kind = known("datetime", name)
        if not isinstance(item, kind):
            continue
        cls = kind[0]
        if name == "timedelta":
            return cls(item.days, item.seconds, item.microseconds)
        parts = [getattr(item, part) for part in (
            "year", "month", "day", "hour", "minute", "second", "microsecond",
            "tzinfo") if hasattr(item, part)]
        if name == "date":
            return cls(*parts)
        made = cls(*parts, fold=item.fold)
        if type(item) is not cls or item.tzinfo is None:
            return made
        # The zone is an object of its own: its offset is what it says here.
        offset, zone = item.utcoffset(), known("datetime", "timezone")
        return (NotImplemented if offset is None
                else made.replace(tzinfo=zone[0](offset)))
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
    for step in (of_enums, of_pandas, of_numpy, of_tables, of_dates, of_bases,
                 of_containers):
        try:
            made = step(item)
        except Exception:  # pylint: disable=broad-except
            return NotImplemented  # of an object that fails when it is read
        if made is not NotImplemented:
            return made
    return NotImplemented


def hashable(key):
    """The same of a key, all of it at once; itself where that has no hash."""
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
