"""A module of ours: functions with all kinds of parameters."""


def optional(first, second=2, *, third=3):
    return {"first": first, "second": second, "third": third}


def keyword_only(value, *, scale):
    return value * scale


def variadic(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


def join_values(*values, separator="-"):
    return separator.join(values)


def reserved_name():
    return "reserved-name"


# C++ has a word `class` too, but a name here is a text.
globals()["class"] = reserved_name
