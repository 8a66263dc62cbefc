#!/usr/bin/python3
"""Counts how much of a library a manifest knows, on its own: what there is, is
looked up in the library itself, and what was known of a type, in the stubs'
text; nothing of codegen/ is used.

    count_types.py MANIFEST.json MODULE…      (by the library's own Python)

Prints for each module: callables, the parts of them whose parameters are named,
of parameters and returns that have a type. A parameter that says "Any" or
"object" where the library's own annotations or stubs say something else has
none. *args and **kwargs are no parameters here: anything may go there."""

import argparse
import ast
import importlib
import inspect
import json
import pathlib
import sys

VAGUE = ("Any", "object", None)
VAGUE_WORDS = {"Any", "object", "Incomplete", "Unused", "MaybeNone", "_T",
               "ReturnType"}


def stub_files(module):
    """The text of stubs and sources that may annotate what is in a module."""
    root = module.split(".")[0]
    for folder in map(pathlib.Path, sys.path):
        for name in (f"{root}-stubs", root):
            if (folder / name).is_dir():
                yield from (folder / name).rglob("*.pyi")
            if (folder / f"{name}.pyi").is_file():
                yield folder / f"{name}.pyi"


def is_vague(node):
    """Nobody could know more: Any, object, or a bare TypeVar."""
    return isinstance(node, ast.Name) and (
        node.id in VAGUE_WORDS or node.id.lstrip("_").rstrip("_co").isupper()
        or len(node.id.lstrip("_")) <= 2)


class Declared(ast.NodeVisitor):
    """By name of function and parameter: whether a stub says something."""

    def __init__(self):
        self.known = {}
        self.inside = []

    def visit_ClassDef(self, node):
        self.inside.append(node.name)
        self.generic_visit(node)
        self.inside.pop()

    def visit_FunctionDef(self, node):
        owner = self.inside[-1] if self.inside else ""
        arguments = node.args
        for each in [*arguments.posonlyargs, *arguments.args,
                     *arguments.kwonlyargs]:
            self.say(owner, node.name, each.arg, each.annotation)
        self.say(owner, node.name, "return", node.returns)

    visit_AsyncFunctionDef = visit_FunctionDef

    def say(self, owner, function, name, annotation):
        key = (owner, function, name)
        told = annotation is not None and not is_vague(annotation)
        self.known[key] = self.known.get(key, True) and told


def declared_in(module):
    found = Declared()
    for path in stub_files(module):
        try:
            found.visit(ast.parse(path.read_bytes()))
        except SyntaxError:
            pass
    return found.known


class Count:
    def __init__(self, declared):
        self.declared = declared
        self.callables = self.named = 0
        self.parameters = self.typed_parameters = 0
        self.returns = self.typed_returns = 0
        self.untyped = []

    def is_typed(self, types, key):
        if all(each not in VAGUE for each in types):
            return True
        if any(each is None for each in types):
            return False
        # It says Any: no less than what the stub says.
        return not self.declared.get(key, False)

    def add(self, told, owner, name):
        self.callables += 1
        kinds = [each["kind"] for one in told["overloads"]
                 for each in one["parameters"]]
        self.named += told["tier"] != "variadic"
        types = {}
        for one in told["overloads"]:
            for each in one["parameters"]:
                if each["kind"] not in ("rest", "more"):
                    types.setdefault(each["name"], []).append(each["type"])
        for parameter, all_types in types.items():
            self.parameters += 1
            typed = self.is_typed(all_types, (owner, name, parameter))
            self.typed_parameters += typed
            if not typed:
                self.untyped.append(f"{owner}.{name}({parameter})")
        if name != "__init__":
            self.answer([one["returns"] for one in told["overloads"]],
                        owner, name)
        return kinds

    def answer(self, types, owner, name):
        self.returns += 1
        typed = self.is_typed(types, (owner, name, "return"))
        self.typed_returns += typed
        if not typed:
            self.untyped.append(f"{owner}.{name} ->")


def is_function(thing):
    return not inspect.isclass(thing) and not inspect.ismodule(thing) \
        and callable(thing) and (inspect.isroutine(thing)
                                 or hasattr(thing, "__name__"))


def missing_of(module, symbols):
    """What the library has and the manifest has not."""
    library = importlib.import_module(module)
    names = exported = getattr(library, "__all__", None)
    if exported is None:
        names = [each for each in dir(library) if not each.startswith("_")]
    for name in names:
        try:
            thing = getattr(library, name)
        except Exception:  # of one that is not there without more
            continue
        root = module.split(".")[0]
        where = getattr(thing, "__module__", None) or module
        if name.startswith("_") or not (is_function(thing)
                                        or inspect.isclass(thing)):
            continue
        if names is not exported and not hasattr(library, "__path__") \
                and where.lstrip("_") != module:
            continue  # imported for itself
        if where.split(".")[0].lstrip("_") == root and name not in symbols:
            yield f"{module}.{name}"


def counted(module, declared):
    count = Count(declared)
    for symbol in module["symbols"]:
        if symbol["kind"] == "function":
            count.add(symbol, "", symbol["name"])
        elif symbol["kind"] == "class":
            count.add(symbol["constructor"], symbol["name"], "__init__")
            for member in symbol["members"]:
                if "overloads" in member:
                    count.add(member, symbol["name"], member["name"])
                elif member["kind"] in ("property", "attribute"):
                    count.answer([member["type"]], symbol["name"],
                                 member["name"])
    return count


def percent(part, whole):
    return 100.0 if whole == 0 else round(100 * part / whole, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--untyped", action="store_true",
                        help="list what has no type")
    parser.add_argument("manifest", type=pathlib.Path)
    options, wanted = parser.parse_known_args()
    manifest = json.loads(options.manifest.read_text(encoding="utf-8"))
    told = {}
    for module in manifest["modules"]:
        if wanted and module["name"] not in wanted:
            continue
        count = counted(module, declared_in(module["name"]))
        missing = list(missing_of(module["name"], {
            each["name"] for each in module["symbols"]}))
        known = count.callables + len(missing)
        told[module["name"]] = {
            "callables": known, "named": percent(count.named, known),
            "typed_parameters": percent(count.typed_parameters,
                                        count.parameters),
            "typed_returns": percent(count.typed_returns, count.returns),
            "missing": missing}
        if options.untyped:
            print(*count.untyped, sep="\n", file=sys.stderr)
    if options.json:
        print(json.dumps(told, sort_keys=True))
        return
    for name, each in told.items():
        print(f"{name}: {each['callables']} callables, named {each['named']}, "
              f"typed parameters {each['typed_parameters']}, returns "
              f"{each['typed_returns']}; missing: "
              f"{', '.join(each['missing']) or 'nothing'}")


if __name__ == "__main__":
    main()
