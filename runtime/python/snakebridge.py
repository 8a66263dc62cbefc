"""The module `snakebridge` that Python code sees: what SnakeBridge gives it."""

# Run once in each interpreter, in the module's namespace. `cancelled` is there
# already (module.cpp).


class Atom:
    """A name that is its own meaning, from C++ (sb::atom)."""

    __slots__ = ("value",)

    def __init__(self, value):
        object.__setattr__(self, "value", str(value))

    def __setattr__(self, name, value):
        raise AttributeError("an Atom does not change")

    def __delattr__(self, name):
        raise AttributeError("an Atom does not change")

    def __reduce__(self):
        return (Atom, (self.value,))

    def __eq__(self, other):
        if type(other) is not Atom:
            return NotImplemented
        return self.value == other.value

    def __hash__(self):
        return hash((Atom, self.value))

    def __str__(self):
        return self.value

    def __repr__(self):
        return f"Atom({self.value!r})"


class NotAuthorizedError(ImportError):
    """The pool's setting `importable` does not allow this module."""


class Cancelled(BaseException):
    """Raised in a call whose caller cancelled it, has gone or had no more time.

    Clean up and let it pass: a call that goes on is killed with its worker."""
