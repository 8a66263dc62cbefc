#!/usr/bin/python3
"""Proves that each rule of tools/tidy.py catches what it is for, and lets pass
what it is not for. Each test makes a small tree of its own."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TIDY = pathlib.Path(__file__).parents[2] / "tools" / "tidy.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TIDY.parent))
import tidy  # pylint: disable=wrong-import-position

OPENING = "#pragma once\n// What this is.\n\n"


class Tree(unittest.TestCase):
    """A checkout of a few files."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        (self.root / "include" / "snakebridge").mkdir(parents=True)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run_tidy(self, *options):
        return subprocess.run(
            [sys.executable, str(TIDY), "--root", str(self.root), *options],
            capture_output=True, text=True, check=False)

    def findings(self):
        return list(tidy.findings(self.root))

    def assert_clean(self, path, text):
        self.write(path, text)
        self.assertEqual(self.findings(), [])

    def assert_caught(self, path, text, line, message):
        self.write(path, text)
        found = self.findings()
        told = [one for one in found if one.startswith(f"{path}:{line}: ")]
        self.assertEqual(len(told), 1, found)
        self.assertIn(message, told[0])
        (self.root / path).unlink()

    def assert_hinted(self, path, text, line, message):
        self.assert_clean(path, text)
        told = [one for one in tidy.hints(self.root)
                if one.startswith(f"{path}:{line}: ")]
        self.assertEqual(len(told), 1)
        self.assertIn(message, told[0])
        (self.root / path).unlink()

    def assert_include_caught(self, path, include, message):
        opening = OPENING if path.endswith(".hpp") else "\n\n\n"
        self.assert_caught(path, f"{opening}#include {include}\n", 4, message)

    def assert_include_clean(self, path, include):
        opening = OPENING if path.endswith(".hpp") else "\n\n\n"
        self.assert_clean(path, f"{opening}#include {include}\n")


class LayeringByInclude(Tree):
    def test_arrows_never_point_right(self):
        for path, include in (
                ("config/a.cpp", '"runtime/b.hpp"'),
                ("config/a.cpp", '"schemas/b.hpp"'),
                ("schemas/a.cpp", '"config/b.hpp"'),
                ("runtime/a.cpp", '"actors/b.hpp"'),
                ("runtime/a.cpp", "<actors/b.hpp>"),
                ("actors/a.hpp", '"supervisors/b.hpp"'),
                ("supervisors/a.cpp", '"bridge/b.hpp"'),
                ("supervisors/a.cpp", '"cli/b.hpp"'),
                ("bridge/a.cpp", '"cli/b.hpp"'),
                ("supervisors/a.cpp", '"tests/support/b.hpp"')):
            with self.subTest(path=path, include=include):
                self.assert_include_caught(path, include, "must not see")

    def test_arrows_point_left(self):
        for path, include in (
                ("runtime/a.cpp", '"config/b.hpp"'),
                ("actors/a.cpp", '"runtime/b.hpp"'),
                ("supervisors/a.cpp", '"config/b.hpp"'),
                ("supervisors/a.cpp", '"supervisors/b.hpp"'),
                ("bridge/a.cpp", '"supervisors/b.hpp"'),
                ("tests/actors/a.cpp", '"supervisors/b.hpp"'),
                ("config/a.cpp", "<snakebridge/b.hpp>")):
            with self.subTest(path=path, include=include):
                self.assert_include_clean(path, include)

    def test_a_room_of_runtime_sees_what_it_may(self):
        for room, other in (("base", "values"), ("values", "wire"),
                            ("wire", "calls"), ("python", "hosts"),
                            ("worker", "calls"), ("calls", "python"),
                            ("hosts", "node"), ("node", "hosts")):
            with self.subTest(room=room, other=other):
                self.assert_include_caught(
                    f"runtime/{room}/a.cpp", f'"runtime/{other}/b.hpp"',
                    f"the room {room} must not see {other}")
                self.assert_include_clean(f"runtime/{room}/a.cpp",
                                          f'"runtime/{room}/b.hpp"')
        for room, other in (("values", "base"), ("hosts", "calls"),
                            ("hosts", "python"), ("worker", "python"),
                            ("node", "wire"), ("node", "calls")):
            with self.subTest(room=room, other=other):
                self.assert_include_clean(f"runtime/{room}/a.cpp",
                                          f'"runtime/{other}/b.hpp"')

    def test_users_see_only_the_public_api(self):
        for user in ("cli", "codegen", "examples", "bench"):
            with self.subTest(user=user):
                self.assert_include_caught(f"{user}/a.cpp", '"runtime/b.hpp"',
                                           "as strangers do")
                self.assert_include_clean(f"{user}/a.cpp",
                                          "<snakebridge/bridge.hpp>")
                self.assert_include_clean(f"{user}/a.cpp", '"b.hpp"')

    def test_python_is_seen_in_its_homes_only(self):
        for include in ("<pybind11/embed.h>", "<Python.h>"):
            for path in ("runtime/hosts/a.cpp", "runtime/worker/a.cpp",
                         "actors/a.cpp", "supervisors/a.cpp", "bridge/a.cpp",
                         "cli/a.cpp", "examples/a.cpp", "config/a.cpp"):
                with self.subTest(path=path, include=include):
                    self.assert_include_caught(path, include, "CPython")
            for path in ("runtime/python/a.cpp", "bench/a.cpp",
                         "examples/compare/a.cpp",
                         "tests/runtime/python/a.cpp"):
                with self.subTest(path=path, include=include):
                    self.assert_include_clean(path, include)

    def test_capnp_is_seen_in_its_homes_only(self):
        for include in ("<capnp/message.h>", "<kj/io.h>",
                        '"schemas/value.capnp.h"'):
            for path in ("actors/a.cpp", "bridge/a.cpp", "cli/a.cpp",
                         "runtime/values/a.cpp", "runtime/calls/a.cpp"):
                with self.subTest(path=path, include=include):
                    self.write(path, f"#include {include}\n")
                    self.assertIn("Cap'n Proto", "".join(self.findings()))
                    (self.root / path).unlink()
            for path in ("runtime/wire/a.cpp", "tests/runtime/wire/a.cpp"):
                self.assert_include_clean(path, include)

    def test_networks_are_seen_in_runtime_node_only(self):
        for include in ("<capnp/rpc-twoparty.h>", "<kj/async-io.h>",
                        "<kj/compat/tls.h>", "<openssl/pem.h>",
                        '"schemas/node.capnp.h"'):
            for path in ("runtime/wire/a.cpp", "runtime/hosts/a.cpp",
                         "bridge/a.cpp", "cli/a.cpp"):
                with self.subTest(path=path, include=include):
                    self.write(path, f"#include {include}\n")
                    self.assertIn("networks are seen", "".join(self.findings()))
                    (self.root / path).unlink()
            for path in ("runtime/node/a.hpp", "tests/runtime/node/a.cpp",
                         "bench/nodes.cpp"):
                text = OPENING if path.endswith("hpp") else ""
                self.assert_clean(path, f"{text}#include {include}\n")

    def test_certificates_are_made_in_one_place_of_the_command_line(self):
        self.assert_include_clean("cli/certificates.cpp", "<openssl/pem.h>")
        self.assert_include_caught("cli/node.cpp", "<openssl/pem.h>",
                                   "certificates where they are made")

    def test_the_bench_of_the_links_sees_inside(self):
        self.assert_include_clean("bench/nodes.cpp", '"runtime/node/a.hpp"')
        self.assert_include_caught("bench/nodes.cpp", '"actors/a.hpp"',
                                   "as strangers do")

    def test_caf_is_seen_from_actors_on(self):
        for path in ("runtime/a.cpp", "config/a.cpp", "schemas/a.cpp"):
            with self.subTest(path=path):
                self.assert_include_caught(path, "<caf/actor.hpp>", "CAF")
        for path in ("actors/a.cpp", "supervisors/a.cpp", "bridge/a.cpp",
                     "examples/a.cpp", "bench/a.cpp"):
            with self.subTest(path=path):
                self.assert_include_clean(path, "<caf/actor.hpp>")

    def test_caf_all_is_never_included(self):
        self.assert_include_caught("actors/a.cpp", "<caf/all.hpp>",
                                   "include what is used")

    def test_a_comment_includes_nothing(self):
        self.assert_clean("config/a.cpp", '// #include "runtime/b.hpp"\n'
                          '/*\n#include "actors/b.hpp"\n*/\n')


class Mirror(Tree):
    def mirrored(self):
        return list(tidy.mirrored(self.root))

    def test_a_source_has_a_test_of_its_name(self):
        self.write("runtime/base/a.cpp", "")
        self.assertIn("runtime/base/a.cpp:1: has no "
                      "tests/runtime/base/a_test.cpp", self.mirrored()[0])
        self.write("tests/runtime/base/a_test.cpp", "")
        self.assertEqual(self.mirrored(), [])

    def test_or_is_told_with_tests_that_are_there(self):
        self.write("actors/a.cpp", "")
        self.write("tests/mirror.txt", "# why\n\nactors/a.cpp  tests/b.cpp\n")
        self.assertEqual(self.mirrored(),
                         ["tests/mirror.txt:3: there is no tests/b.cpp"])
        self.write("tests/b.cpp", "")
        self.assertEqual(self.mirrored(), [])

    def test_and_is_not_told_for_nothing(self):
        self.write("bridge/a.cpp", "")
        self.write("tests/bridge/a_test.cpp", "")
        self.write("tests/mirror.txt", "bridge/a.cpp  tests/bridge/a_test.cpp\n"
                                       "bridge/b.cpp  tests/bridge/a_test.cpp\n")
        self.assertEqual(len(self.mirrored()), 2)


class PublicHeaders(Tree):
    def test_see_nothing_private(self):
        path = "include/snakebridge/a.hpp"
        for include, message in (
                ('"runtime/b.hpp"', "only public ones"),
                ('"b.hpp"', "only public ones"),
                ("<config/tunables.hpp>", "only public ones"),
                ("<pybind11/pybind11.h>", "CPython"),
                ("<Python.h>", "CPython"),
                ("<capnp/message.h>", "Cap'n Proto"),
                ("<caf/actor.hpp>", "CAF")):
            with self.subTest(include=include):
                self.assert_include_caught(path, include, message)

    def test_see_caf_where_actors_are_their_subject(self):
        for name in ("actors", "supervisor"):
            self.assert_include_clean(f"include/snakebridge/{name}.hpp",
                                      "<caf/actor.hpp>")

    def test_may_declare_caf_forward(self):
        self.assert_clean("include/snakebridge/a.hpp",
                          OPENING + "namespace caf {\nclass actor;\n}\n")

    def test_compile_alone(self):
        self.write("include/snakebridge/good.hpp",
                   OPENING + "#include <string>\nstd::string good();\n")
        self.assertEqual(self.run_tidy("--headers").returncode, 0)
        self.write("include/snakebridge/bad.hpp",
                   OPENING + "std::string bad();\n")
        done = self.run_tidy("--headers")
        self.assertEqual(done.returncode, 1)
        self.assertIn("include/snakebridge/bad.hpp:1: ", done.stdout)
        self.assertNotIn("good.hpp:1", done.stdout)

    def test_compile_without_warnings(self):
        self.write("include/snakebridge/a.hpp",
                   OPENING + "inline int a(int unused) { return 1; }\n")
        done = self.run_tidy("--headers")
        self.assertEqual(done.returncode, 1)
        self.assertIn("unused", done.stdout)

    def test_are_compiled_by_the_compiler_named(self):
        self.write("include/snakebridge/a.hpp", OPENING)
        done = self.run_tidy("--headers", "--compiler", "false")
        self.assertIn("include/snakebridge/a.hpp:1: ", done.stdout)


class LayeringByTarget(Tree):
    def test_arrows_never_point_right(self):
        for layer, target in (("config", "sb_schemas"),
                              ("runtime", "sb_actors"),
                              ("actors", "sb_supervisors"),
                              ("cli", "sb_runtime"),
                              ("examples", "sb_supervisors"),
                              ("supervisors", "sb_test_support")):
            with self.subTest(layer=layer, target=target):
                self.assert_caught(
                    f"{layer}/CMakeLists.txt",
                    f"# sb_nothing\ntarget_link_libraries(a {target})\n", 2,
                    "must not see it")

    def test_arrows_point_left(self):
        self.assert_clean("actors/CMakeLists.txt",
                          "snakebridge_layer(actors SOURCES a.cpp\n"
                          "  LINKS sb_runtime sb_config sb_options)\n")

    def test_tests_see_all(self):
        self.assert_clean("tests/CMakeLists.txt",
                          "target_link_libraries(a sb_supervisors sb_x)\n")

    def test_no_layer_links_the_whole(self):
        self.assert_caught("actors/CMakeLists.txt",
                           "target_link_libraries(sb_actors\n"
                           "  snakebridge::snakebridge)\n", 2, "made of")

    def test_third_parties_stay_in_their_homes(self):
        for layer, target in (("actors", "CapnProto::capnp"),
                              ("bridge", "CapnProto::kj-tls"),
                              ("config", "OpenSSL::Crypto"),
                              ("supervisors", "Python3::Python"),
                              ("cli", "pybind11::headers"),
                              ("runtime", "CAF::core")):
            with self.subTest(layer=layer, target=target):
                self.assert_caught(f"{layer}/CMakeLists.txt",
                                   f"target_link_libraries(a {target})\n", 1,
                                   "links")


class Lengths(Tree):
    def function(self, lines, opening="int f() {", indent=""):
        body = [f"{indent}  step({i});" for i in range(lines - 2)]
        return "\n".join([indent + opening, *body, indent + "}"]) + "\n"

    def test_a_file_of_more_than_400_lines_is_worth_a_look(self):
        self.assert_clean("config/a.cpp", "int a;\n" * 400)
        self.assert_hinted("config/a.cpp", "int a;\n" * 401, 401, "401 lines")

    def test_a_line_has_80_columns(self):
        self.assert_clean("config/a.cpp", "// " + "x" * 77 + "\n")
        self.assert_caught("config/a.cpp", "\n// " + "x" * 78 + "\n", 2,
                           "81 columns")

    def test_columns_are_characters(self):
        self.assert_clean("config/a.cpp", "// " + "…" * 77 + "\n")

    def test_so_is_a_function_of_more_than_60(self):
        self.assert_clean("config/a.cpp", self.function(60))
        self.assert_hinted("config/a.cpp", self.function(61), 1,
                           "f has 61 lines")

    def test_so_is_a_member_function(self):
        text = "class c {\n" + self.function(61, indent="  ") + "};\n"
        self.assert_hinted("config/a.cpp", text, 2, "f has 61 lines")

    def test_a_constructor_counts_from_its_name(self):
        long = self.function(60, opening="c::c(int x)\n    : x_{x}, y_{1} {")
        self.assert_hinted("config/a.cpp", long, 1, "c::c has 61 lines")

    def test_the_return_type_may_stand_alone(self):
        long = "std::string\n" + self.function(61, opening="f(int x) {")
        self.assert_hinted("config/a.cpp", long, 2, "f has 61 lines")

    def test_what_is_no_function_may_be_long(self):
        steps = "".join(f"int f{i}();\n" for i in range(90))
        self.assert_clean("config/a.cpp",
                          "namespace a {\n" + steps + "} // namespace a\n")
        self.assert_clean("config/a.cpp", "namespace a {\n" + steps + "}\n")
        self.assert_clean("config/a.cpp", "enum e {\n" + "  a,\n" * 90 + "};\n")

    def test_text_does_not_end_a_function(self):
        long = ('int f() {\n  auto s = R"py(\n}\n)py"; // }\n'
                + "  step();\n" * 60 + "}\n")
        self.assert_hinted("config/a.cpp", long, 1, "f has 65 lines")


class Headers(Tree):
    def test_begin_with_pragma_once(self):
        self.assert_caught("config/a.hpp", "// What it is.\n#pragma once\n", 1,
                           "#pragma once")
        self.assert_caught("config/a.hpp", "", 1, "#pragma once")

    def test_say_what_they_are(self):
        self.assert_caught("config/a.hpp", "#pragma once\n#include <map>\n", 2,
                           "paragraph")

    def test_come_first_in_their_own_source(self):
        self.write("config/a.hpp", OPENING)
        self.assert_clean("config/a.cpp",
                          '#include "config/a.hpp"\n#include <map>\n')
        self.assert_caught("config/a.cpp",
                           '#include <map>\n#include "config/a.hpp"\n', 1,
                           "comes first")


class Tests(Tree):
    def test_never_sleep(self):
        for path, text in (
                ("tests/a.cpp", "std::this_thread::sleep_for(1s);"),
                ("tests/a.cpp", "std::this_thread::sleep_until(then);"),
                ("tests/a.cpp", "::usleep(5);"),
                ("tests/a.cpp", "nanosleep(&t, nullptr);"),
                ("tests/a.hpp", "sleep(1);"),
                ("tests/a.py", "time.sleep(1)"),
                ("tests/a.sh", "true && sleep 1")):
            with self.subTest(path=path, text=text):
                opening = OPENING if path.endswith(".hpp") else "\n\n\n"
                self.assert_caught(path, f"{opening}{text}\n", 4,
                                   "never sleeps")

    def test_may_run_python_that_sleeps(self):
        self.assert_clean("tests/a.cpp",
                          'bridge.exec("time.sleep(60)"); // sleep_for(1s)\n')
        self.assert_clean("tests/a.py", 'run("time.sleep(60)")  # sleep(1)\n')

    def test_others_may_sleep(self):
        self.assert_clean("examples/a.cpp", "sleep(1);\n")

    def test_never_fix_a_port(self):
        for text in ("bridge.listen({.port = 4242});",
                     "std::uint16_t port{8080};",
                     'join("127.0.0.1", 4242);',
                     'join("localhost:4242");',
                     "caf::io::publish(actor, 4242);",
                     "address.sin_port = htons(80);"):
            with self.subTest(text=text):
                self.assert_caught("tests/a.cpp", f"{text}\n", 1,
                                   "a fixed port")

    def test_may_ask_for_any_port(self):
        self.assert_clean("tests/a.cpp", "bridge.listen({.port = 0});\n"
                          'join("127.0.0.1", port);\n'
                          "auto transport = 12;\n")


class Program(Tree):
    def test_ends_with_1_and_says_how_many_rules_are_broken(self):
        self.write("config/a.hpp", "")
        done = self.run_tidy()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout,
                         "config/a.hpp:1: a header begins with #pragma once\n"
                         "1 broken rules\n")

    def test_is_silent_when_all_is_well(self):
        done = self.run_tidy()
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("", "", 0))


class Checkout(Tree):
    def test_build_folders_are_left_out(self):
        self.assert_clean("build/dev/a.hpp", "")
        self.assert_clean(".cache/a.hpp", "")

    def test_must_be_one(self):
        inner = str(self.root / "include" / "snakebridge")
        done = self.run_tidy("--root", inner)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no checkout", done.stderr)


if __name__ == "__main__":
    unittest.main()
