"""docs/SETTINGS.md is what tools/settings_page.py makes of config/, and config/
agrees with itself."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
import settings_page  # pylint: disable=wrong-import-position


class Settings(unittest.TestCase):
    def setUp(self):
        self.every = {each.place: each
                      for each in settings_page.settings()}

    def test_the_page_is_what_the_script_writes(self):
        self.assertEqual(settings_page.PAGE.read_text(encoding="utf-8"),
                         settings_page.page(), "run tools/settings_page.py")

    def test_every_number_stands_in_the_file(self):
        numbers = settings_page.tunables()
        self.assertGreater(len(numbers), 30)
        self.assertEqual(set(numbers) - set(self.every), set())

    def test_every_default_is_within_its_bounds(self):
        for key, (least, most, _) in settings_page.tunables().items():
            with self.subTest(key=key):
                self.assertTrue(least <= int(self.every[key].default) <= most)

    def test_bounds_in_its_texts_are_those_of_the_code(self):
        for key, (least, most, _) in settings_page.tunables().items():
            told = re.findall(r"\b(\d+) to (\d+)", self.every[key].text)
            if len(told) == 1 and "no bound; else" not in self.every[key].text:
                with self.subTest(key=key):
                    self.assertEqual(tuple(map(int, told[0])), (least, most))

    def test_every_word_is_offered(self):
        choices = settings_page.words()
        self.assertGreater(len(choices), 5)
        for key, offered in choices.items():
            setting = next(each for each in self.every.values()
                           if each.key == key)
            self.assertIn(setting.default, offered)
            for word in offered:
                with self.subTest(key=key, word=word):
                    self.assertIn(word, setting.text + setting.default)

    def test_every_variable_is_told(self):
        code = (ROOT / "config/load.cpp").read_text(encoding="utf-8")
        page = settings_page.page()
        for name in re.findall(r'"(SNAKEBRIDGE_\w+)"', code):
            self.assertIn(f"`{name}`", page)
        self.assertEqual(set(settings_page.variables()) - set(self.every),
                         set())


if __name__ == "__main__":
    unittest.main()
