"""A copy of the configuration, in which `terraform init` may add to the lock files."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from support.common import LOCAL, ROOT, Failure
from terraform_checks.terraform import Terraform

LOCK = ".terraform.lock.hcl"
_COPIED = ("terraform", "modules")
# The last is the bootstrap's own backend, which an operator has committed (docs/operations.md).
_LEFT_OUT = shutil.ignore_patterns(".terraform", "*.tfstate*", "backend.tf")
# The hash of an unpacked provider, in a line of its own.
_UNPACKED = re.compile(r'^ *"h1:[A-Za-z0-9+/=]+",\n', re.MULTILINE)


def working_copy(folder: Path) -> Path:
    """Makes `folder` a copy of the configuration, beside links to the other files that it reads.

    Each process needs a folder of its own.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for entry in ROOT.iterdir():
        if entry.name in _COPIED:
            shutil.copytree(entry, folder / entry.name, ignore=_LEFT_OUT)
        elif entry != LOCAL:
            (folder / entry.name).symlink_to(entry)
    return folder


def initialize(
    terraform: Terraform, folder: Path, *options: str, environment: Mapping[str, str] | None = None
) -> None:
    """Runs `terraform init`, which may add only hashes of unpacked providers to the lock file.

    The committed file has the registry's hashes of the zips, with which `init` checks what it downloads.
    Later commands compare the unpacked provider, so they need the hash that `init` adds.
    """
    lock = folder / LOCK
    committed = lock.read_text()
    terraform.run(folder, "init", "-input=false", *options, environment=environment).expect()
    if _UNPACKED.sub("", lock.read_text()) != _UNPACKED.sub("", committed):
        raise Failure(
            f"`terraform init` would change {lock.relative_to(folder.parent)}. Run it, and commit the file:\n"
            f"{lock.read_text()}"
        )


def check_lock_files() -> None:
    """Fails if the lock files differ in more than hashes of unpacked providers.

    So what an administrator applies has the provider of the stages. Whoever has run `terraform init` by hand
    has one more such hash.
    """
    locks = (ROOT / "terraform").glob(f"**/{LOCK}")
    if len({_UNPACKED.sub("", lock.read_text()) for lock in locks}) != 1:
        raise Failure(f"The lock files differ: copy terraform/{LOCK} to the other folders.")
