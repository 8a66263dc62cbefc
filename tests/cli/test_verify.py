"""`snakebridge lock` and `snakebridge verify`, and bridges that verify at start,
with packages of an index on loopback.

SNAKEBRIDGE_BIN names the folder of the built programs.
"""
import json
import os
import pathlib
import shutil
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import test_setup  # pylint: disable=wrong-import-position


class Verify(test_setup.Project):
    def setUp(self):
        super().setUp()
        self.setup_runs()
        done = self.run_it("lock")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.lock = self.made / "snakebridge.lock"

    def verified(self, *arguments, **more):
        return self.run_it("verify", *arguments, **more)

    def drifts(self):
        done = self.verified("--json")
        told = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if told["ok"] else 1)
        return [each["name"] for each in told["drifts"]]

    def relock(self, change):
        text = json.loads(self.lock.read_text(encoding="utf-8"))
        change(text["environment"])
        self.lock.write_text(json.dumps(text), encoding="utf-8")

    def site(self):
        return next(self.made.glob("venv/lib/python3*/site-packages"))

    def test_what_was_just_locked_is_as_it_was_locked(self):
        done = self.verified("--strict")
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("all is as it was locked\n", "", 0))
        self.assertEqual(json.loads(self.verified("--json").stdout),
                         {"ok": True, "drifts": []})

    def test_without_an_index_or_a_cache_too(self):
        shutil.rmtree(self.wheels)
        done = self.verified("--strict",
                             UV_CACHE_DIR=str(self.folder / "empty"))
        self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_the_same_environment_elsewhere_is_the_same(self):
        before = self.lock.read_bytes()
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        self.project.rename(elsewhere / "project")
        self.project = elsewhere / "project"
        self.made = self.project / ".snakebridge"
        self.lock = self.made / "snakebridge.lock"
        shutil.rmtree(self.made / "venvs")
        (self.made / "venv").unlink()
        self.assertEqual(self.drifts(), ["venv_missing"])
        self.setup_runs()
        self.assertEqual(self.drifts(), [])
        self.assertEqual(self.run_it("lock").returncode, 0)
        self.assertEqual(self.lock.read_bytes(), before)

    def test_what_is_installed_by_hand_is_named(self):
        info = next(self.site().glob("alpha-*.dist-info"))
        added = self.site() / "beta-2.dist-info"
        shutil.copytree(info, added)
        (added / "METADATA").write_text("Name: beta\nVersion: 2\n",
                                        encoding="utf-8")
        self.assertIn("package_added", self.drifts())
        shutil.rmtree(added)
        record = info / "RECORD"
        record.write_text(record.read_text(encoding="utf-8").replace(
            "alpha.py,sha256=", "alpha.py,sha256=0"), encoding="utf-8")
        self.assertEqual(self.drifts(), ["package_files_drifted"])
        info.rename(self.folder / "gone")
        self.assertEqual(self.drifts(), ["package_missing", "files_added",
                                         "packages_drifted"])

    def test_what_no_package_has_installed_is_named(self):
        for name in ("evil.pth", "sitecustomize.py"):
            (self.site() / name).write_text("", encoding="utf-8")
        done = self.verified()
        self.assertEqual((done.stdout, done.returncode), ("", 1))
        self.assertIn("files_added: site-packages has evil.pth, "
                      "sitecustomize.py, which no package", done.stderr)

    def test_files_that_are_not_what_was_installed_are_named(self):
        module = self.site() / "alpha.py"
        text = module.read_text(encoding="utf-8")
        module.unlink()
        self.assertEqual(self.drifts(), ["package_files_drifted"])
        module.write_text(text + "EVIL = 1\n", encoding="utf-8")
        self.assertEqual(self.drifts(), ["package_files_drifted"])
        module.write_text(text.replace("1", "2"), encoding="utf-8")
        self.assertEqual(self.drifts(), [])
        done = self.verified("--strict")
        self.assertEqual((done.stdout, done.returncode), ("", 1))
        self.assertEqual(done.stderr, "package_files_drifted: alpha 1.0: "
                         "alpha.py has other content than RECORD says\n")
        module.write_text(text, encoding="utf-8")
        self.assertEqual(self.verified("--strict").returncode, 0)

    def test_torch_for_what_the_machine_never_had_is_a_warning(self):
        def of_cpu(locked):
            locked["environments"][""]["torch"] = "cu128"
        self.relock(of_cpu)
        self.assertEqual(json.loads(self.lock.read_text(
            encoding="utf-8"))["environment"]["machine"]["accelerator"], "cpu")
        done = self.verified()
        self.assertIn("warning: torch_unsupported: ", done.stderr)
        self.assertEqual(done.returncode, 0)

    def test_settings_that_are_not_applied_are_named(self):
        self.write(test_setup.SETTINGS.replace('"alpha"', '"alpha>=1"'))
        self.assertEqual(self.drifts(), ["project_outdated"])
        self.setup_runs()
        self.assertEqual(self.drifts(), ["project_drifted", "uv_lock_drifted"])

    def test_another_machine_is_named(self):
        def other(locked):
            locked["machine"]["arch"] = "mips"
            locked["machine"]["accelerator"] = "cuda"
        self.relock(other)
        self.assertEqual(self.drifts(), ["arch_drifted", "accelerator_missing"])

    def test_a_warning_fails_only_what_is_strict(self):
        def newer(locked):
            locked["machine"]["libc"] = "glibc 2.1"
        self.relock(newer)
        done = self.verified()
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: libc_newer: the C library was glibc 2.1, is",
                      done.stderr)
        self.assertEqual(self.verified("--strict").returncode, 1)

    def test_no_lock_is_an_error_and_so_is_nothing_to_lock(self):
        self.lock.unlink()
        self.assertEqual(self.drifts(), ["lock_missing"])
        shutil.rmtree(self.made)
        done = self.run_it("lock")
        self.assertEqual(done.returncode, 1)
        self.assertIn("run `snakebridge setup`", done.stderr)

    def test_settings_that_are_gone_are_an_error(self):
        self.write("")
        self.assertEqual(self.drifts(), ["environment_gone"])
        (self.project / "snakebridge.toml").unlink()
        self.assertEqual(self.drifts(), ["environment_gone"])

    def test_where_there_is_nothing_nothing_is_verified(self):
        self.write("")
        shutil.rmtree(self.made)
        self.assertEqual(self.drifts(), ["lock_missing"])
        (self.project / "snakebridge.toml").unlink()
        done = self.verified("--strict")
        self.assertEqual((done.stdout, done.returncode), ("", 1))
        self.assertIn("lock_missing: there is nothing to verify", done.stderr)

    def test_a_lock_that_was_not_merged_is_not_written_over(self):
        text = "<<<<<<< HEAD\n" + self.lock.read_text(encoding="utf-8")
        self.lock.write_text(text, encoding="utf-8")
        done = self.run_it("lock")
        self.assertEqual(done.returncode, 1)
        self.assertIn("snakebridge.lock is no lock", done.stderr)
        self.assertEqual(self.lock.read_text(encoding="utf-8"), text)

    def test_without_uv_it_says_that_it_has_not_asked(self):
        done = self.verified("--json", SNAKEBRIDGE_UV="/nonexistent/uv")
        told = json.loads(done.stdout)
        self.assertEqual([each["name"] for each in told["drifts"]],
                         ["uv_missing"])
        self.assertEqual((told["ok"], done.returncode), (True, 0))

    def test_a_bridge_that_verifies_does_not_start_on_drift(self):
        self.write("verify_at_start = true\n" + test_setup.SETTINGS)
        self.assertEqual(self.version(), "1\n")
        next(self.site().glob("alpha-*.dist-info")).rename(
            self.folder / "gone")
        done = self.run_it("get", "alpha", "VERSION")
        self.assertEqual(done.returncode, 1)
        self.assertIn("environment_invalid", done.stderr)
        self.assertIn("package_missing: alpha 1.0 is not installed",
                      done.stderr)

    def test_wrappers_and_environments_share_the_lock(self):
        done = self.run_it("regen", "alpha")
        self.assertEqual(done.returncode, 0, done.stderr)
        locked = json.loads(self.lock.read_text(encoding="utf-8"))
        self.assertIn("generator", locked)
        self.assertIn("environment", locked)
        self.assertEqual(self.drifts(), [])
        manifest = self.made / "manifest.json"
        manifest.write_text(manifest.read_text(encoding="utf-8") + "\n",
                            encoding="utf-8")
        self.assertEqual(self.drifts(), ["wrapper_manifest_drifted"])
        self.assertEqual(self.run_it("lock").returncode, 0)
        self.assertEqual(json.loads(self.lock.read_text(
            encoding="utf-8"))["generator"], locked["generator"])

    def test_a_manifest_that_is_gone_is_an_error(self):
        self.assertEqual(self.run_it("regen", "alpha").returncode, 0)
        (self.made / "manifest.json").unlink()
        self.assertEqual(self.drifts(), ["wrapper_manifest_drifted"])

    def test_a_project_of_wrappers_alone_is_verified(self):
        self.write("")
        shutil.rmtree(self.made)
        done = self.run_it("regen", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.verified("--strict")
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("all is as it was locked\n", "", 0))
        (self.made / "manifest.json").unlink()
        self.assertEqual(self.drifts(), ["wrapper_manifest_drifted"])

    def test_doctor_has_the_variants_that_setup_has(self):
        smi = self.folder / "nvidia-smi"
        smi.write_text("#!/bin/sh\necho 'NVIDIA H100, 570.86.10'\n",
                       encoding="utf-8")
        smi.chmod(0o755)
        variants = self.project / "wheel_variants.json"

        def doctor_shows(pattern):
            told = self.run_it(
                "doctor", PATH=f"{self.folder}:{os.environ['PATH']}").stdout
            self.assertRegex(told, rf"(?m)^  {pattern}")
        doctor_shows("build of PyTorch +cu128 ")
        variants.write_text('{"variants": ["cpu", "cu118"]}', encoding="utf-8")
        doctor_shows("build of PyTorch +cu118 ")
        variants.write_text("[", encoding="utf-8")
        doctor_shows("! build of PyTorch +config_invalid: .*variants.json")

    def test_doctor_shows_the_machine_and_what_has_drifted(self):
        next(self.site().glob("alpha-*.dist-info")).rename(
            self.folder / "gone")
        told = self.run_it("doctor").stdout
        self.assertIn("build of PyTorch", told)
        self.assertIn("! package_missing", told)
        self.assertIn(str(self.made), told)


if __name__ == "__main__":
    unittest.main()
