"""Types that docstrings tell, as data (stubs.py says how), and the signatures
that C functions write in their first lines."""

import ast
import re

from stubs import union

try:
    import docstring_parser
except ImportError:  # then docstrings tell no types
    docstring_parser = None

WORDS = {
    "int": "int", "integer": "int", "integers": "int", "ints": "int",
    "float": "float", "floats": "float", "double": "float", "number": "float",
    "scalar": "float", "real": "float", "numeric": "float",
    "bool": "bool", "boolean": "bool", "bools": "bool", "booleans": "bool",
    "str": "str", "string": "str", "strings": "str", "strs": "str",
    "bytes": "bytes", "complex": "complex", "none": "None", "object": "object",
    "any": "Any", "self": "Self", "dict": "dict", "dictionary": "dict",
    "mapping": "Mapping", "list": "list", "lists": "list", "tuple": "tuple",
    "tuples": "tuple", "set": "set", "frozenset": "frozenset",
    "sequence": "Sequence", "iterable": "Iterable", "iterator": "Iterator",
    "generator": "Generator", "callable": "Callable", "function": "Callable",
    "callables": "Callable", "path": "StrPath", "pathlib.path": "StrPath",
    "file-like": "object", "slice": "slice", "type": "type",
    "dtype": "numpy.DTypeLike", "data-type": "numpy.DTypeLike",
    "array_like": "numpy.ArrayLike", "array-like": "numpy.ArrayLike",
    "array-likes": "numpy.ArrayLike",
    "arraylike": "numpy.ArrayLike", "ndarray": "numpy.ndarray",
    "ndarrays": "numpy.ndarray", "array": "numpy.ndarray",
    "arrays": "numpy.ndarray", "np.ndarray": "numpy.ndarray",
    "numpy.ndarray": "numpy.ndarray", "matrix": "numpy.ArrayLike",
    "dataframe": "pandas.DataFrame", "series": "pandas.Series",
    "pandas.dataframe": "pandas.DataFrame", "pandas.series": "pandas.Series",
    "sparse matrix": "scipy.sparse.spmatrix",
    "sparse array": "scipy.sparse.spmatrix", "csr": "scipy.sparse.spmatrix",
    "randomstate": "numpy.random.RandomState",
    "randomstate instance": "numpy.random.RandomState",
    "numpy.random.randomstate": "numpy.random.RandomState",
    "estimator": "object", "estimator object": "object",
    "estimator instance": "object", "bunch": "dict",
    "cross-validation generator": "Generator", "cv splitter": "object",
    "inf": "float", "np.inf": "float", "np.nan": "float", "nan": "float",
    "true": "bool", "false": "bool", "datetime": "datetime.datetime",
    "timedelta": "datetime.timedelta", "date": "datetime.date",
}
PLURALS = {"list", "tuple", "Sequence", "Iterable", "set", "frozenset",
           "Iterator", "Generator"}
NOISE = re.compile(
    r"""\bof\s+shape\b.*|\bof\s+length\b.*|\bof\s+size\b.*|\bwith\s+shape\b.*
      |,?\s*\bshape\s*=?\s*[\(\[].*|\binstances?\b|\bobjects?\b(?=\s|$)
      |\bin\s+(?:the\s+)?(?:range|interval)\b.*|\bwith\s+values\b.*|\bfrom\b.*
      |\bdefault\b.*|\boptional\b.*|\brequired\b|\bkeyword[ -]only\b
      |\((?:n_|\s*\d|,|\*)[^()]*\)|\bof\s+dtype\b.*|\bdtype\s*[=:].*
      |\bsuch\s+that\b.*|\bwhich\b.*|^\s*(?:an?|the)\s+|:(?:class|obj|term):
      |\bsubclass\b.*|\bor\s+more\b|\bpositive\b|\bnon-?negative\b|\bstrictly\b
      |\bsame\b.*|\bdense\b|\bscalar\b(?=\s+(?:int|float|bool))""",
    re.IGNORECASE | re.VERBOSE)


SHAPES = re.compile(
    r"(?:,?\s*\b(?:of|with))?\s*\bshape\b\s*=?:?\s*[\[(][^\])]*[\])]"
    r"(?:\s*(?:or|,)\s*\([^)]*\))*|,\s*default\b.*|:\w+:|~", re.IGNORECASE)
# A class that nobody generates is known by its name, at least.
CLASS = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*[a-z]\w*")


def split_outside(text, pattern):
    """At a pattern that stands in no brackets."""
    depth, parts, begin, at = 0, [], 0, 0
    while at < len(text):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        found = pattern.match(text, at) if depth == 0 else None
        if found and found.end() > at:
            parts.append(text[begin:at])
            begin = at = found.end()
        else:
            at += 1
    return [*parts, text[begin:]]


ALTERNATIVES = re.compile(r"\s*(?:,\s*or\s+|\s+or\s+|\s*\|\s*|,\s*)")


def of_set(text):
    """{'a', 'b'} and {None, int}: its items, each a value or a type."""
    parts = []
    for each in split_outside(text.strip()[1:-1], re.compile(r"\s*,\s*")):
        word = each.strip().strip("`")
        try:
            value = ast.literal_eval(word)
        except (SyntaxError, ValueError):
            parts.append(of_text(word) if word else None)
            continue
        parts.append("None" if value is None else
                     ["literal", value] if isinstance(value, (str, int, bool))
                     else type(value).__name__)
    known = [part for part in parts if part is not None]
    return union(known) if known else None


def of_text(text, classes=None):
    """The type a docstring names so; None: it names none that we know. classes:
    full names by what they are called there."""
    if text is None:
        return None
    text = SHAPES.sub(" ", text.strip().strip(".")).replace("`", "").strip(" ,")
    if text.startswith("{") and text.endswith("}") and text.count("{") == 1:
        return of_set(text)
    alternatives = split_outside(text, ALTERNATIVES)
    if len(alternatives) > 1:
        known = [each for each in (of_text(part, classes)
                                   for part in alternatives) if each]
        return union(known) if known else None
    word = NOISE.sub(" ", text).strip(" ,;:.()")
    word = re.sub(r"\s+", " ", word)
    if not word:
        return "object" if text.lower() in ("object", "instance") else None
    if word.lower() in WORDS:
        return WORDS[word.lower()]
    if classes and word.rpartition(".")[2] in classes:
        return classes[word.rpartition(".")[2]]
    try:
        value = ast.literal_eval(word)
    except (SyntaxError, ValueError, MemoryError):
        value = ...
    if isinstance(value, (str, bool)):
        return ["literal", value]
    if value is not ... and isinstance(value, (int, float)):
        return type(value).__name__
    of = re.fullmatch(r"([\w-]+)(?:\s+(?:of|\[))\s*\(?(.+?)[\])]*", word)
    if of and of[1].lower() in WORDS:
        outer, inner = WORDS[of[1].lower()], of_text(of[2], classes)
        if outer in PLURALS and inner:
            tail = ["..."] if outer == "tuple" else []
            return [outer, inner, *tail]
        return outer
    brackets = re.fullmatch(r"([\w.]+)\[(.*)\]", word)
    if brackets and brackets[1].lower() in WORDS:
        return WORDS[brackets[1].lower()]
    first = word.split(" ")[0].strip(",;:")
    if first.lower() in WORDS:
        return WORDS[first.lower()]
    if CLASS.fullmatch(word):
        return word
    if " " in word and word.rsplit(" ", 1)[1].lower() in WORDS:
        return WORDS[word.rsplit(" ", 1)[1].lower()]
    return None


class Told:
    """What one docstring says: `parameters` by name, and `returns`."""

    def __init__(self, doc, classes=None):
        self.parameters, self.returns, self.yields = {}, None, False
        if not doc or docstring_parser is None:
            return
        try:
            parsed = docstring_parser.parse(doc)
        except Exception:  # of a text that is none of those it knows
            return
        for each in parsed.params:
            told = of_text(each.type_name, classes)
            for name in (each.arg_name or "").split(","):
                if told:
                    self.parameters[name.strip().lstrip("*")] = told
        many = [each for each in parsed.many_returns]
        types = []
        for each in many:
            if each.return_name == "self" or each.type_name == "self":
                types.append("Self")
            else:
                types.append(of_text(each.type_name, classes))
        if len(types) == 1:
            self.returns = types[0]
        elif types and all(types):
            self.returns = ["tuple", *types]
        self.yields = any(each.is_generator for each in many)


SIGNATURE = re.compile(r"\s*(?:[\w.]+\.)?(\w+)\((.*?)\)\s*(?:->\s*(.+))?$")


def written_signature(name, doc):
    """Of "sin(x, /, out=None, *, where=True)", as runtime.py tells one."""
    for line in (doc or "").splitlines()[:4]:
        found = SIGNATURE.match(line)
        if not found or found[1] != name:
            continue
        inside = re.sub(r"\[\s*,", ",", found[2]).replace("]", "")
        inside = re.sub(r",\s*\.\.\.", "", inside)
        optional = set()
        if "[" in found[2]:
            optional = set(re.findall(r"\w+", found[2].split("[", 1)[1]))
        inside = inside.replace("[", "")
        try:
            made = ast.parse(f"def f({inside}): ...").body[0].args
        except SyntaxError:
            continue
        return {"parameters": list(parameters_of(made, optional))}
    return None


def parameters_of(arguments, optional):
    defaults = [None] * (len(arguments.posonlyargs) + len(arguments.args)
                         - len(arguments.defaults)) + arguments.defaults
    positional = [*arguments.posonlyargs, *arguments.args]
    has_optional = False
    for at, (each, default) in enumerate(zip(positional, defaults)):
        made = {"name": each.arg, "kind": "positional_only"
                if at < len(arguments.posonlyargs) else "positional"}
        has_optional |= default is not None or each.arg in optional
        if default is not None:
            made["default"] = ast.unparse(default)
        elif has_optional:
            made["default"] = "..."
        yield made
    if arguments.vararg:
        yield {"name": arguments.vararg.arg, "kind": "rest"}
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        made = {"name": each.arg, "kind": "keyword"}
        if default is not None:
            made["default"] = ast.unparse(default)
        yield made
    if arguments.kwarg:
        yield {"name": arguments.kwarg.arg, "kind": "more"}
