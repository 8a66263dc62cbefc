"""The README's program is the example that is built and run, it leads to every
page, and it is read in three minutes."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES_MAX = 130


class Readme(unittest.TestCase):
    def setUp(self):
        self.readme = (ROOT / "README.md").read_text(encoding="utf-8")

    def test_its_program_is_the_example(self):
        program = re.search(r"```cpp\n(.*?)```", self.readme,
                            re.DOTALL).group(1)
        example = ROOT / "examples" / "hello.cpp"
        self.assertEqual(program, example.read_text(encoding="utf-8"))

    def test_it_leads_to_every_page(self):
        for page in (ROOT / "docs").glob("*.md"):
            self.assertIn(f"(docs/{page.name})", self.readme)

    def test_what_pages_link_is_there(self):
        pages = [ROOT / "README.md", ROOT / "examples" / "README.md",
                 *(ROOT / "docs").glob("*.md")]
        for page in pages:
            text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"),
                          flags=re.DOTALL)
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                with self.subTest(page=page.name, target=target):
                    self.assertTrue((page.parent / target).exists())

    def test_it_is_short(self):
        self.assertLessEqual(len(self.readme.splitlines()), LINES_MAX)


if __name__ == "__main__":
    unittest.main()
