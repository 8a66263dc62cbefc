"""What a module really has: its symbols, with their signatures and docs.

Runs in a worker of the environment whose libraries are described, and imports
them: so it needs nothing but the standard library. `describe` is called with
one module at a time, and answers JSON; what a hostile module does ends with that
call. Types are told as the text of their annotations: model.py reads them.

    {"module": "json", "doc": …, "version": …, "package": true,
     "all": ["dumps", …] or null, "symbols": [SYMBOL, …]}

A SYMBOL has a name, a kind and, beside those told where they are made:
    function   signature, doc, and what its code shows that it returns
    class      bases, mro, constructor, members, doc; also enum, exception
    constant   type, and value as Python prints it, of a plain one
    object     type: anything else that is there
    alias      what only types are written with
    module     a submodule
One inside a class has the names of both, "Store.Kind"; its class has a member of
the kind `class` for it, as for every attribute that is one.
`home` is where it says it was defined, "module:qualified.name"."""

import dis
import enum
import functools
import importlib
import inspect
import json
import os
import pkgutil
import sys
import types
import typing

PLAIN = (bool, int, float, complex, str, bytes, type(None))
VALUE_CHARACTERS_MAX = 2_000
OPERATORS = {f"__{name}__" for name in (
    "add sub mul truediv floordiv mod matmul pow and or xor lshift rshift "
    "radd rsub rmul rtruediv rfloordiv rmod rmatmul rpow rand ror rxor "
    "rlshift rrshift iadd isub imul itruediv ifloordiv imod imatmul ipow "
    "iand ior ixor ilshift irshift neg pos invert abs eq ne lt le gt ge call "
    "getitem setitem delitem contains len bool iter next enter exit aiter "
    "anext aenter aexit").split()}
# What every class has says nothing of this one.
NO_OWNERS = {object, type, BaseException, typing.Generic, enum.Enum,
             getattr(typing, "Protocol", None)}


def text_of(annotation):
    """As it is written in a source, where the names it has are full."""
    if annotation is inspect.Parameter.empty:
        return None
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, typing.TypeVar):
        limits = annotation.__constraints__ or (
            [annotation.__bound__] if annotation.__bound__ else [])
        return " | ".join(text_of(each) for each in limits) or "typing.Any"
    arguments = typing.get_args(annotation)
    if arguments:
        origin = typing.get_origin(annotation)
        if origin in (typing.Union, getattr(types, "UnionType", None)):
            return " | ".join(text_of(each) for each in arguments)
        if origin is typing.Literal:
            return f"typing.Literal[{', '.join(map(repr, arguments))}]"
        if hasattr(annotation, "__metadata__"):
            return text_of(arguments[0])
        if isinstance(arguments[0], list):  # of a Callable
            return "typing.Callable"
        inner = ", ".join("..." if each is ... else
                          "()" if each == () else text_of(each)
                          for each in arguments)
        return f"{text_of(origin)}[{inner}]"
    if isinstance(annotation, type):
        return f"{annotation.__module__}.{annotation.__qualname__}"
    return repr(annotation)


def value_text(item):
    text = repr(item)
    return text if len(text) <= VALUE_CHARACTERS_MAX else None


def default_text(default):
    """A plain one as a source has it; another so that it tells what it is."""
    if isinstance(default, enum.Enum):
        return f"{type(default).__name__}.{default.name}"
    if isinstance(default, type) or inspect.isroutine(default):
        return getattr(default, "__qualname__", repr(default))
    try:
        text = repr(default)
    except Exception:
        text = f"<{type(default).__name__}>"
    if " at 0x" in text:
        text = f"<{type(default).__name__}>"
    return text[:200]


KINDS = {inspect.Parameter.POSITIONAL_ONLY: "positional_only",
         inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
         inspect.Parameter.VAR_POSITIONAL: "rest",
         inspect.Parameter.KEYWORD_ONLY: "keyword",
         inspect.Parameter.VAR_KEYWORD: "more"}


def signature_of(function, skip_first=False):
    """None where Python tells none."""
    try:
        told = inspect.signature(function)
    except (ValueError, TypeError):
        return None
    except Exception:  # of a descriptor that is asked for it
        return None
    parameters = []
    for each in told.parameters.values():
        made = {"name": each.name, "kind": KINDS[each.kind]}
        if each.default is not inspect.Parameter.empty:
            made["default"] = default_text(each.default)
            made["default_type"] = text_of(type(each.default))
        annotation = text_of(each.annotation)
        if annotation:
            made["annotation"] = annotation
        parameters.append(made)
    if skip_first and parameters and parameters[0]["kind"] in (
            "positional_only", "positional"):
        parameters = parameters[1:]
    made = {"parameters": parameters}
    returns = text_of(told.return_annotation)
    if returns:
        made["returns"] = returns
    return made


def shown_by_code(function):
    """What each of its returns gives, where all give the same and that shows:
    "None", "Self" or the name of a constant's type."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType):
        return None
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE
                        | inspect.CO_ASYNC_GENERATOR):
        return None
    given, before = set(), None
    for each in dis.get_instructions(code):
        if each.opname == "RETURN_CONST":
            given.add(type(each.argval).__name__)
        elif each.opname == "RETURN_VALUE":
            if each.is_jump_target or before is None:
                return None
            if before.opname == "LOAD_CONST":
                given.add(type(before.argval).__name__)
            elif before.opname.startswith("LOAD_FAST") \
                    and code.co_argcount and code.co_varnames[:1] == ("self",) \
                    and before.argval == "self":
                given.add("Self")
            elif before.opname in ("COMPARE_OP", "IS_OP", "CONTAINS_OP") \
                    and before.opname != "COMPARE_OP":
                given.add("bool")
            elif before.opname == "BUILD_STRING":
                given.add("str")
            else:
                return None
        before = each
    if len(given) != 1:
        return None
    told = given.pop()
    return "None" if told == "NoneType" else \
        told if told in ("Self", "bool", "int", "float", "str") else None


def described_function(function, method=False):
    plain = function.func if isinstance(
        function, (functools.partialmethod, functools.partial)) else function
    made = {"doc": inspect.getdoc(function)}
    made["signature"] = signature_of(function, skip_first=method)
    inner = plain
    try:
        inner = inspect.unwrap(plain)
        shown = shown_by_code(plain)
    except Exception:
        shown = None
    if shown:
        made["shown"] = shown
    if inspect.iscoroutinefunction(inner):
        made["async"] = True
    if inspect.isgeneratorfunction(inner) \
            and inner is plain:  # not one that a decorator makes a manager of
        made["generator"] = True
    if inspect.isasyncgenfunction(inner):
        made["async_generator"] = True
    return made


def home_of(thing):
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", None) or getattr(
        thing, "__name__", None)
    if isinstance(module, str) and isinstance(name, str) and "<" not in name:
        return f"{module}:{name}"
    return None


def full_name(kind):
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def is_public(name):
    return not name.startswith("_") or name in OPERATORS


def settable(thing):
    if isinstance(thing, property):
        return thing.fset is not None
    return not isinstance(thing, functools.cached_property) and (
        isinstance(thing, types.MemberDescriptorType)
        or not hasattr(type(thing), "__set__"))


def described_property(thing):
    getter = getattr(thing, "fget", None) or getattr(thing, "func", None)
    made = {"kind": "property", "doc": inspect.getdoc(thing),
            "settable": settable(thing) and not isinstance(
                thing, types.GetSetDescriptorType)}
    told = signature_of(getter) if callable(getter) else None
    if told and told.get("returns"):
        made["annotation"] = told["returns"]
    if isinstance(getter, types.FunctionType):
        shown = shown_by_code(getter)
        if shown:
            made["shown"] = shown
    return made


class Same:
    """Equal to none but itself, whatever it compares."""

    def __init__(self, of):
        self.of = of

    def __hash__(self):
        return id(self.of)

    def __eq__(self, other):
        return self.of is other.of


@functools.lru_cache(maxsize=None)
def described_method(method):
    """Once for all classes that inherit it."""
    return described_function(method.of, method=True)


def described_member(kind, name, thing):
    if isinstance(thing, (classmethod, types.ClassMethodDescriptorType)):
        return {"kind": "classmethod",
                **described_function(getattr(kind, name))}
    if isinstance(thing, (staticmethod, types.BuiltinFunctionType)):
        inner = getattr(kind, name)
        if name == "__new__" or not callable(inner):
            return None
        of_class = getattr(inner, "__self__", None) is not None and isinstance(
            inner.__self__, type)
        return {"kind": "classmethod" if of_class else "staticmethod",
                **described_function(inner)}
    if isinstance(thing, type):
        return {"kind": "class", "of": full_name(thing)}
    if callable(thing) and inspect.isroutine(thing) \
            and not inspect.isdatadescriptor(thing) \
            or isinstance(thing, functools.partialmethod):
        made = {"kind": "method", **described_method(Same(thing))}
        if isinstance(thing, types.WrapperDescriptorType):
            made["slot"] = True  # C has all operators of a kind, or none
        if isinstance(thing, types.MethodDescriptorType):
            made["builtin"] = True
        return made
    if isinstance(thing, PLAIN):
        return {"kind": "attribute", "type": full_name(type(thing)),
                "value": value_text(thing)}
    if hasattr(type(thing), "__get__"):
        given = None
        try:  # some hand out a function, scikit-learn's available_if say
            given = getattr(kind, name)
        except Exception:
            pass
        if inspect.isfunction(given):
            return {"kind": "method", **described_function(given, method=True)}
        made = described_property(thing)
        if isinstance(given, type) and "annotation" not in made:
            made["annotation"] = text_of(given)  # pandas' accessors
        return made
    return {"kind": "attribute", "type": full_name(type(thing))}


def described_class(kind):
    bases = [base for base in kind.__mro__ if base not in NO_OWNERS]
    made = {"kind": "class", "doc": inspect.cleandoc(kind.__doc__ or ""),
            "bases": [full_name(base) for base in kind.__bases__
                      if base is not object],
            "mro": [full_name(base) for base in kind.__mro__[1:]
                    if base is not object]}
    if issubclass(kind, BaseException):
        return {**made, "kind": "exception"}
    if issubclass(kind, enum.Enum):
        members = [[name, value_text(each.value)
                    if isinstance(each.value, PLAIN) else None]
                   for name, each in kind.__members__.items()]
        of_ints = members and all(type(each.value) is int
                                  for each in kind.__members__.values())
        return {**made, "kind": "enum", "members": members,
                "integers": bool(of_ints),
                "flags": issubclass(kind, enum.Flag)}
    constructor = described_function(kind)
    constructor["doc"] = inspect.getdoc(kind.__init__)
    if constructor["doc"] == inspect.getdoc(object.__init__):
        constructor["doc"] = None
    made["constructor"] = constructor
    if inspect.isabstract(kind):
        made["abstract"] = True
    members, seen = [], set()
    for owner in bases:
        for name, thing in list(vars(owner).items()):
            if name in seen or not is_public(name):
                continue
            seen.add(name)
            if thing is None:  # __hash__ = None, and the like
                continue
            told = described_member(kind, name, thing)
            if told is not None:
                members.append({"name": name, "owner": full_name(owner),
                                **told})
        for name, annotation in list(
                owner.__dict__.get("__annotations__", {}).items()):
            text = text_of(annotation)
            if name.startswith("_"):
                continue
            if name in seen:
                for each in members:
                    if each["name"] == name and each["kind"] == "attribute":
                        each["annotation"] = text
                continue
            seen.add(name)
            members.append({"name": name, "owner": full_name(owner),
                            "kind": "attribute", "annotation": text})
    made["members"] = members
    return made


def is_alias(thing):
    return typing.get_origin(thing) is not None or type(thing).__module__ in (
        "typing", "typing_extensions")


def described(name, thing, package):
    """One symbol of a module."""
    if isinstance(thing, types.ModuleType):
        if thing.__name__ == f"{package}.{name}":
            return {"kind": "module"}
        return {"kind": "foreign", "of": thing.__name__}
    home = home_of(thing)
    if isinstance(thing, type):
        made = described_class(thing)
    elif is_alias(thing):
        return {"kind": "alias"}
    elif isinstance(thing, PLAIN):
        return {"kind": "constant", "type": full_name(type(thing)),
                "value": value_text(thing)}
    elif isinstance(thing, enum.Enum):
        return {"kind": "constant", "type": full_name(type(thing))}
    elif callable(thing) and (inspect.isroutine(thing)
                              or isinstance(getattr(thing, "__name__", None),
                                            str)):
        made = {"kind": "function", **described_function(thing)}
    else:
        return {"kind": "object", "type": full_name(type(thing)),
                "callable": callable(thing)}
    if home:
        made["home"] = home
    return made


def described_class_and_inner(name, kind, package):
    """A class and those that are defined inside it: "Store", "Store.Kind"."""
    made = {"name": name, **described(name, kind, package)}
    yield made
    if made["kind"] != "class":
        return
    for inner, thing in list(vars(kind).items()):
        if isinstance(thing, type) and is_public(inner) \
                and thing.__module__ == kind.__module__ \
                and thing.__qualname__ == f"{kind.__qualname__}.{inner}":
            yield from described_class_and_inner(f"{name}.{inner}", thing,
                                                 package)


def is_of(package, thing, is_package):
    """Not something that the module has merely imported for itself; a package
    has what is in its modules, a module what private ones have made for it."""
    if isinstance(thing, types.ModuleType):
        return thing.__name__.startswith(package + ".")
    if isinstance(thing, PLAIN):
        return True
    root = package.split(".")[0]
    where = getattr(thing, "__module__", None)
    if not isinstance(where, str):
        where = type(thing).__module__
    if where.split(".")[0].lstrip("_") != root:
        return False
    return is_package or where.lstrip("_") == package \
        or any(part.startswith("_") for part in where.split("."))


def version_of(module, name):
    root = sys.modules.get(name.split(".")[0], module)
    try:
        from importlib import metadata
        names = metadata.packages_distributions() if hasattr(
            metadata, "packages_distributions") else {}
        for each in names.get(name.split(".")[0], []):
            return metadata.version(each)
    except Exception:
        pass
    told = getattr(root, "__version__", None)
    if name.split(".")[0] in getattr(sys, "stdlib_module_names", ()):
        return ".".join(map(str, sys.version_info[:3]))
    return told if isinstance(told, str) else None


def describe(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    if exported is not None:
        exported = sorted({each for each in exported if isinstance(each, str)})
    symbols = []
    for each in sorted(set(dir(module)) | set(exported or ())):
        if each.startswith("_"):
            continue
        try:
            thing = getattr(module, each)
        except Exception as failed:  # of a lazy one that cannot be imported
            symbols.append({"name": each, "kind": "hole", "reason":
                            f"{type(failed).__name__}: {failed}"})
            continue
        if exported is None and not is_of(name, thing,
                                          hasattr(module, "__path__")):
            continue
        if exported is not None and each not in exported \
                and not isinstance(thing, types.ModuleType):
            continue
        if isinstance(thing, type):
            symbols += described_class_and_inner(each, thing, name)
        else:
            symbols.append({"name": each, **described(each, thing, name)})
    return json.dumps({
        "module": name, "doc": inspect.getdoc(module),
        "version": version_of(module, name),
        "package": hasattr(module, "__path__"), "all": exported,
        "symbols": symbols})


def below(name, folders, depth):
    """Names of what lies in a package's folders; nothing of it is imported."""
    for each in pkgutil.iter_modules(folders, name + ".") if depth else ():
        last = each.name.rpartition(".")[2]
        if last.startswith("_") or last in ("tests", "conftest"):
            continue
        yield each.name
        place = getattr(each.module_finder, "path", None)
        if each.ispkg and place:
            yield from below(each.name, [os.path.join(place, last)], depth - 1)


def submodules(name, depth):
    """Names of what lies at most so deep below a package, itself first, without
    private ones."""
    module = importlib.import_module(name)
    return [name, *below(name, getattr(module, "__path__", ()), depth)]


def environment():
    """Where stubs are looked for, and for which Python."""
    return json.dumps({"path": [each for each in sys.path if each],
                       "version": list(sys.version_info[:3]),
                       "platform": sys.platform})
