"""The command line and the examples, run as a user runs them.

SNAKEBRIDGE_BIN names the folder of the built programs.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
PATIENCE_S = 100


def run(*command, env=None, cwd=None):
    """What a program printed and how it ended."""
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith("SNAKEBRIDGE_")}
    return subprocess.run([str(part) for part in command], text=True,
                          capture_output=True, timeout=PATIENCE_S, check=False,
                          env={**clean, **(env or {})}, cwd=cwd)


def snakebridge(*arguments, **options):
    return run(BIN / "snakebridge", *arguments, **options)


class Calls(unittest.TestCase):
    def shows(self, expected, *arguments):
        ended = snakebridge(*arguments)
        self.assertEqual((ended.stdout, ended.stderr, ended.returncode),
                         (expected + "\n", "", 0))

    def test_a_result_is_printed_as_its_repr(self):
        self.shows("4.0", "call", "math", "sqrt", "16")
        self.shows("7", "call", "builtins", "int", '"7"')
        self.shows("{'a': [1, None]}", "call", "json", "loads",
                   r'"{\"a\": [1, null]}"')
        self.shows("'x'", "call", "builtins", "str", "x")

    def test_keywords_are_json_too(self):
        self.shows("3.14", "call", "builtins", "round", "3.14159", "--kw",
                   "ndigits=2")

    def test_attributes_and_expressions(self):
        self.shows("3.141592653589793", "get", "math", "pi")
        self.shows("[0, 1, 4]", "eval", "[i * i for i in range(3)]")

    def test_json_output_is_json(self):
        ended = snakebridge("eval", "{'a': (1, None, True)}", "--json")
        self.assertEqual(json.loads(ended.stdout), {"a": [1, None, True]})

    def test_output_of_python_is_shown(self):
        ended = snakebridge("call", "builtins", "print", "hi")
        self.assertEqual(ended.stdout.split(), ["hi", "None"])


class Failures(unittest.TestCase):
    def test_a_python_error_is_a_traceback_and_1(self):
        ended = snakebridge("call", "json", "loads", '"{"')
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertTrue(
            ended.stderr.startswith("Traceback (most recent call last):"))
        self.assertIn("JSONDecodeError", ended.stderr)

    def test_a_wrong_command_line_is_2(self):
        for arguments in [(), ("nonsense",), ("call", "math"),
                          ("call", "math", "sqrt", "--kw", "no-equals-sign")]:
            self.assertEqual(snakebridge(*arguments).returncode, 2, arguments)

    def test_a_late_call_says_so(self):
        ended = snakebridge("call", "time", "sleep", "60", "--timeout-ms", "50")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("deadline_exceeded", ended.stderr)

    def test_a_missing_worker_is_named(self):
        ended = snakebridge("eval", "1",
                            env={"SNAKEBRIDGE_WORKER": "/nowhere/worker"})
        self.assertEqual(ended.returncode, 1)
        self.assertIn("startup_failed", ended.stderr)
        self.assertIn("/nowhere/worker", ended.stderr)


class Scripts(unittest.TestCase):
    def test_a_script_runs_as_main_with_its_arguments(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "script.py"
            script.write_text("import sys\n"
                              "print(__name__, sys.argv[1:])\n"
                              "print('bad', file=sys.stderr)\n"
                              "sys.exit(3)\n", encoding="utf-8")
            ended = snakebridge("run", script, "a", "b")
        self.assertEqual(ended.stdout, "__main__ ['a', 'b']\n")
        self.assertEqual(ended.stderr, "bad\n")
        self.assertEqual(ended.returncode, 3)


class Helpers(unittest.TestCase):
    SOURCE = ("def price(item, *, n: int = 1):\n"
              "    'What some cost.'\n"
              "HELPERS = {'price': price}\n")

    def listed(self, *arguments, **more):
        with tempfile.TemporaryDirectory() as folder:
            helpers = pathlib.Path(folder) / "priv/python/helpers"
            helpers.mkdir(parents=True)
            for name, text in {"shop": self.SOURCE, **more}.items():
                (helpers / f"{name}.py").write_text(text, encoding="utf-8")
            return snakebridge("helpers", *arguments, cwd=folder)

    def test_each_is_listed_with_its_signature(self):
        ended = self.listed()
        self.assertEqual((ended.stderr, ended.returncode), ("", 0))
        self.assertIn("shop.price(item, *, n: int = 1)\n"
                      "    What some cost.\n", ended.stdout)
        self.assertIn("snakebridge.describe(object)\n", ended.stdout)

    def test_json_output_is_json(self):
        found = {each["name"]: each
                 for each in json.loads(self.listed("--json").stdout)}
        shop = found["shop.price"]
        self.assertTrue(shop.pop("file").endswith("/shop.py"))
        self.assertEqual(shop, {"name": "shop.price",
                                "signature": "(item, *, n: int = 1)",
                                "doc": "What some cost."})

    def test_a_file_that_fails_is_told(self):
        ended = self.listed(broken="1 / 0\n")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("shop.price(", ended.stdout)
        self.assertRegex(ended.stderr,
                         r"/broken\.py: ZeroDivisionError: division by zero\n")


class Doctor(unittest.TestCase):
    def test_it_says_what_is_in_force_and_why(self):
        ended = snakebridge("doctor", env={"SNAKEBRIDGE_TIMEOUT_MS": "1234"})
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertRegex(ended.stdout,
                         r"timeout_ms +1234 +\(SNAKEBRIDGE_TIMEOUT_MS\)")
        self.assertRegex(ended.stdout, r"queue_max +\d+ +\(default\)")
        self.assertRegex(ended.stdout, r"worker +/\S+snakebridge-worker")
        self.assertRegex(ended.stdout, r"sys.executable +/")
        self.assertIn("installed", ended.stdout)

    def test_what_works_but_may_not_fit_is_warned_of(self):
        well = snakebridge("doctor", env={"VIRTUAL_ENV": ""})
        self.assertIn("all is well", well.stdout)
        unused = snakebridge("doctor", env={"VIRTUAL_ENV": "/an/active/venv"})
        self.assertEqual(unused.returncode, 0)
        self.assertIn("VIRTUAL_ENV '/an/active/venv' is not used",
                      unused.stdout)
        self.assertNotIn("all is well", unused.stdout)

    def test_another_build_of_python_is_warned_of(self):
        with tempfile.TemporaryDirectory() as folder:
            other = pathlib.Path(folder) / "python3"
            version = "%d.%d.0 (another)" % sys.version_info[:2]
            other.write_text("#!/bin/sh\ncase $4 in\n"
                             f"*print*) printf '{version}';;\n"
                             "*) printf 'snakebridge\\000cpython\\000"
                             f"{version}\\000{other}"
                             "\\000';;\nesac\n", encoding="utf-8")
            other.chmod(0o700)
            ended = snakebridge("doctor",
                                env={"SNAKEBRIDGE_PYTHON": str(other)})
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn(f"another build of Python ({version})", ended.stdout)

    def test_a_wrong_setting_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            settings = pathlib.Path(folder) / "snakebridge.toml"
            settings.write_text("[pool.default]\nsize = -1\n", encoding="utf-8")
            ended = snakebridge("doctor", cwd=folder)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("config_invalid", ended.stdout + ended.stderr)
        self.assertIn("size", ended.stdout + ended.stderr)

    def test_it_knows_its_version(self):
        self.assertRegex(snakebridge("--version").stdout,
                         r"^snakebridge \d+\.\d+\.\d+$")


class Examples(unittest.TestCase):
    def test_hello(self):
        ended = run(BIN / "hello")
        self.assertEqual(ended.stdout.split(),
                         ["4.0", "True", "'ABC'", "3.14", "deadline_exceeded"])
        self.assertEqual(ended.returncode, 0)

    def test_quickstart(self):
        ended = run(BIN / "quickstart")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        for line in ["15 rows", "-87.52 + 3.450 * height", "killed by SIGKILL",
                     "ref_stale", "after the restart", "1 restart(s)"]:
            self.assertIn(line, ended.stdout)

    def test_supervised_actors(self):
        ended = run(BIN / "supervised_actors")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        counts = [line.split()[-4] for line in ended.stdout.splitlines()
                  if line.endswith("sessions")]
        self.assertEqual(counts, ["100", "90", "80", "80", "80"])


if __name__ == "__main__":
    unittest.main()
