"""docs/ARCHITECTURE.md names files and what is in them: they are there."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/ARCHITECTURE.md"
LINK = re.compile(r"\[`([^`]+)`\]\(([^)]+)\)")


class Architecture(unittest.TestCase):
    def setUp(self):
        self.page = PAGE.read_text(encoding="utf-8")
        self.links = LINK.findall(self.page)

    def test_what_is_linked_is_there_and_has_that_name(self):
        self.assertGreater(len(self.links), 30)
        for name, target in self.links:
            with self.subTest(name=name, target=target):
                path = (PAGE.parent / target).resolve()
                self.assertTrue(path.is_file(), target)
                if path.name == name:
                    continue
                text = path.read_text(encoding="utf-8")
                for part in name.split("::"):
                    self.assertRegex(text, rf"\b{re.escape(part)}\b")

    def test_every_folder_has_its_row(self):
        rows = set(re.findall(r"`([\w/]+)`", " ".join(
            re.findall(r"^\| (`[^|]*`) \|", self.page, re.MULTILINE))))
        folders = {path.parent.relative_to(ROOT).as_posix()
                   for path in ROOT.glob("*/CMakeLists.txt")}
        folders |= {path.relative_to(ROOT).as_posix()
                    for path in (ROOT / "runtime").iterdir() if path.is_dir()}
        self.assertEqual(folders - rows - {"runtime", "tests"}, set())

    def test_its_locks_are_members(self):
        headers = {path.stem: path.read_text(encoding="utf-8")
                   for path in ROOT.rglob("*.hpp") if "build" not in path.parts}
        table = self.page.split("| lock | guards |")[1]
        locks = re.findall(r"`(\w+)::(\w+_)`", table)
        self.assertGreater(len(locks), 5)
        for owner, member in locks:
            with self.subTest(owner=owner, member=member):
                self.assertRegex(headers[owner],
                                 rf"std::mutex {member};")

    def test_it_is_two_pages(self):
        self.assertLess(len(self.page.splitlines()), 110)


if __name__ == "__main__":
    unittest.main()
