"""Deploys the service with Terraform to a fresh local cloud with IAM enforced, which also stores the state.

The end-to-end suite then runs against that deployment.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks.deployments import LocalCloud, SecondIssuer, local_cloud, second_issuer, zips
from checks.suite import run_suite
from support import manifest
from support.common import Failure, virtual_environment
from terraform_checks import web_proof
from terraform_checks.comparison import ALLOWED, differences
from terraform_checks.terraform import WORK, Done, Terraform, find
from terraform_checks.working_copy import initialize, working_copy

_REGION = "us-east-1"
_STATE_BUCKET = "yourplace-state"
_STATE_KEY = "test/terraform.tfstate"
_MAKE_BUCKET = """
import sys, botocore.session
session = botocore.session.get_session()
client = session.create_client("s3", region_name=sys.argv[1], endpoint_url=sys.argv[2])
client.create_bucket(Bucket=sys.argv[3])
"""
# Waits until the queues are empty, then deletes all versions of all objects.
_EMPTY_BUCKET = """
import sys, time, botocore.session
region, endpoint, seconds, bucket, *queues = sys.argv[1:]
session = botocore.session.get_session()
s3, sqs = (session.create_client(name, region_name=region, endpoint_url=endpoint) for name in ("s3", "sqs"))
counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

def left(queue):
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=counts)["Attributes"]
    return {name: found[name] for name in counts if int(found[name])}

s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
deadline = time.monotonic() + float(seconds)
for queue in queues:
    while found := left(queue):
        if time.monotonic() > deadline:
            sys.exit(f"{queue} still has {found}. A message keeps failing: see its function's log")
        time.sleep(0.5)
while True:
    page = s3.list_object_versions(Bucket=bucket)
    found = page.get("Versions", []) + page.get("DeleteMarkers", [])
    if not found:
        break
    keys = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in found]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
"""
_QUEUES_SECONDS = 120
# The provider reads a bucket's tags through S3 Control, whose client puts the account before the host.
_S3_CONTROL_HOST = "000000000000.localhost"


@dataclass(frozen=True)
class Stage:
    """The stage `test` in a local cloud."""

    terraform: Terraform
    folder: Path
    cloud: LocalCloud
    issuer: SecondIssuer
    root: Path
    """The root module, in a working copy."""

    @property
    def endpoint(self) -> str:
        """The URL for AWS clients."""
        return f"http://localhost:{self.cloud.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Sends AWS clients, including Terraform's provider and backend, to the local cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TF_DATA_DIR": str(self.folder / "data"),
            # The step `terraform` runs meanwhile, and two runs must not fill one cache.
            "TF_PLUGIN_CACHE_DIR": str(self.providers),
        }

    @property
    def providers(self) -> Path:
        """The cache of providers."""
        return self.folder / "providers"

    def run(self, *arguments: str) -> Done:
        """Runs a Terraform command on the root module."""
        return self.terraform.run(self.root, *arguments, environment=self.environment)

    def plan(self, *arguments: str) -> Done:
        """Plans with the stage's variables, which `arguments` may override."""
        return self.run("plan", "-input=false", "-lock=false", f"-var-file={self.variables}", *arguments)

    @property
    def variables(self) -> Path:
        """The stage's tfvars."""
        return self.folder / "test.tfvars.json"

    @property
    def dist(self) -> Path:
        """The package: the manifest and the zips."""
        return self.folder / "dist"

    def outputs(self) -> dict[str, Any]:
        """The outputs of the applied root module."""
        return {name: output["value"] for name, output in self.run("output", "-json").expect().json().items()}


def terraform_for_proof() -> Terraform | str:
    """Terraform with a provider that can apply to the local cloud, or the reason why there is none.

    `TERRAFORM_PROOF=no` is such a reason. The pipeline sets it.
    """
    if os.environ.get("TERRAFORM_PROOF") == "no":
        return "TERRAFORM_PROOF is `no`"
    terraform = find()
    if isinstance(terraform, Terraform) and not terraform.stand_in:
        try:
            socket.getaddrinfo(_S3_CONTROL_HOST, None)
        except OSError:
            return (
                f"{_S3_CONTROL_HOST}, which the provider calls, has no address on this machine: "
                f"add `127.0.0.1 {_S3_CONTROL_HOST}` to /etc/hosts"
            )
    return terraform


def prove(terraform: Terraform, authorizer: str, show_policies: bool) -> Iterator[str]:
    """Deploys the stage, tests it and destroys it. Yields the result of each part."""
    folder = WORK / "proof"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with second_issuer() as issuer, local_cloud(folder / "cloud") as cloud:
        cloud.start("--empty")
        root = working_copy(folder / "source") / "terraform"
        stage = Stage(terraform, folder, cloud, issuer, root)
        _prepare(stage, authorizer)
        yield _a_bootstrapped_stage_is_used(stage)
        yield _mistakes_are_refused(stage)
        yield _apply_while_another_waits(stage)
        if show_policies:
            print(policies(stage.outputs()["policies"]))
        yield _second_plan_is_empty(stage)
        yield _local_cloud_is_the_same(stage, authorizer)
        yield _a_new_route_touches_nothing_else(stage)
        yield _new_code_deploys_one_function(stage)
        yield _end_to_end(stage)
        yield _second_plan_is_empty(stage)
        yield _destroy(stage)
    yield web_proof.prove(terraform)


def policies(statements: Mapping[str, list[Mapping[str, Any]]]) -> str:
    """The permissions of each function, in readable form."""
    lines = []
    for function in sorted(statements):
        lines.append(function)
        for statement in statements[function]:
            lines.append(f"    {', '.join(statement['Action'])}")
            lines += [f"        on {resource}" for resource in statement["Resource"]]
            if "Condition" in statement:
                lines.append(f"        if {json.dumps(statement['Condition'])}")
    return "\n".join(lines)


def _prepare(stage: Stage, authorizer: str) -> None:
    """The package for this machine, the bucket for the state, the variables, and `terraform init`."""
    stage.providers.mkdir()
    architecture = zips().name
    shutil.copytree(zips(), stage.dist / architecture)
    _call_cloud(stage, _MAKE_BUCKET, _STATE_BUCKET)
    variables = {
        "region": _REGION,
        "architecture": architecture,
        "dist_dir": str(stage.dist),
        "authorizer": authorizer,
        "trusted_issuers": json.loads(stage.issuer.trusted.read_text()),
        "cors_origins": ["*"],
        "mail_sender": "no-reply@yourplace.example",
        "force_destroy": True,
        "local_endpoint": stage.endpoint,
        # The suite calls as fast as it can.
        "throttling": {"rate": 10000, "burst": 5000},
    }
    stage.variables.write_text(json.dumps(variables, indent=2))
    backend = {
        "bucket": _STATE_BUCKET,
        "key": _STATE_KEY,
        "region": _REGION,
        "use_path_style": "true",
        "skip_credentials_validation": "true",
        "skip_requesting_account_id": "true",
        "skip_metadata_api_check": "true",
    }
    options = (f"-backend-config={name}={value}" for name, value in backend.items())
    initialize(stage.terraform, stage.root, *options, environment=stage.environment)


def _mistakes_are_refused(stage: Stage) -> str:
    """For each mistake, the plan fails and says what to do."""
    architecture = json.loads(stage.variables.read_text())["architecture"]
    incomplete = stage.folder / "incomplete"
    shutil.copytree(stage.dist, incomplete, copy_function=os.link)
    (incomplete / architecture / "list.zip").unlink()
    mistakes = {
        "a wrong variable": ("stage=Test-1", "The stage must be"),
        "no package": (
            f"dist_dir={stage.folder / 'nowhere'}",
            f"Run scripts/package --arch {architecture}",
        ),
        "a missing zip": (f"dist_dir={incomplete}", "The zip of the function list is missing"),
    }
    for mistake, (variable, message) in mistakes.items():
        done = stage.plan(f"-var={variable}").expect(1)
        # Terraform wraps its messages and draws a frame around them.
        words = re.sub(r"[\s│]+", " ", done.output)
        if not re.search(message, words):
            raise Failure(f'With {mistake} the plan does not say "{message}":\n{done.output}')
    return f"refused before anything is created: {', '.join(mistakes)}"


def _a_bootstrapped_stage_is_used(stage: Stage) -> str:
    """With a stage of terraform/bootstrap/stage, a plan imports its API and makes no bucket."""
    bucket = f"{_STATE_BUCKET}-photos"
    settings = stage.folder / "envs" / "test.tfvars"
    settings.parent.mkdir()
    settings.write_text(f'stage       = "test"\nbucket_name = "{bucket}"\n')
    state = f"-state={stage.folder / 'bootstrap.tfstate'}"
    options = [
        "-input=false",
        "-auto-approve",
        state,
        "-var=stage=test",
        "-var=pipeline_account=000000000000",
    ]
    options += [
        f"-var=region={_REGION}",
        f"-var=envs_dir={settings.parent}",
        f"-var=local_endpoint={stage.endpoint}",
    ]
    environment = {**stage.environment, "TF_DATA_DIR": str(stage.folder / "bootstrap-data")}
    bootstrap = stage.root / "bootstrap" / "stage"

    def run(*arguments: str) -> Done:
        return stage.terraform.run(bootstrap, *arguments, environment=environment).expect()

    initialize(stage.terraform, bootstrap, environment=environment)
    run("apply", *options)
    deployment = run("output", "-json", state).json()["deployment"]["value"]
    changes = _changes(
        stage,
        f"-var=bucket_name={bucket}",
        f"-var=api_id={deployment['api_id']}",
        f"-var=permissions_boundary_arn={deployment['permissions_boundary_arn']}",
    )
    run("destroy", *options)
    api = changes.get("module.api.aws_apigatewayv2_api.this")
    buckets = [address for address in changes if "aws_s3_bucket.this" in address]
    if api == "create" or buckets:
        raise Failure(f"A bootstrapped stage's API or bucket is not used: {json.dumps(changes, indent=2)}")
    return "a stage of the bootstrap is applied, and a deployment imports its API and makes no bucket"


def _apply_while_another_waits(stage: Stage) -> str:
    """The first apply holds the lock while it asks for approval, so a second one must be refused."""
    arguments = ("apply", f"-var-file={stage.variables}")
    first = subprocess.Popen(
        stage.terraform.command(stage.root, *arguments),
        env=stage.terraform.environment(stage.root, stage.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert first.stdin and first.stdout
    try:
        planned = _read_until(first, "Only 'yes' will be accepted")
        second = stage.run(*arguments, "-auto-approve", "-input=false").expect(1)
        if "Error acquiring the state lock" not in second.output:
            raise Failure(f"A second apply at the same time was not refused by the lock:\n{second.output}")
        rest, _ = first.communicate("yes\n")
    finally:
        first.kill()
    Done(arguments, first.returncode, planned + rest).expect()
    made = re.search(r"Resources: (\d+) added, 0 changed, 0 destroyed", rest)
    if not made:
        raise Failure(f"The apply does not say what it created:\n{rest}")
    return f"applied: {made[1]} resources; a second apply at the same time was refused by the lock"


def _read_until(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout
    output = ""
    while text not in output:
        line = process.stdout.readline()
        if not line:
            raise Failure(f"`terraform apply` ended before it asked for approval:\n{output}")
        output += line
    return output


def _second_plan_is_empty(stage: Stage) -> str:
    done = stage.plan("-detailed-exitcode").expect(0, 2)
    if done.code == 2:
        raise Failure(f"A second plan is not empty:\n{done.output}")
    return "a second plan is empty"


def _local_cloud_is_the_same(stage: Stage, authorizer: str) -> str:
    """What Terraform deployed, and what scripts/local deploys, differ only where they are allowed to."""
    architecture = json.loads(stage.variables.read_text())["architecture"]
    options = ["--zips", str(stage.dist / architecture), "--authorizer", authorizer]
    options += ["--trusted-issuers", str(stage.issuer.trusted)]
    with local_cloud(stage.folder / "compared") as cloud:
        cloud.start(*options)
        local = _described(cloud.port)
    terraform = _described(stage.cloud.port)
    found = differences(local, terraform)
    if found:
        raise Failure("\n- ".join(["scripts/local and Terraform deploy different things:", *found]))
    return (
        f"scripts/local deploys the same: {len(local)} attributes compared, "
        f"{len(ALLOWED)} kinds of differences allowed"
    )


def _described(port: int) -> dict[str, Any]:
    python = virtual_environment("local")
    script = Path(__file__).with_name("description.py")
    done = subprocess.run([str(python), str(script), str(port)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"The local cloud could not be described:\n{done.stderr}")
    description: dict[str, Any] = json.loads(done.stdout)
    return description


def _a_new_route_touches_nothing_else(stage: Stage) -> str:
    """The plan for one more function in the manifest creates only what belongs to it, and changes nothing."""
    with _changed_package(stage, manifest.PATH.name) as folder:
        path = folder / manifest.PATH.name
        content = json.loads(path.read_text())
        added = {**content["functions"]["list"], "trigger": {"http": ["POST /added"]}}
        path.write_text(json.dumps({**content, "functions": {**content["functions"], "added": added}}))
        shutil.copy(folder / "list.zip", folder / "added.zip")
        changes = _changes(stage)
    own = ('["added"]', '["added-', '["POST /added"]')
    others = [address for address in changes if not any(part in address for part in own)]
    if others or set(changes.values()) != {"create"}:
        raise Failure(f"A new route changes more than what belongs to it: {json.dumps(changes, indent=2)}")
    return f"a new route creates {len(changes)} resources of its own and changes nothing else"


def _new_code_deploys_one_function(stage: Stage) -> str:
    with _changed_package(stage, "list.zip") as folder:
        with zipfile.ZipFile(folder / "list.zip", "a") as archive:
            archive.comment = b"changed"
        changes = _changes(stage)
    expected = {'module.function["list"].aws_lambda_function.this': "update"}
    if changes != expected:
        raise Failure(f"New code of one function changes others, too: {json.dumps(changes, indent=2)}")
    return "new code of one function deploys only that function"


@contextlib.contextmanager
def _changed_package(stage: Stage, changed: str) -> Iterator[Path]:
    """The folder with the manifest and the zips, for a change of one file that is undone afterwards."""
    folder = next(stage.dist.iterdir())
    kept = folder.with_suffix(".kept")
    folder.rename(kept)
    # Copies would be half a gigabyte. Only the file that changes must not be a link.
    shutil.copytree(kept, folder, copy_function=os.link)
    (folder / changed).unlink()
    shutil.copy(kept / changed, folder / changed)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        kept.rename(folder)


def _changes(stage: Stage, *arguments: str) -> dict[str, str]:
    """The actions of a plan, by resource address."""
    plan = stage.folder / "changes.tfplan"
    stage.plan(f"-out={plan}", *arguments).expect()
    shown = stage.run("show", "-json", str(plan)).expect().json()
    return {
        change["address"]: "+".join(change["change"]["actions"])
        for change in shown["resource_changes"]
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }


def _end_to_end(stage: Stage) -> str:
    """The suite against the URL that Terraform prints."""
    outputs = stage.outputs()
    url = stage.run("output", "-raw", "api_url").expect().output
    settings = {
        **stage.environment,
        "BASE_URL": url,
        "SECOND_ISSUER": stage.issuer.address,
        "AUTHORIZER": json.loads(stage.variables.read_text())["authorizer"],
        "USER_POOL_ID": outputs["user_pool_id"],
        "USER_POOL_CLIENT_ID": outputs["user_pool_client_id"],
        "BUCKET": outputs["bucket"],
        "STATE_DIR": str(stage.cloud.folder / "state"),
        **{f"{name.upper()}_TABLE": table for name, table in outputs["tables"].items()},
        **{f"{name.upper()}_QUEUE_URL": queue for name, queue in outputs["queue_urls"].items()},
    }
    run_suite("terraform", settings)
    return f"end to end against {url}: passed"


def _call_cloud(stage: Stage, script: str, *arguments: str) -> None:
    """Runs a Python script that uses an AWS client."""
    python = virtual_environment("local")
    done = subprocess.run(
        [str(python), "-c", script, _REGION, stage.endpoint, *arguments],
        env={**os.environ, **stage.environment},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise Failure(f"A call to the local cloud failed:\n{done.stderr}")


def _destroy(stage: Stage) -> str:
    # The provider empties the bucket too. But a function that still runs could write to it then, and the
    # stand-in provider misses versions beyond the first page of a listing.
    outputs = stage.outputs()
    queues = [url for name, url in outputs["queue_urls"].items() if not name.endswith("_dead")]
    _call_cloud(stage, _EMPTY_BUCKET, str(_QUEUES_SECONDS), outputs["bucket"], *queues)
    stage.run("destroy", "-auto-approve", "-input=false", f"-var-file={stage.variables}").expect()
    left = stage.run("state", "list").expect().output.split()
    if left:
        raise Failure(f"After `terraform destroy` the state still has {', '.join(left)}")
    return "destroyed: the state is empty"
