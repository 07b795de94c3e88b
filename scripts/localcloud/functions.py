"""Functions with their roles, and the queue or the schedule that calls them."""

import contextlib
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud.aws import ACCOUNT, ALIAS, PREFIX, Aws, alias_arn, arn, full_name
from support import build
from support.manifest import Function, QueueTrigger

_LOG_RETENTION_DAYS = 30
# On a busy machine, a local cloud takes seconds for what AWS does in milliseconds. 45 stays below the
# shortest lease, 60 seconds. Terraform has the same rule.
_LEAST_TIMEOUT = 45
_ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
_CODE_BUCKET = f"{PREFIX}-code"
# The digest of the deployed program: comparing it is faster than zipping the program.
_DIGEST_TAG = "program-sha256"


def deploy_function(aws: Aws, function: Function, program: Path, queue_arn: str | None) -> bool:
    """A function with its role, and its queue or schedule; whether its code or settings changed."""
    name = full_name(function.name)
    permissions = [*_derived_permissions(name, queue_arn), *function.permissions]
    role = _ensure_role(aws, name, "function", f"Runs the function {name}", _trust("lambda"), permissions)
    changed = _ensure_function(aws, function, role, program)
    if changed:
        call_new_version(aws, name)
    if function.queue and queue_arn:
        _ensure_event_source(aws, function.name, function.queue, queue_arn)
    if function.schedule:
        _ensure_schedule(aws, function)
    return changed


def call_new_version(aws: Aws, name: str) -> None:
    """Publishes a version and lets the alias name it at once."""
    version = aws.lambda_.publish_version(FunctionName=name)["Version"]
    alias = {"FunctionName": name, "Name": ALIAS, "FunctionVersion": version}
    try:
        aws.lambda_.create_alias(**alias)
    except aws.lambda_.exceptions.ResourceConflictException:
        aws.lambda_.update_alias(**alias)


def _trust(service: str) -> dict[str, Any]:
    principal = {"Service": f"{service}.amazonaws.com"}
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}


def _ensure_role(
    aws: Aws,
    name: str,
    policy: str,
    description: str,
    trust: Mapping[str, Any],
    permissions: list[Mapping[str, Any]],
) -> str:
    """A role with one inline policy; its ARN."""
    document = _document([trust])
    try:
        created = aws.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=document, Description=description
        )
    except aws.iam.exceptions.EntityAlreadyExistsException:
        created = aws.iam.get_role(RoleName=name)
    statements = [_statement(permission) for permission in permissions]
    aws.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=_document(statements))
    role: str = created["Role"]["Arn"]
    return role


#: Condition keys that MiniStack does not know.
UNKNOWN_CONDITION_KEYS = {"s3:if-none-match", "s3:ObjectCreationOperation"}


def _document(statements: list[Mapping[str, Any]] | list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _statement(permission: Mapping[str, Any]) -> dict[str, Any]:
    actions, resources = list(permission["actions"]), permission["resources"]
    if "sqs:SendMessage" in actions:
        # In AWS sqs:SendMessage allows batches too; MiniStack checks the batch's own name.
        actions.append("sqs:SendMessageBatch")
    if actions == ["ses:SendEmail"]:
        # MiniStack does not know which identity sends a mail. It does check that the identity is verified.
        resources = ["*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    # MiniStack does not know these keys of S3, and would refuse every put.
    conditions = {
        operator: keys
        for operator, keys in permission.get("condition", {}).items()
        if not keys.keys() & UNKNOWN_CONDITION_KEYS
    }
    if conditions:
        statement["Condition"] = conditions
    return statement


def _derived_permissions(name: str, queue_arn: str | None) -> list[Mapping[str, Any]]:
    """What the manifest does not state: every function writes its log, and a consumer reads its queue."""
    group = arn("logs", f"log-group:{_log_group(name)}:*")
    derived: list[Mapping[str, Any]] = [
        {"actions": ["logs:CreateLogStream", "logs:PutLogEvents"], "resources": [group]}
    ]
    if queue_arn:
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        derived.append({"actions": actions, "resources": [queue_arn]})
    return derived


def _log_group(name: str) -> str:
    return f"/aws/lambda/{name}"


def _ensure_function(aws: Aws, function: Function, role: str, program: Path) -> bool:
    """Deploys a function if its code or settings differ from what is deployed; whether they did."""
    name = full_name(function.name)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    wanted = {
        "Description": function.description,
        "Handler": "bootstrap",
        "Runtime": "provided.al2023",
        "Role": role,
        "MemorySize": function.memory,
        "Timeout": max(_LEAST_TIMEOUT, function.timeout),
        "Environment": {"Variables": {**function.environment, "AWS_ENDPOINT_URL": aws.cloud.endpoint}},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": _log_group(name)},
    }
    try:
        deployed = aws.lambda_.get_function(FunctionName=name)
    except aws.lambda_.exceptions.ResourceNotFoundException:
        _create_function(aws, name, wanted, program, digest)
        return True
    changed = False
    if any(deployed["Configuration"].get(key) != value for key, value in wanted.items()):
        aws.lambda_.update_function_configuration(FunctionName=name, **wanted)
        changed = True
    if deployed["Tags"].get(_DIGEST_TAG) != digest:
        with _uploaded(aws, program) as code:
            aws.lambda_.update_function_code(FunctionName=name, **code)
        aws.lambda_.tag_resource(Resource=arn("lambda", f"function:{name}"), Tags={_DIGEST_TAG: digest})
        changed = True
    return changed


def _create_function(aws: Aws, name: str, wanted: Mapping[str, Any], program: Path, digest: str) -> None:
    group = _log_group(name)
    with contextlib.suppress(aws.logs.exceptions.ResourceAlreadyExistsException):
        aws.logs.create_log_group(logGroupName=group)
    aws.logs.put_retention_policy(logGroupName=group, retentionInDays=_LOG_RETENTION_DAYS)
    with _uploaded(aws, program) as code:
        aws.lambda_.create_function(
            FunctionName=name,
            Architectures=[_ARCHITECTURE],
            Code=code,
            Tags={_DIGEST_TAG: digest},
            **wanted,
        )


@contextlib.contextmanager
def _uploaded(aws: Aws, program: Path) -> Iterator[dict[str, str]]:
    """A program's zip in a bucket, for as long as the block runs.

    MiniStack takes several times as long for a zip that is in the call itself.
    """
    code = {"S3Bucket": _CODE_BUCKET, "S3Key": program.name}
    at = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
    aws.s3.create_bucket(Bucket=_CODE_BUCKET)
    aws.s3.put_object(**at, Body=_zip(program))
    yield code
    aws.s3.delete_object(**at)
    aws.s3.delete_bucket(Bucket=_CODE_BUCKET)


def _zip(program: Path) -> bytes:
    if program.suffix == ".zip":
        return program.read_bytes()
    return build.zip_bytes({"bootstrap": program}, level=1)


def _ensure_event_source(aws: Aws, function: str, queue: QueueTrigger, queue_arn: str) -> None:
    wanted = {
        "BatchSize": queue.batch_size,
        "MaximumBatchingWindowInSeconds": queue.batch_window,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": queue.concurrency},
    }
    target = alias_arn(function)
    found = aws.lambda_.list_event_source_mappings(FunctionName=target, EventSourceArn=queue_arn)[
        "EventSourceMappings"
    ]
    if found:
        aws.lambda_.update_event_source_mapping(UUID=found[0]["UUID"], **wanted)
    else:
        aws.lambda_.create_event_source_mapping(FunctionName=target, EventSourceArn=queue_arn, **wanted)


def _ensure_schedule(aws: Aws, function: Function) -> None:
    name, target = full_name(function.name), alias_arn(function.name)
    source = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": arn("scheduler", "schedule-group/default")}
    role = _ensure_role(
        aws,
        f"{name}-schedule",
        "schedule",
        f"Lets the schedule {name} run its function",
        {**_trust("scheduler"), "Condition": {"StringEquals": source}},
        [{"actions": ["lambda:InvokeFunction"], "resources": [target]}],
    )
    # The next run is the retry.
    retry = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    wanted = {
        "Name": name,
        "Description": f"Runs {name}",
        "ScheduleExpression": function.schedule,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": target, "RoleArn": role, "RetryPolicy": retry},
    }
    try:
        aws.scheduler.create_schedule(**wanted)
    except aws.scheduler.exceptions.ConflictException:
        aws.scheduler.update_schedule(**wanted)
