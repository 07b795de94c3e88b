"""Functions with their roles, and what calls them but for the API."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.aws import ACCOUNT, Aws, function_arn, function_name
from localcloud.process import REGION
from support import build
from support.table import Function, Queue

# Which program a function was deployed from: to compare it is quicker than to zip it first.
_DIGEST_TAG = "program-sha256"


def deploy_function(aws: Aws, function: Function, program: Path, queue_arn: str | None) -> bool:
    """One function with its role, and its queue or schedule; whether its code or settings changed."""
    permissions = [*function.permissions, *_derived_permissions(function, queue_arn)]
    role = _ensure_role(aws, function_name(function.name), "lambda.amazonaws.com", permissions)
    changed = _ensure_function(aws, function, role, program)
    if function.queue and queue_arn:
        _ensure_event_source(aws, function.name, function.queue, queue_arn)
    if function.schedule:
        _ensure_schedule(aws, function)
    return changed


def _ensure_role(aws: Aws, name: str, service: str, permissions: list[Mapping[str, Any]]) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    try:
        arn = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    except aws.iam.exceptions.EntityAlreadyExistsException:
        arn = aws.iam.get_role(RoleName=name)["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": [_statement(permission) for permission in permissions]}
    aws.iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(document))
    return arn


def _statement(permission: Mapping[str, Any]) -> dict[str, Any]:
    actions, resources = list(permission["actions"]), permission["resources"]
    if "sqs:SendMessage" in actions:
        # In AWS this allows batches too; MiniStack asks for them by their own name.
        actions.append("sqs:SendMessageBatch")
    if actions == ["ses:SendEmail"]:
        # MiniStack does not see which identity a mail is sent from; whether that is verified it does check.
        resources = ["*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    if "condition" in permission:
        statement["Condition"] = permission["condition"]
    return statement


def _derived_permissions(function: Function, queue_arn: str | None) -> list[Mapping[str, Any]]:
    """What every function may do, and what its trigger needs: the table doesn't repeat it."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function_name(function.name)}:*"
    derived: list[Mapping[str, Any]] = [
        {"actions": ["logs:CreateLogStream", "logs:PutLogEvents"], "resources": [group]}
    ]
    if queue_arn:
        derived.append(
            {
                "actions": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                "resources": [queue_arn],
            }
        )
    return derived


def _ensure_function(aws: Aws, function: Function, role: str, program: Path) -> bool:
    """Deploys a function whose code or settings differ from what runs; whether they did."""
    name = function_name(function.name)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    wanted = {
        "Description": function.description,
        "Handler": "bootstrap",
        "Runtime": "provided.al2023",
        "Role": role,
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Environment": {"Variables": {**function.environment, "AWS_ENDPOINT_URL": aws.cloud.endpoint}},
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
        aws.lambda_.update_function_code(FunctionName=name, ZipFile=_zip(program))
        aws.lambda_.tag_resource(Resource=function_arn(function.name), Tags={_DIGEST_TAG: digest})
        changed = True
    return changed


def _create_function(aws: Aws, name: str, wanted: Mapping[str, Any], program: Path, digest: str) -> None:
    with contextlib.suppress(aws.logs.exceptions.ResourceAlreadyExistsException):
        aws.logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    aws.lambda_.create_function(
        FunctionName=name, Code={"ZipFile": _zip(program)}, Tags={_DIGEST_TAG: digest}, **wanted
    )


def _zip(program: Path) -> bytes:
    if program.suffix == ".zip":
        return program.read_bytes()
    return build.zip_bytes({"bootstrap": program}, level=1)


def _ensure_event_source(aws: Aws, function: str, queue: Queue, queue_arn: str) -> None:
    name = function_name(function)
    wanted = {
        "BatchSize": queue.batch_size,
        "MaximumBatchingWindowInSeconds": queue.batch_window,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": queue.concurrency},
    }
    found = aws.lambda_.list_event_source_mappings(FunctionName=name, EventSourceArn=queue_arn)[
        "EventSourceMappings"
    ]
    if found:
        aws.lambda_.update_event_source_mapping(UUID=found[0]["UUID"], **wanted)
    else:
        aws.lambda_.create_event_source_mapping(FunctionName=name, EventSourceArn=queue_arn, **wanted)


def _ensure_schedule(aws: Aws, function: Function) -> None:
    name = function_name(function.name)
    arn = function_arn(function.name)
    role = _ensure_role(
        aws,
        f"{name}-schedule",
        "scheduler.amazonaws.com",
        [{"actions": ["lambda:InvokeFunction"], "resources": [arn]}],
    )
    wanted = {
        "Name": name,
        "ScheduleExpression": function.schedule,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": arn, "RoleArn": role},
    }
    try:
        aws.scheduler.create_schedule(**wanted)
    except aws.scheduler.exceptions.ConflictException:
        aws.scheduler.update_schedule(**wanted)
