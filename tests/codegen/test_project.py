"""A project of somebody else's with `snakebridge_generate`, built against what
the build installs: what is there after it has configured, what a build runs,
and what a strict one refuses.

SNAKEBRIDGE_BUILD is the build that is installed, CMAKE_COMMAND, CMAKE_GENERATOR
and CXX are what it was made with; SNAKEBRIDGE_VENV has the libraries.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["SNAKEBRIDGE_BUILD"])
CMAKE = os.environ.get("CMAKE_COMMAND", "cmake")
GENERATOR = os.environ.get("CMAKE_GENERATOR", "Ninja")
COMPILER = os.environ.get("CXX", "c++")
VENV = os.environ["SNAKEBRIDGE_VENV"]
HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 500


def clean(**more):
    """The environment without settings of ours, and with `more`."""
    return {key: value for key, value in os.environ.items()
            if not key.startswith("SNAKEBRIDGE_")} | more


def run(*command, code=0, **options):
    done = subprocess.run([str(each) for each in command], text=True,
                          capture_output=True, timeout=PATIENCE_S, check=False,
                          **{"env": clean()} | options)
    if (done.returncode != 0) != (code != 0):
        raise AssertionError(f"{command} ended with {done.returncode}:\n"
                             f"{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def files(folder, ending=""):
    return {path.relative_to(folder): (path.read_bytes(),
                                       path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*" + ending)) if path.is_file()}


def bytes_of(folder, ending=""):
    return {name: text for name, (text, _) in files(folder, ending).items()}


class Project(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        cls.prefix = cls.work / "installed"
        run(CMAKE, "--install", BUILD, "--prefix", cls.prefix)
        cls.program = cls.prefix / "bin" / "snakebridge"

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=self.work)
        self.addCleanup(folder.cleanup)
        self.source = pathlib.Path(folder.name) / "shop"
        shutil.copytree(HERE / "project" / "shop", self.source)
        self.manifest = self.source / ".snakebridge" / "manifest.json"
        self.locked = self.source / ".snakebridge" / "snakebridge.lock"
        self.build_folder = pathlib.Path(folder.name) / "build"

    def configure(self, *options, source=None, build=None, **how):
        return run(CMAKE, "-S", source or self.source, "-B",
                   build or self.build_folder, "-G", GENERATOR,
                   f"-DCMAKE_CXX_COMPILER={COMPILER}",
                   f"-DCMAKE_PREFIX_PATH={self.prefix}", *options, **how)

    def build(self, build=None, **how):
        return run(CMAKE, "--build", build or self.build_folder, "--parallel",
                   "2", **how)

    def wrappers(self, build=None):
        return (build or self.build_folder) / "shop_wrappers"

    def edit(self, name, before, after):
        path = self.source / name
        text = path.read_text(encoding="utf-8")
        self.assertIn(before, text)
        path.write_text(text.replace(before, after), encoding="utf-8")

    def test_headers_are_there_once_it_is_configured(self):
        self.configure()
        header = (self.wrappers() / "snakebridge/py/prices.hpp").read_text(
            encoding="utf-8")
        self.assertIn("class Basket", header)
        self.assertIn("mystery(", header)  # though nothing uses it
        self.assertTrue(self.manifest.is_file())
        self.assertTrue(self.locked.is_file())
        self.assertFalse((self.wrappers() / "wrappers.cpp").exists())

    def test_a_build_defines_what_is_used_and_a_null_build_runs_nothing(self):
        self.configure()
        self.build()
        self.assertEqual(run(self.build_folder / "shop").strip(),
                         "10.5 12.49 3 EUR 15511210043330985984000000")
        source = (self.wrappers() / "prices.cpp").read_text(encoding="utf-8")
        self.assertIn("Basket::total(", source)
        self.assertIn("with_tax(", source)  # of a header of the project's
        self.assertNotIn("countdown(", source)
        before = files(self.build_folder, ".o") | files(self.wrappers())
        said = self.build()
        self.assertNotIn("Generating", said)
        self.assertNotIn("Building", said)
        if GENERATOR == "Ninja":
            self.assertIn("no work to do", said)
        self.assertEqual(
            files(self.build_folder, ".o") | files(self.wrappers()), before)

        # Another text that uses the same: no definition is compiled again.
        self.edit("main.cpp", "// Buys something.", "// Buys more.")
        said = self.build()
        self.assertIn("Generating", said)
        self.assertIn("main.cpp.o", said)
        self.assertNotIn("wrappers.cpp.o", said)

        # What a header of the project uses as well is defined by now.
        self.edit("taxes.hpp", "  return",
                  "  for (const auto& each :"
                  " snakebridge::py::prices::countdown(python, 3))\n"
                  "    price += *each;\n  return")
        self.assertIn("wrappers.cpp.o", self.build())
        self.assertEqual(run(self.build_folder / "shop").strip(),
                         "10.5 19.63 3 EUR 15511210043330985984000000")

    def test_repeated_it_is_the_same_byte_for_byte(self):
        self.configure()
        again = self.build_folder.with_name("again")
        manifest = self.manifest.read_bytes()
        self.manifest.unlink()
        self.locked.unlink()
        self.configure(build=again)
        self.assertEqual(self.manifest.read_bytes(), manifest)
        for build in (self.build_folder, again):
            run(CMAKE, "--build", build, "--target", "shop_generate")
        ignored = {pathlib.Path("generated.stamp"),
                   pathlib.Path("generated.stamp.d")}
        first, second = (
            {name: text for name, text in bytes_of(self.wrappers(each)).items()
             if name not in ignored} for each in (self.build_folder, again))
        self.assertEqual(first, second)

    def test_configured_again_it_writes_nothing(self):
        self.configure()
        before = files(self.wrappers()) | files(self.source)
        self.configure()
        self.assertEqual(files(self.wrappers()) | files(self.source), before)

    def test_what_is_not_installed_stops_it(self):
        self.edit("CMakeLists.txt", "LIBRARIES prices", "LIBRARIES pricess")
        said = self.configure(code=1)
        self.assertIn("library_unknown", said)
        self.assertIn("pricess", said)

    def test_a_library_with_nothing_below_it_may_be_asked_for_whole(self):
        """ALL with it, of a target that is exported: nothing of ours is."""
        self.edit("CMakeLists.txt", "LIBRARIES prices", "LIBRARIES prices ALL")
        with (self.source / "CMakeLists.txt").open("a", encoding="utf-8") as to:
            to.write("\nadd_library(shelf STATIC main.cpp)\n"
                     "snakebridge_generate(TARGET shelf LIBRARIES prices\n"
                     "  PATH ${CMAKE_CURRENT_SOURCE_DIR})\n"
                     "install(TARGETS shelf EXPORT shelves)\n"
                     "install(EXPORT shelves DESTINATION lib/cmake)\n")
        self.configure()
        self.configure()

    def test_a_library_shows_wrappers_in_its_own_headers(self):
        (self.source / "till.hpp").write_text(
            "#pragma once\n#include <snakebridge/py/prices.hpp>\n"
            "snakebridge::py::prices::Basket filled(\n"
            "  const snakebridge::caller& python);\n", encoding="utf-8")
        (self.source / "till.cpp").write_text(
            '#include "till.hpp"\n'
            "snakebridge::py::prices::Basket filled(\n"
            "  const snakebridge::caller& python) {\n"
            '  snakebridge::py::prices::Basket made{python, "Ada"};\n'
            "  made.add(9.5);\n  return made;\n}\n", encoding="utf-8")
        (self.source / "user.cpp").write_text(
            '#include "till.hpp"\n#include <snakebridge/snakebridge.hpp>\n'
            "#include <iostream>\nint main() {\n"
            "  snakebridge::bridge bridge{snakebridge::config{\n"
            "    .pools = {{.size = 1, .path = {MODULES}}}}};\n"
            "  std::cout << filled(bridge).str() << '\\n';\n}\n",
            encoding="utf-8")
        with (self.source / "CMakeLists.txt").open("a", encoding="utf-8") as to:
            to.write("""
add_library(till STATIC till.cpp)
target_include_directories(till INTERFACE ${CMAKE_CURRENT_SOURCE_DIR})
snakebridge_generate(TARGET till LIBRARIES prices PATH modules)
add_executable(user user.cpp)
target_compile_definitions(user PRIVATE
  MODULES="${CMAKE_CURRENT_SOURCE_DIR}/modules")
target_link_libraries(user PRIVATE till)
""")
        self.configure()
        run(CMAKE, "--build", self.build_folder, "--target", "user")
        self.assertIn("Basket", run(self.build_folder / "user"))

    def without_python(self):
        """A PATH that has all programs but Python's; nor can a worker of ours
        run one: there is none."""
        workers = list(self.prefix.rglob("snakebridge-worker"))
        self.assertTrue(workers)
        for each in workers:
            hidden = each.with_name("hidden")
            each.rename(hidden)
            self.addCleanup(hidden.rename, each)
        programs = self.source.with_name("programs")
        programs.mkdir()
        for folder in map(pathlib.Path, os.environ["PATH"].split(":")):
            for each in folder.iterdir() if folder.is_dir() else ():
                if not each.name.startswith("python") \
                        and not (programs / each.name).is_symlink():
                    (programs / each.name).symlink_to(each)
        self.assertIsNone(shutil.which("python3", path=programs))
        return str(programs)

    def strictly(self, *command, **how):
        """Without a network too, where that may be taken away."""
        apart = [shutil.which("unshare"), "--net", "--map-root-user"]
        if apart[0] is None or subprocess.run(
                [*apart, "true"], capture_output=True, check=False).returncode:
            apart = []
        command = command or (
            CMAKE, "-S", self.source, "-B", self.build_folder, "-G",
            GENERATOR, f"-DCMAKE_CXX_COMPILER={COMPILER}",
            f"-DCMAKE_PREFIX_PATH={self.prefix}")
        return run(*apart, *command, **{"env": clean(SNAKEBRIDGE_STRICT="1")}
                   | how)

    def test_a_strict_build_needs_neither_python_nor_a_network(self):
        self.configure()
        run(CMAKE, "--build", self.build_folder, "--target", "shop_generate")
        made = {name: text for name, text in bytes_of(self.wrappers()).items()
                if "stamp" not in name.name}
        shutil.rmtree(self.build_folder)
        apart = clean(PATH=self.without_python(), SNAKEBRIDGE_STRICT="1")
        self.strictly(env=apart)
        self.strictly(CMAKE, "--build", self.build_folder, env=apart)
        self.assertTrue((self.build_folder / "shop").is_file())
        made_now = bytes_of(self.wrappers())
        self.assertEqual({name: made_now[name] for name in made}, made)

    def test_a_strict_build_refuses_other_stubs_of_its_call(self):
        self.edit("CMakeLists.txt", "LIBRARIES prices",
                  "LIBRARIES prices STUBS typings")
        stub = self.source / "typings/prices.pyi"
        stub.parent.mkdir()
        stub.write_text("def mystery(of: int) -> int: ...\n", encoding="utf-8")
        self.configure()
        self.strictly()
        stub.write_text("def mystery(of: int) -> str: ...\n", encoding="utf-8")
        self.assertIn("stubs_drifted: the stubs given for prices",
                      self.strictly(code=1))

    def test_a_strict_build_fails_by_the_name_of_each_drift(self):
        self.configure()
        self.edit("main.cpp", "basket.total() <<",
                  "prices::nothing(bridge) <<")
        self.strictly()
        said = run(CMAKE, "--build", self.build_folder, "--target",
                   "shop_generate", code=1)
        self.assertRegex(said, r"symbol_unknown: main\.cpp:\d+: "
                         "sb::py::prices::nothing: prices has no such name")
        self.manifest.write_text(
            self.manifest.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        self.assertIn("manifest_drifted", self.strictly(code=1))

    def test_the_page_is_a_project(self):
        source = self.source.with_name("page")
        source.mkdir()
        page = (HERE.parents[1] / "docs/WRAPPERS.md").read_text(
            encoding="utf-8")
        found = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)^```$", page,
                           re.DOTALL | re.MULTILINE)
        self.assertEqual(len(found), 3)
        for name, text in found:
            (source / name).write_text(text, encoding="utf-8")
        (source / ".venv").symlink_to(VENV)
        build = source / "build"
        self.configure(source=source, build=build)
        self.build(build)
        said = run(build / "line", cwd=source).splitlines()
        self.assertEqual(said, re.findall(r"// prints: (.*)$", page,
                                          re.MULTILINE))

    def test_programs_with_real_libraries(self):
        source = self.source.with_name("project")
        shutil.copytree(HERE / "project", source)
        build = self.build_folder.with_name("libraries")
        self.configure(f"-DVENV={VENV}", source=source, build=build)
        self.build(build)
        for program in ("standard", "third_party"):
            with self.subTest(program=program):
                self.assertEqual(run(build / program), "")
        said = run(build / "same_calls")
        self.assertRegex(said, r"\A2\d\d calls of 1\d\d functions, 0 differ")


if __name__ == "__main__":
    unittest.main()
