"""The checks of dependencies, where the database of vulnerabilities cannot be reached."""

import os
import subprocess
import unittest
from pathlib import Path
from unittest import mock

from checks import code
from support.common import Failure

_UNREACHABLE = subprocess.CompletedProcess[bytes]([], 1)


class Advisories(unittest.TestCase):
    def setUp(self) -> None:
        for name, value in (("_cargo_deny", Path("cargo-deny")), ("run", None)):
            patch = mock.patch.object(code, name, return_value=value)
            self.addCleanup(patch.stop)
            patch.start()
        patch = mock.patch.object(subprocess, "run", return_value=_UNREACHABLE)
        self.addCleanup(patch.stop)
        patch.start()

    def test_the_pipeline_fails(self) -> None:
        with mock.patch.dict(os.environ, {"ADVISORIES": "required"}), self.assertRaises(Failure):
            code.deny()

    def test_other_machines_say_what_was_not_checked(self) -> None:
        with mock.patch.dict(os.environ):
            os.environ.pop("ADVISORIES", None)
            self.assertIn("were not checked", code.deny())


if __name__ == "__main__":
    unittest.main()
