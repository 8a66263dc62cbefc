"""The helpers that come with the library: what saves a program round trips."""


def describe(object):
    """What an object is: its type, repr, length, documentation and attributes."""
    kind = type(object)
    try:
        length = len(object)
    except Exception:
        length = None
    return {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "repr": repr(object)[:1000],
        "length": length,
        "doc": (doc(object) or "").partition("\n")[0],
        "attributes": [each for each in dir(object)
                       if not each.startswith("_")],
    }


def doc(object):
    """The documentation of an object, or None."""
    import inspect

    return inspect.getdoc(object)


def signature(callable):
    """The signature of a callable, as text."""
    import inspect

    return str(inspect.signature(callable))


def attributes(object, *names):
    """Several attributes of an object, as a dict."""
    return {each: getattr(object, each) for each in names}


def map(function, items, *more):
    """The results of calling a function with each item, as a list."""
    return [function(*each) for each in zip(items, *more)]


def versions(*packages):
    """The installed versions of packages, None for one that is not there."""
    from importlib import metadata

    found = {}
    for each in packages:
        try:
            found[each] = metadata.version(each)
        except metadata.PackageNotFoundError:
            found[each] = None
    return found


HELPERS = {
    "snakebridge.attributes": attributes,
    "snakebridge.describe": describe,
    "snakebridge.doc": doc,
    "snakebridge.map": map,
    "snakebridge.signature": signature,
    "snakebridge.versions": versions,
}
