"""`snakebridge generate`, of modules that are there and of hostile ones.

SNAKEBRIDGE_BIN names the folder of the built programs, SNAKEBRIDGE_VENV the
environment of the libraries that types are counted of.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "codegen"))
import tools

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
VENV = pathlib.Path(os.environ["SNAKEBRIDGE_VENV"])
HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 200
COUNT = HERE / "count_types.py"
CLANGD = shutil.which("clangd")
GENERATE = ("generate", "--output", "out")


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


def completions(source, text):
    """What clangd, asked by its protocol, offers at the end of a text."""
    uri = source.as_uri()
    end = {"line": text.count("\n"),
           "character": len(text) - text.rfind("\n") - 1}
    asked = [
        {"id": 1, "method": "initialize", "params": {
            "processId": None, "rootUri": None, "capabilities": {}}},
        {"method": "textDocument/didOpen", "params": {"textDocument": {
            "uri": uri, "languageId": "cpp", "version": 1, "text": text}}},
        {"id": 2, "method": "textDocument/completion", "params": {
            "textDocument": {"uri": uri}, "position": end}},
        {"id": 3, "method": "shutdown", "params": None},
        {"method": "exit", "params": None}]
    sent = b""
    for each in asked:
        body = json.dumps({"jsonrpc": "2.0", **each}).encode()
        sent += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    done = subprocess.run([CLANGD, "-sync", "--log=error"],
                          input=sent, capture_output=True, check=False,
                          timeout=PATIENCE_S)
    told = done.stdout
    while told:
        head, _, told = told.partition(b"\r\n\r\n")
        size = int(head.partition(b"Content-Length: ")[2].split()[0])
        answer, told = json.loads(told[:size]), told[size:]
        if answer.get("id") == 2:
            return answer["result"]["items"]
    raise AssertionError(done.stderr.decode())


def vague_percent(header):
    """Of a header's parameters, those that take any value or object."""
    text, all_types = header.read_text(encoding="utf-8"), []
    text = re.sub(r'"(\\.|[^"\\])*"', '""', text)  # a word may be "<"
    for found in re.finditer(r"sb::(?:arg|only|option)<", text):
        at, depth = found.end(), 1
        while depth:
            depth += {"<": 1, ">": -1}.get(text[at], 0)
            at += 1
        all_types.append(text[found.end():at - 1])
    vague = sum(each in ("sb::value", "sb::object") for each in all_types)
    return 100 * vague / len(all_types)


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

    def test_they_are_told_as_the_golden_manifests_have_them(self):
        self.maxDiff = None
        for name, modules in (("inventory", ["inventory"]), (
                "attic", ["attic", "attic.chest", "attic.unix"])):
            manifest, _ = generate(self.output / name, *modules, path=HERE)
            golden = json.loads((HERE / f"golden/{name}.json").read_text(
                encoding="utf-8"))
            for each in (manifest, golden):
                each.pop("python")
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
        began = time.monotonic()
        manifest, _ = generate(self.output, *names, "nowhere", "math",
                               path=hostile, timeout_ms=5_000)
        # Two of them take their time, which is up then; the rest is slow only
        # where the machine is.
        self.assertLess(time.monotonic() - began, 60)
        modules = {each["name"]: each for each in manifest["modules"]}
        reasons = {name: each.get("reason") for name, each in modules.items()}
        # Its answer goes by shared memory, if the end of its socket is not
        # seen before.
        self.assertIn(reasons.pop("closes"),
                      (None, "interpreter_died: SIGKILL"))
        self.assertEqual(reasons, {
            "forks": None, "math": None, "prints": None, "threads": None,
            "crashes": "interpreter_died: SIGSEGV",
            "dies": "interpreter_died: exit status 7",
            "exits": "SystemExit: 3",
            "fails": "RuntimeError: it does not want to",
            "hangs": "deadline_exceeded", "spins": "deadline_exceeded",
            "nowhere": "ModuleNotFoundError: No module named 'nowhere'"})
        self.assertEqual([each["name"] for each in
                          modules["prints"]["symbols"]], ["said"])
        self.assertEqual(left_behind(), [])

    def command(self, *arguments, code=0, **environment):
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith("SNAKEBRIDGE_")}
        done = subprocess.run(
            [BIN / "snakebridge", *arguments], capture_output=True, text=True,
            check=False, timeout=PATIENCE_S, cwd=self.output,
            env=clean | environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_settings_are_those_of_the_project(self):
        module = self.output / "shop.py"
        module.write_text("def buy(x: int) -> int: ...\n"
                          "def sell(): ...\n", encoding="utf-8")
        settings = self.output / "snakebridge.toml"
        settings.write_text('[pool.default]\npath = ["."]\n'
                            "[libraries.shop]\nexclude = ['sell']\n",
                            encoding="utf-8")
        self.command("regen")
        kept = self.output / ".snakebridge"
        self.assertTrue((kept / "snakebridge.lock").is_file())
        self.assertIn("buy", self.command("docs", "shop"))
        self.assertEqual(self.command("docs", "--search", "sell",
                                      code=1).strip(), "")

    def test_regen_tells_what_has_changed(self):
        module = self.output / "shop.py"
        module.write_text("def buy(x: int) -> int: ...\n"
                          "def sell(): ...\n", encoding="utf-8")
        said = self.command("regen", "shop", "--path", ".")
        self.assertIn("0 changes, 2 files written", said)
        # Of another size: Python tells sources of one second apart by that.
        module.write_text("def buy(x: str) -> int: ...\n"
                          "def give_away(): ...\n", encoding="utf-8")
        said = self.command("regen", "--path", ".")
        self.assertEqual(said.splitlines(), [
            "changed shop.buy", "added shop.give_away", "removed shop.sell",
            "3 changes, 2 files written"])
        self.assertIn("config_invalid",
                      self.command("regen", "--manifest", "none/m.json",
                                   code=1))

    def write(self, name, text):
        path = self.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def described(self, name="m.json"):
        """Names of modules, and how many symbols each has."""
        manifest = json.loads((self.output / name).read_text(encoding="utf-8"))
        return {each["name"]: len(each["symbols"])
                for each in manifest["modules"]}

    def test_a_module_without_submodules_is_all_there_is_of_it(self):
        for _ in range(2):
            self.command(*GENERATE, "math", "math.*", "--if-lacking",
                         "--manifest", "m.json")
        self.assertEqual(list(self.described()), ["math"])
        self.assertIn("library_unknown", self.command(
            *GENERATE, "nowhere.*", "--manifest", "n.json", code=1))
        self.assertIn("library_unknown", self.command(
            *GENERATE, "../math", "--manifest", "n.json", code=1))

    def test_a_module_of_a_library_is_not_all_of_it(self):
        for name in ("a", "b"):
            self.write(f"lib/{name}.py", "def f(): ...\n")
        self.write("lib/__init__.py", "")
        given = ("--path", ".", "--if-lacking", "--manifest", "m.json")
        self.command(*GENERATE, "lib.a", *given)
        self.command(*GENERATE, "lib.*", *given)
        self.assertEqual(self.described(), {"lib": 0, "lib.a": 1, "lib.b": 1})

    def test_modules_are_as_deep_as_the_settings_say(self):
        for name in ("lib", "lib/a", "lib/a/b", "lib/a/b/c", "lib/_own",
                     "lib/tests"):
            self.write(f"{name}/__init__.py", "def f(): ...\n")
        self.write("lib/a/flat.py", "raise SystemExit\n")
        for depth, wanted in ((0, ["lib"]), (1, ["lib", "lib.a"]),
                              (2, ["lib", "lib.a", "lib.a.b", "lib.a.flat"])):
            self.write("s.toml", f"[libraries.lib]\ndepth = {depth}\n")
            self.command(*GENERATE, "lib.*", "--path", ".", "--config",
                         "s.toml", "--manifest", f"{depth}.json")
            self.assertEqual(list(self.described(f"{depth}.json")), wanted)

    def locked(self):
        return json.loads((self.output / "snakebridge.lock").read_text(
            encoding="utf-8"))

    def test_the_lock_holds_to_what_is_in_stubs_of_libraries_it_has(self):
        self.write("shop.py", "def buy(): ...\n")
        self.write("typings/shop.pyi", "def buy() -> int: ...\n")
        settings = '[libraries.shop]\nstubs = ["typings"]\n'
        self.write("s.toml", settings)
        given = (*GENERATE, "shop", "--path", ".", "--config", "s.toml",
                 "--manifest", "m.json")
        self.command(*given)
        before = self.locked()
        self.command(*given, "--strict")
        # Of a library that it does not have, nothing is asked.
        self.write("s.toml", settings + '[libraries.yard]\nasync = ["f"]\n')
        self.command(*given, "--if-lacking")
        self.assertEqual(self.locked(), before)
        self.command(*given, "--strict")
        self.write("typings/shop.pyi", "def buy() -> str: ...\n")
        self.assertIn("settings_drifted",
                      self.command(*given, "--strict", code=1))
        self.command(*given, "--if-lacking")
        self.assertNotEqual(self.locked(), before)
        self.command(*given, "--strict")

    def test_the_lock_holds_to_what_is_in_stubs_that_a_call_gives(self):
        for name in ("shop", "yard"):
            self.write(f"{name}.py", "def buy(): ...\n")
            self.write(f"of {name}/{name}.pyi", "def buy() -> int: ...\n")
        common = ("--path", ".", "--manifest", "m.json")
        shop = (*GENERATE, "shop", *common, "--stubs", "of shop")
        yard = (*GENERATE, "yard", *common, "--stubs", "of yard")
        # Each call holds to its own, whichever came last.
        self.command(*shop, "--if-lacking")
        self.command(*yard, "--if-lacking")
        before = self.locked()
        self.assertEqual(sorted(before["stubs"]), ["shop", "yard"])
        self.command(*shop, "--if-lacking")
        self.assertEqual(self.locked(), before)
        for each in (shop, yard):
            self.command(*each, "--strict")
        self.assertIn("stubs_drifted: the stubs given for shop", self.command(
            *shop[:-2], "--strict", code=1))
        self.write("of shop/shop.pyi", "def buy() -> str: ...\n")
        self.assertIn("stubs_drifted: the stubs given for shop",
                      self.command(*shop, "--strict", code=1))
        self.command(*yard, "--strict")
        self.command(*shop, "--if-lacking", "--depfile", "d", "--depends", "t")
        self.assertIn("/of\\ shop/shop.pyi", (self.output / "d").read_text(
            encoding="utf-8"))
        self.assertIn("std::string", (
            self.output / "out/snakebridge/py/shop.hpp").read_text(
                encoding="utf-8"))
        self.assertEqual(self.locked()["stubs"]["yard"],
                         before["stubs"]["yard"])
        for each in (shop, yard):
            self.command(*each, "--strict")

    def test_calls_with_paths_of_their_own_keep_what_others_found(self):
        self.write("one/first.py", "def f(): ...\n")
        self.write("two/second.py", "def g(): ...\n")
        for name, folder in (("first", "one"), ("second", "two")):
            self.command(*GENERATE, name, "--path", folder, "--if-lacking",
                         "--manifest", "m.json")
        self.assertEqual(self.described(), {"first": 1, "second": 1})
        before = (self.output / "m.json").read_bytes()
        said = self.command("regen", "--manifest", "m.json", code=1)
        self.assertIn("library_unknown: first", said)
        self.assertIn("--clean", said)
        self.assertEqual((self.output / "m.json").read_bytes(), before)
        self.command("regen", "--manifest", "m.json", "--path", "one",
                     "--path", "two")
        self.assertEqual(self.described(), {"first": 1, "second": 1})
        self.command("regen", "math", "--clean", "--manifest", "m.json")
        self.assertEqual(list(self.described()), ["math"])

    def test_calls_at_a_time_find_as_much_as_one_after_the_other(self):
        names = ["shelf", "yard", "attic"]
        for each in names:
            self.write(f"{each}.py", "def f(): ...\n")
        running = [subprocess.Popen(
            [BIN / "snakebridge", *GENERATE, each, "--path", ".",
             "--if-lacking", "--manifest", "m.json"], cwd=self.output,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for each in names]
        self.assertEqual([each.wait(PATIENCE_S) for each in running], [0] * 3)
        self.assertEqual(sorted(self.described()), sorted(names))
        self.assertEqual(list(self.output.glob("*.new")), [])

    def test_the_depfile_names_all_that_it_was_made_of(self):
        self.write("a b/shop.py", "def buy(): ...\n")
        self.write("a b/stubs/shop.pyi", "def buy() -> int: ...\n")
        self.write("a b/s.toml", '[libraries.shop]\nstubs = ["stubs"]\n')
        self.write("a b/inside.hpp", "inline int sell();\n")
        self.write("a b/main.cpp", "#include <inside.hpp>\n")
        self.command("generate", "shop", "--path", "a b", "--config",
                     "a b/s.toml", "--manifest", "m.json", "--output", "out",
                     "--source", "a b/main.cpp", "--include", "a b",
                     "--depfile", "a b/d", "--depends", "a b/stamp")
        text = (self.output / "a b/d").read_text(encoding="utf-8")
        self.assertTrue(text.startswith("a\\ b/stamp: "), text)
        for name in ("a\\ b/s.toml", "m.json", "snakebridge.lock",
                     "a\\ b/stubs/shop.pyi", "a\\ b/main.cpp",
                     "a\\ b/inside.hpp"):
            self.assertIn(f"/{name}", text)

    def test_settings_that_are_named_are_there(self):
        self.assertIn("none.toml", self.command(
            *GENERATE, "math", "--config", "none.toml", code=1))
        self.assertIn("none.toml", self.command(
            "regen", "math", code=1, SNAKEBRIDGE_CONFIG="none.toml"))

    def test_strict_is_said_in_words(self):
        given = (*GENERATE, "math", "--manifest", "m.json")
        for said in ("1", "TRUE", "Yes", "on"):
            self.assertIn("cannot read", self.command(
                *given, code=1, SNAKEBRIDGE_STRICT=said))
        self.assertIn("SNAKEBRIDGE_STRICT", self.command(
            *given, code=2, SNAKEBRIDGE_STRICT="maybe"))
        self.command(*given, SNAKEBRIDGE_STRICT="Off")

    def test_a_manifest_of_another_shape_is_told_by_its_name(self):
        for text in ('{"version": 1}', '{"version": 1, "modules": [{}]}',
                     '{"version": 1, "modules": [{"name": "../a", '
                     '"symbols": []}]}',
                     '{"version": 1, "modules": [{"name": "a", "symbols": '
                     '[{"name": "f", "kind": "function"}]}]}'):
            self.write("m.json", text)
            said = self.command("generate", "--manifest", "m.json", "--output",
                                "out", code=1)
            self.assertIn("config_invalid", said)
            self.assertIn("m.json", said)

    def test_reports_are_of_the_manifest_alone(self):
        shutil.copy(HERE / "golden/inventory.json", self.output / "m.json")
        nowhere = {"SNAKEBRIDGE_WORKER": "/nowhere"}
        given = ("--manifest", "m.json")
        self.assertIn("inventory", self.command("plan", *given, **nowhere))
        rows = json.loads(self.command("coverage", "--json", *given,
                                       **nowhere))["modules"]
        self.assertEqual([each["module"] for each in rows],
                         ["inventory", "all"])
        self.assertEqual(rows[0]["named"], 100)
        self.command("coverage", *given, "--output", "c.md", **nowhere)
        self.assertIn("| inventory |", (self.output / "c.md").read_text(
            encoding="utf-8"))
        self.assertIn("The price of all.", self.command(
            "docs", "inventory.total", *given, **nowhere))
        self.assertIn("inventory.Store", self.command(
            "docs", "--search", "store", *given, **nowhere))
        self.assertIn("symbol_unknown", self.command(
            "docs", "inventory.steal", *given, code=1, **nowhere))
        self.assertIn("library_unknown", self.command(
            "docs", "numpy", *given, code=1, **nowhere))

    def test_the_docs_manifest_is_what_sphinx_has(self):
        inventory = self.output / "objects.inv"
        inventory.write_bytes(
            b"# Sphinx inventory version 2\n# Project: shop\n# Version: 1\n"
            b"# The remainder of this file is compressed using zlib.\n"
            + zlib.compress(b"shop py:module 0 s.html#$ -\n"
                            b"shop.buy py:function 1 s.html#$ -\n"
                            b"other.f py:function 1 s.html#$ -\n"
                            b"shop std:label -1 s.html A shop\n"))
        self.command("docs-manifest", "--library", "shop", "--inventory",
                     inventory, "--output", "shop.json", "--quiet")
        made = json.loads((self.output / "shop.json").read_text(
            encoding="utf-8"))
        self.assertEqual(made["modules"], ["shop"])
        self.assertEqual(made["objects"],
                         [{"name": "shop.buy", "kind": "function"}])
        inventory.write_bytes(b"nothing")
        self.assertIn("no inventory of Sphinx", self.command(
            "docs-manifest", "--library", "shop", "--inventory", inventory,
            "--output", "x.json", "--quiet", code=1))

    def test_a_module_that_is_not_there_is_unknown(self):
        said = self.command("generate", "nowhere", "--output", "out", code=1)
        self.assertIn("library_unknown: nowhere", said)

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

    def assert_emitted(self, most):
        """Parameters that take anything in C++: of unions of more kinds than a
        variant has, of what says Any, of classes without a wrapper."""
        for name, percent in most.items():
            with self.subTest(header=name):
                path = f"snakebridge/py/{name.replace('.', '/')}.hpp"
                self.assertLess(vague_percent(self.output / path), percent)

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
        self.assert_emitted({"numpy": 17, "numpy.linalg": 1})

    @unittest.skipIf(sys.version_info[:2] != (3, 11) or os.uname().machine
                     != "x86_64", "its wheel is of another Python")
    def test_numpy_1_is_typed(self):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME")
                             or pathlib.Path.home() / ".cache")
        place = cache / "snakebridge" / "tests-numpy1"
        self.assertEqual(tools.environment(
            place, (HERE / "numpy1.txt").read_text(encoding="utf-8")), "")
        manifest, _ = generate(self.output, "numpy", python=place)
        self.assertTrue(manifest["libraries"]["numpy"].startswith("1.26."))
        self.assert_typed(manifest, (90, 85), ["numpy"],
                          place / "bin/python3")

    @unittest.skipIf(CLANGD is None, "there is no clangd")
    def test_an_editor_completes_a_function_with_its_doc(self):
        generate(self.output, "numpy.linalg", python=VENV)
        source = self.output / "main.cpp"
        text = ("#include <snakebridge/py/numpy/linalg.hpp>\n"
                "auto x = snakebridge::py::numpy::linalg::no")
        source.write_text(text, encoding="utf-8")
        (self.output / "compile_flags.txt").write_text(
            f"-std=c++20\n-I{self.output}\n-I{HERE.parents[1] / 'include'}\n",
            encoding="utf-8")
        found = completions(source, text)
        norm = [each for each in found if each["filterText"] == "norm"]
        self.assertTrue(any("norm(const sb::caller &python" in each["label"]
                            for each in norm), norm)
        self.assertIn("Matrix or vector norm.", json.dumps(norm))

    def test_pandas_is_typed(self):
        manifest, _ = generate(self.output, "pandas", python=VENV)
        self.assert_typed(manifest, (95, 95), ["pandas"], VENV / "bin/python3")
        self.assert_emitted({"pandas": 20})

    def test_requests_is_typed(self):
        manifest, _ = generate(self.output, "requests", python=VENV)
        self.assert_typed(manifest, (96, 98), ["requests"],
                          VENV / "bin/python3")
        self.assert_emitted({"requests": 10})

    def test_scikit_learn_is_typed(self):
        modules = ["sklearn.linear_model", "sklearn.preprocessing",
                   "sklearn.svm"]
        manifest, _ = generate(self.output, *modules, python=VENV)
        self.assert_typed(manifest, (85, 70), modules, VENV / "bin/python3")
        # NumPy has no wrappers beside it here: its arrays are objects.
        self.assert_emitted({"sklearn.linear_model": 33})


if __name__ == "__main__":
    unittest.main()
