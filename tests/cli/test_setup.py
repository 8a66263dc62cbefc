"""`snakebridge setup`, with packages of an index on loopback.

SNAKEBRIDGE_BIN names the folder of the built programs. uv itself comes from the
user's cache, or else from PyPI, once.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import packages  # pylint: disable=wrong-import-position

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
PATIENCE_S = 200
SETTINGS = """\
[environment]
packages = ["alpha"]
"""
TWO = """\
[environment]
packages = ["alpha<2"]
[environment.other]
packages = ["alpha>=2"]
[pool.second]
environment = "other"
"""
# Ends the set-up, its parent, at the step that KILL_AT names.
KILLING_UV = """\
#!/bin/sh
step=$1
[ "$KILL_AT" = "before $step" ] && kill -9 $PPID
"$REAL_UV" "$@"
status=$?
[ "$KILL_AT" = "after $step" ] && kill -9 $PPID
exit $status
"""
# Ends it, or uv, instead of the rename or symlink that KILL_AT counts.
KILLING_LIBRARY = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void count(const char* path) {
  static int seen = 0;
  const char* at = getenv("KILL_AT");
  if (at && strstr(path, ".snakebridge") && ++seen == atoi(at))
    kill(getpid(), SIGKILL);
}
int rename(const char* from, const char* to) {
  count(to);
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(from, to);
}
int symlink(const char* to, const char* at) {
  count(at);
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "symlink"))(to, at);
}
"""
# As where .snakebridge is a mount: nothing is renamed into it, or out of it.
OTHER_DEVICE_LIBRARY = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
int rename(const char* from, const char* to) {
  if (strstr(to, "/.snakebridge/") && !strstr(from, "/.snakebridge/")) {
    errno = EXDEV;
    return -1;
  }
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(from, to);
}
"""
# As an editable project has it, without what an index would have to build it.
BACKEND = """\
import pathlib, zipfile
def build_editable(folder, *_):
    name = "beta-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as to:
        to.writestr("beta.pth", str(pathlib.Path.cwd() / "src"))
        to.writestr("beta-1.dist-info/METADATA",
                    "Metadata-Version: 2.1\\nName: beta\\nVersion: 1\\n")
        to.writestr("beta-1.dist-info/WHEEL",
                    "Wheel-Version: 1.0\\nGenerator: t\\n"
                    "Root-Is-Purelib: true\\nTag: py3-none-any\\n")
        to.writestr("beta-1.dist-info/RECORD", "")
    return name
"""


class Project(unittest.TestCase):
    """A folder with a snakebridge.toml, and an index of packages."""

    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory())).resolve()
        self.wheels = self.folder / "wheels"
        self.wheels.mkdir()
        self.index = stack.enter_context(packages.index(self.wheels))
        packages.wheel(self.wheels, "alpha", "1.0", "VERSION = 1\n")
        self.project = self.folder / "project"
        self.project.mkdir()
        self.made = self.project / ".snakebridge"
        self.write(SETTINGS)

    def write(self, text):
        (self.project / "snakebridge.toml").write_text(text, encoding="utf-8")

    def environment(self, **more):
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith(("SNAKEBRIDGE_", "UV_"))
                 and key not in ("CI", "PYTHONUNBUFFERED")}
        return {**clean, "UV_DEFAULT_INDEX": self.index,
                "UV_CACHE_DIR": str(self.folder / "cache"),
                "UV_PYTHON_DOWNLOADS": "never", "CI": "true", **more}

    def run_it(self, *arguments, **more):
        return subprocess.run(
            [BIN / "snakebridge", *arguments], cwd=self.project,
            env=self.environment(**more), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False)

    def setup_runs(self, *arguments, **more):
        done = self.run_it("setup", *arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def check_says(self, name):
        done = self.run_it("setup", "--check")
        self.assertIn(name, done.stderr)
        self.assertEqual(done.returncode, 1)

    def version(self, *options):
        done = self.run_it("get", "alpha", "VERSION", *options)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def library(self, name, text):
        """Compiles what LD_PRELOAD takes; its path."""
        source = self.folder / f"{name}.c"
        source.write_text(text, encoding="utf-8")
        made = source.with_suffix(".so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", made, source],
                       check=True)
        return str(made)

    def editable(self):
        """A project "beta" beside the settings; its one source."""
        library = self.project / "beta"
        source = library / "src" / "beta.py"
        source.parent.mkdir(parents=True)
        (library / "pyproject.toml").write_text(textwrap.dedent("""\
            [project]
            name = "beta"
            version = "1"
            [build-system]
            requires = []
            build-backend = "backend"
            backend-path = ["."]
            """), encoding="utf-8")
        (library / "backend.py").write_text(BACKEND, encoding="utf-8")
        source.write_text("VALUE = 1\n", encoding="utf-8")
        self.write('[environment]\npackages = ["alpha"]\neditable = ["beta"]\n')
        return source

    def on_terminal(self, *arguments, **more):
        """Starts it on a terminal; the program, and our end of that."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        program = subprocess.Popen(  # pylint: disable=consider-using-with
            [BIN / "snakebridge", *arguments, "--progress-after-ms", "0"],
            cwd=self.project, env=self.environment(TERM="xterm", **more),
            stdout=theirs, stderr=theirs)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        os.close(theirs)
        return program, ours

    def files(self):
        return {path.relative_to(self.made): path.read_bytes()
                for path in self.made.iterdir() if path.is_file()}


class Setup(Project):
    def test_makes_what_the_settings_describe_and_pools_use_it(self):
        self.assertIn(" + alpha==1.0", self.setup_runs().stderr)
        self.assertEqual(self.version(), "1\n")
        self.assertEqual(sorted(path.name for path in self.made.iterdir()),
                         [".gitignore", "pyproject.toml", "setup.lock",
                          "uv.lock", "venv", "venvs"])
        self.assertEqual(sorted(path.name for path in self.project.iterdir()),
                         [".snakebridge", "snakebridge.toml"])
        self.assertIn('requires-python = "==3.', (
            self.made / "pyproject.toml").read_text(encoding="utf-8"))

    def test_a_second_time_changes_nothing(self):
        self.setup_runs()
        before = self.files()
        venv = (self.made / "venv").readlink()
        self.assertEqual(self.setup_runs().stderr,
                         "environment is as it should be\n")
        self.assertEqual((self.files(), (self.made / "venv").readlink()),
                         (before, venv))
        done = self.run_it("setup", "--check")
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("all is as it should be\n", "", 0))

    def test_git_takes_what_is_locked_and_leaves_the_venv(self):
        self.setup_runs()
        for command in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", *command], cwd=self.project, check=True)
        listed = subprocess.run(
            ["git", "diff", "--cached", "--name-only"], cwd=self.project,
            check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual(listed, [
            ".snakebridge/.gitignore", ".snakebridge/pyproject.toml",
            ".snakebridge/uv.lock", "snakebridge.toml"])

    def test_check_names_each_drift_and_changes_nothing(self):
        self.check_says("project_outdated: ")
        self.assertFalse(self.made.exists())
        self.setup_runs()
        self.write(SETTINGS.replace('"alpha"', '"alpha>=1"'))
        self.check_says("project_outdated: ")
        self.setup_runs()
        lock = self.made / "uv.lock"
        text = lock.read_text(encoding="utf-8")
        lock.write_text(text + "\n", encoding="utf-8")
        self.check_says("venv_outdated: ")
        lock.unlink()
        self.check_says("uv_lock_missing: ")
        lock.write_text(text, encoding="utf-8")
        next(self.made.glob("venv/lib/python3*/site-packages/alpha-*")).rename(
            self.folder / "gone")
        self.check_says("packages_drifted: ")
        (self.made / "venv").unlink()
        self.check_says("venv_missing: ")
        self.setup_runs()
        self.assertEqual(self.run_it("setup", "--check").returncode, 0)

    def test_packages_by_hand_are_put_right(self):
        self.setup_runs()
        next(self.made.glob("venv/lib/python3*/site-packages/alpha.py")).unlink()
        next(self.made.glob("venv/lib/python3*/site-packages/alpha-*")).rename(
            self.folder / "gone")
        self.setup_runs()
        self.assertEqual(self.version(), "1\n")

    def test_what_is_locked_stays_until_an_upgrade(self):
        self.setup_runs()
        packages.wheel(self.wheels, "alpha", "1.5", "VERSION = 1.5\n")
        shutil.rmtree(self.made / "venvs")
        self.setup_runs()
        self.assertEqual(self.version(), "1\n")
        self.setup_runs("--upgrade")
        self.assertEqual(self.version(), "1.5\n")

    def test_environments_have_names_and_pools_of_their_own(self):
        packages.wheel(self.wheels, "alpha", "2.0", "VERSION = 2\n")
        self.write(TWO)
        self.setup_runs()
        self.assertEqual(self.version("--pool", "default"), "1\n")
        self.assertEqual(self.version("--pool", "second"), "2\n")
        self.assertTrue((self.made / "environments/other/uv.lock").exists())

    def test_an_environment_that_is_not_there_says_how_it_is_made(self):
        done = self.run_it("get", "alpha", "VERSION")
        self.assertIn("environment_invalid", done.stderr)
        self.assertIn("run `snakebridge setup`", done.stderr)
        self.write("[pool.default]\nenvironment = 'none'\n")
        self.assertIn("there is no [environment.none]",
                      self.run_it("get", "alpha", "VERSION").stderr)

    def test_an_editable_project_is_used_as_it_lies_there(self):
        source = self.editable()
        self.setup_runs()
        # Of two sizes: Python tells sources of one second apart by those.
        for value in ("1", "22"):
            source.write_text(f"VALUE = {value}\n", encoding="utf-8")
            self.assertEqual(self.run_it("get", "beta", "VALUE").stdout,
                             value + "\n")
        self.assertIn('path = "../beta", editable = true', (
            self.made / "pyproject.toml").read_text(encoding="utf-8"))
        (self.project / "beta" / "pyproject.toml").write_text(
            "", encoding="utf-8")
        self.assertIn("tells no [project] name",
                      self.run_it("setup").stderr)

    def test_all_of_it_is_made_of_the_cache_without_an_index(self):
        self.setup_runs()
        shutil.rmtree(self.made / "venvs")
        (self.made / "venv").unlink()
        shutil.rmtree(self.wheels)
        self.assertNotEqual(self.run_it("setup", "--offline", UV_CACHE_DIR=str(
            self.folder / "empty")).returncode, 0)
        self.setup_runs("--offline")
        self.assertEqual(self.version(), "1\n")

    def test_a_wheel_whose_hash_is_another_is_refused(self):
        self.setup_runs()
        packages.wheel(self.wheels, "alpha", "1.0", "VERSION = 'evil'\n")
        shutil.rmtree(self.folder / "cache")
        next(self.made.glob("venv/lib/python3*/site-packages/alpha-*")).rename(
            self.folder / "gone")
        done = self.run_it("setup")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Hash mismatch", done.stderr)
        self.assertEqual(self.version(), "1\n")

    def test_without_uv_it_says_what_to_do(self):
        done = self.run_it("setup", SNAKEBRIDGE_UV="/nonexistent/uv")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no uv", done.stderr)
        self.assertIn("SNAKEBRIDGE_UV names /nonexistent/uv", done.stderr)
        done = self.run_it("setup", XDG_CACHE_HOME=str(self.folder / "none"),
                           PIP_NO_INDEX="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no uv", done.stderr)
        self.assertIn("pip install uv", done.stderr)

    # Both took uv from an index, and --check was content without one.
    def test_offline_and_check_do_without_an_index_for_uv_too(self):
        self.setup_runs()
        empty = self.folder / "none"
        for option, said in (("--offline", "environment_invalid: "),
                             ("--check", "uv_missing: ")):
            done = self.run_it("setup", option, XDG_CACHE_HOME=str(empty))
            self.assertIn(said + "there is no uv", done.stderr)
            self.assertNotIn("warning", done.stderr)
            self.assertEqual((done.stdout, done.returncode), ("", 1))
            self.assertFalse(empty.exists())
        done = self.run_it("verify", XDG_CACHE_HOME=str(empty))
        self.assertIn("warning: uv_missing: there is no uv", done.stderr)
        self.assertFalse(empty.exists())

    # Staged beside it, all of it failed where that is another file system.
    def test_its_folder_may_be_a_file_system_of_its_own_or_a_link(self):
        self.editable()
        self.setup_runs(LD_PRELOAD=self.library("device",
                                                OTHER_DEVICE_LIBRARY))
        self.assertEqual(self.run_it("setup", "--check").returncode, 0)
        lock = (self.made / "uv.lock").read_text(encoding="utf-8")
        self.assertIn('{ editable = "../beta" }', lock)
        shutil.rmtree(self.made)
        self.write(SETTINGS)
        elsewhere = self.folder / "deep" / "down" / "elsewhere"
        elsewhere.mkdir(parents=True)
        self.made.symlink_to(elsewhere)
        self.setup_runs()
        self.assertEqual(self.run_it("setup", "--check").returncode, 0)
        self.assertEqual(self.version(), "1\n")
        self.assertTrue((elsewhere / "uv.lock").exists())

    def test_a_venv_of_somebody_else_in_its_place_is_left_alone(self):
        venv = self.made / "venv"
        venv.mkdir(parents=True)
        (venv / "mine").touch()
        done = self.run_it("setup")
        self.assertIn(f"{venv} is not the link that `snakebridge setup` makes",
                      done.stderr)
        self.assertEqual(done.returncode, 1)
        self.assertTrue((venv / "mine").exists())
        self.assertEqual(sorted(path.name for path in self.made.iterdir()),
                         [".gitignore", "setup.lock", "venv"])

    def test_two_at_a_time_is_one_too_many(self):
        self.made.mkdir()
        with open(self.made / "setup.lock", "w", encoding="utf-8") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            done = self.run_it("setup")
        self.assertEqual(done.returncode, 1)
        self.assertIn("another `snakebridge setup` is at work", done.stderr)

    def test_it_takes_no_longer_than_it_may(self):
        uv = self.folder / "uv"
        os.mkfifo(self.folder / "never")
        uv.write_text(f"#!/bin/sh\nread line < {self.folder}/never\n",
                      encoding="utf-8")
        uv.chmod(0o755)
        done = self.run_it("setup", "--timeout-ms", "50",
                           SNAKEBRIDGE_UV=str(uv))
        self.assertEqual(done.returncode, 1)
        self.assertIn("deadline_exceeded", done.stderr)

    def test_a_terminal_is_told_what_takes_its_time(self):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
                [BIN / "snakebridge", "setup", "--progress-after-ms", "0"],
                cwd=self.project, env=self.environment(TERM="xterm"),
                stdout=theirs, stderr=theirs) as program:
            os.close(theirs)
            text = b""
            with contextlib.suppress(OSError):
                while block := os.read(ours, 4096):
                    text += block
            self.assertEqual(program.wait(PATIENCE_S), 0)
        os.close(ours)
        self.assertIn("environment: lock … 0 s", text.decode())
        self.assertIn("environment: sync … 0 s", text.decode())


class Killed(Project):
    """An interrupted set-up leaves the old environment working, and the next
    one finishes."""

    def setUp(self):
        super().setUp()
        self.setup_runs()
        packages.wheel(self.wheels, "alpha", "2.0", "VERSION = 2\n")
        self.write(SETTINGS.replace('"alpha"', '"alpha>=2"'))

    def old_works_and_the_next_finishes(self, done):
        self.assertEqual(done.returncode, -9, done.stderr)
        self.assertEqual(self.version(), "1\n")
        self.assertEqual(self.untracked(), {
            ".snakebridge/.gitignore", ".snakebridge/pyproject.toml",
            ".snakebridge/uv.lock", "snakebridge.toml"})
        self.setup_runs()
        self.assertEqual(self.version(), "2\n")
        self.assertFalse((self.made / ".new").exists())
        self.assertLessEqual(len(list((self.made / "venvs").iterdir())), 2)

    def untracked(self):
        subprocess.run(["git", "init", "-q"], cwd=self.project, check=True)
        return set(subprocess.run(
            ["git", "ls-files", "--others", "--exclude-standard"],
            cwd=self.project, check=True, capture_output=True,
            text=True).stdout.split())

    def test_around_each_step_of_uv(self):
        found = self.run_it("setup", "--check", SNAKEBRIDGE_UV="")
        self.assertEqual(found.returncode, 1)
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME")
                             or pathlib.Path.home() / ".cache")
        real = next(path for path in cache.glob("snakebridge/tools-*/bin/uv"))
        killing = self.folder / "uv"
        killing.write_text(KILLING_UV, encoding="utf-8")
        killing.chmod(0o755)
        kept = self.folder / "kept"
        shutil.copytree(self.project, kept, symlinks=True)
        for step in ("before lock", "after lock", "before sync", "after sync"):
            with self.subTest(step=step):
                shutil.rmtree(self.project)
                shutil.copytree(kept, self.project, symlinks=True)
                # The first sync of a set-up only looks.
                self.old_works_and_the_next_finishes(self.run_it(
                    "setup", KILL_AT=step, REAL_UV=str(real),
                    SNAKEBRIDGE_UV=str(killing)))

    def test_at_each_change_of_what_lies_there(self):
        library = self.library("killing", KILLING_LIBRARY)
        kept = self.folder / "kept"
        shutil.copytree(self.project, kept, symlinks=True)
        for at in range(1, 20):
            with self.subTest(at=at):
                shutil.rmtree(self.project)
                shutil.copytree(kept, self.project, symlinks=True)
                done = self.run_it("setup", KILL_AT=str(at),
                                   LD_PRELOAD=library)
                if done.returncode == 0:
                    break
                # It was killed, or uv was.
                self.assertTrue(done.returncode == -9
                                or "failed (137)" in done.stderr, done)
                self.assertIn(self.version(), ("1\n", "2\n"))
                self.setup_runs()
                self.assertEqual(self.version(), "2\n")
        self.assertGreater(at, 5)
        self.assertEqual(done.returncode, 0)


class AutoInstall(Project):
    """What the policy says of an environment that lacks."""

    def installs(self, policy, **more):
        done = self.run_it("get", "alpha", "VERSION",
                           SNAKEBRIDGE_AUTO_INSTALL=policy, **more)
        return done.returncode == 0 and done.stdout == "1\n"

    def test_never_is_never(self):
        self.assertFalse(self.installs("never", CI=""))

    def test_dev_is_where_no_ci_is(self):
        self.assertFalse(self.installs("dev", CI="true"))
        self.assertTrue(self.installs("dev", CI=""))

    def test_always_is_in_ci_too(self):
        self.assertTrue(self.installs("always", CI="true"))

    def test_wrappers_are_made_of_what_it_installs(self):
        done = self.run_it("regen", "alpha", SNAKEBRIDGE_AUTO_INSTALL="always")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"VERSION"', (self.made / "manifest.json").read_text(
            encoding="utf-8"))

    # The second of two failed: parallel builds that generate wrappers are two.
    def test_one_waits_for_another_and_looks_again(self):
        self.setup_runs()
        (self.made / "venv").rename(self.folder / "venv")
        shutil.rmtree(self.wheels)  # what it finds is what it has
        with open(self.made / "setup.lock", "w", encoding="utf-8") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            program, terminal = self.on_terminal(
                "get", "alpha", "VERSION", SNAKEBRIDGE_AUTO_INSTALL="always",
                UV_CACHE_DIR=str(self.folder / "empty"))
            text = b""
            while b"another set-up" not in text:
                text += os.read(terminal, 4096)
            (self.folder / "venv").rename(self.made / "venv")
        with contextlib.suppress(OSError):
            while block := os.read(terminal, 4096):
                text += block
        self.assertEqual(program.wait(PATIENCE_S), 0, text)
        self.assertIn("environment is as it should be", text.decode())


class Torch(Project):
    """Which index the builds of PyTorch come from: the usual one has others."""

    def setUp(self):
        super().setUp()
        self.builds = self.folder / "builds"
        self.builds.mkdir()
        address = self.enterContext(packages.index(self.builds))
        (self.project / "wheel_variants.json").write_text(json.dumps(
            {"base_url": address + "/", "variants": ["cpu", "rocm6.4"]}),
            encoding="utf-8")
        packages.wheel(self.wheels, "needs", "1", "", ["torch<3"])
        packages.wheel(self.wheels, "torch", "2.9", "BUILD = 'usual'\n")
        packages.wheel(self.builds, "torch", "2.1", "BUILD = 'ours'\n")

    def build(self, wanted, torch):
        self.write(f"[environment]\npackages = {wanted}\ntorch = '{torch}'\n")
        self.setup_runs()
        self.assertEqual(self.run_it("setup", "--check").returncode, 0)
        return self.run_it("get", "torch", "BUILD").stdout

    def test_what_only_a_package_needs_comes_from_there_too(self):
        self.assertEqual(self.build(["needs"], "cpu"), "'ours'\n")

    def test_so_does_what_has_blanks_before_it(self):
        self.assertEqual(self.build([" torch"], "cpu"), "'ours'\n")

    def test_and_what_only_a_build_for_rocm_needs(self):
        packages.wheel(self.builds, "torch", "2.2", "BUILD = 'rocm'\n",
                       ["pytorch-triton-rocm==3"])
        packages.wheel(self.builds, "pytorch_triton_rocm", "3", "")
        self.assertEqual(self.build(["needs"], "rocm6.4"), "'rocm'\n")
        packages.wheel(self.builds, "torch", "2.3", "BUILD = 'newer'\n",
                       ["triton-rocm==3"])
        packages.wheel(self.builds, "triton_rocm", "3", "")
        (self.made / "uv.lock").unlink()
        self.assertEqual(self.build(["needs"], "rocm6.4"), "'newer'\n")

    def test_an_editable_one_is_used_as_it_lies_there(self):
        (self.project / "wheel_variants.json").write_text(json.dumps(
            {"base_url": "http://127.0.0.1:9/", "packages": ["Beta"]}),
            encoding="utf-8")
        self.editable()
        with open(self.project / "snakebridge.toml", "a",
                  encoding="utf-8") as settings:
            settings.write("torch = 'cpu'\n")
        self.setup_runs()
        self.assertEqual(self.run_it("get", "beta", "VALUE").stdout, "1\n")


class WorkerProject(unittest.TestCase):
    """What a worker is built with, which lies beside the library."""

    def test_a_static_library_may_lie_in_a_folder_with_blanks(self):
        folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory()))
        library = folder / "a b" / "libpython3.11.a"
        subprocess.run(
            ["cmake", "-G", "Ninja", "-S",
             BIN.parent / "lib" / "snakebridge" / "worker", "-B", folder / "b",
             f"-DPYTHON_EXECUTABLE={sys.executable}", "-DPYTHON_VERSION=3.11",
             f"-DPYTHON_INCLUDE={folder}", f"-DPYTHON_LIBRARY={library}",
             "-DPYTHON_LINKS=-lm", f"-DPYBIND11_INCLUDE={folder}"],
            check=True, capture_output=True, timeout=PATIENCE_S)
        commands = subprocess.run(
            ["ninja", "-C", folder / "b", "-t", "commands"], check=True,
            capture_output=True, text=True, timeout=PATIENCE_S).stdout
        links = next(each for each in commands.splitlines()
                     if "-o bin/snakebridge-worker " in each)
        self.assertIn(str(library), shlex.split(links))


if __name__ == "__main__":
    unittest.main()
