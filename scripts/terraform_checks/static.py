"""Checks of the configuration that create nothing."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.common import ROOT, Failure, virtual_environment
from terraform_checks.terraform import Terraform
from terraform_checks.working_copy import LOCK, check_lock_files, initialize

_FOLDERS = ("terraform", "modules")


def check_format() -> str:
    """Every file is formatted by `terraform fmt`."""
    command = ["terraform", "fmt", "-check", "-recursive", "-diff"]
    for folder in _FOLDERS:
        done = subprocess.run([*command, str(ROOT / folder)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"Run `terraform fmt -recursive {folder}`:\n{done.stdout}{done.stderr}")
    return "all files are formatted"


def check_modules(terraform: Terraform, copy: Path) -> str:
    """Every module is valid on its own, and its tests pass with a mocked provider.

    `copy` is a working copy, whose folders are initialized afterwards.
    """
    check_lock_files()
    root, *others = configurations(copy)
    initialize(terraform, root, "-backend=false")
    for folder in others:
        # The modules have no lock file, but must be tested with the provider that is deployed. With the hash
        # that `init` has added, Terraform takes it from the cache.
        shutil.copy(root / LOCK, folder)
        terraform.run(folder, "init", "-backend=false", "-input=false").expect()
    modules = [root, *others]
    # A test mostly uses one processor. Only `init` must not run twice at once: it fills one cache.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tests = sum(pool.map(lambda folder: _test_module(terraform, folder), modules))
    return f"{len(modules)} modules are valid, {tests} test runs pass"


def _test_module(terraform: Terraform, folder: Path) -> int:
    """The number of a module's test runs, all of which passed."""
    terraform.run(folder, "validate").expect()
    if not any(folder.glob("tests/*.tftest.hcl")):
        return 0
    done = terraform.run(folder, "test").expect()
    passed = re.search(r"Success! (\d+) passed, 0 failed", done.output)
    if not passed:
        raise Failure(f"The tests of {folder.name} do not say that they passed:\n{done.output}")
    return int(passed[1])


def check_security() -> str:
    """Checkov finds nothing that is not suppressed in the code with a reason."""
    checkov = virtual_environment("checkov").with_name("checkov")
    command = [str(checkov), "--framework", "terraform", "--skip-download", "--compact", "--quiet"]
    directories = [part for folder in _FOLDERS for part in ("--directory", str(ROOT / folder))]
    # Prints errors only, without colours. `--skip-download` above avoids network requests.
    environment = {**os.environ, "LOG_LEVEL": "ERROR", "ANSI_COLORS_DISABLED": "1"}
    done = subprocess.run(
        [*command, *directories],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise Failure(
            f"checkov found problems. Fix them, or suppress them with a reason in the code:\n{done.stdout}"
        )
    if "Parsing errors" in done.stdout:
        raise Failure(f"checkov could not read a file:\n{done.stdout}")
    counts = [line.strip() for line in done.stdout.splitlines() if line.startswith("Passed checks")]
    if not counts:
        raise Failure(f"checkov checked nothing:\n{done.stdout}")
    return counts[0].lower()


def configurations(copy: Path) -> list[Path]:
    """The root module, what comes before it, and every other module, in a working copy."""
    root = copy / "terraform"
    candidates = [
        root,
        root / "bootstrap",
        root / "bootstrap" / "stage",
        *sorted((copy / "modules").iterdir()),
    ]
    return [folder for folder in candidates if (folder / "main.tf").is_file()]
