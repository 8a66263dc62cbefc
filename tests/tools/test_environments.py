"""docs/ENVIRONMENTS.md tells of functions and tests that there are."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/ENVIRONMENTS.md").read_text(encoding="utf-8")


class Page(unittest.TestCase):
    def test_its_functions_are_those_of_the_headers(self):
        headers = "".join(
            (ROOT / "include/snakebridge" / name).read_text(encoding="utf-8")
            for name in ("hardware.hpp", "wheel_selector.hpp"))
        snippet = re.search(r"```cpp\n(.*?)```", PAGE, re.DOTALL)[1]
        called = re.findall(r"(?:wheels\.|wheel_selector::)(\w+)\(", snippet)
        self.assertGreater(len(called), 3)
        row = re.search(r"`WheelSelector`: (.*?) \|", PAGE)[1]
        for name in called + re.findall(r"`(\w+)`", row):
            self.assertRegex(headers, rf"\b{name}\(")

    def test_what_shows_it_is_there(self):
        named = re.findall(r"`(tests/[\w/.]+)`", PAGE)
        self.assertEqual(len(named), 2)
        for path in named:
            self.assertTrue((ROOT / path).is_file(), path)


if __name__ == "__main__":
    unittest.main()
