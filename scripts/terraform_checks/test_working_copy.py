"""What the copy of the configuration has, and what `terraform init` may change in it."""

import hashlib
import platform
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

from support.common import Failure
from terraform_checks import working_copy
from terraform_checks.terraform import Terraform, has_terraform

_ZIP = '    "zh:0ba0d5eb6e0c6a93",\n'
_UNPACKED = '    "h1:wzZdGs0FFmNqIgPyo9tKnGKJ37BGNSgwRrEXayL29+0=",\n'
_COMMITTED = f'provider "aws" {{\n  version = "6.28.0"\n  hashes = [\n{_ZIP}  ]\n}}\n'
_CONFIGURATION = """
terraform {
  required_providers {
    fake = { source = "hashicorp/fake" }
  }
}
resource "fake_thing" "this" {}
"""
_HEADER = """# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.
"""
_LOCKED = """
provider "registry.terraform.io/hashicorp/fake" {
  version = "1.0.0"
  hashes = [
    "zh:%s",
  ]
}
"""
_MIRROR = """
provider_installation {
  filesystem_mirror {
    path = "%s"
  }
}
"""
_MISMATCH = "does not match any of the checksums recorded in the dependency lock file"
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

    def test_lock_files_may_differ_only_in_hashes_of_unpacked_providers(self) -> None:
        other = self.base / "terraform" / "bootstrap" / working_copy.LOCK
        with mock.patch.object(working_copy, "ROOT", self.base):
            other.write_text(_COMMITTED.replace(_ZIP, _UNPACKED + _ZIP))
            working_copy.check_lock_files()
            other.write_text(_COMMITTED.replace("6.28.0", "6.29.0"))
            self.assertRaisesRegex(Failure, "The lock files differ", working_copy.check_lock_files)

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


@unittest.skipUnless(has_terraform(), "Terraform is not installed")
class Hashes(unittest.TestCase):
    """Terraform itself, with a provider that is only a file in a mirror and cannot run."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = Path(folder.name)
        self.root = self.base / "root"
        for name in ("root", "cache", "mirror/registry.terraform.io/hashicorp/fake"):
            (self.base / name).mkdir(parents=True)
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        archive = f"terraform-provider-fake_1.0.0_{platform.system().lower()}_{machine}.zip"
        path = self.base / "mirror" / "registry.terraform.io" / "hashicorp" / "fake" / archive
        with zipfile.ZipFile(path, "w") as file:
            program = zipfile.ZipInfo("terraform-provider-fake_v1.0.0")
            program.external_attr = 0o755 << 16
            file.writestr(program, "#!/bin/sh\nexit 1\n")
        (self.root / "main.tf").write_text(_CONFIGURATION)
        self.lock = self.root / working_copy.LOCK
        self.lock.write_text(f"{_HEADER}{_LOCKED % hashlib.sha256(path.read_bytes()).hexdigest()}")
        settings = self.base / "terraform.rc"
        settings.write_text(_MIRROR % (self.base / "mirror"))
        self.environment = {
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_PLUGIN_CACHE_DIR": str(self.base / "cache"),
        }
        self.terraform = Terraform("a mirror", ())

    def test_the_hash_that_init_adds_is_what_later_commands_need(self) -> None:
        committed = self.lock.read_text()
        working_copy.initialize(self.terraform, self.root, environment=self.environment)
        validate = self.terraform.run(self.root, "validate", environment=self.environment).expect(1)
        self.assertIn("Failed to load plugin schemas", validate.output)

        self.lock.write_text(committed)
        validate = self.terraform.run(self.root, "validate", environment=self.environment).expect(1)
        self.assertIn(_MISMATCH, " ".join(validate.output.split()))


if __name__ == "__main__":
    unittest.main()
