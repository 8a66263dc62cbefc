"""docs/GUIDE.md: every snippet compiles, runs and prints what it says.

    test_guide.py --write PROGRAM.cpp

makes one program of all its blocks of C++ and TOML; without it that program,
which SNAKEBRIDGE_GUIDE names, is run and compared. A block with an `int main`
is a whole program; one below `<!-- beside -->` stands at namespace scope and is
seen by those after it; any other is the body of a function that has a started
`bridge`. What `// prints:` says is all that a block prints.
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "GUIDE.md"
PATIENCE_S = 100
BLOCK = re.compile(r"(<!-- beside -->\n)?^```(cpp|toml)\n(.*?)^```$",
                   re.DOTALL | re.MULTILINE)
INCLUDE = re.compile(r"^#include .*\n", re.MULTILINE)
LINES_MAX = 520

PROLOGUE = """\
#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>
#include <snakebridge/testing.hpp>

namespace sb = snakebridge;
using namespace sb::literals;
using namespace std::chrono_literals;
"""

MAIN = """
int main(int argc, char** argv) {
  (void)argc, (void)argv;
  sb::bridge bridge{sb::config{
    .pools = {{.size = 2}, {.name = "reports", .size = 1}}, .timeout = 30s}};
  const auto run = [&](int line, auto snippet) {
    std::cout << "== " << line << std::endl;
    std::cout.copyfmt(std::ios{nullptr});
    try {
      snippet();
    } catch (const std::exception& thrown) {
      std::cout << "threw " << thrown.what() << '\\n';
    }
    or_throw(bridge.release_auto_session());
  };
"""


class Block:
    def __init__(self, page, found):
        self.line = page.count("\n", 0, found.start(3)) + 1
        self.language = found[2]
        self.text = found[3]
        self.is_beside = found[1] is not None
        self.is_program = "int main(" in self.text
        self.prints = re.findall(r"// prints: (.*)$", self.text, re.MULTILINE)

    def code(self):
        """At namespace scope."""
        at = f'#line {self.line} "docs/GUIDE.md"\n'
        if self.is_beside:
            return at + self.text
        if self.is_program:
            return (f"namespace program_{self.line} {{\n{at}"
                    + re.sub(INCLUDE, "\n", self.text).replace(
                        "int main(", "int run(") + "}\n")
        if self.language == "toml":
            return (f"void snippet_{self.line}(sb::bridge&) {{\n"
                    f'or_throw(sb::parse_config(R"~({self.text})~", "page"));\n'
                    "}\n")
        return (f"void snippet_{self.line}([[maybe_unused]] sb::bridge& bridge)"
                f" {{\n{at}{self.text}}}\n")

    def call(self):
        if self.is_beside:
            return ""
        what = f"program_{self.line}::run(argc, argv)" if self.is_program \
            else f"snippet_{self.line}(bridge)"
        return f"  run({self.line}, [&] {{ {what}; }});\n"


def blocks():
    page = PAGE.read_text(encoding="utf-8")
    return [Block(page, found) for found in BLOCK.finditer(page)]


def program():
    """All of them as one."""
    parts = blocks()
    includes = {line for each in parts if each.is_program
                for line in INCLUDE.findall(each.text)}
    return "\n".join(["".join(sorted(includes)) + PROLOGUE,
                      *(each.code() for each in parts)]) \
        + MAIN + "".join(each.call() for each in parts) + "}\n"


class Guide(unittest.TestCase):
    def test_every_snippet_prints_what_it_says(self):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith("SNAKEBRIDGE_")}
        done = subprocess.run([os.environ["SNAKEBRIDGE_GUIDE"]], text=True,
                              capture_output=True, timeout=PATIENCE_S,
                              check=False, env=clean)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = {int(part.split("\n", 1)[0]): part.split("\n", 1)[1]
                for part in done.stdout.split("== ")[1:]}
        for each in blocks():
            if each.is_beside:
                continue
            with self.subTest(line=each.line):
                lines = [line.rstrip() for line in told[each.line].splitlines()]
                self.assertEqual(lines, each.prints, done.stderr)

    def test_there_is_much_to_run(self):
        self.assertGreater(len(blocks()), 25)

    def test_every_block_has_a_language(self):
        fences = re.findall(r"^```(.*)$", PAGE.read_text(encoding="utf-8"),
                            re.MULTILINE)
        self.assertEqual(set(fences[0::2]) - {"cpp", "toml", "cmake", "sh"},
                         set())
        self.assertEqual(set(fences[1::2]), {""})

    def test_it_is_read_in_an_hour(self):
        lines = PAGE.read_text(encoding="utf-8").splitlines()
        self.assertLess(len(lines), LINES_MAX)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        pathlib.Path(sys.argv[2]).write_text(program(), encoding="utf-8")
    else:
        unittest.main()
