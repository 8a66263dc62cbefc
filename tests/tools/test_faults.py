"""docs/FAULTS.md names tests that exist, and its scenarios name just those
tests above which a comment names the scenario: `// SUPERVISION 8, 9` or
`// ORIGINAL P7`.

    test_faults.py [--write]

With --write the names are taken over into the page."""
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
# What is shown by the run of the whole suite, not by a test in it.
SHOWN_BY_THE_RUN = {("SUPERVISION", "54"): ["reached.check"]}
TEST = re.compile(r"TEST(?:_F|_P)?\((\w+),\s*(\w+)\)")
INSTANCE = re.compile(r"INSTANTIATE_TEST_SUITE_P\((\w+),\s*(\w+)|"
                      r"SNAKEBRIDGE_IN_(BOTH_PLACEMENT)S\((\w+)")
TIE = re.compile(r"// (SUPERVISION|ORIGINAL) ([TP\d, ]+)$")


def ties_above(text, start):
    """The scenarios that the comment before `start` names."""
    comment = itertools.takewhile(lambda line: line.startswith("//"),
                                  reversed(text[:start].splitlines()))
    return [(tie[1], number.strip()) for line in comment
            if (tie := TIE.match(line)) for number in tie[2].split(",")]


def find_tests():
    """All tests by their names in ctest, and the scenarios each is tied to."""
    sources = [(path.relative_to(ROOT / "tests").parts[0],
                path.read_text(encoding="utf-8"))
               for path in sorted(ROOT.glob("tests/**/*_test.cpp"))]
    prefixes = {}  # what ctest puts before a suite with parameters
    for layer, text in sources:
        for plain, suite, both, placed in INSTANCE.findall(text):
            prefixes[layer, suite or placed] = "Python/" if both else f"{plain}/"
    return {f"{layer}.{prefixes.get((layer, test[1]), '')}{test[1]}.{test[2]}":
            ties_above(text, test.start())
            for layer, text in sources for test in TEST.finditer(text)
            } | set_up_tests()


def set_up_tests():
    """Those of set-ups: of the test `environment.setup` in ctest, the part."""
    return {f"environment.{path.stem[5:]}.{name}": []
            for path in sorted(ROOT.glob("tests/cli/test_*.py"))
            if path.stem != "test_cli"
            for name in re.findall(r"def (test_\w+)",
                                   path.read_text(encoding="utf-8"))}


TESTS = find_tests()


def names_in(text):
    return re.findall(r"`(\w+\.[\w/]+\.\w+|reached\.\w+)`", text)


def rows(page, heading):
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.split("\n"):
        cells = [cell.strip() for cell in line[1:-1].split("|")]
        if line.startswith("| ") and cells[0] not in ("number", "fault"):
            yield cells


def with_names(page):
    """The page as the ties want it."""
    for kind in SCENARIOS:
        for number, scenario, shown in list(rows(page, kind)):
            names = SHOWN_BY_THE_RUN.get((kind, number), []) + [
                name for name, ties in TESTS.items() if (kind, number) in ties]
            if names or not shown.startswith("none: "):
                new = " ".join(f"`{name}`" for name in names)
                page = page.replace(f"| {number} | {scenario} | {shown} |",
                                    f"| {number} | {scenario} | {new} |")
    return page


class Faults(unittest.TestCase):
    page = PAGE.read_text(encoding="utf-8")

    def test_every_name_is_that_of_a_test(self):
        run = sum(SHOWN_BY_THE_RUN.values(), [])
        self.assertEqual(set(names_in(self.page)) - set(TESTS) - set(run), set())

    def test_every_fault_names_tests(self):
        for fault, seen, bound, shown in rows(self.page, "FAULTS"):
            with self.subTest(fault=fault):
                self.assertTrue(seen and bound and names_in(shown))

    def test_scenarios_are_whole_and_name_what_is_tied_to_them(self):
        self.assertEqual(with_names(self.page), self.page, "see --write")
        for kind, numbers in SCENARIOS.items():
            told = list(rows(self.page, kind))
            self.assertEqual([number for number, _, _ in told], numbers)
            for number, _, shown in told:
                with self.subTest(scenario=f"{kind} {number}"):
                    self.assertTrue(shown)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_names(Faults.page), encoding="utf-8")
    else:
        unittest.main()
