"""An example prints what it should, all of it, and ends with 0.

    test_example.py PROGRAM EXPECTED_OUTPUT

Ends with 77, which is no failure, where it needs NumPy and there is none.
"""
import difflib
import pathlib
import subprocess
import sys


def main(program, expected):
    wanted = pathlib.Path(expected).read_text(encoding="utf-8")
    done = subprocess.run([program], capture_output=True, encoding="utf-8",
                          check=False)
    if done.returncode == 0 and done.stdout == wanted:
        return 0
    if "No module named 'numpy'" in done.stdout + done.stderr:
        print("NumPy is not installed")
        return 77
    sys.stdout.writelines(difflib.unified_diff(
        wanted.splitlines(keepends=True), done.stdout.splitlines(keepends=True),
        expected, program))
    print(f"\n{program} has ended with {done.returncode}; on stderr:\n"
          f"{done.stderr}")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
