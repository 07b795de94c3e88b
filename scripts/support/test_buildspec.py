"""What the commands of buildspec.yml refuse, with a Terraform that only says what it was asked to do."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import build
from support.common import ROOT, virtual_environment

_READ = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"
_TERRAFORM = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  init) printf %s "$LOCK_FILE" > .terraform.lock.hcl ;;
  plan) echo "a plan" > deploy.tfplan; echo "Plan: 1 to add, 0 to change, 0 to destroy." ;;
  output) echo "$3.invalid" ;;
esac
"""
_ZIP = '    "zh:0ba0d5eb6e0c6a93",\n'
_LOCK_FILE = f'provider "aws" {{\n  version = "6.28.0"\n  hashes = [\n{_ZIP}  ]\n}}\n'
# The hash of the unpacked provider, which `terraform init` adds.
_INITIALIZED = _LOCK_FILE.replace(_ZIP, f'    "h1:wzZdGs0FFmNqIgPyo9tKnGKJ37BGNSgwRrEXayL29+0=",\n{_ZIP}')


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Buildspec(unittest.TestCase):
    """Each test replaces something that another build left behind."""

    buildspec: dict[str, dict[str, dict[str, list[str]]]]

    @classmethod
    def setUpClass(cls) -> None:
        command = [str(virtual_environment("local")), "-c", _READ, str(ROOT / "buildspec.yml")]
        cls.buildspec = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = Path(folder.name)
        self.source = self.base / "source"
        (self.source / "terraform").mkdir(parents=True)
        (self.source / "terraform" / ".terraform.lock.hcl").write_text(_LOCK_FILE)
        shutil.copy(ROOT / "buildspec.yml", self.source)
        self.zips = self.base / "release"
        (self.zips / "web").mkdir(parents=True)
        for name in ("list.zip", "service.json", "web/index.html"):
            (self.zips / name).write_text(name)
        build.write_digests(self.zips)
        self.plan = self.base / "plan"
        self.plan.mkdir()
        (self.plan / "deploy.tfplan").write_text("a plan\n")
        self._program(self.base / "bin" / "terraform", _TERRAFORM)
        for name in ("release", "publish", "smoke"):
            self._program(
                self.source / "scripts" / name, f'#!/bin/sh\necho "{name} $*" >> "$CALLS"\n$FAIL_{name}\n'
            )
        digest = _sha256(self.zips / "SHA256SUMS")
        self.variables = {
            "ZIPS_SHA256": digest,
            "REBUILT_SHA256": digest,
            "PLAN_SHA256": _sha256(self.plan / "deploy.tfplan"),
            "LOCK_FILE": _INITIALIZED,
        }

    def _program(self, path: Path, text: str) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def _run(self, action: str) -> "subprocess.CompletedProcess[str]":
        (command,) = self.buildspec["phases"]["build"]["commands"]
        environment = {name: str(value) for name, value in self.buildspec["env"]["variables"].items()}
        environment |= self.variables
        environment |= {
            "ACTION": action,
            "BUILDSPEC_SHA256": _sha256(ROOT / "buildspec.yml"),
            "CALLS": str(self.base / "calls"),
            "CODEBUILD_BUILD_URL": "https://log.invalid",
            "CODEBUILD_SRC_DIR_release": str(self.zips),
            "CODEBUILD_SRC_DIR_test_plan": str(self.plan),
            "PATH": f"{self.base / 'bin'}:{os.environ['PATH']}",
            "ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
            "STAGE": "test",
            "STATE_BUCKET": "state",
        }
        command += (
            '\ncat "$AWS_CONFIG_FILE"; echo "PLAN_SHA256=$PLAN_SHA256"; echo "PLAN_SUMMARY=$PLAN_SUMMARY"'
        )
        return subprocess.run(
            ["bash", "-c", command], cwd=self.source, env=environment, text=True, capture_output=True
        )

    def _accepts(self, action: str) -> str:
        done = self._run(action)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def _refuses(self, action: str, reason: str) -> None:
        done = self._run(action)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(reason, done.stderr)
        self.assertFalse((self.base / "calls").exists(), "Terraform was called.")

    def _replace_zip(self) -> None:
        (self.zips / "list.zip").write_text("another program")

    def test_a_plan_exports_its_digest_and_hands_over_the_file(self) -> None:
        output = self._accepts("plan")
        made = self.source / "artifact" / "deploy.tfplan"
        self.assertIn(f"PLAN_SHA256={_sha256(made)}\n", output)
        self.assertIn("PLAN_SUMMARY=Plan: 1 to add, 0 to change, 0 to destroy.", output)
        self.assertEqual((self.source / "dist" / "arm64" / "list.zip").read_text(), "list.zip")

    def test_a_plan_has_the_role_of_its_stage_and_takes_no_lock(self) -> None:
        output = self._accepts("plan")
        self.assertIn("[profile stage]\nrole_arn = arn:aws:iam::123456789012:role/reader\n", output)
        self.assertIn("credential_source = EcsContainer\n", output)
        self.assertIn("-lock=false", (self.base / "calls").read_text())

    def test_an_apply_applies_the_plan(self) -> None:
        self._accepts("apply")
        applied, released = "apply -no-color -lock-timeout=10m deploy.tfplan\n", "release --stage test"
        calls = (self.base / "calls").read_text()
        self.assertIn(applied, calls)
        self.assertIn(released, calls.partition(applied)[2])

    def test_an_apply_publishes_the_app_after_the_release(self) -> None:
        self._accepts("apply")
        release, publish, smoke = (self.base / "calls").read_text().splitlines()[-3:]
        self.assertTrue(release.startswith("release --stage test"))
        self.assertEqual(
            publish,
            "publish --app dist/arm64/web --bucket web_bucket.invalid --region region.invalid "
            "--url https://web_target.invalid",
        )
        self.assertEqual(smoke, "smoke https://web_target.invalid/api")

    def test_a_failed_release_publishes_no_app(self) -> None:
        self.variables["FAIL_release"] = "exit 1"
        self.assertEqual(self._run("apply").returncode, 1)
        self.assertNotIn("publish", (self.base / "calls").read_text())

    def test_a_file_that_was_added_is_refused(self) -> None:
        (self.zips / "web" / "phishing.html").touch()
        for action in ("plan", "apply"):
            self._refuses(action, "There is a file that the release build did not make.")

    def test_a_replaced_file_of_the_app_is_refused(self) -> None:
        (self.zips / "web" / "index.html").write_text("another page")
        for action in ("plan", "apply"):
            self._refuses(action, "A file is not the one")

    def test_a_replaced_zip_is_refused(self) -> None:
        self._replace_zip()
        for action in ("plan", "apply"):
            self._refuses(action, "A file is not the one")

    def test_a_missing_zip_is_refused(self) -> None:
        (self.zips / "list.zip").unlink()
        self._refuses("apply", "A file is not the one")

    def test_a_replaced_zip_with_its_digest_is_refused(self) -> None:
        self._replace_zip()
        build.write_digests(self.zips)
        for action in ("plan", "apply"):
            self._refuses(action, "The list of files is not the one")

    def test_zips_that_a_second_build_did_not_make_are_refused(self) -> None:
        self._replace_zip()
        build.write_digests(self.zips)
        self.variables["ZIPS_SHA256"] = _sha256(self.zips / "SHA256SUMS")
        self._refuses("plan", "are not those of the second build")

    def test_a_replaced_plan_is_refused(self) -> None:
        (self.plan / "deploy.tfplan").write_text("another plan\n")
        self._refuses("apply", "The plan is not the one")

    def test_an_apply_without_a_digest_is_refused(self) -> None:
        self.variables["PLAN_SHA256"] = "none"
        self._refuses("apply", "The plan is not the one")

    def test_a_missing_lock_file_is_refused(self) -> None:
        (self.source / "terraform" / ".terraform.lock.hcl").unlink()
        for action in ("plan", "apply"):
            self._refuses(action, ".terraform.lock.hcl is missing")

    def test_another_provider_than_that_of_the_lock_file_is_refused(self) -> None:
        for changed in (
            _INITIALIZED.replace("6.28.0", "6.29.0"),
            _INITIALIZED.replace(_ZIP, ""),
            _INITIALIZED.replace("zh:0b", "zh:ff"),
        ):
            for action in ("plan", "apply"):
                with self.subTest(action, changed=changed):
                    (self.source / "terraform" / ".terraform.lock.hcl").write_text(_LOCK_FILE)
                    self.variables["LOCK_FILE"] = changed
                    done = self._run(action)
                    self.assertEqual(done.returncode, 1, done.stdout)
                    self.assertIn("terraform init changed the lock file", done.stderr)
                    for call in (self.base / "calls").read_text().splitlines():
                        self.assertTrue(call.startswith("init "), call)

    def test_a_changed_buildspec_waits_for_an_administrator(self) -> None:
        with (self.source / "buildspec.yml").open("a") as file:
            file.write("# changed\n")
        self._refuses("test", "An administrator must apply terraform/bootstrap")


class Digests(unittest.TestCase):
    def test_sha256sum_accepts_the_list(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "web").mkdir()
            for file in ("web/c.html", "b.zip", "a.zip"):
                (folder / file).write_text(file)
            build.write_digests(folder)
            text = (folder / "SHA256SUMS").read_text()
            build.write_digests(folder)
            self.assertEqual((folder / "SHA256SUMS").read_text(), text)
            command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
            self.assertEqual(done.stdout, "a.zip: OK\nb.zip: OK\nweb/c.html: OK\n")


if __name__ == "__main__":
    unittest.main()
