"""The README's program is the example that is built and run."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Readme(unittest.TestCase):
    def test_its_program_is_the_example(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        program = re.search(r"```cpp\n(.*?)```", readme, re.DOTALL).group(1)
        example = ROOT / "examples" / "hello.cpp"
        self.assertEqual(program, example.read_text(encoding="utf-8"))

    def test_it_names_folders_that_exist(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        rows = readme.split("## Folders")[1]
        folders = re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)
        names = [name for row in folders for name in re.findall(r"`(.+?)`", row)]
        self.assertGreater(len(names), 8)
        for name in names:
            self.assertTrue((ROOT / name).is_dir(), name)


if __name__ == "__main__":
    unittest.main()
