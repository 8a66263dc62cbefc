"""docs/ENVIRONMENTS.md: what it has a reader do is done, with packages of an
index on loopback; and the names it tells are those there are.

SNAKEBRIDGE_BIN names the folder of the built programs.
"""
import json
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "cli"))
import packages  # pylint: disable=wrong-import-position
import test_setup  # pylint: disable=wrong-import-position

PAGE = (ROOT / "docs/ENVIRONMENTS.md").read_text(encoding="utf-8")


def blocks(mark):
    return re.findall(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```", PAGE,
                      re.DOTALL)


class Page(test_setup.Project):
    def setUp(self):
        super().setUp()
        for name in ("numpy", "torch"):
            packages.wheel(self.wheels, name, "2.4", f"NAME = '{name}'\n")
        self.write(blocks("snakebridge.toml")[0])
        (self.project / "wheel_variants.json").write_text(json.dumps({
            "base_url": self.index.replace("/simple", "/whl/")}),
            encoding="utf-8")

    def test_what_it_says_works(self):
        commands = "".join(blocks("run")).splitlines()
        self.assertEqual(len(commands), 4)
        for command in commands:
            words = command.split()
            self.assertEqual(words.pop(0), "snakebridge")
            done = self.run_it(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
        project = (self.made / "pyproject.toml").read_text(encoding="utf-8")
        self.assertRegex(project, r'"torch" = \{ index = "pytorch-\w+" \}')
        self.assertEqual(self.run_it("get", "torch", "NAME").stdout,
                         "'torch'\n")

    def test_it_names_every_drift(self):
        sources = "".join((ROOT / path).read_text(encoding="utf-8")
                          for path in ("environment/drift.cpp",
                                       "cli/setup.cpp"))
        names = set(re.findall(
            r'(?:refuse|warn|found|push_back\(|\? |: |\{\{)\(?\{?"([a-z]+_[a-z_]+)"',
            sources))
        self.assertGreater(len(names), 25)
        for name in names:
            self.assertIn(f"`{name}`", PAGE)

    def test_what_shows_it_is_there(self):
        table = PAGE.split("## Of the original")[1]
        for path in re.findall(r"`(tests/[\w/.]+)`", table):
            self.assertTrue((ROOT / path).exists(), path)


if __name__ == "__main__":
    unittest.main()
