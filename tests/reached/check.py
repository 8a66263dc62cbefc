#!/usr/bin/python3
"""Fails if the suite never reached a fault point or an errc.

    check.py FOLDER CTEST BUILD [PAGE SKIPS]

FOLDER holds what each test process wrote (record.cpp), BUILD is the build whose
tests CTEST lists. It fails, too, when a code is exempt that was reached; when a
test has skipped itself that PAGE names or that SKIPS, tests/skips.txt, does not
let; and when SKIPS lets one that was not skipped. Where only some of the tests
ran there is nothing to say, and it ends with 77: skipped.
"""

import collections
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

SKIPPED = 77

# Codes that nothing answers yet, and what will. Take off what is reached.
EXEMPT = {
    "library_unknown": "generated wrappers, whose tests do not write it down",
}


def read(folder):
    """The names of the tests that ran and of those that skipped themselves, and
    the sums of all counts."""
    ran, skipped = set(), set()
    sums = {"point": collections.Counter(), "errc": collections.Counter()}
    for path in folder.iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, name = line.split(" ", 1)
            if kind == "test":
                ran.add(name)
            elif kind == "skipped":
                skipped.add(name)
            else:
                name, count = name.split(" ")
                sums[kind][name] += int(count)
    return ran, skipped, sums


def without_parameter(test):
    return re.sub(r"^(\w+\.[\w/]+\.\w+)/.*", r"\1", test)


def wrong_skips(ran, skipped, page, skips):
    """What is wrong with the tests that have skipped themselves, and with the
    list of those that may."""
    shown = pathlib.Path(page).read_text(encoding="utf-8")
    ran = {without_parameter(name) for name in ran}
    skipped = {without_parameter(name) for name in skipped}
    for name in sorted(skipped):
        if f"`{name}`" in shown:
            yield f"{name} was skipped, but docs/FAULTS.md names it as shown"
    let = set()
    for line in pathlib.Path(skips).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name = line.removeprefix("? ").split(":", 1)[0]
        let.update(fnmatch.filter(skipped, name))
        if not fnmatch.filter(ran, name):
            yield f"tests/skips.txt names {name}, which is no test"
        elif not line.startswith("? ") and not fnmatch.filter(skipped, name):
            yield (f"{name} was not skipped: take it off tests/skips.txt, or "
                   "put `? ` before it")
    for name in sorted(skipped - let):
        yield f"{name} was skipped: if it must be, say why in tests/skips.txt"


def expected(ctest, build):
    """The names of all tests that write down what they reach."""
    told = subprocess.run([ctest, "--test-dir", build, "--show-only=json-v1"],
                          capture_output=True, check=True, text=True)
    for test in json.loads(told.stdout)["tests"]:
        properties = {each["name"]: each["value"]
                      for each in test.get("properties", [])}
        if "reached" in properties.get("FIXTURES_REQUIRED", []) \
                and not properties.get("DISABLED"):
            yield test["name"]


def main():
    folder, ctest, build, *lists = sys.argv[1:]
    ran, skipped, sums = read(pathlib.Path(folder))
    missing = set(expected(ctest, build)) - ran
    if missing:
        print(f"{len(missing)} tests did not run to their end, such as "
              f"{min(missing)}: nothing to say")
        return SKIPPED
    wrong = list(wrong_skips(ran, skipped, *lists)) if lists else []
    for each in wrong:
        print(each)
    never = [f"{kind} {name}" for kind, counts in sums.items()
             for name, count in counts.items()
             if count == 0 and name not in EXEMPT]
    for each in never:
        print(f"{each} was never reached: write the test that reaches it")
    stale = [name for name in sorted(EXEMPT) if sums["errc"][name] > 0]
    for name in stale:
        print(f"errc {name} is reached by now: take it off EXEMPT in "
              "tests/reached/check.py")
    for kind, counts in sums.items():
        print(kind, ", ".join(f"{name} {count}"
                              for name, count in counts.items()))
    return 1 if never or stale or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
