"""What generated wrappers cost before a program runs: making them of NumPy and
pandas, including their headers, compiling what a program uses of them. Each
figure stands beside its own baseline: seconds of processor time, the least of a
few runs, so that what else a machine does counts little.

    generation.py BIN INCLUDE COMPILER       (run by bin/bench_generation)
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAKE_VENV = ROOT / "tests/libraries/make_venv.py"
RUNS = 3
# As CODEGEN's users would write them: functions with options, of all kinds.
USED = """mean median std var sum prod dot where clip sort argsort reshape
concatenate stack linspace arange zeros ones full allclose""".split()


def cpu_s(command, folder):
    """Of the process and of all that it has waited for."""
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith("SNAKEBRIDGE_")}
    process = subprocess.Popen([str(each) for each in command], cwd=folder,
                               stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def least(command, folder, runs=RUNS):
    return min(cpu_s(command, folder) for _ in range(runs))


def row(name, measured, baseline_name, baseline, promised):
    more = max(measured - baseline, 0)
    print(f"{name:38} {measured:6.2f} s | {baseline_name:26} {baseline:6.2f} s "
          f"| more {more:6.2f} s of {promised:.1f}: "
          f"{'holds' if more <= promised else 'MISSED'}", flush=True)


class Bench:
    def __init__(self, bin_folder, include, compiler, folder):
        self.program = pathlib.Path(bin_folder) / "snakebridge"
        self.folder = pathlib.Path(folder)
        self.flags = [compiler, "-std=c++20", f"-I{include}",
                      f"-I{self.folder}"]
        self.venv = subprocess.run(
            [sys.executable, MAKE_VENV], check=True, text=True,
            stdout=subprocess.PIPE).stdout.strip()

    def generate(self, *arguments):
        return [self.program, "generate", *arguments, "--output", self.folder,
                "--manifest", self.folder / "manifest.json"]

    def compiled(self, name, text, *flags):
        source = self.folder / f"{name}.cpp"
        source.write_text(text, encoding="utf-8")
        return least([*self.flags, *flags, "-c", source, "-o", os.devnull],
                     self.folder)

    def precompiled(self, header, *flags):
        """A header that includes it, and what a source is compiled with."""
        self.folder.joinpath("first.hpp").write_text(f"#include <{header}>\n",
                                                     encoding="utf-8")
        is_clang = "clang" in self.flags[0]
        made = self.folder / f"first.hpp.{'pch' if is_clang else 'gch'}"
        cpu_s([*self.flags, *flags, "-x", "c++-header", "first.hpp", "-o",
               made], self.folder)
        return ["-include-pch", made] if is_clang else ["-include", "first.hpp"]

    def made(self):
        # The first that is made makes the environment of our tools too.
        cpu_s(self.generate("math", "--python", self.venv), self.folder)
        for library in ("pandas", "numpy"):
            imported = least([pathlib.Path(self.venv) / "bin/python3", "-c",
                              f"import {library}"], self.folder)
            row(f"made of {library}",
                least(self.generate(library, "--python", self.venv),
                      self.folder), f"import {library}", imported, 5.0)

    def included(self):
        """Its manifest is that of NumPy, made last."""
        standard = "".join(
            f"#include <{each}>\n" for each in re.findall(
                r"^#include <([a-z_]+)>$",
                (ROOT / "include/snakebridge/generated.hpp").read_text(
                    encoding="utf-8"), re.MULTILINE))
        bridge = "#include <snakebridge/snakebridge.hpp>\n"
        numpy = "#include <snakebridge/py/numpy.hpp>\n"
        of_standard = self.compiled("standard", standard)
        of_bridge = self.compiled("bridge", bridge)
        row("snakebridge.hpp", of_bridge, "std", of_standard, 1.5)
        row("all of NumPy", self.compiled("numpy", bridge + numpy),
            "snakebridge.hpp", of_bridge, 0.6)
        first = self.precompiled("snakebridge/snakebridge.hpp")
        bridge_precompiled = self.compiled("precompiled", "", *first)
        first = self.precompiled("snakebridge/py/numpy.hpp")
        precompiled = self.compiled("precompiled", "", *first)
        row("all of NumPy, precompiled", precompiled,
            "snakebridge.hpp, the same", bridge_precompiled, 0.2)
        row("all of NumPy, precompiled", precompiled, "nothing",
            self.compiled("nothing", ""), 0.2)

    def defined(self):
        """As snakebridge_generate does, for a program that is optimised."""
        main = self.folder / "main.cpp"
        main.write_text("namespace np = sb::py::numpy;\nvoid f() {\n" + "".join(
            f"  np::{each}();\n" for each in USED) + "}\n", encoding="utf-8")
        cpu_s(self.generate("--source", main), self.folder)
        first = self.precompiled("snakebridge/generated.hpp", "-O2")
        row(f"{len(USED)} symbols of NumPy, at -O2",
            least([*self.flags, "-O2", *first, "-c", "wrappers.cpp", "-o",
                   os.devnull], self.folder), "nothing",
            self.compiled("nothing", "", "-O2"), 3.0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(*sys.argv[1:], folder)
        bench.made()
        bench.included()
        bench.defined()


if __name__ == "__main__":
    main()
