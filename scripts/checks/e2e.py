"""The packaged functions: in an emulator, and end to end in local clouds or against BASE_URL."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from checks.deployments import local_cloud, second_issuer, zips
from checks.step import part
from checks.suite import run_file, run_suite, run_tests
from support import manifest
from support.common import LOCAL, ROOT, Failure, virtual_environment
from terraform_checks import proof
from terraform_checks.terraform import Terraform


def build() -> str:
    """Zips of debug programs for this machine: the steps on a local cloud deploy them."""
    return f"in {zips().relative_to(ROOT)}"


def emulator() -> str:
    """A packaged function and the packaged extension, in an emulator that has the Extensions API."""
    run_emulator("emulator", zips())
    return "the function authorize with the extension, in `cargo lambda watch`"


def run_emulator(name: str, folder: Path) -> None:
    """Runs the tests of the extension with the zips in a folder. `name` names the report."""
    cargo_lambda = virtual_environment("package").with_name("cargo-lambda")
    run_file(name, "tests/emulator.py", {"ZIPS": str(folder), "CARGO_LAMBDA": str(cargo_lambda)})


def e2e() -> str:
    """The whole suite, once: against BASE_URL, what Terraform applies to a local cloud, or scripts/local."""
    if "BASE_URL" in os.environ:
        run_suite("e2e", {})
        return f"against {os.environ['BASE_URL']}"
    terraform = proof.terraform_for_proof()
    if isinstance(terraform, Terraform):
        for line in proof.prove(terraform, "jwt", show_policies=False):
            print(f"terraform: {line}", flush=True)
        return "applied by Terraform to a local cloud with IAM enforced, tested there, and destroyed"
    with second_issuer() as issuer, local_cloud(LOCAL / "e2e") as cloud:
        cloud.start("--zips", str(zips()), "--trusted-issuers", str(issuer.trusted))
        run_suite("e2e", {**cloud.settings(), "SECOND_ISSUER": issuer.address})
    return f"against scripts/local, since {terraform}"


def local() -> str:
    """scripts/local: it comes up, each line that it prints works, and it changes to the Lambda authorizer.

    The rest of the suite would show nothing that the step e2e does not: it runs the suite, waits for the
    schedule, and shows that scripts/local deploys the same schedules, roles and queues as Terraform.
    """
    with second_issuer() as issuer, local_cloud(LOCAL / "e2e-local") as cloud:
        printed = cloud.start("--zips", str(zips()))
        _run_printed_lines(printed)
        applied = isinstance(proof.terraform_for_proof(), Terraform)
        run_tests("smoke", cloud.settings(), "smoke or few_users" if applied else "few_users")
        cloud.start("--zips", str(zips()), "--authorizer", "lambda", "--trusted-issuers", str(issuer.trusted))
        run_suite("lambda", {**cloud.settings(), "SECOND_ISSUER": issuer.address}, only="authorizer")
    return "the printed curl lines, what runs behind the routes, and the Lambda authorizer"


def _run_printed_lines(printed: str) -> None:
    """Runs what scripts/local printed in a shell. Each request must succeed, and each route has a line."""
    commented = printed.splitlines()
    start = next(number for number, line in enumerate(commented) if line.startswith("# "))
    pasted = "\n".join(commented[start:]).partition("\n\n")[0].splitlines()
    routes = {route for function in manifest.load().functions for route in function.routes}
    missing = routes - {line.removeprefix("# ") for line in pasted}
    if missing:
        raise Failure(f"scripts/local printed no line for {', '.join(sorted(missing))}.")
    # A shell with these settings stops at the first refused request; the printed comments name it.
    # Of a pipe, the last command counts: it reads what a log-in that needs another step is refused with.
    script = ["set -eu", 'curl() { command curl --fail-with-body "$@"; }']
    script += [f"echo {shlex.quote(line)}" if line.startswith("# ") else line for line in pasted]
    with part("printed curl lines"), tempfile.TemporaryDirectory() as folder:
        command = ["bash", "-c", "\n".join(script)]
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    if done.returncode != 0:
        raise Failure(f"A line that scripts/local prints does not work, the last of these:\n{done.stdout}")
