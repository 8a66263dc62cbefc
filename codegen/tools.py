"""A private environment: a venv in the user's cache, made once of what a text
of requirements pins."""

import contextlib
import fcntl
import pathlib
import shutil
import subprocess
import venv


@contextlib.contextmanager
def locked(path):
    """Waits for others that make it; a lock of one that died holds nobody."""
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make(place, requirements):
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    listed = place / "tools.txt"
    listed.write_text(requirements, encoding="utf-8")
    done = subprocess.run(
        [place / "bin/python3", "-I", "-m", "pip", "install", "--quiet",
         "--disable-pip-version-check", "--require-hashes", "--no-deps",
         "--only-binary", ":all:", "--requirement", listed],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
    (place / "complete").touch()


def environment(place, requirements):
    """Makes it there, where it is not; "", or why there is none."""
    place = pathlib.Path(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.with_name(place.name + ".lock")):
            if not (place / "complete").exists():
                make(place, requirements)
    except (OSError, subprocess.CalledProcessError) as failed:
        shutil.rmtree(place, ignore_errors=True)
        return str(failed)
    return ""
