"""What an interpreter has, told without importing it."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from driver import BOOT
from fireweed import _environment
from fireweed._environment import satisfies


class Versions(unittest.TestCase):
    def test_pep_440(self):
        for version, wanted, fits in [
            ("2.1.0", ">=2", True), ("1.9", ">=2", False), ("2", "==2.0.0", True), ("2.0.1", "==2.*", True),
            ("2.0.1", "==2.1.*", False), ("2.0.1", "!=2.0.1", False), ("2.0.1", "!=2.*", False), ("3.0", "!=2.*", True),
            ("1.10", ">1.9", True), ("1.10", "<1.9", False), ("2.2", "~=2.1", True), ("3.0", "~=2.1", False),
            ("2.1.5", "~=2.1.3", True), ("2.2.0", "~=2.1.3", False), ("1.5", ">=1.2,<2", True), ("2.0", ">=1.2, <2", False),
            ("2.0rc1", "<2.0", False), ("2.0rc1", ">=2.0", False), ("2.0rc1", "<2.0rc2", True), ("2.0.dev3", "<2.0a1", True),
            ("2.0.post1", ">=2.0", True), ("2.0-1", ">2.0", True), ("1!1.0", ">2.0", True), ("1.0+cu118", "==1.0", True),
            ("1.0a1", "<1.0b1", True), ("1.0.alpha.1", "==1.0a1", True), ("2.0.0.0", "<=2", True), ("2.0.1", "<=2", False),
            ("unknown", ">=1", False), ("1.0", ">=nonsense", False),
        ]:  # fmt: skip
            with self.subTest("%s %s" % (version, wanted)):
                self.assertIs(satisfies(version, wanted), fits)


class Check(unittest.TestCase):
    def check(self, requires, path=()):
        read, write = os.pipe()
        command = [sys.executable, BOOT, "check", json.dumps({"path": list(path), "requires": requires})]
        hand = "import os, sys; os.dup2(%d, 4); os.execv(sys.argv[1], sys.argv[1:])" % write
        process = subprocess.run([sys.executable, "-c", hand, *command], pass_fds=[write], capture_output=True)
        os.close(write)
        with os.fdopen(read, "rb") as stream:
            text = stream.read()
        self.assertEqual((process.returncode, process.stderr), (0, b""))
        return json.loads(text)

    def test_distributions_modules_and_what_is_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "mine.py"), "w") as file:
                file.write("raise SystemExit('it was imported')")
            info = os.path.join(folder, "Odd_Name-1.5.dist-info")
            os.mkdir(info)
            with open(os.path.join(info, "METADATA"), "w") as file:
                file.write("Metadata-Version: 2.1\nName: Odd-Name\nVersion: 1.5\n")
            asked = ["mine", "mine>=1", "odd-name", "Odd-Name>=1,<2", "odd-name>=2", "json", "no_such_module", "no-such-thing>=1"]
            report = self.check(asked, [folder])
        found = [(each["found"], each["met"]) for each in report["requires"]]
        self.assertEqual(
            found,
            [("", True), ("", False), ("1.5", True), ("1.5", True), ("1.5", False), ("", True), (None, False), (None, False)],
        )
        self.assertEqual([each["requirement"] for each in report["requires"]], asked)
        self.assertEqual(report["python"], list(sys.version_info[:3]))
        self.assertEqual((report["exe"], report["prefix"]), (sys.executable, sys.prefix))

    def test_the_interpreter_alone(self):
        self.assertEqual(_environment.report([])["requires"], [])
