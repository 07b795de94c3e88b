"""Clients of the local cloud, and the names of things in it."""

from typing import Any

import botocore.session
from botocore.config import Config

from localcloud.process import REGION, ROOT_KEY, Cloud

ACCOUNT = "000000000000"
STAGE = "test"
PREFIX = f"yourplace-{STAGE}"
# What calls a function calls this alias.
ALIAS = "live"


class Aws:
    """Clients of a local cloud as the account's root: `aws.s3`, `aws.cognito_idp`, `aws.lambda_`, …"""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._session = botocore.session.Session()
        self._clients: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        name = service.rstrip("_").replace("_", "-")
        if name not in self._clients:
            self._clients[name] = self._session.create_client(
                name,
                region_name=REGION,
                endpoint_url=self.cloud.endpoint,
                aws_access_key_id=ROOT_KEY,
                aws_secret_access_key=ROOT_KEY,
                config=Config(s3={"addressing_style": "path"}),
            )
        return self._clients[name]


def full_name(name: str) -> str:
    """The name in AWS of a table, a queue, or a function and its role."""
    return f"{PREFIX}-{name}"


def arn(service: str, resource: str) -> str:
    """The ARN of a resource of this account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def alias_arn(function: str) -> str:
    """The ARN of a function's alias."""
    return arn("lambda", f"function:{full_name(function)}:{ALIAS}")
