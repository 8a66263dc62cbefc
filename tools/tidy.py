#!/usr/bin/python3
"""Checks the house rules that a machine can check; run by ctest.

    tidy.py                            layering and style of every file
    tidy.py --headers [--compiler C]   each public header compiles alone

Prints file:line: what is wrong and what to do, and ends with 1 if anything is.
The layers are DESIGN.md section 5, the style is STYLE.md. Functions are found
by their indentation: the code is formatted by clang-format, two spaces deep.
"""

import argparse
import concurrent.futures
import io
import os
import pathlib
import re
import subprocess
import sys
import tokenize

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
COLUMNS_MAX = 80

# What each folder may see of the others; users of the API see none of them.
BELOW = {
    "schemas": set(),
    "config": set(),
    "runtime": {"schemas", "config"},
    "environment": {"config", "runtime"},
    "actors": {"config", "runtime"},
    "supervisors": {"config", "runtime", "actors"},
    "bridge": {"config", "runtime", "environment", "actors", "supervisors"},
}
# What each room of runtime may see of the others.
ROOMS = {
    "base": set(),
    "values": {"base"},
    "wire": {"base", "values"},
    "python": {"base", "values", "wire"},
    "worker": {"base", "values", "wire", "python"},
    "calls": {"base", "values", "wire"},
}
ROOMS["hosts"] = set(ROOMS) - {"worker"}
ROOMS["node"] = {"base", "values", "wire", "calls"}
BELOW["testing"] = set(BELOW)
LAYERS = set(BELOW)
USERS = {"cli", "codegen", "examples", "bench"}
BELOW.update({user: set() for user in USERS})
BELOW["tests"] = LAYERS | USERS | {"tools"}
# The command line runs what generates wrappers.
SEEN_BY_USERS = {"cli": {"codegen"}}

PUBLIC = "include/snakebridge/"

# Third-party headers and targets: their homes, and why nowhere else.
PYTHON_HOMES = ("runtime/python/", "bench/", "examples/compare/", "tests/")
CAPNP_HOMES = ("runtime/wire/", "runtime/python/", "runtime/worker/",
               "runtime/hosts/", "runtime/node/", "schemas/", "tests/",
               "bench/nodes.cpp")
RPC_HOMES = ("runtime/node/", "tests/", "bench/nodes.cpp")
# Measures what has no public API of its own, beside what it is made of.
SEES_INSIDE = {"bench/nodes.cpp": {"runtime", "schemas"}}
CAF_HOMES = ("actors/", "supervisors/", "bridge/", "testing/", "cli/",
             "codegen/", "examples/", "bench/", "tests/",
             PUBLIC + "actors.hpp", PUBLIC + "supervisor.hpp",
             PUBLIC + "testing_actors.hpp")
THIRD_PARTIES = (
    (re.compile(r"(pybind11/|Python\.h$|numpy/)"), PYTHON_HOMES,
     "CPython is seen only in runtime/python"),
    (re.compile(r"(capnp/|kj/|.*\.capnp\.h$)"), CAPNP_HOMES,
     "Cap'n Proto is seen only in runtime's wire, python, worker and hosts, and "
     "in schemas"),
    (re.compile(r"(capnp/(capability|ez-rpc|membrane|rpc|rpc-twoparty"
                r"|serialize-async)\.h|kj/(async|compat|timer)"
                r"|schemas/node\.capnp\.h)"), RPC_HOMES,
     "networks are seen only in runtime/node"),
    (re.compile(r"openssl/"),
     (*RPC_HOMES, "cli/certificates.cpp", "codegen/sha256.cpp",
      "environment/sha256.cpp"),
     "networks are seen only in runtime/node, certificates where they are "
     "made, hashes in sha256.cpp"),
    (re.compile(r"caf/"), CAF_HOMES,
     "CAF is seen only from actors on, and in <snakebridge/actors.hpp>, "
     "<snakebridge/supervisor.hpp> and <snakebridge/testing_actors.hpp>"),
)
TARGETS = (
    (re.compile(r"\b(pybind11|Python3)::"),
     ("runtime/", "bench/", "examples/compare/", "tests/"),
     "only runtime links CPython"),
    (re.compile(r"\bCapnProto::capnp\b"), ("schemas/", "tests/"),
     "only schemas links Cap'n Proto"),
    (re.compile(r"\bCapnProto::(capnp-rpc|kj)"),
     ("schemas/", "runtime/", "bench/", "tests/"),
     "only schemas and runtime link what networks need"),
    (re.compile(r"\bOpenSSL::"),
     ("schemas/", "runtime/", "environment/", "bench/", "tests/", "cli/",
      "codegen/"),
     "only schemas and runtime link what networks need, and what makes "
     "certificates or hashes"),
    (re.compile(r"\bCAF::"), CAF_HOMES, "CAF is linked only from actors on"),
)

TOKENS = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<text>R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"
               | "(?:\\.|[^"\\\n])*"
               | (?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*')""",
    re.DOTALL | re.VERBOSE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]',
                     re.MULTILINE)
NO_FUNCTION = re.compile(
    r"\s*(\}|namespace|class|struct|enum|union|extern|if|for|while|switch|do"
    r"|else|try|catch|case|default)\b|\s*\}")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
SHELL_SLEEP = re.compile(r"(^|[;&|(]|\bdo\b|\bthen\b)\s*sleep\b")
PORT = re.compile(
    r"""\bport\w*\s*(=|\{|\(|:)\s*[1-9]\d*\b
      | (localhost|127\.0\.0\.1|0\.0\.0\.0|\[?::1?\]?)"?\s*[:,]\s*[1-9]\d*\b
      | \b(publish|remote_actor|htons)\s*\((\w+\s*,\s*)?[1-9]\d*\b""",
    re.VERBOSE)


def blanked(text):
    """The text as spaces, its lines kept."""
    return re.sub(r"[^\n]", " ", text)


class Source:
    """One file: `text` as it is, `uncommented` without comments, `code` also
    without the insides of strings. Lines and columns are the same in all."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.folder = self.path.split("/")[0]
        self.root = root
        self.text = path.read_text(encoding="utf-8")
        self.uncommented = self.code = self.text
        if self.is_cpp():
            self.uncommented = TOKENS.sub(
                lambda m: blanked(m[0]) if m["comment"] else m[0], self.text)
            self.code = TOKENS.sub(lambda m: blanked(m[0]), self.text)
        elif self.is_cmake():
            self.uncommented = re.sub(r"#[^\n]*", "", self.text)

    def is_cpp(self):
        return self.path.endswith((".hpp", ".cpp"))

    def is_header(self):
        return self.path.endswith(".hpp")

    def is_public(self):
        return self.path.startswith(PUBLIC)

    def is_cmake(self):
        return self.path.endswith("CMakeLists.txt")

    def line_of(self, position):
        return self.text.count("\n", 0, position) + 1

    def includes(self):
        """Line, whether quoted, and path of each #include."""
        for found in INCLUDE.finditer(self.uncommented):
            yield (self.line_of(found.start()), found[1] == '"', found[2])

    def folder_of(self, included, quoted):
        """The folder of ours that an included file lies in, or None."""
        first = included.split("/")[0]
        if first in BELOW and "/" in included:
            return first
        if quoted:
            return self.folder
        return None


def room_of(path):
    """The room of runtime that a file lies in, or None."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "runtime" else None


def include_layering(source):
    for line, quoted, included in source.includes():
        if included == "caf/all.hpp":
            yield line, "includes caf/all.hpp: include what is used"
        for pattern, homes, why in THIRD_PARTIES:
            if pattern.match(included) and not source.path.startswith(homes):
                yield line, f"includes {included}: {why}"
        folder = source.folder_of(included, quoted)
        if source.is_public():
            if folder is not None:
                yield line, (f"includes {included}: a public header sees only "
                             "public ones, as <snakebridge/...>")
        elif source.folder in USERS:
            if folder not in {None, source.folder} \
                    | SEES_INSIDE.get(source.path, set()) \
                    | SEEN_BY_USERS.get(source.folder, set()):
                yield line, (f"includes {included}: {source.folder} uses the "
                             "library as strangers do, by <snakebridge/...>")
        elif folder not in (None, source.folder) \
                and folder not in BELOW.get(source.folder, LAYERS):
            yield line, (f"includes {included}: {source.folder} must not see "
                         f"{folder}; arrows point from right to left")
        elif source.folder == folder == "runtime":
            mine, other = room_of(source.path), room_of(included)
            if other != mine and other not in ROOMS.get(mine, set()):
                yield line, (f"includes {included}: the room {mine} must not "
                             f"see {other}")


def target_layering(source):
    seen = BELOW.get(source.folder, set()) | {source.folder}
    allowed = {f"sb_{name}" for name in seen} | {"sb_options"}
    if source.folder == "bench":
        allowed.add("sb_node")
    if "schemas" in seen:
        allowed.add("sb_node_schemas")
    if "runtime" in seen:
        allowed |= {f"sb_{room}" for room in ROOMS}
    for number, line in enumerate(source.uncommented.splitlines(), 1):
        if source.folder in BELOW and source.folder != "tests":
            for target in re.findall(r"\bsb_\w+", line):
                if target not in allowed:
                    yield number, (f"links {target}: {source.folder} must not "
                                   "see it")
        if source.folder in LAYERS and "snakebridge::snakebridge" in line:
            yield number, "links the library that is made of this layer"
        for pattern, homes, why in TARGETS:
            if source.folder in BELOW and pattern.search(line) \
                    and not source.path.startswith(homes):
                yield number, f"links {pattern.search(line)[0]}…: {why}"


def columns(source):
    for number, line in enumerate(source.text.splitlines(), 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {COLUMNS_MAX}"


def functions(source):
    """First line, last line and text of the first line of each function."""
    lines = source.code.splitlines()
    for last, line in enumerate(lines):
        closing = re.fullmatch(r"( *)\} *", line)
        if not closing:
            continue
        indent = len(closing[1])
        for first in range(last - 1, -1, -1):
            opening = lines[first]
            if not opening.strip() or opening.lstrip().startswith("#"):
                continue
            if len(opening) - len(opening.lstrip()) <= indent:
                break
        else:
            continue
        if "(" in opening and not NO_FUNCTION.match(opening):
            yield first + 1, last + 1, opening.strip()


def lengths(source):
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield lines, f"{lines} lines: is there a second noun in this file?"
    for first, last, opening in functions(source):
        length = last - first + 1
        if length > FUNCTION_LINES_MAX:
            name = opening.split("(")[0].split()[-1]
            yield first, f"{name} has {length} lines: has a part a name?"


def header_opening(source):
    lines = source.text.splitlines()
    if not lines or lines[0] != "#pragma once":
        yield 1, "a header begins with #pragma once"
        return
    told = [line for line in lines[1:] if line.strip()]
    if not told or not told[0].startswith("//"):
        yield 2, ("after #pragma once, say in a paragraph what this is, who "
                  "owns it and on which thread it lives")


def own_header_first(source):
    own = source.path[:-len("cpp")] + "hpp"
    if not source.path.endswith(".cpp") or not (source.root / own).is_file():
        return
    for line, _, included in source.includes():
        if included not in (own, own.split("/")[-1]):
            yield line, f'includes {included} first: "{own}" comes first'
        return


def python_code(text):
    """Python source without its comments and the insides of its strings."""
    lines = text.splitlines(keepends=True)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    kept = [re.sub(r"[^\n]", " ", line) for line in lines]
    for token in tokens:
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER):
            row, begin = token.start[0] - 1, token.start[1]
            kept[row] = (kept[row][:begin] + token.string
                         + kept[row][begin + len(token.string):])
    return "".join(kept)


def sleeps(source):
    if source.path.endswith(".sh"):
        pattern, code = SHELL_SLEEP, source.text
    elif source.path.endswith(".py"):
        pattern, code = SLEEP, python_code(source.text)
    else:
        pattern, code = SLEEP, source.code
    for number, line in enumerate(code.splitlines(), 1):
        if pattern.search(line):
            yield number, ("a test never sleeps: wait for the event, or move "
                           "the fake clock")


def ports(source):
    code = source.uncommented
    if source.path.endswith(".py"):
        code = python_code(source.text)
    for number, line in enumerate(code.splitlines(), 1):
        if PORT.search(line):
            yield number, "a fixed port: listen on 0 and ask which it became"


def mirrored(root):
    """Sources and their tests: of one name, or told in tests/mirror.txt."""
    told = {}
    page = root / "tests/mirror.txt"
    lines = page.read_text(encoding="utf-8").splitlines() \
        if page.is_file() else []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            name, *tests = line.split()
            told[name] = (number, tests)
    for folder in ("config", "runtime", "environment", "actors", "supervisors",
                   "bridge", "testing"):
        for path in sorted((root / folder).rglob("*.cpp")):
            name = path.relative_to(root).as_posix()
            own = root / "tests" / (name[:-len(".cpp")] + "_test.cpp")
            number, tests = told.pop(name, (0, []))
            if own.is_file() and number:
                yield (f"tests/mirror.txt:{number}: {name} has a test of its "
                       "name: leave it out here")
            elif not own.is_file() and not tests:
                yield (f"{name}:1: has no {own.relative_to(root)}: write it, "
                       "or say in tests/mirror.txt which tests show it")
            for test in tests:
                if not (root / test).is_file():
                    yield f"tests/mirror.txt:{number}: there is no {test}"
    for name, (number, _) in told.items():
        yield f"tests/mirror.txt:{number}: there is no {name}"


def rules_for(source):
    rules = []
    if source.is_cpp():
        rules += [include_layering, columns, own_header_first]
    if source.is_header():
        rules.append(header_opening)
    if source.is_cmake():
        rules.append(target_layering)
    if source.folder == "tests" \
            and source.path.endswith((".hpp", ".cpp", ".py", ".sh")):
        rules += [sleeps, ports]
    return rules


def files_of(root):
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith(".")
                          and name not in ("build", "__pycache__"))
        for name in sorted(names):
            if name.endswith((".hpp", ".cpp", ".py", ".sh")) \
                    or name == "CMakeLists.txt":
                yield pathlib.Path(folder) / name


def findings(root):
    """Every broken rule of the tree, as "file:line: message"."""
    for path in files_of(root):
        source = Source(root, path)
        for rule in rules_for(source):
            for line, message in rule(source):
                yield f"{source.path}:{line}: {message}"


def hints(root):
    """Sizes that are worth a look, and break no rule."""
    for path in files_of(root):
        source = Source(root, path)
        if source.is_cpp():
            for line, message in lengths(source):
                yield f"{source.path}:{line}: {message}"


def header_findings(root, compiler):
    """Every public header that does not compile alone, without warnings."""
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra",
               "-Wpedantic", "-Werror", "-I", str(root / "include"),
               "-x", "c++", "-"]
    headers = sorted(path.relative_to(root / "include").as_posix()
                     for path in (root / PUBLIC).rglob("*.hpp"))

    def compiled(header):
        return subprocess.run(command, input=f"#include <{header}>\n",
                              capture_output=True, text=True, check=False)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, done in zip(headers, pool.map(compiled, headers)):
            if done.returncode != 0:
                yield (f"include/{header}:1: does not compile alone: include "
                       f"what it uses\n{done.stderr.rstrip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, help="the checkout",
                        default=pathlib.Path(__file__).parent.parent)
    parser.add_argument("--headers", action="store_true",
                        help="compile each public header alone")
    parser.add_argument("--compiler", default="c++", help="for --headers")
    options = parser.parse_args()
    root = options.root.resolve()
    if not (root / "include").is_dir():
        parser.error(f"{root} is no checkout: it has no include/")
    found = list(header_findings(root, options.compiler) if options.headers
                 else [*findings(root), *mirrored(root)])
    for hint in () if options.headers else hints(root):
        print(f"hint: {hint}")
    for finding in found:
        print(finding)
    if found:
        print(f"{len(found)} broken rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
