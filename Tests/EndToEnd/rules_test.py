"""Files of rules and their tests: the verdicts of `widefield rules` are those of Debian's promtool."""
import glob
import os
import subprocess
import tempfile
import unittest

from prometheus import program
from server import BINARY

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
RULES = os.path.join(ROOT, "fixtures/rules")
CASES = os.path.join(
    os.environ.get("WIDEFIELD_CASES", os.path.join(ROOT, "../shared/cases")), "prom-rulefmt")

#: Files that Prometheus 3, or several documents in one file, make good or bad, and Prometheus 2 does not.
NEWER = {
    "utf-8_annotation.good.yaml", "utf-8_lname.good.yaml", "legacy_validation_annotation.bad.yaml",
    "rules-multi-doc-bad.rules", "rules-multi-doc-duplicates-bad.rules",
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


class RulesTest(unittest.TestCase):
    def check(self, kind, path):
        ours = run(BINARY, "rules", kind, path)
        theirs = run(program("promtool"), kind, "rules", path) if kind == "check" else run(
            program("promtool"), "test", "rules", path)
        self.assertIn(ours.returncode, (0, 1), ours.stderr)
        self.assertEqual(
            ours.returncode == 0, theirs.returncode == 0,
            f"{path}\n{ours.stdout}{ours.stderr}\n{theirs.stdout}{theirs.stderr}")
        return ours

    def test_tests_of_rules_have_its_verdicts(self):
        paths = sorted(
            glob.glob(f"{RULES}/*.test.yaml") + glob.glob(f"{ROOT}/docs/tiers/*.test.yaml"))
        self.assertGreater(len(paths), 8)
        for path in paths:
            with self.subTest(path=path):
                self.check("test", path)

    def test_tests_of_rules_by_others_have_its_verdicts(self):
        paths = sorted(glob.glob(f"{CASES}/**/unittest/testdata/*.yaml", recursive=True))
        if not paths:
            print(f"not there, so not tested: {CASES}")
        for path in paths:
            # A hundred days between evaluations, and no test that asks for them.
            with self.subTest(path=path):
                self.check("test", path)

    def test_files_of_rules_have_its_verdicts(self):
        paths = sorted(
            glob.glob(f"{RULES}/*.rules.yaml") + glob.glob(f"{ROOT}/docs/tiers/*.rules.yaml")) + [
            path for folder in ("model/rulefmt", "vmalert/app/vmalert/config")
            for path in sorted(glob.glob(f"{CASES}/{folder}/testdata/**/*.*", recursive=True))]
        self.assertGreater(len(paths), 2)
        for path in paths:
            if os.path.basename(path) in NEWER or path.endswith(".test.yaml"):
                continue
            with self.subTest(path=path):
                self.check("check", path)

    def test_what_is_wrong_is_told_with_its_place(self):
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/r.yaml"
            with open(path, "w") as file:
                file.write("groups:\n- name: a\n  rules:\n  - {alert: X, expr: up, fore: 1m}\n")
            done = run(BINARY, "rules", "check", path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{path}:4:26: error:", done.stdout)
            self.assertIn("no key 'fore'", done.stdout)

    def test_warnings_are_told_and_are_no_failure(self):
        done = run(BINARY, "rules", "check", f"{RULES}/hold-down.rules.yaml")
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: group \"hold-down\", rule 1", done.stdout)

    def test_examples_of_rules_have_nothing_to_be_warned_of(self):
        for path in glob.glob(f"{ROOT}/docs/tiers/*.rules.yaml"):
            self.assertNotIn("warning", run(BINARY, "rules", "check", path).stdout)

    def test_a_failing_test_tells_what_was_found(self):
        done = run(BINARY, "rules", "test", f"{RULES}/wrong-value.fail.test.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("constant 42", done.stdout)
