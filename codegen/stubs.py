"""Reads types out of stubs (.pyi) and annotated sources, without importing
anything: files are found as PEP 561 says, beside them typeshed's.

A type is plain data:
    null                            not known
    "int", "numpy.ndarray"          a class, by its full name; of builtins,
                                    typing and collections.abc by their own
    "None", "Any", "Self"           as in Python; "Any" is also a TypeVar that
                                    stands for anything
    ["list", TYPE], ["tuple", TYPE, "..."]    with what is in it
    ["union", TYPE, …]              flat, each once, in the order written
    ["literal", VALUE, …]           strings, numbers, booleans"""

import ast
import pathlib

# What the types of these are is told; of other classes the class alone.
CONTAINERS = {
    "list", "dict", "set", "frozenset", "tuple", "type", "Sequence",
    "MutableSequence", "Iterable", "Collection", "Iterator", "Generator",
    "AsyncIterator", "AsyncIterable", "AsyncGenerator", "Awaitable",
    "Coroutine", "Mapping", "MutableMapping", "Set", "MutableSet", "Reversible", "KeysView",
    "ValuesView", "ItemsView", "PathLike", "defaultdict", "OrderedDict",
    "deque",
    "ContextManager", "AbstractContextManager"}
OLD_NAMES = {"List": "list", "Dict": "dict", "Set": "set", "Tuple": "tuple",
             "FrozenSet": "frozenset", "Type": "type", "Text": "str",
             "LiteralString": "str", "AbstractSet": "Set", "Deque": "deque",
             "DefaultDict": "defaultdict", "Never": "None", "NoReturn": "None",
             "Hashable": "Hashable", "ByteString": "bytes"}
TYPING = {"typing", "typing_extensions", "collections.abc", "_typeshed",
          "_collections_abc", "collections", "types"}
# As the library itself says it: taken apart they would tell nobody anything.
KEPT_ALIASES = {
    "numpy._typing._nested_sequence._NestedSequence": "numpy.ArrayLike",
    "_typeshed.StrPath": "StrPath", "_typeshed.StrOrBytesPath": "StrPath",
    "_typeshed.FileDescriptorOrPath": "StrPath", "_typeshed.GenericPath":
    "StrPath", "pandas._typing.FilePath": "StrPath", "_typeshed.ReadableBuffer":
    "Buffer", "_typeshed.WriteableBuffer": "Buffer",
    "_typeshed.ReadOnlyBuffer": "Buffer"}
UNION_TYPES_MAX = 40
DEPTH_MAX = 24


def written(node):
    """As ast.unparse writes it; of names, which are most, much sooner."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{written(node.value)}.{node.attr}"
    return ast.unparse(node)


def union(types):
    """Flat, each once; of one type that itself."""
    parts = []
    for each in types:
        for part in each[1:] if isinstance(each, list) and each[0] == "union" \
                else [each]:
            if part not in parts:
                parts.append(part)
    literals = [part for part in parts
                if isinstance(part, list) and part[0] == "literal"]
    if len(literals) > 1:
        values = []
        for each in literals:
            values += [value for value in each[1:] if value not in values]
        at = parts.index(literals[0])
        parts = [part for part in parts if part not in literals]
        parts.insert(at, ["literal", *values])
    if None in parts:
        parts = [part for part in parts if part is not None] or [None]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else ["union", *parts[:UNION_TYPES_MAX]]


def name_of(node):
    """What a node defines; not what it is imported as."""
    if isinstance(node, ast.AnnAssign):
        node = node.target
    elif isinstance(node, ast.Assign):
        node = node.targets[0]
    elif type(node).__name__ == "TypeAlias":
        node = node.name
    return getattr(node, "id", None) or getattr(node, "name", None)


def classes_in(body):
    """All that are defined there, at any depth, but not in functions."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node
        if isinstance(node, (ast.ClassDef, ast.If, ast.Try, ast.With)):
            yield from classes_in(node.body)
            yield from classes_in(getattr(node, "orelse", ()))
            for each in getattr(node, "handlers", ()):
                yield from classes_in(each.body)


class Module:
    """The names of one file: for each what defines it there, in order."""

    def __init__(self, name, path, stubs):
        self.name, self.path, self.stubs = name, path, stubs
        self.is_stub = path.suffix == ".pyi"
        self.is_package = path.stem == "__init__"
        self.names = {}
        self.stars = []
        tree = ast.parse(path.read_bytes(), str(path))
        self.read(tree.body, self.names)

    def add(self, names, name, what, instead=False):
        if instead:
            names.setdefault(name, [what])
        else:
            names.setdefault(name, []).append(what)

    def read(self, body, names, instead=False):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef,
                                 ast.ClassDef)):
                self.add(names, node.name, node, instead)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.add(names, target.id, node, instead)
            elif isinstance(node, ast.AnnAssign) \
                    and isinstance(node.target, ast.Name):
                self.add(names, node.target.id, node, instead)
            elif type(node).__name__ == "TypeAlias":  # `type X = …`
                self.add(names, node.name.id, node, instead)
            elif isinstance(node, ast.ImportFrom):
                self.read_import(node, names, instead)
            elif isinstance(node, ast.Import):
                for each in node.names:
                    name = each.asname or each.name.split(".")[0]
                    self.add(names, name, ("module", each.name if each.asname
                                           else name), instead)
            elif isinstance(node, ast.If):
                holds = self.stubs.holds(node.test)
                if holds is not False:
                    self.read(node.body, names, instead)
                if holds is not True:
                    self.read(node.orelse, names, instead or holds is None)
            elif isinstance(node, (ast.Try, ast.With)):
                self.read(node.body, names, instead)
                for each in getattr(node, "handlers", ()):
                    self.read(each.body, names, True)

    def read_import(self, node, names, instead):
        where = node.module or ""
        if node.level:
            parts = self.name.split(".")
            drop = node.level - (1 if self.is_package else 0)
            parts = parts[:len(parts) - drop] if drop else parts
            where = ".".join([*parts, *([where] if where else [])])
        for each in node.names:
            if each.name == "*":
                self.stars.append(where)
            else:
                self.add(names, each.asname or each.name,
                         ("name", where, each.name), instead)


class Stubs:
    """All modules for which there are types. `path` is Python's own, `typeshed`
    the folder that has those of the standard library, or None. `extra` are
    folders with NAME-stubs, `own` those of the user, which win over all."""

    def __init__(self, path, version, platform="linux", typeshed=None,
                 extra=(), suffixes=(".pyi", ".py"), own=()):
        self.suffixes = suffixes
        self.expanding = set()  # aliases whose types are being read
        self.aliases = {}
        self.path = [pathlib.Path(each) for each in path]
        self.version = tuple(version)
        self.platform = platform
        self.typeshed = pathlib.Path(typeshed) if typeshed else None
        self.extra = [pathlib.Path(each) for each in extra]
        self.own = [pathlib.Path(each) for each in own]
        self.modules = {}
        self.found = {}
        self.bodies = {}  # of classes
        self.inside = {}  # names of classes inside classes
        self.stdlib = self.versions()

    def versions(self):
        """Which modules of the standard library there are in this version."""
        known = {}
        page = self.typeshed / "VERSIONS" if self.typeshed else None
        if page is None or not page.is_file():
            return known
        for line in page.read_text(encoding="utf-8").splitlines():
            name, _, range_ = line.split("#")[0].partition(":")
            if not range_.strip():
                continue
            low, _, high = range_.strip().partition("-")
            low = tuple(map(int, low.split(".")))
            high = tuple(map(int, high.split("."))) if high else (99,)
            known[name.strip()] = low <= self.version[:2] <= high
        return known

    def holds(self, test):
        """Whether a condition on the version or the platform does; None: it is
        none of these."""
        if isinstance(test, ast.BoolOp):
            parts = [self.holds(each) for each in test.values]
            wanted = isinstance(test.op, ast.Or)
            if wanted in parts:
                return wanted
            return None if None in parts else not wanted
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self.holds(test.operand)
            return None if inner is None else not inner
        if isinstance(test, (ast.Name, ast.Attribute)):
            name = test.id if isinstance(test, ast.Name) else test.attr
            return True if name == "TYPE_CHECKING" else None
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return None
        left = written(test.left)
        try:
            right = ast.literal_eval(test.comparators[0])
        except ValueError:
            return None
        have = {"sys.version_info": self.version, "sys.platform": self.platform,
                "sys.version_info[0]": self.version[0],
                "os.name": "posix"}.get(left)
        if have is None:
            return None
        if isinstance(right, tuple):
            have = have[:len(right)]
        return {ast.GtE: lambda: have >= right, ast.Lt: lambda: have < right,
                ast.Gt: lambda: have > right, ast.LtE: lambda: have <= right,
                ast.Eq: lambda: have == right, ast.NotEq: lambda: have != right
                }.get(type(test.ops[0]), lambda: None)()

    def candidates(self, name):
        parts = name.split(".")
        inner = pathlib.Path(*parts)
        stub = pathlib.Path(parts[0] + "-stubs", *parts[1:])
        for root in self.own:
            yield root / stub
            yield root / inner
        for root in self.extra:
            yield root / stub
        for root in self.path:
            yield root / stub
        if self.typeshed and self.in_stdlib(name):
            yield self.typeshed / inner
        for root in self.path:
            yield root / inner

    def in_stdlib(self, name):
        while name:
            if name in self.stdlib:
                return self.stdlib[name]
            name = name.rpartition(".")[0]
        return False

    def file_of(self, name):
        if name not in self.found:
            self.found[name] = self.find(name)
        return self.found[name]

    def find(self, name):
        found = list(self.candidates(name))
        for suffix in self.suffixes:
            for each in found:
                for path in (each / f"__init__{suffix}",
                             each.with_name(each.name + suffix)):
                    if path.is_file():
                        return path
        return None

    def module(self, name):
        if name not in self.modules:
            path = self.file_of(name)
            self.modules[name] = None
            if path is not None:
                try:
                    self.modules[name] = Module(name, path, self)
                except (SyntaxError, ValueError, OSError):
                    pass
        return self.modules[name]

    def find_name(self, module, name, seen=()):
        """Where a name of a module is really defined: that module and its
        nodes; for a submodule that module and None."""
        if (module, name) in seen or len(seen) > DEPTH_MAX:
            return None
        seen = (*seen, (module, name))
        held = self.module(module)
        if held is not None:
            entry = held.names.get(name)
            if entry:
                last = entry[-1]
                if isinstance(last, tuple) and last[0] == "name":
                    found = self.find_name(last[1], last[2], seen)
                    if found is None and self.file_of(f"{last[1]}.{last[2]}"):
                        return self.module(f"{last[1]}.{last[2]}"), None
                    return found
                if isinstance(last, tuple):
                    inner = self.module(last[1])
                    return (inner, None) if inner else None
                return held, [each for each in entry
                              if not isinstance(each, tuple)]
            for each in held.stars:
                if not name.startswith("_"):
                    found = self.find_name(each, name, seen)
                    if found is not None:
                        return found
        if self.file_of(f"{module}.{name}"):
            inner = self.module(f"{module}.{name}")
            return (inner, None) if inner else None
        return None

    def find_path(self, scope, dotted):
        """The same of a dotted name that stands in a module; of a class's own
        names as well."""
        parts = dotted.split(".")
        found = self.find_name(scope.name, parts[0]) if scope else None
        if found is None and len(parts) > 1:  # of a text with full names
            for at in range(len(parts) - 1, 0, -1):
                if self.file_of(".".join(parts[:at])):
                    found = self.module(".".join(parts[:at])), None
                    parts = parts[at - 1:]
                    break
        for part in parts[1:]:
            if found is None or found[0] is None:
                return None
            held, nodes = found
            if nodes is None:
                found = self.find_name(held.name, part)
            elif isinstance(nodes[-1], ast.ClassDef):
                names = self.names_of(held, nodes[-1])
                found = (held, names[part]) if part in names else None
            else:
                return None
        return found

    def names_of(self, module, node):
        """What the body of a class defines."""
        if id(node) not in self.bodies:
            names = {}
            module.read(node.body, names)
            self.bodies[id(node)] = {
                name: [each for each in found if not isinstance(each, tuple)]
                for name, found in names.items()}
        return self.bodies[id(node)]

    def qualified(self, module, node):
        """A class inside a class has the names of both."""
        if module.name not in self.inside:
            self.inside[module.name] = {
                id(inner): f"{outer.name}.{inner.name}"
                for found in module.names.values() for outer in found
                if isinstance(outer, ast.ClassDef)
                for inner in classes_in(outer.body)}
        return self.inside[module.name].get(id(node), node.name)

    def bases_of(self, module, node):
        for base in node.bases:
            if isinstance(base, ast.Subscript):
                base = base.value
            if isinstance(base, (ast.Name, ast.Attribute)):
                found = self.find_path(module, written(base))
                if found and found[1] and isinstance(found[1][-1],
                                                     ast.ClassDef):
                    yield found[0], found[1][-1]

    def find_member(self, module, node, name, depth=0):
        """Of a class or the nearest of its bases: module, class, nodes."""
        names = self.names_of(module, node)
        if names.get(name):
            return module, node, names[name]
        if depth < DEPTH_MAX:
            for above in self.bases_of(module, node):
                found = self.find_member(*above, name, depth + 1)
                if found:
                    return found
        return None


class Reader:
    """Types of the expressions that stand in one module, and in a class of it;
    `variables`: the parameters of a function or class written `f[T]`."""

    def __init__(self, stubs, module, variables=()):
        self.stubs, self.module = stubs, module
        self.variables = set(variables)

    def text(self, text):
        try:
            return self.type(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError):
            return None

    def type(self, node, depth=0):
        if node is None or depth > DEPTH_MAX:
            return None
        if isinstance(node, ast.Constant):
            if node.value is None:
                return "None"
            if isinstance(node.value, str):
                return self.text(node.value)
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return union([self.type(node.left, depth + 1),
                          self.type(node.right, depth + 1)])
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.named(written(node), (), depth)
        if isinstance(node, ast.Subscript):
            inner = node.slice
            inner = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if not isinstance(node.value, (ast.Name, ast.Attribute)):
                return None
            return self.named(written(node.value), inner, depth)
        return None

    def named(self, dotted, arguments, depth):
        if dotted in self.variables:
            return "Any"
        found = self.stubs.find_path(self.module, dotted)
        if found is None:
            return self.built_in(dotted, arguments, depth)
        module, nodes = found
        if nodes is None:
            return None
        node = nodes[-1]
        name = name_of(node) or dotted.rpartition(".")[2]
        full = f"{module.name}.{name}"
        kept = KEPT_ALIASES.get(full) or self.kept(module, name)
        if kept:
            return kept
        if module.name in TYPING or module.name == "builtins":
            special = self.special(module, name, node, arguments, depth)
            if special is not False:
                return special
        if isinstance(node, ast.ClassDef):
            return self.of_class(module, node, arguments, depth)
        if module.name in TYPING and not module.is_stub:
            return self.generic(name, arguments, depth)  # made by a call there
        if isinstance(node, ast.Assign):
            return self.alias(module, name, node.value, depth)
        if isinstance(node, ast.AnnAssign) and node.value is not None \
                and "TypeAlias" in written(node.annotation):
            return self.alias(module, name, node.value, depth)
        if type(node).__name__ == "TypeAlias":
            return self.alias(module, name, node.value, depth)
        return None

    def kept(self, module, name):
        """Of NumPy's aliases for what becomes an array or a dtype."""
        if not module.name.startswith(("numpy._typing", "numpy.typing")):
            return None
        if "ArrayLike" in name and "Shape" not in name:
            return "numpy.ArrayLike"
        if "DTypeLike" in name:
            return "numpy.DTypeLike"
        return None

    def built_in(self, dotted, arguments, depth):
        """Without typeshed, and of texts that name no module."""
        name = dotted.rpartition(".")[2]
        if dotted.rpartition(".")[0] in ("", *TYPING, "builtins", "t"):
            special = self.special(None, name, None, arguments, depth)
            if special is not False:
                return special
            import builtins
            if isinstance(getattr(builtins, name, None), type):
                return self.generic(name, arguments, depth)
        if "." in dotted:
            return self.generic(dotted, arguments, depth)
        return None

    def special(self, module, name, node, arguments, depth):
        """Of typing; False: it is nothing special."""
        is_typing = module is None or module.name in (
            "typing", "typing_extensions", "_typeshed", "types",
            "collections.abc", "_collections_abc")
        if name in ("Any", "Incomplete", "Unused", "MaybeNone"):
            return "Any"
        if name in ("Self", "Callable"):
            return name
        if name in ("NoneType", "Never", "NoReturn"):
            return "None"
        if not is_typing:
            return False
        types = [self.type(each, depth + 1) for each in arguments] \
            if name != "Literal" else ()
        if name == "Optional":
            return union([*types, "None"])
        if name == "Union":
            return union(types)
        if name == "Literal":
            return self.literal(arguments)
        if name in ("Annotated", "Final", "ClassVar", "Required", "NotRequired",
                    "ReadOnly"):
            return types[0] if types else None
        if name in ("TypeGuard", "TypeIs"):
            return "bool"
        if name in ("Concatenate", "Unpack", "ParamSpec"):
            return "Any"
        if name in ("FunctionType", "MethodType", "LambdaType"):
            return "Callable"
        if name in OLD_NAMES and (module is None or module.name != "_typeshed"):
            return self.generic(OLD_NAMES[name], arguments, depth)
        return False

    def literal(self, arguments):
        values = []
        for each in arguments:
            try:
                value = ast.literal_eval(each)
            except ValueError:  # a member of an enum, or an alias of another
                if isinstance(each, ast.Attribute):
                    return self.type(each.value)
                inner = self.type(each)
                if isinstance(inner, list) and inner[0] == "literal":
                    values += inner[1:]
                    continue
                return inner
            values.append(value)
        if all(value is None for value in values):
            return "None"
        plain = [value for value in values if isinstance(value, (str, int))]
        told = ["literal", *plain] if plain else "bytes"
        return union([told, "None"]) if None in values else told

    def of_class(self, module, node, arguments, depth):
        name = node.name
        qualified = self.stubs.qualified(module, node)
        if module.name in TYPING or module.name == "builtins":
            if name == "PathLike":
                return self.generic(name, arguments, depth)
            if module.name != "types":
                return self.generic(qualified, arguments, depth)
        if module.name == "os" and name == "PathLike":
            return self.generic(name, arguments, depth)
        if module.name == "contextlib":
            return self.generic(name, arguments, depth)
        return f"{module.name}.{qualified}"

    def generic(self, name, arguments, depth):
        name = {"Pattern": "re.Pattern", "Match": "re.Match"}.get(name, name)
        if name not in CONTAINERS or not arguments:
            return name
        inner = []
        for each in arguments:
            if isinstance(each, ast.Constant) and each.value is ...:
                inner.append("...")
            elif isinstance(each, ast.Tuple) and not each.elts:
                continue
            elif isinstance(each, ast.Starred):
                return name
            else:
                inner.append(self.type(each, depth + 1))
        return [name, *inner]

    def alias(self, module, name, value, depth):
        """What an alias stands for; inside itself, anything."""
        key = (module.name, name)
        if key in self.stubs.expanding:
            return "Any"
        if key not in self.stubs.aliases:
            self.stubs.expanding.add(key)
            try:
                self.stubs.aliases[key] = self.expanded(module, value, depth)
            finally:
                self.stubs.expanding.remove(key)
        return self.stubs.aliases[key]

    def expanded(self, module, value, depth):
        if isinstance(value, ast.Call):
            return self.made_by(module, value, depth)
        if isinstance(value, ast.Constant) and isinstance(value.value, str) \
                or isinstance(value, (ast.Name, ast.Attribute, ast.Subscript,
                                      ast.BinOp)):
            return Reader(self.stubs, module).type(value, depth + 1)
        return None

    def made_by(self, module, call, depth):
        """A TypeVar as its bound, a NewType as what it is new of."""
        made = written(call.func).rpartition(".")[2]
        there = Reader(self.stubs, module, self.variables)
        if made == "TypeVar":
            for each in call.keywords:
                if each.arg == "bound":
                    return there.type(each.value, depth + 1)
            limits = [there.type(each, depth + 1) for each in call.args[1:]]
            return union(limits) if limits else "Any"
        if made == "NewType" and len(call.args) == 2:
            return there.type(call.args[1], depth + 1)
        if made in ("ParamSpec", "TypeVarTuple"):
            return "Any"
        if made in ("namedtuple", "NamedTuple"):
            return "tuple"
        return None

