"""Brings a local cloud to what the table of functions and the built programs say.

A second run over a living cloud deploys just what changed. Names and settings are those that Terraform gives.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud import api, functions, storage, users
from localcloud.aws import ACCOUNT, STAGE, Aws
from localcloud.issuers import Issuer
from localcloud.process import REGION, ROOT_KEY, Cloud
from support import table
from support.table import Function

CURRENCY = "EUR"
MAIL_SENDER = "no-reply@yourplace.example"


@dataclass(frozen=True)
class Deployed:
    """What clients and tests need to know, and what this run changed."""

    settings: Mapping[str, str]
    functions: list[Function]
    changed: list[str]


def deploy(aws: Aws, programs: Mapping[str, Path], authorizer: str, trusted: list[Issuer]) -> Deployed:
    """Makes everything that is missing, and changes what differs. `trusted` are issuers beside the pool."""
    text = table.read()
    pool_id = users.ensure_user_pool(aws)
    client_id = users.ensure_user_pool_client(aws, pool_id)
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}"
    storage.ensure_bucket(aws)
    values = {
        "region": REGION,
        "stage": STAGE,
        "bucket": storage.BUCKET,
        "bucket_arn": f"arn:aws:s3:::{storage.BUCKET}",
        "user_pool_id": pool_id,
        "user_pool_arn": f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{pool_id}",
        "user_pool_client_id": client_id,
        "trusted_issuers": json.dumps(
            [_pool(aws.cloud, issuer, pool_id, client_id), *({**other, "kind": "oidc"} for other in trusted)]
        ),
        "api_url": api.base_url(aws.cloud),
        "currency": CURRENCY,
        **_ensure_what_the_table_uses(aws, text),
    }
    wanted = chosen(table.parse(table.fill(text, values)), authorizer)
    changed = []
    for function in wanted:
        queue_arn = values[f"{function.queue.name}_queue_arn"] if function.queue else None
        if functions.deploy_function(aws, function, programs[function.name], queue_arn):
            changed.append(function.name)
    api.make_api(aws, wanted, issuer, client_id, authorizer)
    settings = _settings(aws.cloud, values) | {"AUTHORIZER": authorizer}
    return Deployed(settings, wanted, changed)


def chosen(every: list[Function], authorizer: str) -> list[Function]:
    """The functions to deploy: the Lambda authorizer only where it is the one in use."""
    return [function for function in every if authorizer == "lambda" or not function.authorizer]


def _pool(cloud: Cloud, issuer: str, pool_id: str, client_id: str) -> Issuer:
    # The tokens name the issuer as AWS would; its keys are here.
    jwks_url = f"{cloud.endpoint}/{pool_id}/.well-known/jwks.json"
    return {"issuer": issuer, "jwks_url": jwks_url, "audiences": [client_id], "kind": "cognito"}


def _ensure_what_the_table_uses(aws: Aws, text: str) -> dict[str, str]:
    """Tables, queues, the mail sender: each only if a function names it or is called by it; their names."""
    used = table.placeholders(text)
    every = table.parse(text)
    values: dict[str, str] = {}
    for name in ("auctions", "mails"):
        if {f"{name}_table", f"{name}_table_arn"} & used:
            values |= storage.ensure_table(aws, name)
    for name in ("mail", "index"):
        timeouts = [function.timeout for function in every if function.queue and function.queue.name == name]
        if timeouts or {f"{name}_queue_url", f"{name}_queue_arn"} & used:
            values |= storage.ensure_queue(aws, name, timeouts)
    if "index_queue_arn" in values:
        storage.ensure_bucket_notification(aws, values["index_queue_arn"])
    if {"mail_sender", "mail_identity_arn"} & used:
        aws.ses.verify_email_identity(EmailAddress=MAIL_SENDER)
        values["mail_sender"] = MAIL_SENDER
        values["mail_identity_arn"] = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{MAIL_SENDER}"
    return values


def _settings(cloud: Cloud, values: Mapping[str, str]) -> dict[str, str]:
    """What clients and tests need, under names of environment variables."""
    named = ("user_pool_id", "user_pool_client_id", "bucket", "auctions_table", "mails_table")
    queues = ("mail_queue_url", "mail_dead_queue_url", "index_queue_url")
    return {
        "BASE_URL": values["api_url"],
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        **{name.upper(): values[name] for name in (*named, *queues) if name in values},
    }
