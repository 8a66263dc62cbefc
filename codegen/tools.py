"""The private environment that model.py runs in: a venv in the user's cache,
made once of what tools.txt pins, by the version of Python and that text."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import venv


def place_of(requirements, cache=None):
    cache = cache or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    digest = hashlib.sha256(requirements.encode()).hexdigest()[:16]
    return (pathlib.Path(cache).expanduser() / "snakebridge"
            / f"tools-{sys.version_info[0]}.{sys.version_info[1]}-{digest}")


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


def environment(requirements, cache=None):
    """Its path and "", or "" and why there is none."""
    place = place_of(requirements, cache)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.with_name(place.name + ".lock")):
            if not (place / "complete").exists():
                make(place, requirements)
    except (OSError, subprocess.CalledProcessError) as failed:
        shutil.rmtree(place, ignore_errors=True)
        return ["", str(failed)]
    return [str(place), ""]
