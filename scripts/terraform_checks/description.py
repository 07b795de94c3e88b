"""Describes what is deployed in a local cloud, attribute by attribute, as the cloud's API reports it.

As a command it takes the cloud's port and prints a JSON object: a value for each path, such as
`function/list/MemorySize`. Ids that the cloud makes up are replaced by what they mean. It needs botocore.
"""

import functools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localcloud.aws import ACCOUNT, PREFIX, Aws
from localcloud.process import REGION, Cloud
from localcloud.storage import BUCKET

# What the cloud makes up, and what changes by itself.
_VOLATILE = frozenset(
    {
        "ApiEndpoint",
        "ApiId",
        "AuthorizerId",
        "CodeSha256",
        "CodeSize",
        "CreateDate",
        "CreatedDate",
        "CreatedTimestamp",
        "CreationDate",
        "CreationDateTime",
        "DeploymentId",
        "EarliestRestorableDateTime",
        "EstimatedNumberOfUsers",
        "EventSourceMappingArn",
        "IntegrationId",
        "LastDeploymentStatusMessage",
        "LastModificationDate",
        "LastModified",
        "LastModifiedDate",
        "LastModifiedTimestamp",
        "LastUpdatedDate",
        "LastProcessingResult",
        "LastUpdateStatus",
        "LatestRestorableDateTime",
        "ResponseMetadata",
        "RevisionId",
        "RoleId",
        "RouteId",
        "SubscriptionArn",
        "TableId",
        "UUID",
        "creationTime",
        "storedBytes",
    }
)
# The member that tells the items of a list apart.
_NAMES = ("Sid", "Id", "ID", "Name", "IndexName", "AttributeName", "Key")


def describe(aws: Aws) -> dict[str, Any]:
    """Everything that is deployed, by path."""
    ids = _ids(aws)
    found: dict[str, Any] = {}
    for kind, list_all in _KINDS.items():
        for name, description in list_all(aws, ids):
            found.update(_flatten(f"{kind}/{name.removeprefix(f'{PREFIX}-')}", _plain(description, ids)))
    return found


@dataclass(frozen=True)
class _Ids:
    """Ids that the cloud makes up, and patterns that replace them, and the port, by what they mean."""

    api: str
    pool: str
    meanings: list[tuple[re.Pattern[str], str]]


def _ids(aws: Aws) -> _Ids:
    api = next(api["ApiId"] for api in aws.apigatewayv2.get_apis()["Items"] if api["Name"] == PREFIX)
    pools = aws.cognito_idp.list_user_pools(MaxResults=60)["UserPools"]
    pool = next(pool["Id"] for pool in pools if pool["Name"] == PREFIX)
    (client,) = aws.cognito_idp.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]
    authorizers = aws.apigatewayv2.get_authorizers(ApiId=api)["Items"]
    meanings = [
        # Only in URLs and ARNs: scripts/local gives its API the id `yourplace`, which occurs in many names.
        (re.compile(rf"(?<=execute-api/){api}|(?<=execute-api:{REGION}:{ACCOUNT}:){api}"), "{api}"),
        (re.compile(pool), "{pool}"),
        (re.compile(client["ClientId"]), "{client}"),
        (re.compile(rf":{aws.cloud.port}\b"), ":{port}"),
        *((re.compile(item["AuthorizerId"]), f"{{authorizer {item['Name']}}}") for item in authorizers),
    ]
    return _Ids(api, pool, meanings)


Named = Iterator[tuple[str, Any]]


def _apis(aws: Aws, ids: _Ids) -> Named:
    yield "api", aws.apigatewayv2.get_api(ApiId=ids.api)
    for authorizer in aws.apigatewayv2.get_authorizers(ApiId=ids.api)["Items"]:
        yield f"authorizer/{authorizer['Name']}", authorizer
    for stage in aws.apigatewayv2.get_stages(ApiId=ids.api)["Items"]:
        yield f"stage/{stage['StageName']}", stage
    integrations = {
        f"integrations/{integration['IntegrationId']}": integration
        for integration in aws.apigatewayv2.get_integrations(ApiId=ids.api)["Items"]
    }
    for route in aws.apigatewayv2.get_routes(ApiId=ids.api)["Items"]:
        described = {**route, "Target": integrations[route["Target"]], "Guard": route.get("AuthorizerId")}
        yield f"route/{route['RouteKey']}", described


def _functions(aws: Aws, _: _Ids) -> Named:
    for function in aws.lambda_.get_paginator("list_functions").paginate().search("Functions[]"):
        name = function["FunctionName"]
        yield name, aws.lambda_.get_function(FunctionName=name)["Configuration"]
        yield f"{name}/concurrency", aws.lambda_.get_function_concurrency(FunctionName=name)
        yield (
            f"{name}/policy",
            _unless_missing(functools.partial(aws.lambda_.get_policy, FunctionName=name)),
        )
        mappings = aws.lambda_.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        for mapping in mappings:
            yield f"{name}/events of {mapping['EventSourceArn']}", mapping


def _roles(aws: Aws, _: _Ids) -> Named:
    for role in aws.iam.get_paginator("list_roles").paginate().search("Roles[]"):
        name = role["RoleName"]
        yield name, aws.iam.get_role(RoleName=name)["Role"]
        for policy in aws.iam.list_role_policies(RoleName=name)["PolicyNames"]:
            document = aws.iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            yield f"{name}/policy/{policy}", document
        yield f"{name}/attached", aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]


def _buckets(aws: Aws, _: _Ids) -> Named:
    calls = (
        "get_bucket_accelerate_configuration",
        "get_bucket_cors",
        "get_bucket_encryption",
        "get_bucket_lifecycle_configuration",
        "get_bucket_logging",
        "get_bucket_notification_configuration",
        "get_bucket_ownership_controls",
        "get_bucket_policy",
        "get_bucket_versioning",
        "get_bucket_website",
        "get_object_lock_configuration",
        "get_public_access_block",
    )
    for call in calls:
        setting = call.removeprefix("get_").removeprefix("bucket_")
        yield (
            f"{BUCKET}/{setting}",
            _unless_missing(functools.partial(getattr(aws.s3, call), Bucket=BUCKET)),
        )


def _tables(aws: Aws, _: _Ids) -> Named:
    for name in aws.dynamodb.list_tables()["TableNames"]:
        yield name, aws.dynamodb.describe_table(TableName=name)["Table"]
        yield f"{name}/ttl", aws.dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        backups = aws.dynamodb.describe_continuous_backups(TableName=name)
        yield f"{name}/backups", backups["ContinuousBackupsDescription"]


def _queues(aws: Aws, _: _Ids) -> Named:
    for url in aws.sqs.list_queues().get("QueueUrls", []):
        attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        counts = [name for name in attributes if name.startswith("ApproximateNumber")]
        yield url.rpartition("/")[2], {k: v for k, v in attributes.items() if k not in counts}


def _topics(aws: Aws, _: _Ids) -> Named:
    for topic in aws.sns.list_topics()["Topics"]:
        arn = topic["TopicArn"]
        name = arn.rpartition(":")[2]
        yield name, aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        for subscription in aws.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]:
            attributes = aws.sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])
            yield f"{name}/to {subscription['Endpoint']}", attributes["Attributes"]


def _schedules(aws: Aws, _: _Ids) -> Named:
    for schedule in aws.scheduler.list_schedules()["Schedules"]:
        yield schedule["Name"], aws.scheduler.get_schedule(Name=schedule["Name"])


def _pools(aws: Aws, ids: _Ids) -> Named:
    pool = ids.pool
    yield "pool", aws.cognito_idp.describe_user_pool(UserPoolId=pool)["UserPool"]
    for client in aws.cognito_idp.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]:
        described = aws.cognito_idp.describe_user_pool_client(UserPoolId=pool, ClientId=client["ClientId"])
        yield f"client/{client['ClientName']}", described["UserPoolClient"]
    yield "mfa", aws.cognito_idp.get_user_pool_mfa_config(UserPoolId=pool)


def _senders(aws: Aws, _: _Ids) -> Named:
    for identity in aws.sesv2.list_email_identities()["EmailIdentities"]:
        name = identity["IdentityName"]
        yield name, {**identity, **aws.sesv2.get_email_identity(EmailIdentity=name)}


def _log_groups(aws: Aws, _: _Ids) -> Named:
    for group in aws.logs.get_paginator("describe_log_groups").paginate().search("logGroups[]"):
        yield group["logGroupName"], group


_KINDS: Mapping[str, Callable[[Aws, _Ids], Named]] = {
    "api": _apis,
    "function": _functions,
    "role": _roles,
    "bucket": _buckets,
    "table": _tables,
    "queue": _queues,
    "topic": _topics,
    "schedule": _schedules,
    "users": _pools,
    "mail": _senders,
    "log": _log_groups,
}


def _unless_missing(call: Callable[[], Any]) -> Any:
    """The response of a call, or None if what it asks for was not set."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if re.search("NoSuch|NotFound", code):
            return None
        raise


def _plain(value: Any, ids: _Ids) -> Any:
    """Ids replaced, JSON texts read, volatile members left out, lists sorted."""
    if isinstance(value, str):
        if value.startswith(("{", "[")):
            try:
                return _plain(json.loads(value), ids)
            except json.JSONDecodeError:
                pass
        for pattern, meaning in ids.meanings:
            value = pattern.sub(meaning, value)
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item, ids) for key, item in value.items() if key not in _VOLATILE}
    if isinstance(value, list | tuple):
        return sorted((_plain(item, ids) for item in value), key=lambda item: json.dumps(item, default=str))
    return value


def _flatten(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(f"{path}/{key}", item)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            name = next(
                (str(item[key]) for key in _NAMES if isinstance(item, Mapping) and key in item), index
            )
            yield from _flatten(f"{path}/{name}", item)
    elif value not in (None, [], ""):
        yield path, value


if __name__ == "__main__":
    cloud = Cloud(pid=0, port=int(sys.argv[1]), persist=False)
    print(json.dumps(describe(Aws(cloud)), default=str, indent=1, sort_keys=True))
