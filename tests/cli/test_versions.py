"""Workers of other CPythons: `snakebridge setup` builds them, the tests of the
API run with each as they do with the bridge's own, and two versions serve one
bridge at once.

SNAKEBRIDGE_BIN names the folder of the built programs. What is built is kept in
SNAKEBRIDGE_VERSIONS, for the next time. The oldest that is here stands for all,
as each takes minutes; with SNAKEBRIDGE_ALL_VERSIONS=1 all of them are tried.
Ends with 77 where there is no CPython but the bridge's.
"""
import concurrent.futures
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
KEPT = pathlib.Path(os.environ["SNAKEBRIDGE_VERSIONS"]).resolve()
PATIENCE_S = 1500
MINORS = range(9, 15)
# Tests of calls with a worker: what they are about differs in Python, or in
# what it makes of a signal.
SUITES = """\
AsyncStreams Awaiting Callbacks Cancelling Deaths Errors KeptExceptions Objects
RoundTrips Sessions SessionCleanup Spares Streams Threads ToldExceptions Tools
With""".split()
# In this process there is one Python; theirs have no NumPy; one names a Python
# that has another worker.
OTHERWISE = ("*/embedded", "*NumPy*", "Spares.GivenANamedPython*")


def headers(python):
    done = subprocess.run(
        [python, "-I", "-S", "-c", "import sysconfig\n"
         "print(sysconfig.get_path('include'))"],
        capture_output=True, text=True, check=False)
    return done.returncode == 0 and pathlib.Path(
        done.stdout.strip(), "Python.h").exists()


def interpreters():
    """The newest patch of each minor version, of pyenv or else on PATH; and of
    its free-threaded and debug builds, as pyenv names them."""
    found = {}
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT")
                         or pathlib.Path.home() / ".pyenv")
    for minor, build in itertools.product(MINORS, ("", "t", "-debug")):
        those = sorted(
            (int(patch[1]), each)
            for each in pyenv.glob(f"versions/3.{minor}.*/bin/python3")
            if (patch := re.fullmatch(rf"3\.{minor}\.(\d+){build}",
                                      each.parts[-3])))
        named = None if build else shutil.which(
            f"python3.{minor}", path="/usr/bin:/usr/local/bin")
        for python in [*(each for _, each in those[-1:]),
                       *([named] if named else [])]:
            if headers(python):
                found[f"3.{minor}{build}"] = pathlib.Path(python)
                break
    return found


def environment(**more):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("SNAKEBRIDGE_", "CMAKE_"))
             and key not in ("CI", "CXX", "PYTHONUNBUFFERED")}
    return {**clean, "XDG_CACHE_HOME": str(KEPT), **more}


def setup(python, *options, cache=None, path=None):
    """`snakebridge setup` of a pool with that Python."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "snakebridge.toml").write_text(
            f"[pool.default]\npython = '{python}'\n", encoding="utf-8")
        more = {}
        if cache:
            more["XDG_CACHE_HOME"] = str(cache)
        if path:
            more["PATH"] = str(path)
        return subprocess.run(
            [BIN / "snakebridge", "setup", *options], cwd=folder,
            env=environment(**more), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False)


def worker_of(python, cache=KEPT):
    """The one of this build of ours; None: it is not there."""
    mark = subprocess.run([BIN / "snakebridge-worker", "--version"],
                          capture_output=True, text=True, check=True
                          ).stdout.split()[1]
    base = subprocess.run([python, "-c", "import sys; print(sys.base_prefix)"],
                          capture_output=True, text=True, check=True
                          ).stdout.strip()
    return next(cache.glob(f"snakebridge/workers/*{base}/{mark}/"
                           "snakebridge-worker"), None)


class Versions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.others = {minor: python for minor, python in interpreters().items()
                      if "worker" in setup(python, "--check").stderr
                      or worker_of(python)}
        if "SNAKEBRIDGE_ALL_VERSIONS" not in os.environ:
            cls.others = dict(list(cls.others.items())[:1])

    def test_each_is_built_once_and_runs_what_the_bridge_does(self):
        for minor, python in self.others.items():
            with self.subTest(version=minor):
                done = setup(python)
                self.assertEqual(done.returncode, 0, done.stderr)
                worker = worker_of(python)
                before = worker.stat()
                # Known from then on, without an index.
                again = setup(python, "--offline")
                self.assertEqual((again.returncode, again.stderr), (0, ""))
                self.assertEqual(worker.stat().st_ino, before.st_ino)
                self.assertEqual(setup(python, "--check").returncode, 0)
                self.calls_run(minor, worker)
                self.two_at_once(python)

    def calls_run(self, minor, worker):
        """The tests of the API find the worker that lies beside them."""
        place = KEPT / "tests" / minor
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        shutil.copy2(worker, place)
        os.link(BIN / "api_tests", place / "api_tests")
        wanted = ":".join(f"{each}.*:*/{each}.*" for each in SUITES)
        done = subprocess.run(
            [place / "api_tests", "--gtest_brief=1",
             f"--gtest_filter={wanted}-{':'.join(OTHERWISE)}"],
            env=environment(), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-20_000:])
        self.assertGreater(
            int(re.search(r"PASSED\s+\] (\d+)", done.stdout)[1]), 150)

    def two_at_once(self, python):
        done = subprocess.run(
            [BIN / "api_tests", "--gtest_filter=TwoVersions.*",
             "--gtest_brief=1"],
            env=environment(SNAKEBRIDGE_OTHER_PYTHON=str(python)),
            capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("[  PASSED  ] 3 tests", done.stdout)


class VersionsThatAreBuilt(unittest.TestCase):
    """What becomes of a build that cannot be, or is interrupted."""

    def setUp(self):
        self.python = next(iter(Versions.others.values()))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = pathlib.Path(folder.name).resolve()
        # Tools that are there need not be made again.
        (self.cache / "snakebridge").mkdir()
        for tools in (KEPT / "snakebridge").glob("tools-*"):
            (self.cache / "snakebridge" / tools.name).symlink_to(tools)

    def built(self):
        return worker_of(self.python, self.cache)

    def programs(self, **replaced):
        """A PATH with all there is but these, which are scripts or nothing."""
        folder = self.cache / "bin"
        folder.mkdir()
        for place in reversed(os.environ["PATH"].split(":")):
            for each in pathlib.Path(place).glob("*"):
                target = folder / each.name
                if each.name not in replaced and not target.exists():
                    target.symlink_to(each)
        for name, text in replaced.items():
            if text:
                (folder / name).write_text("#!/bin/sh\n" + text,
                                           encoding="utf-8")
                (folder / name).chmod(0o700)
        return folder

    def test_without_cmake_it_says_so(self):
        done = setup(self.python, cache=self.cache,
                     path=self.programs(cmake=None))
        self.assertIn("there is no cmake", done.stderr)
        self.assertIn("libcapnp-dev", done.stderr)
        self.assertEqual(done.returncode, 1)
        self.assertIsNone(self.built())

    def test_what_the_compiler_says_is_told(self):
        path = self.programs(cmake="echo no compiler today\nexit 3\n")
        done = setup(self.python, cache=self.cache, path=path)
        self.assertIn("no compiler today", done.stderr)
        self.assertIn("cmake failed (3)", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_offline_without_headers_it_says_so(self):
        for each in (self.cache / "snakebridge").glob("tools-*"):
            each.unlink()
        done = setup(self.python, "--offline", cache=self.cache)
        self.assertIn("--offline", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_without_its_headers_it_says_so(self):
        python = self.cache / "python3"
        python.write_text(
            "#!/bin/sh\ncase \"$*\" in\n"
            "*_imp*) printf 'snakebridge\\000cpython\\0003.12.99 (x)\\000"
            f"{python}\\000cpython-312-x\\000/no/where\\000' ;;\n"
            "*) printf '\\n\\n\\n' ;;\nesac\n", encoding="utf-8")
        python.chmod(0o700)
        done = setup(python, cache=self.cache)
        self.assertIn("its headers (Python.h)", done.stderr)
        self.assertIn("libpython3.12-dev", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_it_ends_in_time(self):
        never = self.cache / "never"
        os.mkfifo(never)
        path = self.programs(cmake=f"read line < {never}\n")
        done = setup(self.python, "--timeout-ms", "5000", cache=self.cache,
                     path=path)
        self.assertIn("cmake has not ended in time", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_killed_anywhere_it_leaves_nothing_and_the_next_one_finishes(self):
        """The build is a stand-in that ends the set-up, its parent; the last
        one lets it be."""
        worker = worker_of(self.python)
        make = (
            'case "$1" in\n'
            '-S) mkdir -p "$4/bin"; : > "$4/half" ;;\n'
            f'--build) cp "{worker}" "$2/bin/snakebridge-worker" ;;\n'
            'esac\n'
            '[ -e "$KILLS/$1" ] && rm "$KILLS/$1" && kill -9 $PPID\n'
            'exit 0\n')
        path = self.programs(cmake=make)
        kills = self.cache / "kills"
        kills.mkdir()
        os.environ["KILLS"] = str(kills)
        self.addCleanup(os.environ.pop, "KILLS")
        for step in ("-S", "--build"):
            (kills / step).touch()
            done = setup(self.python, cache=self.cache, path=path)
            self.assertEqual(done.returncode, -signal.SIGKILL, step)
            self.assertIsNone(self.built())
            self.assertIn("worker_missing", setup(
                self.python, "--check", cache=self.cache).stderr)
        done = setup(self.python, cache=self.cache, path=path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.built().read_bytes(), worker.read_bytes())
        self.assertEqual(
            sorted(each.name for each in self.built().parents[1].iterdir()),
            sorted([self.built().parent.name, "lock"]))

    def test_two_at_once_build_one(self):
        worker = worker_of(self.python)
        path = self.programs(cmake=(
            'case "$1" in\n'
            '-S) mkdir "$4" || exit 9; mkdir "$4/bin"; echo x >> '
            f'"{self.cache}/built" ;;\n'
            f'--build) cp "{worker}" "$2/bin/snakebridge-worker" ;;\n'
            'esac\n'))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            all_done = list(pool.map(
                lambda _: setup(self.python, cache=self.cache, path=path),
                range(3)))
        self.assertEqual([each.returncode for each in all_done], [0, 0, 0],
                         [each.stderr for each in all_done])
        self.assertEqual((self.cache / "built").read_text(encoding="utf-8"),
                         "x\n")

    def test_what_was_built_must_be_of_that_python(self):
        path = self.programs(cmake=(
            'case "$1" in\n'
            '-S) mkdir -p "$4/bin" ;;\n'
            f'--build) cp "{BIN}/snakebridge-worker" "$2/bin/" ;;\n'
            'esac\n'))
        done = setup(self.python, cache=self.cache, path=path)
        self.assertIn("what was built says it is", done.stderr)
        self.assertIsNone(self.built())


if __name__ == "__main__":
    KEPT.mkdir(parents=True, exist_ok=True)
    Versions.setUpClass()
    if not Versions.others:
        print("there is no CPython with headers but the bridge's own")
        sys.exit(77)
    unittest.main()
