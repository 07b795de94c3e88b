"""Deploys the manifest and the built programs to a local cloud.

A second run on a running cloud deploys only what changed. Names and settings are those that Terraform gives;
scripts/terraform_checks compares the two.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud import api, functions, queues, storage, users
from localcloud.aws import STAGE, Aws, arn, full_name
from localcloud.issuers import Issuer
from localcloud.process import REGION, ROOT_KEY, Cloud
from support.manifest import Function, Manifest

CURRENCY = "EUR"
MAIL_SENDER = "no-reply@yourplace.example"


@dataclass(frozen=True)
class Deployed:
    """What clients and tests need to know, and the functions that this run changed."""

    settings: Mapping[str, str]
    functions: list[Function]
    changed: list[str]


def deploy(
    aws: Aws, manifest: Manifest, programs: Mapping[str, Path], authorizer: str, trusted: list[Issuer]
) -> Deployed:
    """Creates what is missing and changes what differs. `trusted` are issuers beside the user pool."""
    pool_id = users.ensure_user_pool(aws)
    client_id = users.ensure_user_pool_client(aws, pool_id)
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}"
    issuers = [
        _pool(aws.cloud, issuer, pool_id, client_id),
        *({**other, "kind": "oidc"} for other in trusted),
    ]
    values = {
        "region": REGION,
        "stage": STAGE,
        "bucket": storage.BUCKET,
        "bucket_arn": f"arn:aws:s3:::{storage.BUCKET}",
        "user_pool_id": pool_id,
        "user_pool_arn": arn("cognito-idp", f"userpool/{pool_id}"),
        "user_pool_client_id": client_id,
        "trusted_issuers": json.dumps(issuers, separators=(",", ":"), sort_keys=True),
        "api_url": api.base_url(aws.cloud),
        "currency": CURRENCY,
        "mail_sender": MAIL_SENDER,
        "max_archive_bytes": str(50 << 30),
        "max_photo_bytes": str(200 << 20),
        "mfa": "optional",
        "quota_bytes": str(50 << 30),
        "quota_photos": "500000",
        "trash_days": "30",
        "mail_identity_arn": arn("ses", f"identity/{MAIL_SENDER}"),
        **_ensure_data(aws, manifest),
    }
    wanted = chosen(manifest.filled(values).functions, authorizer)
    changed = []
    for function in wanted:
        queue_arn = values[f"{function.queue.name}_queue_arn"] if function.queue else None
        if functions.deploy_function(aws, function, programs[function.name], queue_arn):
            changed.append(function.name)
    api.create_api(aws, wanted, issuer, client_id, authorizer)
    settings = _settings(aws.cloud, values) | {"AUTHORIZER": authorizer}
    return Deployed(settings, wanted, changed)


def chosen(every: list[Function], authorizer: str) -> list[Function]:
    """The functions to deploy: the Lambda authorizer only where it is used."""
    return [function for function in every if authorizer == "lambda" or not function.authorizer]


def _pool(cloud: Cloud, issuer: str, pool_id: str, client_id: str) -> Issuer:
    # Tokens name the issuer as in AWS, but the keys are served locally.
    jwks_url = f"{cloud.endpoint}/{pool_id}/.well-known/jwks.json"
    return {"issuer": issuer, "jwks_url": jwks_url, "audiences": [client_id], "kind": "cognito"}


def _ensure_data(aws: Aws, manifest: Manifest) -> dict[str, str]:
    """The bucket, the tables, the queues and the mail sender; the values of their placeholders."""
    values: dict[str, str] = {}
    storage.ensure_bucket(aws, manifest.prefixes)
    for table in manifest.tables:
        storage.ensure_table(aws, table)
        name = full_name(table.name)
        values[f"{table.name}_table"] = name
        values[f"{table.name}_table_arn"] = arn("dynamodb", f"table/{name}")
    queues.ensure_topics(aws, manifest.queues)
    for queue in manifest.queues:
        values |= queues.ensure_queue(aws, queue)
    with contextlib.suppress(aws.sesv2.exceptions.AlreadyExistsException):
        aws.sesv2.create_email_identity(EmailIdentity=MAIL_SENDER)
    return values


def _settings(cloud: Cloud, values: Mapping[str, str]) -> dict[str, str]:
    """What clients and tests need, under names of environment variables."""
    named = ("bucket", "user_pool_id", "user_pool_client_id")
    return {
        "BASE_URL": values["api_url"],
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        **{
            name.upper(): value
            for name, value in values.items()
            if name in named or name.endswith(("_table", "_queue_url"))
        },
    }
