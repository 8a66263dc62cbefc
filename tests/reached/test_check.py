#!/usr/bin/python3
"""check.py catches what it should: a small suite, told by a made-up ctest."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).with_name("check.py")
SKIPPED = 77


class Check(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name) / "reached"
        self.folder.mkdir()
        self.ctest = pathlib.Path(scratch.name) / "ctest"
        watched = [{"name": "FIXTURES_REQUIRED", "value": ["reached"]}]
        told = {"tests": [{"name": "api.A.One", "properties": watched},
                          {"name": "api.A.Two", "properties": watched},
                          {"name": "tidy"}]}
        self.ctest.write_text(f"#!/bin/sh\necho '{json.dumps(told)}'\n",
                              encoding="utf-8")
        self.ctest.chmod(0o700)

    def note(self, test, *counts):
        lines = [f"test {test}", *counts]
        (self.folder / test).write_text("\n".join(lines) + "\n",
                                        encoding="utf-8")

    def check(self, *page):
        return subprocess.run([sys.executable, CHECK, self.folder, self.ctest,
                               "build", *page], capture_output=True,
                              check=False, text=True)

    def test_what_any_test_reached_is_reached(self):
        self.note("api.A.One", "point p 0", "errc e 2")
        self.note("api.A.Two", "point p 1", "errc e 0")
        self.assertEqual(self.check().returncode, 0)

    def test_a_point_that_none_reached_fails_the_run_by_name(self):
        self.note("api.A.One", "point p 0", "errc e 2")
        self.note("api.A.Two", "point p 0", "errc e 0")
        ended = self.check()
        self.assertEqual(ended.returncode, 1)
        self.assertIn("point p was never reached", ended.stdout)

    def test_an_errc_that_none_reached_fails_the_run_by_name(self):
        self.note("api.A.One", "point p 1", "errc e 0")
        self.note("api.A.Two", "point p 0", "errc e 0")
        ended = self.check()
        self.assertEqual(ended.returncode, 1)
        self.assertIn("errc e was never reached", ended.stdout)

    def test_a_code_that_nothing_answers_yet_need_not_be(self):
        self.note("api.A.One", "errc library_unknown 0")
        self.note("api.A.Two", "errc library_unknown 0")
        self.assertEqual(self.check().returncode, 0)

    def test_an_exemption_that_is_not_needed_fails_the_run(self):
        self.note("api.A.One", "errc library_unknown 1")
        self.note("api.A.Two")
        ended = self.check()
        self.assertEqual(ended.returncode, 1)
        self.assertIn("errc library_unknown is reached by now", ended.stdout)

    def check_skips(self, let, shown=""):
        """Of a run in which api.A.One, of both placements, skipped itself."""
        page = self.folder.parent / "page.md"
        page.write_text(shown, encoding="utf-8")
        skips = self.folder.parent / "skips.txt"
        skips.write_text(f"# Why.\n{let}\n", encoding="utf-8")
        self.note("api.A.One", "skipped api.A.One/embedded")
        self.note("api.A.Two")
        return self.check(page, skips)

    def test_a_skipped_test_that_the_page_names_fails_the_run(self):
        ended = self.check_skips("api.A.One: why",
                                 "| a fault | `api.A.One` |\n")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("api.A.One was skipped, but docs", ended.stdout)

    def test_a_skip_that_is_not_listed_fails_the_run(self):
        ended = self.check_skips("")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("api.A.One was skipped: ", ended.stdout)

    def test_a_skip_that_is_listed_is_let(self):
        for let in ("api.A.One: why", "? api.A.One: why", "? api.A.*: why"):
            self.assertEqual(self.check_skips(let).returncode, 0, let)

    def test_a_listed_test_that_was_not_skipped_fails_the_run(self):
        ended = self.check_skips("api.A.One: why\napi.A.Two: why")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("api.A.Two was not skipped", ended.stdout)

    def test_a_listed_test_that_need_not_skip_may_run(self):
        ended = self.check_skips("api.A.One: why\n? api.A.Two: why")
        self.assertEqual(ended.returncode, 0)

    def test_a_listed_name_of_no_test_fails_the_run(self):
        ended = self.check_skips("api.A.One: why\n? api.A.Gone: why")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("names api.A.Gone, which is no test", ended.stdout)

    def test_under_a_sanitizer_without_the_lists_any_skip_is_let(self):
        self.check_skips("")
        self.assertEqual(self.check().returncode, 0)

    def test_a_run_of_some_of_the_tests_says_nothing(self):
        self.note("api.A.One", "point p 0")
        self.assertEqual(self.check().returncode, SKIPPED)


if __name__ == "__main__":
    unittest.main()
