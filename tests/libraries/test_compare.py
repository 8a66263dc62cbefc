"""Three jobs with real libraries, each by us and by pybind11 (examples/compare):
they print the same, fail alike, and ours is shorter.

SNAKEBRIDGE_BIN names the folder of the built programs, SNAKEBRIDGE_VENV the
venv of make_venv.py.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["SNAKEBRIDGE_BIN"]).resolve()
VENV = pathlib.Path(os.environ["SNAKEBRIDGE_VENV"])
JOBS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "compare"
PATIENCE_S = 100
# Lines of ours to those of pybind11, at most.
PART_MAX = 0.8


def run(program, *arguments):
    """What a program printed and how it ended. Both find the libraries in the
    same way."""
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith(("SNAKEBRIDGE_", "PYTHON"))}
    (libraries,) = VENV.glob("lib/python*/site-packages")
    return subprocess.run(
        [str(BIN / f"compare_{program}"), *map(str, arguments)], text=True,
        capture_output=True, timeout=PATIENCE_S, check=False,
        env={**clean, "PYTHONPATH": str(libraries)})


def lines(source):
    """Those with code on them."""
    text = (JOBS / source).read_text(encoding="utf-8")
    return sum(1 for line in map(str.strip, text.splitlines())
               if line and not line.startswith("//"))


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_prints(self, program, arguments, printed):
        done = run(program, *arguments)
        self.assertEqual((done.stdout, done.returncode), (printed, 0),
                         done.stderr)

    def assert_fails(self, program, arguments, told):
        done = run(program, *arguments)
        self.assertEqual((done.stdout, done.returncode), ("", 1))
        self.assertIn(told, done.stderr)

    def test_sales(self):
        for program in "sales", "sales_pybind11":
            with self.subTest(program=program):
                self.assert_prints(program, [JOBS / "sales.csv"],
                                   "east: 1 orders of 20 units, 5\n"
                                   "north: 3 orders of 67 units, 78\n"
                                   "south: 1 orders of 11 units, 44\n")
                self.assert_fails(program, [self.folder / "none.csv"],
                                  "FileNotFoundError")
                self.assert_fails(program, [], "usage: sales FILE.csv")

    def test_model(self):
        for program in "model", "model_pybind11":
            with self.subTest(program=program):
                pickled = self.folder / program
                self.assert_prints(program, [pickled], "0\n2\n")
                self.assertGreater(pickled.stat().st_size, 1_000)
                self.assert_fails(program, [self.folder], "IsADirectoryError")
                self.assert_fails(program, [], "usage: model FILE.pickle")

    def test_thumbnails(self):
        pictures = self.folder / "pictures"
        pictures.mkdir()
        (pictures / "high.ppm").write_bytes(b"P6 100 300 255 " + bytes(90_000))
        (pictures / "none.png").write_text("text", encoding="utf-8")
        (pictures / "wide.ppm").write_bytes(b"P6 640 480 255 " + bytes(921_600))
        made = []
        for program in "thumbnails", "thumbnails_pybind11":
            with self.subTest(program=program):
                to = self.folder / program
                to.mkdir()
                self.assert_prints(program, [pictures, to],
                                   '"high.ppm": 21 x 64\n'
                                   '"none.png": no picture\n'
                                   '"wide.ppm": 64 x 48\n')
                made.append({each.name: each.read_bytes()
                             for each in to.iterdir()})
                self.assert_fails(program, [pictures, to / "none"],
                                  "FileNotFoundError")
                self.assert_fails(program, [self.folder / "none", to],
                                  "No such file or directory")
                self.assert_fails(program, [], "usage: thumbnails FROM TO")
        self.assertEqual(sorted(made[0]), ["high.ppm", "wide.ppm"])
        self.assertEqual(made[0], made[1])

    def test_ours_are_shorter(self):
        others = sorted(JOBS.glob("*_pybind11.cpp"))
        self.assertEqual(len(others), 3)
        for other in others:
            ours = other.name.replace("_pybind11", "")
            with self.subTest(job=ours):
                self.assertLessEqual(lines(ours), PART_MAX * lines(other.name))


if __name__ == "__main__":
    unittest.main()
