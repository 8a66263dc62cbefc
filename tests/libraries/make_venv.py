#!/usr/bin/python3
"""Makes the venv that the tests of real libraries run in, and prints its path.

    make_venv.py [VENV]
    make_venv.py --where

It lies in the user's cache, by the version of this Python and by what is in
requirements.txt, unless VENV says where; --where tells just that. One that is
there is left as it is; those of this Python made from other requirements are
removed. At most one of these programs makes one at a time.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import venv

SECONDS_MAX = 270

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")
OF_THIS_PYTHON = f"libraries-{sys.version_info[0]}.{sys.version_info[1]}"


def default_place():
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return (pathlib.Path(cache).expanduser() / "snakebridge"
            / f"{OF_THIS_PYTHON}-{digest}")


def mark_of(place):
    """The file that is there once all else is: scripts of a venv name the
    folder they lie in, so it cannot be made elsewhere and moved."""
    return place / "complete"


@contextlib.contextmanager
def locked(folder):
    """Waits for others that make or remove a venv there."""
    with open(folder / f"{OF_THIS_PYTHON}.lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make(place):
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    # Neither this program's Python settings nor the user's packages count, but
    # how pip reaches its index does.
    subprocess.run([place / "bin/python3", "-I", "-m", "pip", "install",
                    "--quiet", "--disable-pip-version-check", "--no-compile",
                    "--require-hashes", "--only-binary", ":all:", "--no-deps",
                    "--requirement", REQUIREMENTS],
                   check=True, stdout=sys.stderr)
    mark_of(place).touch()


def remove_others(place):
    for other in place.parent.glob(f"{OF_THIS_PYTHON}-*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)


def too_late(*_):
    raise TimeoutError(f"not done in {SECONDS_MAX} seconds")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--where", action="store_true",
                        help="only print where it is or would be")
    parser.add_argument("venv", type=pathlib.Path, nargs="?",
                        default=default_place())
    options = parser.parse_args()
    place = options.venv.absolute()
    if not options.where and not mark_of(place).exists():
        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(SECONDS_MAX)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with locked(place.parent):
                if not mark_of(place).exists():
                    remove_others(place)
                    make(place)
        except (OSError, subprocess.CalledProcessError) as failed:
            sys.exit(f"make_venv.py: {place}: {failed}")
    print(place)


if __name__ == "__main__":
    main()
