"""What the copy of the configuration has, and what `terraform init` may change in it."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from support.common import Failure
from terraform_checks import working_copy
from terraform_checks.terraform import Terraform

_ZIP = '    "zh:0ba0d5eb6e0c6a93",\n'
_UNPACKED = '    "h1:wzZdGs0FFmNqIgPyo9tKnGKJ37BGNSgwRrEXayL29+0=",\n'
_COMMITTED = f'provider "aws" {{\n  version = "6.28.0"\n  hashes = [\n{_ZIP}  ]\n}}\n'
_INIT = '#!/bin/sh\nprintf %s "$WRITTEN" > "${2#-chdir=}/.terraform.lock.hcl"\n'


class WorkingCopy(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = Path(folder.name)
        self.copied = self.base / "copied"
        for name in (
            "terraform/main.tf",
            "terraform/bootstrap/backend.tf",
            "modules/stage/main.tf",
            "docs/a.md",
        ):
            file = self.base / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        (self.base / "terraform" / working_copy.LOCK).write_text(_COMMITTED)

    def _copy(self) -> Path:
        with mock.patch.object(working_copy, "ROOT", self.base):
            return working_copy.working_copy(self.copied / "copy") / "terraform"

    def _initialize(self, written: str) -> None:
        command = self.base / "with-provider"
        command.write_text(_INIT)
        command.chmod(0o755)
        terraform = Terraform("an init that only writes the lock file", (str(command),))
        working_copy.initialize(terraform, self._copy(), environment={"WRITTEN": written})

    def test_an_operators_backend_is_left_out(self) -> None:
        root = self._copy()
        self.assertTrue((root / "main.tf").is_file())
        self.assertFalse((root / "bootstrap" / "backend.tf").exists())

    def test_other_files_are_where_the_configuration_expects_them(self) -> None:
        self.assertEqual((self._copy() / "../modules/stage/../../docs/a.md").read_text(), "docs/a.md")

    def test_an_old_copy_is_replaced_and_the_original_stays(self) -> None:
        (self._copy() / "old.tf").touch()
        self.assertFalse((self._copy() / "old.tf").exists())
        self.assertEqual((self.base / "docs" / "a.md").read_text(), "docs/a.md")

    def test_init_may_add_the_hash_of_the_unpacked_provider(self) -> None:
        self._initialize(_COMMITTED.replace(_ZIP, _UNPACKED + _ZIP))
        self.assertEqual((self.base / "terraform" / working_copy.LOCK).read_text(), _COMMITTED)

    def test_init_may_change_nothing_else(self) -> None:
        for written in (
            _COMMITTED.replace("6.28.0", "6.29.0"),
            _COMMITTED.replace(_ZIP, ""),
            _COMMITTED.replace(_ZIP, '    "zh:ffffffff",\n'),
            _COMMITTED + 'provider "another" {\n}\n',
        ):
            with self.subTest(written), self.assertRaisesRegex(Failure, "would change terraform/"):
                self._initialize(written)


if __name__ == "__main__":
    unittest.main()
