"""A bridge starts with every kind of Python that people bring, imports a package
of it, and is to that package what its own interpreter would be.

SNAKEBRIDGE_BIN names the folder of the built programs; uv comes from the user's
cache, or else from PyPI, once, as virtualenv does each time.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import unittest

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
PATIENCE_S = 200
PYTHON = pathlib.Path(sys.executable).resolve()
GUEST = """\
import json, site, sys
SEEN = json.dumps([
    sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable,
    sorted(each for each in sys.path if each.endswith("-packages"))])
"""


def run(*command, **more):
    done = subprocess.run([str(each) for each in command], check=False,
                          capture_output=True, text=True, timeout=PATIENCE_S,
                          **more)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed:\n{done.stderr}")
    return done.stdout


def uv():
    """The one that `snakebridge setup` takes."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "snakebridge.toml").write_text(
            "[environment]\npackages = []\n", encoding="utf-8")
        subprocess.run([BIN / "snakebridge", "setup", "--check"], cwd=folder,
                       capture_output=True, timeout=PATIENCE_S, check=False)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME")
                         or pathlib.Path.home() / ".cache")
    return next(cache.glob("snakebridge/tools-*/bin/uv"))


def venv(place, *options):
    run(PYTHON, "-m", "venv", "--without-pip", *options, place)
    return place


def made_by_uv(place):
    run(uv(), "venv", "--python", PYTHON, "--offline", place)
    return place


def made_by_virtualenv(place):
    # With the certificates pip takes: an index may be of a house of its own.
    run(uv(), "tool", "run", "--python", PYTHON, "virtualenv==21.15.11", "--no-download",
        "--without-pip", "--python", PYTHON, place,
        env={"UV_SYSTEM_CERTS": "1", **os.environ})
    return place


def shim(place):
    """As pyenv has them: a script that finds out which Python it is."""
    real = venv(place / "versions" / "mine") / "bin" / "python3"
    made = place / "shims" / "python3"
    made.parent.mkdir()
    made.write_text(f'#!/bin/sh\nexec "{real}" "$@"\n', encoding="utf-8")
    made.chmod(0o755)
    return made


def whole_prefix(place):
    """As conda has them: an interpreter with the library in a prefix of its own,
    and no pyvenv.cfg."""
    (place / "bin").mkdir(parents=True)
    shutil.copy(PYTHON, place / "bin" / PYTHON.name)
    (place / "bin" / "python3").symlink_to(PYTHON.name)
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    (place / "lib").mkdir()
    (place / "lib" / library.name).mkdir()
    for each in library.iterdir():
        (place / "lib" / library.name / each.name).symlink_to(each)
    (place / "conda-meta").mkdir()
    return place


def relocated(place):
    made = venv(place.with_name("first"))
    made.rename(place)
    return place


def symlinked(place):
    # Followed once, so that a bridge stays with what it started with.
    place.symlink_to(venv(place.with_name("real")).name)
    return place


KINDS = {
    "venv": venv,
    "venv of copies": lambda place: venv(place, "--copies"),
    "venv with the system's packages":
        lambda place: venv(place, "--system-site-packages"),
    "the interpreter of a venv":
        lambda place: venv(place) / "bin" / "python3",
    "uv": made_by_uv,
    "virtualenv": made_by_virtualenv,
    "pyenv": shim,
    "conda": whole_prefix,
    "relocated": relocated,
    "symlinked": symlinked,
}


class Kinds(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory())).resolve()
        self.variables = {
            key: value for key, value in os.environ.items()
            if not key.startswith(("SNAKEBRIDGE_", "PYTHON"))
            and key != "VIRTUAL_ENV"}

    def program(self, named):
        return named / "bin" / "python3" if named.is_dir() else named

    def install(self, named):
        """A package where this Python looks for such."""
        told = run(self.program(named), "-c",
                   "import site; print(*site.getsitepackages(), sep='\\n')",
                   env=self.variables)
        place = pathlib.Path(told.splitlines()[0])
        self.assertTrue(place.is_relative_to(self.folder), place)
        (place / "guest").mkdir(parents=True)
        (place / "guest" / "__init__.py").write_text(GUEST, encoding="utf-8")

    def seen_by_itself(self, named):
        return json.loads(run(
            self.program(named), "-c", "import guest; print(guest.SEEN)",
            env={**self.variables, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=self.folder))

    def seen_by_a_bridge(self, named, before=()):
        return json.loads(json.loads(run(
            *before, BIN / "snakebridge", "get", "guest", "SEEN", "--json",
            "--python", named, env=self.variables, cwd=self.folder)))

    def test_each_is_to_its_packages_as_its_own_interpreter_is(self):
        for number, (kind, make) in enumerate(KINDS.items()):
            with self.subTest(kind=kind):
                place = self.folder / str(number) / "place"
                place.parent.mkdir()
                named = make(place)
                self.install(named)
                real = named.resolve() if named.is_dir() else named
                self.assertEqual(self.seen_by_a_bridge(named),
                                 self.seen_by_itself(real))

    def test_one_that_cannot_be_written_to_works_too(self):
        made = venv(self.folder / "venv")
        self.install(made)
        whole = self.seen_by_itself(made)
        before = sorted(made.rglob("*"))
        # Not by modes, which do not keep root from writing.
        apart = ["unshare", "--map-root-user", "--mount"]
        if subprocess.run([*apart, "true"], capture_output=True,
                          check=False).returncode != 0:
            self.skipTest("this machine has no mounts for tests")
        self.assertEqual(self.seen_by_a_bridge(made, [
            *apart, "sh", "-c", f'mount --bind "{made}" "{made}" && '
            f'mount -o remount,ro,bind "{made}" && exec "$@"', "sh"]), whole)
        self.assertEqual(sorted(made.rglob("*")), before)

    def test_the_system_s_own_is_named_or_taken_without_a_word(self):
        for named in ([], ["--python", PYTHON]):
            told = run(BIN / "snakebridge", "get", "sys", "prefix", *named,
                       env=self.variables, cwd=self.folder)
            self.assertEqual(told, repr(sys.base_prefix) + "\n")


if __name__ == "__main__":
    unittest.main()
