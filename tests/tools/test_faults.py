"""docs/FAULTS.md names tests that exist, and its scenarios name just those
tests above which a comment names the scenario: `// SUPERVISION 8, 9` or
`// ORIGINAL P7`. With --write it takes the names over into the page."""
import functools
import itertools
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "FAULTS.md"
SCENARIOS = {
    "SUPERVISION": [str(number) for number in range(1, 55)],
    "ORIGINAL": [f"T{number}" for number in range(1, 31)]
                + [f"P{number}" for number in range(1, 43)],
}
TEST = re.compile(r"TEST(?:_F|_P)?\((\w+),\s*(\w+)\)")
INSTANCE = re.compile(r"INSTANTIATE_TEST_SUITE_P\((\w+),\s*(\w+)|"
                      r"SNAKEBRIDGE_IN_(BOTH_PLACEMENT)S\((\w+)")
TIE = re.compile(r"// (SUPERVISION|ORIGINAL) ([TP\d, ]+)$")


@functools.cache
def sources():
    """The tests' files: the layer and the text of each."""
    return [(path.parent.name, path.read_text(encoding="utf-8"))
            for path in sorted(ROOT.glob("tests/*/*_test.cpp"))]


def prefixes():
    """What ctest puts before a suite with parameters: {(layer, suite): …}."""
    found = {}
    for layer, text in sources():
        for plain, suite, both, placed in INSTANCE.findall(text):
            prefix = "Python/" if both else plain + "/"
            found[layer, suite or placed] = prefix
    return found


def comment_above(text, start):
    lines = text[:start].splitlines()
    return list(itertools.takewhile(lambda line: line.startswith("//"),
                                    reversed(lines)))


@functools.cache
def tests():
    """All tests by their names in ctest, and the scenarios each is tied to."""
    found = {}
    before = prefixes()
    for layer, text in sources():
        for match in TEST.finditer(text):
            prefix = before.get((layer, match[1]), "")
            name = f"{layer}.{prefix}{match[1]}.{match[2]}"
            found[name] = [
                (tie[1], number.strip())
                for line in comment_above(text, match.start())
                if (tie := TIE.match(line)) for number in tie[2].split(",")]
    return found


def tied_to(kind, number):
    return [name for name, ties in tests().items() if (kind, number) in ties]


def names_in(cell):
    return re.findall(r"`(\w+\.[\w/]+\.\w+)`", cell)


def rows(page, heading):
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.split("\n"):
        cells = [cell.strip() for cell in line[1:-1].split("|")]
        if line.startswith("| ") and cells[0] not in ("number", "fault"):
            yield cells


class Faults(unittest.TestCase):
    def setUp(self):
        self.page = PAGE.read_text(encoding="utf-8")

    def test_every_fault_names_tests_that_exist(self):
        known = tests()
        faults = list(rows(self.page, "FAULTS"))
        self.assertGreater(len(faults), 20)
        for fault, seen, bound, shown in faults:
            with self.subTest(fault=fault):
                self.assertTrue(seen and bound)
                self.assertTrue(names_in(shown))
                for name in names_in(shown):
                    self.assertIn(name, known)

    def test_every_error_named_is_one_of_ours(self):
        header = (ROOT / "include/snakebridge/error.hpp").read_text("utf-8")
        codes = set(re.findall(r"^  (\w+)(?: = 1)?,$", header, re.MULTILINE))
        self.assertGreater(len(codes), 25)
        for fault, seen, _, _ in rows(self.page, "FAULTS"):
            for code in re.findall(r"`(\w+)`", seen):
                with self.subTest(fault=fault):
                    self.assertIn(code, codes)

    def test_every_scenario_names_its_tests_or_says_why_not(self):
        for kind, numbers in SCENARIOS.items():
            told = list(rows(self.page, kind))
            self.assertEqual([number for number, _, _ in told], numbers)
            for number, scenario, shown in told:
                with self.subTest(scenario=f"{kind} {number}"):
                    self.assertTrue(scenario)
                    self.assertEqual(names_in(shown), tied_to(kind, number))
                    self.assertTrue(names_in(shown)
                                    or shown.startswith("none: "), shown)

    def test_every_tie_is_above_a_test_and_of_a_scenario(self):
        tied = sum(len(ties) for ties in tests().values())
        written = 0
        for layer, text in sources():
            for line in text.split("\n"):
                if tie := TIE.match(line):
                    for number in tie[2].split(","):
                        written += 1
                        self.assertIn(number.strip(), SCENARIOS[tie[1]], layer)
        self.assertEqual(tied, written, "a tie is above no test")

    def test_the_readme_leads_here(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        self.assertIn("(docs/FAULTS.md)", readme)


def write():
    page = PAGE.read_text(encoding="utf-8")
    for kind, numbers in SCENARIOS.items():
        for number, scenario, shown in list(rows(page, kind)):
            if names := tied_to(kind, number):
                new = " ".join(f"`{name}`" for name in names)
                page = page.replace(f"| {number} | {scenario} | {shown} |",
                                    f"| {number} | {scenario} | {new} |")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        unittest.main()
