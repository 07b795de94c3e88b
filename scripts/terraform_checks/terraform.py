"""Terraform and its AWS provider: the registry's, or the stand-in for machines without a registry."""

import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.common import LOCAL, ROOT, Failure

WORK = LOCAL / "terraform"
# For machines without access to the registry. TERRAFORM_OFFLINE names another folder.
_STAND_IN = ROOT.parent / "shared" / "terraform-offline"
_ANY_CONFIGURATION = (
    'terraform { required_providers { aws = { source = "hashicorp/aws", version = "~> 6.25" } } }'
)


@dataclass(frozen=True)
class Terraform:
    """How to run Terraform on this machine. `prefix` precedes the command `terraform`."""

    provider: str
    prefix: tuple[str, ...]

    @property
    def stand_in(self) -> bool:
        """Whether the provider is the stand-in rather than the registry's."""
        return bool(self.prefix)

    def command(self, folder: Path, *arguments: str) -> list[str]:
        """The command line for a root module or a module."""
        return [*self.prefix, "terraform", f"-chdir={folder}", *arguments]

    def run(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> "Done":
        """Runs a command. Its data goes to .local, so it does not interfere with work in the folder."""
        done = subprocess.run(
            self.command(folder, *arguments),
            env=self.environment(folder, environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Done(arguments, done.returncode, done.stdout)

    def environment(self, folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a command."""
        cache = WORK / "providers"
        cache.mkdir(parents=True, exist_ok=True)
        data = (
            WORK / "data" / folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder / ".terraform"
        )
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("TF_VAR_")},
            "TF_IN_AUTOMATION": "1",
            # Collects garbage less often: a quarter less time, for twice the memory.
            "GOGC": "400",
            "TF_PLUGIN_CACHE_DIR": str(cache),
            "TF_DATA_DIR": str(data),
            "TF_CLI_ARGS": "-no-color",
            **(more or {}),
        }


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    arguments: Sequence[str]
    code: int
    output: str = field(repr=False)

    def expect(self, *codes: int) -> "Done":
        """Returns itself, or raises a Failure if the exit status is not in `codes` (default: 0)."""
        if self.code not in (codes or (0,)):
            raise Failure(f"`terraform {' '.join(self.arguments)}` ended with {self.code}:\n{self.output}")
        return self

    def json(self) -> Any:
        """The output, parsed as JSON."""
        return json.loads(self.output)


@functools.cache
def find() -> "Terraform | str":
    """Terraform with a provider, or the reason why one of them is missing, for the summary."""
    if shutil.which("terraform") is None:
        return "the command `terraform` is not installed (1.11 or newer)"
    named = os.environ.get("TERRAFORM_OFFLINE")
    stand_in = (Path(named) if named else _STAND_IN) / "with-provider"
    if stand_in.is_file():
        return Terraform("the stand-in provider", (str(stand_in),))
    if named:
        return f"TERRAFORM_OFFLINE names {named}, but there is no {stand_in}"
    registry = Terraform("the registry's provider", ())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.tf").write_text(_ANY_CONFIGURATION)
        if registry.run(Path(folder), "init", "-input=false").code == 0:
            return registry
    return "there is no AWS provider: the registry cannot be reached, and TERRAFORM_OFFLINE names no stand-in"


def has_terraform() -> bool:
    """Whether Terraform is installed, with or without a provider."""
    return shutil.which("terraform") is not None
