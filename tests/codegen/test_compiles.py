"""All that is generated of real libraries compiles without a warning: every
header first in its source, and every definition there is.

SNAKEBRIDGE_BIN names the folder of the built programs, SNAKEBRIDGE_VENV the
environment of the libraries, COMPILER is g++ or clang++, CXXFLAGS what finds
the libraries that public headers include.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
VENV = os.environ["SNAKEBRIDGE_VENV"]
COMPILER = os.environ["COMPILER"]
HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         f"-I{INCLUDE}", *os.environ.get("CXXFLAGS", "").split()]
PATIENCE_S = 200
AT_A_TIME = 2
LIBRARIES = ["math", "json", "pathlib", "re", "sqlite3", "datetime",
             "fractions", "numpy", "numpy.linalg", "pandas", "requests",
             "sklearn.linear_model", "inventory", "attic", "attic.chest",
             "attic.unix"]


class Compiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.output = pathlib.Path(folder.name)

    def run_in(self, *command):
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith("SNAKEBRIDGE_")}
        return subprocess.run([str(each) for each in command],
                              cwd=self.output, env=clean, text=True,
                              capture_output=True, timeout=PATIENCE_S,
                              check=False)

    def compile(self, source, *options):
        done = self.run_in(COMPILER, *FLAGS, f"-I{self.output}", *options,
                           source)
        return done.stdout + done.stderr if done.returncode else ""

    def test_each_module_does_so_by_itself(self):
        done = self.run_in(BIN / "snakebridge", "generate", *LIBRARIES,
                           "--python", VENV, "--path", HERE, "--output", ".",
                           "--manifest", "manifest.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        sources = []
        for module in LIBRARIES:
            header = f"snakebridge/py/{module.replace('.', '/')}.hpp"
            one = self.output / f"all_of_{module}.cpp"
            one.write_text(f'#include <{header}>\n#include "{module}.cpp"\n'
                           f'#include "{module}_messages.cpp"\n',
                           encoding="utf-8")
            sources.append(one)
        # Precompiled, as snakebridge_generate does.
        first = self.output / "first.hpp"
        first.write_text("#include <snakebridge/actors.hpp>\n"
                         "#include <snakebridge/generated.hpp>\n",
                         encoding="utf-8")
        is_clang = "clang" in COMPILER
        made = f"first.hpp.{'pch' if is_clang else 'gch'}"
        self.assertEqual(self.compile(first, "-x", "c++-header", "-o", made),
                         "")
        options = ["-include-pch", made] if is_clang else ["-include", first]
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            said = pool.map(lambda each: self.compile(
                each, *options, "-fsyntax-only"), sources)
            for source, warnings in zip(sources, said):
                with self.subTest(source=source.name):
                    self.assertEqual(warnings, "")


if __name__ == "__main__":
    unittest.main()
