"""What the public headers are to the programs of users: no warning comes out of
them, also where all is inlined, and a mistake is told by what to do about it.

    test_headers.py COMPILER
"""
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = "c++"

OPENING = """
#include <snakebridge/snakebridge.hpp>
namespace sb = snakebridge;
using namespace snakebridge::literals;
struct unknown {};
void f(const sb::bridge& bridge, const sb::value& v) {
"""


def compiled(source, *options):
    return subprocess.run(
        [COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", *options,
         "-I", str(ROOT / "include"), "-x", "c++", "-"],
        input=source, capture_output=True, text=True, check=False)


class Warnings(unittest.TestCase):
    def test_a_program_that_uses_all_of_it_has_none(self):
        source = (ROOT / "tests/tools/user_program.cpp").read_text("utf-8")
        # One that fmt 9 and gcc 12 make of each other is not ours to mend.
        done = compiled(source, "-O3", "-c", "-o", "/dev/null", "-Werror",
                        "-Wrestrict", "-Wmaybe-uninitialized",
                        "-Wno-stringop-overflow")
        self.assertEqual(done.returncode, 0, done.stderr)


class Mistakes(unittest.TestCase):
    def test_a_type_without_a_converter_is_said_to_want_one(self):
        for code in ("v.as<unknown>();", "(void)v.to<unknown>();",
                     "v.cast<std::vector<unknown>>();",
                     '(void)bridge.call("m", "f", unknown{});',
                     '(void)bridge.call("m", "f", "x"_a = unknown{});'):
            with self.subTest(code=code):
                done = compiled(OPENING + code + "}", "-fsyntax-only")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("specialise sb::converter<T>", done.stderr)

    def test_a_result_that_is_left_lying_is_a_warning(self):
        done = compiled(OPENING + 'bridge.exec("x = 1"); (void)v; }',
                        "-fsyntax-only")
        self.assertIn("-Wunused-result", done.stderr)


if __name__ == "__main__":
    COMPILER = sys.argv.pop(1)
    unittest.main()
