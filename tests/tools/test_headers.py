"""What the public headers are to the programs of users: no warning comes out of
them, also where all is inlined, and a mistake is told by what to do about it.

    test_headers.py COMPILER [INCLUDE_DIR ...]
"""
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = "c++"
INCLUDE_DIRS = [str(ROOT / "include")]

OPENING = """
#include <snakebridge/snakebridge.hpp>
namespace sb = snakebridge;
using namespace snakebridge::literals;
template <int>
struct unknown {};
namespace shop {
struct strange { std::string name; unknown<10> what; };
SNAKEBRIDGE_FIELDS(strange, name, what);
struct foreign { unknown<11> what; };
SNAKEBRIDGE_FIELDS(foreign, what);
struct fixed { const int size = 0; };
SNAKEBRIDGE_FIELDS(fixed, size);
struct made { explicit made(int n) : size{n} {} int size; };
SNAKEBRIDGE_FIELDS(made, size);
struct viewed { std::string_view text; };
SNAKEBRIDGE_FIELDS(viewed, text);
}
void f([[maybe_unused]] const sb::bridge& bridge,
       [[maybe_unused]] const sb::value& v) {
"""


def compiled(source, *options):
    includes = [f"-I{folder}" for folder in INCLUDE_DIRS]
    return subprocess.run(
        [COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", *options,
         *includes, "-x", "c++", "-"],
        input=source, capture_output=True, text=True, check=False)


class Warnings(unittest.TestCase):
    def expect_none(self, program, level):
        source = (ROOT / "tests/tools" / program).read_text("utf-8")
        # One that fmt 9 and gcc 12 make of each other is not ours to mend.
        done = compiled(source, level, "-c", "-o", "/dev/null", "-Werror",
                        "-Wrestrict", "-Wmaybe-uninitialized",
                        "-Wno-stringop-overflow")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_program_that_uses_all_of_it_has_none(self):
        # Little is inlined for a debugger, and gcc warns of other things then.
        for level in "-O3", "-Og":
            with self.subTest(level=level):
                self.expect_none("user_program.cpp", level)

    def test_a_program_of_actors_has_none(self):
        self.expect_none("user_actors.cpp", "-O3")


class Mistakes(unittest.TestCase):
    def expect_told(self, says, mistakes):
        """Each is told by just one error, and no warning besides."""
        done = compiled(OPENING + "\n".join(mistakes) + "}", "-fsyntax-only")
        self.assertNotEqual(done.returncode, 0)
        told = [line for line in done.stderr.splitlines()
                if re.search("(error|warning): ", line)]
        self.assertEqual(len(told), len(mistakes), done.stderr)
        for line in told:
            self.assertIn(says, line)

    def test_each_type_without_a_converter_is_said_to_want_one(self):
        # A type for each, because a compiler tells of one only once.
        mistakes = (
            "v.as<unknown<0>>();",
            "(void)v.to<unknown<1>>();",
            "v.cast<std::vector<unknown<2>>>();",
            '(void)bridge.call("m", "f", unknown<3>{});',
            '(void)bridge.call("m", "f", "x"_a = unknown<4>{});',
            "(void)sb::args_of(std::vector<unknown<5>>{});",
            "(void)sb::kwargs_of(std::map<std::string, unknown<6>>{});")
        self.expect_told("specialise sb::converter<T>", mistakes)

    def test_a_field_that_cannot_be_one_is_said_why(self):
        # Where a struct is only sent, its members need not be read.
        for says, mistake in {
                "specialise sb::converter<T>": "v.as<shop::strange>();",
                "this type does not convert to a Python value":
                    '(void)bridge.call("m", "f", shop::foreign{});',
                "leave its const out": "v.as<shop::fixed>();",
                "give it a default constructor": "v.as<shop::made>();",
                "nobody would keep the text: ask for std::string":
                    "v.as<shop::viewed>();"}.items():
            with self.subTest(mistake):
                self.expect_told(says, [mistake])

    def test_who_asks_for_borrowed_text_is_said_to_ask_for_a_string(self):
        for mistake in ("v.as<std::string_view>();", "v.as<const char*>();",
                        "v.as<const std::string>();"):
            with self.subTest(mistake):
                self.expect_told("for std::string", [mistake])

    def test_a_pointer_into_what_is_about_to_go_is_refused(self):
        for says, mistake in {
                "use of deleted function":
                    'auto* p = sb::value{"x"}.get_if<std::string>();',
                "unable to deduce":
                    'auto* p = bridge.eval("x").error().python();'}.items():
            with self.subTest(mistake):
                self.expect_told(says, [mistake + " (void)p;"])

    def test_a_result_that_is_left_lying_is_a_warning(self):
        code = """
          bridge.exec("x = 1");
          bridge.call("math", "sqrt", 16);
          v.to<int>();
          sb::attempt([] { return 1; });
        }"""
        done = compiled(OPENING + code, "-fsyntax-only")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("[-Wunused-result]"), 4)


if __name__ == "__main__":
    COMPILER, INCLUDE_DIRS[1:] = sys.argv[1], sys.argv[2:]
    unittest.main(argv=sys.argv[:1])
