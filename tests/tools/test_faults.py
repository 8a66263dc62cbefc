"""docs/FAULTS.md names tests that exist, and its scenarios name just those
tests above which a comment names the scenario: `// SUPERVISION 8, 9` or
`// ORIGINAL P7`.

    test_faults.py [CTEST BUILD | --write]

With CTEST and a BUILD of all tests they must be among those that it lists. With
--write the names are taken over into the page."""
import functools
import itertools
import json
import pathlib
import re
import subprocess
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
# Why a scenario has no test. What is not there yet has none of these names in
# the public headers: where one comes to be, the scenario wants its test.
NOT_YET = {
    "streams are": r"\bstream\(",
    "callbacks are": r"\bcallback\(",
    "`sb::with` is": r"^auto with\(|^void with\(",
    "generated wrappers are": r"\bgenerate\(",
    "telemetry is": r"\btelemetry\b",
    "a version of the protocol is": r"\bprotocol_version\b",
}
EXCUSES = [f"{what} not there yet" for what in NOT_YET] + [
    "no port is opened; workers inherit sockets",
    "there is no list of processes to clean up at the start; workers end with "
    "their host",
    "nothing is looked for by its command; a worker is a child not yet reaped, "
    "so that its number is nobody else's",
    "a worker runs one call at a time",
    "there are no tables another process could write to",
    "a benchmark, `bench/call.cpp`",
    "CPython with a GIL is what is supported",
]
SKIPPED = 77
TEST = re.compile(r"TEST(?:_F|_P)?\((\w+),\s*(\w+)\)")
INSTANCE = re.compile(r"INSTANTIATE_TEST_SUITE_P\((\w+),\s*(\w+)|"
                      r"SNAKEBRIDGE_IN_(BOTH_PLACEMENT)S\((\w+)")
TIE = re.compile(r"// (SUPERVISION|ORIGINAL) ([TP\d, ]+)$")


@functools.cache
def sources():
    """The tests' files: the layer and the text of each."""
    return [(path.relative_to(ROOT / "tests").parts[0],
             path.read_text(encoding="utf-8"))
            for path in sorted(ROOT.glob("tests/**/*_test.cpp"))]


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
    return [name for name, ties in tests().items() if (kind, number) in ties] \
        + SHOWN_BY_THE_RUN.get((kind, number), [])


def names_in(cell):
    return re.findall(r"`(\w+\.[\w/]+\.\w+|reached\.\w+)`", cell)


def listed(ctest, build):
    """What the programs of a build list, without parameters; None when not all
    of them are built."""
    told = subprocess.run([ctest, "--test-dir", build, "--show-only=json-v1"],
                          capture_output=True, check=True, text=True)
    names = {test["name"] for test in json.loads(told.stdout)["tests"]}
    if any(name.endswith("_NOT_BUILT") for name in names):
        return None
    return {re.sub(r"^(\w+\.[\w/]+\.\w+)/.*", r"\1", name) for name in names}


def rows(page, heading):
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.split("\n"):
        cells = [cell.strip() for cell in line[1:-1].split("|")]
        if line.startswith("| ") and cells[0] not in ("number", "fault"):
            yield cells


BUILT = set()


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
                    self.assertTrue(name in known, name)

    def test_every_test_named_is_in_the_build(self):
        if not BUILT:
            self.skipTest("no build is given")
        for name in names_in(self.page):
            with self.subTest(name=name):
                self.assertTrue(name in BUILT, name)

    def test_every_excuse_is_one_of_the_list_and_holds(self):
        headers = "\n".join(
            path.read_text(encoding="utf-8")
            for path in sorted((ROOT / "include/snakebridge").glob("*.hpp")))
        excuses = {shown.removeprefix("none: ") for kind in SCENARIOS
                   for _, _, shown in rows(self.page, kind)
                   if shown.startswith("none: ")}
        self.assertEqual(excuses, set(EXCUSES))
        for what, name in NOT_YET.items():
            with self.subTest(excuse=what):
                self.assertIsNone(re.search(name, headers, re.MULTILINE))

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
    elif len(sys.argv) == 3 and (BUILT := listed(*sys.argv[1:])) is None:
        print("not all tests are built: nothing to say")
        sys.exit(SKIPPED)
    else:
        unittest.main(argv=sys.argv[:1])
