"""The command line and the examples, run as a user runs them.

SNAKEBRIDGE_BIN names the folder of the built programs.
"""
import contextlib
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
PATIENCE_S = 100


def environment(env=None):
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith("SNAKEBRIDGE_") and k != "PYTHONUNBUFFERED"}
    return {**clean, **(env or {})}


def run(*command, env=None, cwd=None, **options):
    """What a program printed and how it ended."""
    return subprocess.run([str(part) for part in command],
                          **{"text": True, "capture_output": True, **options},
                          timeout=PATIENCE_S, check=False,
                          env=environment(env), cwd=cwd)


def snakebridge(*arguments, **options):
    return run(BIN / "snakebridge", *arguments, **options)


@contextlib.contextmanager
def started(*arguments, **options):
    """The program while it runs, its output read by whoever wants it."""
    with subprocess.Popen([str(BIN / "snakebridge"), *map(str, arguments)],
                          **{"stdout": subprocess.PIPE,
                             "stderr": subprocess.PIPE,
                             "env": environment(), **options}) as program:
        try:
            yield program
        finally:
            program.kill()


class Terminal:
    """One of our own, and what it was told so far."""

    def __init__(self):
        self.ours, self.theirs = pty.openpty()
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.ours, self.theirs:
            if each is not None:
                os.close(each)

    def leave(self):
        """To the program alone: then it is read until that has ended."""
        os.close(self.theirs)
        self.theirs = None

    def read(self, until=None):
        while until is None or until not in self.text:
            if not select.select([self.ours], [], [], PATIENCE_S)[0]:
                raise TimeoutError(self.text)
            try:
                self.text += os.read(self.ours, 4096).decode()
            except OSError:  # nobody has it open any more
                break
        return self.text


class Folder(unittest.TestCase):
    """A folder for each test, with the scripts it writes."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()

    def script(self, *lines, name="script.py"):
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def gate(self):
        """A file whose one line is there when `open_gate` was called."""
        path = self.folder / "gate"
        os.mkfifo(path)
        self.to_gate = os.open(path, os.O_RDWR)
        self.addCleanup(os.close, self.to_gate)
        return path

    def open_gate(self):
        os.write(self.to_gate, b"go\n")


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

    def test_lists_and_negative_numbers_are_arguments(self):
        self.shows("6", "call", "builtins", "sum", "[1, 2, 3]")
        self.shows("([1], [])", "call", "builtins", "tuple", "[[1], []]")
        self.shows("'[x]'", "call", "builtins", "str", "[x]")
        self.shows("1.0", "call", "math", "fabs", "-1")

    def test_attributes_and_expressions(self):
        self.shows("3.141592653589793", "get", "math", "pi")
        self.shows("[0, 1, 4]", "eval", "[i * i for i in range(3)]")

    def test_json_output_is_json(self):
        ended = snakebridge("eval", "{'a': (1, None, True)}", "--json")
        self.assertEqual(json.loads(ended.stdout), {"a": [1, None, True]})

    def test_output_of_python_is_shown(self):
        ended = snakebridge("call", "builtins", "print", "hi")
        self.assertEqual(ended.stdout.split(), ["hi", "None"])


class Ends(Folder):
    CODE = "(print('waits'), open({!r}).readline())[1]"

    def test_an_interrupt_ends_a_call_without_words(self):
        for sent, code in (signal.SIGINT, 130), (signal.SIGTERM, 143):
            gate = self.gate()
            with started("eval", self.CODE.format(str(gate))) as program:
                program.stdout.readline()
                program.send_signal(sent)
                self.assertEqual(program.communicate(timeout=PATIENCE_S),
                                 (b"", b""))
                self.assertEqual(program.returncode, code)
            gate.unlink()

    def test_a_reader_that_leaves_is_no_failure(self):
        gate = self.gate()
        with started("eval", self.CODE.format(str(gate))) as program:
            program.stdout.readline()
            program.stdout.close()
            self.open_gate()
            self.assertEqual(program.stderr.read(), b"")
            self.assertEqual(program.wait(PATIENCE_S), 0)

    def test_a_full_disk_is_one(self):
        with open("/dev/full", "wb") as full:
            ended = snakebridge("eval", "1", capture_output=False, stdout=full,
                                stderr=subprocess.PIPE)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("No space left", ended.stderr)


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


class Objects(unittest.TestCase):
    CODE = "__import__('pathlib').PurePosixPath('/x')"

    def shows(self, expected, code, *options):
        ended = snakebridge("eval", code, *options)
        self.assertEqual((ended.stdout, ended.stderr, ended.returncode),
                         (expected + "\n", "", 0))

    def test_they_are_printed_by_their_repr_wherever_they_are(self):
        shown = "PurePosixPath('/x')"
        self.shows(shown, self.CODE)
        for before, after in [("[1, ", "]"), ("(", ",)"), ("('a', ", ")"),
                              ("{'a': [", "]}"), ("{", ": 1}"), ("{", "}"),
                              ("frozenset({", "})")]:
            self.shows(before + shown + after, before + self.CODE + after)

    def test_a_long_repr_is_whole(self):
        self.shows("object: " + "x" * 10_000,
                   "type('Long', (), {'__repr__':"
                   " lambda self: 'object: ' + 'x' * 10_000})()")

    def test_one_that_cannot_be_shown_is_named(self):
        self.shows("<a.Bad object>",
                   "type('Bad', (), {'__module__': 'a',"
                   " '__repr__': lambda self: 1 / 0})()")

    def test_in_json_they_say_what_they_are(self):
        ended = snakebridge("eval", f"{{'a': [{self.CODE}]}}", "--json")
        self.assertEqual(json.loads(ended.stdout),
                         {"a": [{"type": pathlib.PurePosixPath.__module__
                                         + ".PurePosixPath",
                                 "repr": "PurePosixPath('/x')"}]})


class Streams(Folder):
    def test_each_item_is_a_line(self):
        ended = snakebridge("stream", "builtins", "range", 3)
        self.assertEqual((ended.stdout, ended.stderr, ended.returncode),
                         ("0\n1\n2\n", "", 0))
        ended = snakebridge("stream", "builtins", "enumerate", '["a", "b"]',
                            "--kw", "start=1", "--json")
        self.assertEqual([json.loads(line)
                          for line in ended.stdout.splitlines()],
                         [[1, "a"], [2, "b"]])

    def test_a_limit_ends_it(self):
        ended = snakebridge("stream", "itertools", "count", "--limit", 2)
        self.assertEqual((ended.stdout, ended.returncode), ("0\n1\n", 0))
        for wrong in 0, -1, "x":
            ended = snakebridge("stream", "itertools", "count", "--limit",
                                wrong)
            self.assertEqual(ended.returncode, 2)

    def module(self, *lines):
        """A module `yielding`, and the variables that let it be found."""
        self.script(*lines, name="yielding.py")
        return {"PYTHONPATH": str(self.folder)}

    def test_an_error_comes_after_the_items_before_it(self):
        env = self.module("def items():", "    yield 1", "    yield 2",
                          "    raise ValueError('no more')")
        ended = snakebridge("stream", "yielding", "items", env=env)
        self.assertEqual((ended.stdout, ended.returncode), ("1\n2\n", 1))
        self.assertIn("Traceback", ended.stderr)
        self.assertTrue(ended.stderr.endswith("ValueError: no more\n"))
        ended = snakebridge("stream", "math", "sqrt", 16)
        self.assertEqual((ended.stdout, ended.returncode), ("", 1))
        self.assertIn("not iterable", ended.stderr)

    # What it has yielded is read before it goes on: else it never ends.
    HELD = ("def items(go, log):",
            "    try:",
            "        yield object",
            "        with open(go) as gate:",
            "            yield gate.readline()",
            "            while True:",
            "                yield 'again'",
            "    finally:",
            "        with open(log, 'a') as told:",
            "            told.write('closed')")

    def test_an_item_is_printed_while_the_next_is_made(self):
        env = self.module(*self.HELD)
        go, log = self.gate(), self.folder / "log"
        with started("stream", "yielding", "items", go, log, "--limit", "2",
                     env=environment(env)) as program:
            self.assertEqual(program.stdout.readline(), b"<class 'object'>\n")
            self.open_gate()
            self.assertEqual(program.stdout.read(), b"'go\\n'\n")
            self.assertEqual(program.wait(PATIENCE_S), 0)
        self.assertEqual(log.read_text(), "closed")

    def test_an_interrupt_ends_it_in_order(self):
        env = self.module(*self.HELD)
        go, log = self.gate(), self.folder / "log"
        with started("stream", "yielding", "items", go, log,
                     env=environment(env)) as program:
            program.stdout.readline()
            program.send_signal(signal.SIGINT)  # it waits for the next
            self.assertEqual(program.communicate(timeout=PATIENCE_S),
                             (b"", b""))
            self.assertEqual(program.returncode, 130)
        self.assertEqual(log.read_text(), "closed")

    def test_a_late_item_says_so(self):
        env = self.module(*self.HELD)
        ended = snakebridge("stream", "yielding", "items", self.gate(),
                            self.folder / "log", "--timeout-ms", 500, env=env)
        self.assertEqual((ended.stdout, ended.returncode),
                         ("<class 'object'>\n", 1))
        self.assertIn("deadline_exceeded", ended.stderr)

    def test_a_reader_that_leaves_ends_it_quietly(self):
        env = self.module(*self.HELD)
        go, log = self.gate(), self.folder / "log"
        with started("stream", "yielding", "items", go, log,
                     env=environment(env)) as program:
            program.stdout.readline()
            program.stdout.close()
            self.open_gate()
            self.assertEqual(program.stderr.read(), b"")
            self.assertEqual(program.wait(PATIENCE_S), 0)
        self.assertEqual(log.read_text(), "closed")


class Progress(Folder):
    """`call` until it is let go, with its errors on a terminal of ours."""
    CODE = "(print('printed'), open({!r}).readline())[1]"

    def shown(self, *options, until, env=None):
        gate = self.gate()
        with Terminal() as terminal:
            with started("eval", self.CODE.format(str(gate)),
                         "--progress-after-ms", "1", *options,
                         stderr=terminal.theirs,
                         env=environment({"TERM": "xterm", **(env or {})})
                         ) as program:
                terminal.leave()
                printed = program.stdout.readline()
                if until:
                    terminal.read(until)
                self.open_gate()
                printed += program.stdout.read()
                self.assertEqual(program.wait(PATIENCE_S), 0)
            return printed.decode(), terminal.read()

    def test_what_takes_long_says_so_in_one_line_that_is_wiped(self):
        printed, told = self.shown(until="s\r\x1b[K(print")
        self.assertEqual(printed, "printed\n'go\\n'\n")
        self.assertRegex(told, "\r\x1b\\[K\\(print.* … [0-9]+ s")
        self.assertNotIn("\n", told)
        self.assertTrue(told.endswith(" s\r\x1b[K"), repr(told))

    def test_it_fits_into_the_terminal(self):
        _, told = self.shown(until=" s")
        for line in told.split("\r\x1b[K"):
            self.assertLess(len(line), 81)

    def test_nothing_is_shown_to_whom_it_would_be_in_the_way(self):
        for options, env in [(("--quiet",), {}), (("--json",), {}),
                             ((), {"TERM": "dumb"})]:
            with self.subTest(options=options, env=env):
                self.assertEqual(
                    self.shown(*options, until=None, env=env)[1], "")
                (self.folder / "gate").unlink()

    def test_nothing_is_shown_where_it_is_no_terminal(self):
        ended = snakebridge("eval", "1", "--progress-after-ms", "0")
        self.assertEqual(ended.stderr, "")


class Scripts(Folder):
    @classmethod
    def setUpClass(cls):
        cls.python = json.loads(
            snakebridge("get", "sys", "executable", "--json").stdout)

    def same_as_python(self, path, *arguments, **options):
        """Runs it with both, and answers what they have in common."""
        told = []
        for program in ([self.python], [BIN / "snakebridge", "run"]):
            ended = run(*program, path, *arguments, **options)
            told.append((ended.stdout, ended.stderr, ended.returncode))
        self.assertEqual(*told)
        return told[0]

    def test_it_runs_as_main_with_its_arguments(self):
        path = self.script(
            "import sys",
            "print(__name__, sys.argv[1:], sys.argv[0], __file__, sys.path[0])",
            "print(sorted(globals()), sys.modules['__main__'].__dict__"
            " is globals())",
            "print('bad', file=sys.stderr)",
            "sys.exit(3)")
        out, err, code = self.same_as_python(path, "a", "--json", "-x", "-",
                                             "--", "1")
        self.assertIn("__main__ ['a', '--json', '-x', '-', '--', '1']", out)
        self.assertEqual((err, code), ("bad\n", 3))

    def test_relative_files_and_links_are_found_as_python_finds_them(self):
        (self.folder / "inside").mkdir()
        self.script("import sys, beside",
                    "print(sys.argv, __file__, sys.path[0], beside.x)",
                    name="inside/script.py")
        self.script("x = 'beside'", name="inside/beside.py")
        (self.folder / "link.py").symlink_to("inside/script.py")
        for path in "inside/script.py", "./inside/script.py", "link.py":
            self.assertEqual(self.same_as_python(path, cwd=self.folder)[2], 0)

    def test_its_streams_are_ours_byte_for_byte(self):
        path = self.script(
            "import os, subprocess, sys",
            "sys.stdout.buffer.write(b'\\xff\\x00 no newline\\r')",
            "sys.stdout.flush()",
            "os.write(2, b'raw ')",
            "print('no end', end='', flush=True)",
            "subprocess.run(['echo', 'child'])",
            "print(sys.stdin.read(), sys.stdout.name, sys.stdout.mode,"
            " sys.stdin.name, sys.stdout.isatty(), sys.stdout.line_buffering)",
            "print('twice', file=sys.stderr)")
        both = [run(*program, path, text=False, input=b"given",
                    capture_output=False, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT).stdout
                for program in ([self.python], [BIN / "snakebridge", "run"])]
        self.assertEqual(*both)
        self.assertIn(b"\xff\x00 no newline\rraw no endchild\n", both[0])
        self.assertIn(b"given <stdout> w <stdin> False False", both[0])

    def test_a_terminal_is_a_terminal_to_it(self):
        path = self.script("import sys",
                           "print(sys.stdin.isatty(), sys.stdout.isatty())",
                           "print('it was', input('what? '))")
        with Terminal() as terminal, \
                started("run", "--progress-after-ms", "0", path,
                        stdin=terminal.theirs, stdout=terminal.theirs,
                        stderr=terminal.theirs, start_new_session=True,
                        env=environment({"TERM": "xterm"})) as program:
            terminal.read(until="what? ")
            os.write(terminal.ours, b"this\n")
            self.assertEqual(program.wait(PATIENCE_S), 0)
            self.assertIn("it was this", terminal.read(until="this\r\nit was "
                                                             "this"))
            # Its start took some time; then the terminal is all its own.
            self.assertRegex(terminal.text, r"script.py … \d+ s\r\x1b\[K"
                                            r"True True\r\nwhat\? ")

    def test_it_ends_as_it_wants_to(self):
        for end in ["", "sys.exit()", "sys.exit(None)", "sys.exit(0)",
                    "sys.exit(True)", "sys.exit(255)", "sys.exit(-1)",
                    "sys.exit('a reason')", "sys.exit(['a', 'list'])",
                    "raise SystemExit", "os._exit(7)",
                    "sys.excepthook = lambda *_: print('hook'); 1 / 0"]:
            with self.subTest(end=end):
                self.same_as_python(
                    self.script("import os, sys", "sys.stdout.flush()", end))

    def test_what_it_raises_is_shown_as_by_python(self):
        for lines in [["def f(x):", "    return 1 / x", "", "f(0)"],
                      ["try:", "    {}['a']", "except KeyError as e:",
                       "    raise RuntimeError('so') from e"],
                      ["class Mine(Exception): pass", "raise Mine('x', 1)"],
                      ["import json", "json.loads('{')"],
                      ["import no_such_module"],
                      ["def broken(:", "  pass"],
                      ["raise KeyboardInterrupt"]]:
            with self.subTest(lines=lines):
                path = self.script(*lines)
                told = run(BIN / "snakebridge", "run", path)
                python = run(self.python, path)
                self.assertEqual((told.stdout, told.stderr),
                                 (python.stdout, python.stderr))
                # A shell tells a death by a signal so.
                code = python.returncode
                self.assertEqual(told.returncode,
                                 code if code >= 0 else 128 - code)

    def test_what_it_leaves_to_its_end_is_done(self):
        path = self.script(
            "import atexit, concurrent.futures, threading, time",
            "atexit.register(print, 'at exit')",
            "pool = concurrent.futures.ThreadPoolExecutor()",
            "begun = threading.Event()",
            "pool.submit(lambda: (begun.wait(), print('in the pool')))",
            "def late():",
            "    threading.main_thread().join()",
            "    print('in a thread')",
            "threading.Thread(target=late).start()",
            "begun.set()",
            "print('the end')")
        out = self.same_as_python(path)[0]
        self.assertEqual(out.splitlines()[-1], "at exit")

    def test_its_classes_are_found_by_the_processes_it_starts(self):
        path = self.script(
            "import multiprocessing, pickle",
            "class Thing: pass",
            "def double(x): return 2 * x",
            "if __name__ == '__main__':",
            "    print(type(pickle.loads(pickle.dumps(Thing()))))",
            "    with multiprocessing.get_context('spawn').Pool(1) as pool:",
            "        print(pool.map(double, [1, 2]))")
        self.assertEqual(self.same_as_python(path)[0],
                         "<class '__main__.Thing'>\n[2, 4]\n")

    def test_a_crash_is_told(self):
        for end, name in [("os.abort()", "SIGABRT"),
                          ("os.kill(os.getpid(), 11)", "SIGSEGV"),
                          ("os.kill(os.getpid(), 9)", "SIGKILL")]:
            ended = snakebridge("run", self.script(
                "import os", "print('so far', flush=True)", end))
            self.assertEqual((ended.returncode, ended.stdout),
                             (1, "so far\n"))
            self.assertIn("interpreter_died", ended.stderr)
            self.assertIn(name, ended.stderr)

    def test_signals_are_the_scripts(self):
        path = self.script(
            "import signal, sys",
            "if len(sys.argv) > 1:",
            "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))",
            "try:",
            "    print('ready', flush=True)",
            "    signal.pause()",
            "except KeyboardInterrupt:",
            "    print('interrupted')",
            "    sys.exit(4)")
        for arguments, sent, code, out in [
                ((), signal.SIGINT, 4, b"interrupted\n"),
                (("handles",), signal.SIGTERM, 5, b""),
                ((), signal.SIGTERM, 143, b"")]:
            with started("run", path, *arguments) as program:
                self.assertEqual(program.stdout.readline(), b"ready\n")
                program.send_signal(sent)
                self.assertEqual(program.communicate(timeout=PATIENCE_S),
                                 (out, b""))
                self.assertEqual(program.returncode, code)

    def test_a_late_one_says_so(self):
        ended = snakebridge("run", "--timeout-ms", 300,
                            self.script("import signal", "signal.pause()"))
        self.assertEqual(ended.returncode, 1)
        self.assertIn("deadline_exceeded", ended.stderr)

    def test_what_is_no_file_is_refused(self):
        path = self.script("1")
        for arguments, why in [((), "FILE"), (("-",), "stdin"),
                               ((self.folder / "none.py",), "none.py"),
                               ((self.folder,), "is a folder"),
                               (("--nonsense", path), "--nonsense")]:
            ended = snakebridge("run", *arguments)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""))
            self.assertIn(why, ended.stderr)

    def test_options_before_it_are_ours(self):
        ended = snakebridge("run", "--python", "/nowhere/python",
                            self.script("1"))
        self.assertEqual(ended.returncode, 1)
        self.assertIn("/nowhere/python", ended.stderr)


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


class Completion(Folder):
    def completed(self, *words):
        """What bash offers for the last of these."""
        (self.folder / "complete").write_text(
            snakebridge("completion", "bash").stdout)
        told = run("bash", "-c",
                   'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
                   "compopt() { echo files; };"
                   '_snakebridge; printf "%s\\n" "${COMPREPLY[@]}"',
                   self.folder / "complete", "snakebridge", *words)
        self.assertEqual((told.stderr, told.returncode), ("", 0))
        return told.stdout.split()

    def test_bash_knows_commands_and_options(self):
        self.assertEqual(self.completed("st"), ["stream"])
        self.assertEqual(set(self.completed("")),
                         {"call", "get", "eval", "stream", "run", "helpers",
                          "doctor", "generate", "regen", "plan", "coverage",
                          "docs", "docs-manifest", "completion", "node",
                          "setup", "lock", "verify",
                          "--help", "--version"})
        self.assertEqual(self.completed("stream", "--li"), ["--limit"])
        self.assertEqual(self.completed("get", "--li"), [])
        self.assertEqual(self.completed("stream", "--limit", ""), [])
        self.assertEqual(self.completed("completion", "f"), ["fish"])
        self.assertEqual(self.completed("run", ""), ["files"])
        self.assertEqual(self.completed("call", "--python", ""), ["files"])
        self.assertEqual(self.completed("generate", "--output", ""), ["files"])
        self.assertNotIn("--progress-after-ms", self.completed("call", "--"))

    def test_each_shell_takes_its_script(self):
        for shell in "bash", "zsh", "fish":
            ended = snakebridge("completion", shell)
            self.assertEqual((ended.stderr, ended.returncode), ("", 0))
            for word in "stream", "limit", "timeout-ms":
                self.assertIn(word, ended.stdout)
            if shutil.which(shell):
                told = run(shell, "-n", "/dev/stdin", input=ended.stdout)
                self.assertEqual((told.stderr, told.returncode), ("", 0))

    @unittest.skipUnless(shutil.which("fish"), "needs fish")
    def test_fish_knows_commands_and_options(self):
        (self.folder / "complete").write_text(
            snakebridge("completion", "fish").stdout)

        def completed(line):
            told = run("fish", "--no-config", "-c",
                       f"source {self.folder}/complete; complete -C '{line}'",
                       env={"HOME": str(self.folder)})
            return [each.split("\t")[0] for each in told.stdout.splitlines()]

        self.assertEqual(completed("snakebridge st"), ["stream"])
        self.assertEqual(completed("snakebridge stream --li"), ["--limit"])
        self.assertEqual(completed("snakebridge completion z"), ["zsh"])

    def test_another_shell_is_refused(self):
        self.assertEqual(snakebridge("completion", "tcsh").returncode, 2)


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

    @unittest.skipIf(pathlib.Path("/proc/driver/nvidia").exists(),
                     "its driver tells before nvidia-smi is asked")
    def test_it_shows_the_machine_and_which_pytorch_fits(self):
        with tempfile.TemporaryDirectory() as folder:
            smi = pathlib.Path(folder) / "nvidia-smi"
            smi.write_text("#!/bin/sh\necho 'NVIDIA A100, 550.54.15'\n",
                           encoding="utf-8")
            smi.chmod(0o700)
            ended = snakebridge(
                "doctor", env={"PATH": f"{folder}:{os.environ['PATH']}"})
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        for name, told in (("accelerator", "cuda"), ("gpus", "NVIDIA A100"),
                           ("driver", "550.54.15"), ("cuda", "12.4"),
                           ("build of PyTorch", "cu124")):
            self.assertRegex(ended.stdout, rf"(?m)^  {name} +{told}( |$)")

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
            abi = "cpython-%d%d" % sys.version_info[:2]
            other.write_text("#!/bin/sh\ncase $4 in\n"
                             f"*print*) printf '{version}';;\n"
                             "*) printf 'snakebridge\\000cpython\\000"
                             f"{version}\\000{other}\\000"
                             f"{abi}-here\\000/nowhere"
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


class Nodes(Folder):
    """A cluster on loopback, and one with certificates."""

    @contextlib.contextmanager
    def node(self, name, *options):
        """The program while it runs, and where it listens."""
        with started("node", "run", "--name", name, "--listen", "127.0.0.1:0",
                     *options, cwd=self.folder) as program:
            said = program.stdout.readline().decode()
            self.assertTrue(said.startswith(f"node {name} listens at "), said)
            yield program, said.split()[-1]

    def listed(self, *options):
        ended = snakebridge("node", "list", "--json", *options,
                            cwd=self.folder)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return {each["name"]: each for each in json.loads(ended.stdout)}

    def listed_with(self, name, *options):
        """It may be on its way into the cluster."""
        until = time.monotonic() + PATIENCE_S
        while name not in (found := self.listed(*options)):
            self.assertLess(time.monotonic(), until, found)
        return found

    def until_ready(self, name, *options):
        """Until its stats say so, which it tells each second."""
        until = time.monotonic() + PATIENCE_S
        while True:
            pools = self.listed(*options)[name]["stats"]["pools"]
            if pools and pools[0]["ready"] == pools[0]["interpreters"] > 0:
                break
            self.assertLess(time.monotonic(), until, pools)
        self.assertEqual(pools[0]["name"], "default")
        self.assertEqual(pools[0]["live_objects"], 0)
        self.assertTrue(pools[0]["takes_calls"])

    def test_nodes_are_listed_and_drained_and_end(self):
        with self.node("alpha") as (_, where), \
                self.node("beta", "--join", where) as (beta, address):
            found = self.listed_with("beta", "--join", where)
            self.assertEqual(set(found), {"alpha", "beta"})
            self.assertEqual(found["beta"]["address"], address)
            self.assertEqual(found["beta"]["state"], "up")
            self.assertEqual(found["beta"]["pools"], ["default"])
            self.until_ready("beta", "--join", where)
            told = snakebridge("node", "list", "--join", where).stdout
            self.assertRegex(told, r"NODE +ADDRESS.*OBJECTS.*\nalpha .*\n"
                                   r"beta .* default (\d+)/\1\n")

            told = snakebridge("node", "forget", "beta", "--join", where)
            self.assertEqual(told.returncode, 1)
            self.assertIn("is linked", told.stderr)
            told = snakebridge("node", "drain", "beta", "--patience-ms", 0,
                               "--join", where)
            self.assertEqual((told.returncode, told.stderr), (0, ""))
            self.assertEqual(self.listed("--join", where)["beta"]["state"],
                             "draining")
            beta.send_signal(signal.SIGTERM)
            self.assertEqual(beta.wait(PATIENCE_S), 0)

    def test_certificates_are_made_and_wanted(self):
        made = snakebridge("node", "--make-certs", "certs", "alpha", "admin",
                           cwd=self.folder)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        certs = self.folder / "certs"
        self.assertEqual({each.name for each in certs.iterdir()},
                         {"ca.pem", "ca.key", "alpha.pem", "alpha.key",
                          "admin.pem", "admin.key"})
        self.assertEqual((certs / "alpha.key").stat().st_mode & 0o777, 0o600)
        with self.node("alpha", "--certs", "certs") as (_, where):
            found = self.listed("--join", where, "--name", "admin",
                                "--certs", "certs")
            self.assertEqual(set(found), {"alpha"})
            refused = snakebridge("node", "list", "--join", where)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("tls_wanted", refused.stderr)
            # Of another authority, by the same name.
            snakebridge("node", "--make-certs", "others", "admin",
                        cwd=self.folder)
            refused = snakebridge("node", "list", "--join", where, "--name",
                                  "admin", "--certs", "others",
                                  cwd=self.folder)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("tls_failed", refused.stderr)

    def test_what_is_there_is_not_written_over(self):
        def make(*names):
            return snakebridge("node", "--make-certs", "certs", *names,
                               cwd=self.folder)
        self.assertEqual(make("alpha").returncode, 0)
        before = (self.folder / "certs/ca.pem").read_text()
        self.assertEqual(make("beta").returncode, 0)
        self.assertEqual((self.folder / "certs/ca.pem").read_text(), before)
        again = make("alpha")
        self.assertEqual(again.returncode, 1)
        self.assertIn("alpha.key", again.stderr)
        self.assertEqual(make("No Name").returncode, 1)
        self.assertEqual(make("ca").returncode, 1)

    def test_the_key_of_an_authority_is_its_own(self):
        for folder in ["certs", "others"]:
            made = snakebridge("node", "--make-certs", folder, "alpha",
                               cwd=self.folder)
            self.assertEqual(made.returncode, 0)
        (self.folder / "others/ca.key").replace(self.folder / "certs/ca.key")
        told = snakebridge("node", "--make-certs", "certs", "beta",
                           cwd=self.folder)
        self.assertEqual(told.returncode, 1)
        self.assertIn("certs/ca.key is not the key of certs/ca.pem",
                      told.stderr)
        self.assertFalse((self.folder / "certs/beta.pem").exists())

    def test_a_wrong_command_line_is_2(self):
        for words in [[], ["walk"], ["forget"], ["drain", "a", "b"],
                      ["list", "a"], ["--make-certs", "certs"],
                      ["list", "--certs", "certs"]]:
            self.assertEqual(snakebridge("node", *words).returncode, 2, words)

    def test_a_node_that_is_none_is_told(self):
        self.assertEqual(snakebridge("node", "run").returncode, 1)
        nobody = snakebridge("node", "list", "--join", "127.0.0.1:1")
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("unreachable", nobody.stderr)


class Examples(unittest.TestCase):
    def test_quickstart(self):
        ended = run(BIN / "quickstart")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        for line in ["15 rows", "-87.52 + 3.450 * height", "killed by SIGKILL",
                     "ref_stale", "after the restart", "1 restart(s)"]:
            self.assertIn(line, ended.stdout)


if __name__ == "__main__":
    unittest.main()
