"""`snakebridge generate`, of modules that are there and of hostile ones.

SNAKEBRIDGE_BIN names the folder of the built programs, SNAKEBRIDGE_VENV the
environment of the libraries that types are counted of.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
VENV = pathlib.Path(os.environ["SNAKEBRIDGE_VENV"])
HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 200
COUNT = HERE / "count_types.py"


def generate(output, *modules, **options):
    """Its manifest; what it says."""
    manifest = output / "manifest.json"
    command = [BIN / "snakebridge", "generate", *modules, "--output", output,
               "--manifest", manifest]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith("SNAKEBRIDGE_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env=clean)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(manifest.read_text(encoding="utf-8")), done


def files(folder):
    return {path.relative_to(folder): (path.read_bytes(),
                                       path.stat().st_mtime_ns)
            for path in folder.rglob("*") if path.is_file()}


def left_behind():
    """Processes with the folder of hostile modules in their environment."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            said = (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"CODEGEN_TEST_MARK=" + str(os.getpid()).encode() in said:
            found.append(entry.name)
    return found


class Generate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.output = pathlib.Path(folder.name)

    def test_of_inventory_is_the_golden_manifest(self):
        manifest, _ = generate(self.output, "inventory", path=HERE)
        golden = json.loads((HERE / "golden/inventory.json").read_text(
            encoding="utf-8"))
        for each in (manifest, golden):
            each.pop("python")
        self.maxDiff = None
        self.assertEqual(manifest, golden)

    def test_the_second_time_writes_nothing(self):
        generate(self.output, "inventory", "json", path=HERE)
        before = files(self.output)
        _, done = generate(self.output, "inventory", "json", path=HERE)
        self.assertIn("2 modules, 0 files written", done.stdout)
        self.assertEqual(files(self.output), before)

    def test_a_manifest_is_enough(self):
        generate(self.output, "inventory", path=HERE)
        before = files(self.output)
        for path in self.output.glob("*.cpp"):
            path.unlink()
        generate(self.output)
        self.assertEqual({name: text for name, (text, _) in
                          files(self.output).items()},
                         {name: text for name, (text, _) in before.items()})

    def test_hostile_modules_are_told_and_leave_nothing_behind(self):
        hostile = HERE / "hostile"
        names = sorted(path.stem for path in hostile.glob("*.py"))
        os.environ["CODEGEN_TEST_MARK"] = str(os.getpid())
        self.addCleanup(os.environ.pop, "CODEGEN_TEST_MARK")
        manifest, _ = generate(self.output, *names, "nowhere", "math",
                               path=hostile, timeout_ms=2_000)
        modules = {each["name"]: each for each in manifest["modules"]}
        reasons = {name: each.get("reason") for name, each in modules.items()}
        self.assertEqual(reasons, {
            "closes": None, "forks": None, "math": None, "prints": None,
            "threads": None,
            "crashes": "interpreter_died: SIGSEGV",
            "dies": "interpreter_died: exit status 7",
            "exits": "SystemExit: 3",
            "fails": "RuntimeError: it does not want to",
            "hangs": "deadline_exceeded", "spins": "deadline_exceeded",
            "nowhere": "ModuleNotFoundError: No module named 'nowhere'"})
        self.assertEqual([each["name"] for each in
                          modules["prints"]["symbols"]], ["said"])
        self.assertEqual(left_behind(), [])

    def assert_typed(self, manifest, least, modules, python):
        done = subprocess.run(
            [python, COUNT, "--json", self.output / "manifest.json", *modules],
            capture_output=True, text=True, check=True, timeout=PATIENCE_S)
        for name, told in json.loads(done.stdout).items():
            with self.subTest(module=name, told=told):
                self.assertGreaterEqual(told["named"], 99)
                self.assertGreaterEqual(told["typed_parameters"], least[0])
                self.assertGreaterEqual(told["typed_returns"], least[1])
                self.assertEqual(told["missing"], [])

    def test_the_standard_library_is_typed(self):
        modules = ["math", "json", "pathlib", "re", "datetime", "fractions"]
        manifest, _ = generate(self.output, *modules)
        self.assert_typed(manifest, (100, 100), modules, sys.executable)
        manifest, _ = generate(self.output, "sqlite3")
        self.assert_typed(manifest, (95, 95), ["sqlite3"], sys.executable)

    def test_numpy_is_typed(self):
        modules = ["numpy", "numpy.linalg"]
        manifest, _ = generate(self.output, *modules, python=VENV)
        self.assert_typed(manifest, (98, 98), modules, VENV / "bin/python3")

    def test_pandas_is_typed(self):
        manifest, _ = generate(self.output, "pandas", python=VENV)
        self.assert_typed(manifest, (95, 95), ["pandas"], VENV / "bin/python3")

    def test_scikit_learn_is_typed(self):
        modules = ["sklearn.linear_model", "sklearn.preprocessing",
                   "sklearn.svm"]
        manifest, _ = generate(self.output, *modules, python=VENV)
        self.assert_typed(manifest, (85, 70), modules, VENV / "bin/python3")


if __name__ == "__main__":
    unittest.main()
