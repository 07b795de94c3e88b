"""Fixtures of the end-to-end suite.

The suite sends HTTP requests to BASE_URL (see service.settings). With AWS credentials and
USER_POOL_ID, each test creates its own user through the pool's admin API. Without them, all tests share
the user TEST_USERNAME with TEST_PASSWORD: run them without pytest-xdist; tests that need a second user are
skipped. AUTHORIZER=lambda says that a Lambda authorizer checks the tokens at the gateway, rather than API
Gateway itself. SECOND_ISSUER is the address of the tests' own issuer (openid_issuer.py), if the deployment
trusts it. Tests that look behind the API need BUCKET and the tables (…_TABLE) and queues (…_QUEUE_URL) that
scripts/local writes. Tests that measure functions need the local cloud's STATE_DIR. Tests without what
they need are skipped, and say so.
"""

import base64
import hmac
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

import auctions
import functions as direct
import service
import tokens
from issuer import Issuer
from library import Library
from service import Settings, User

PASSWORD = "correct-horse-7-battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if all(item.get_closest_marker("no_service") for item in items):
        return
    try:
        settings = service.settings()
    except RuntimeError as missing:
        pytest.exit(str(missing), returncode=2)
    local = settings.local
    for item in items:
        if item.get_closest_marker("local_cloud") and not local:
            item.add_marker(pytest.mark.skip(reason="needs the local cloud: AWS_ENDPOINT_URL is not set"))
        elsewhere = item.get_closest_marker("not_local_cloud")
        if elsewhere and local:
            item.add_marker(pytest.mark.skip(reason=f"not on the local cloud: {elsewhere.args[0]}"))
        wanted = item.get_closest_marker("authorizer")
        if wanted and wanted.args and wanted.args[0] != settings.authorizer:
            item.add_marker(pytest.mark.skip(reason=f"needs AUTHORIZER={wanted.args[0]}"))
        if item.get_closest_marker("second_issuer") and not settings.second_issuer:
            item.add_marker(
                pytest.mark.skip(reason="needs the issuer of the tests, which scripts/test --only e2e starts")
            )


@pytest.fixture(scope="session")
def settings() -> Settings:
    return service.settings()


@pytest.fixture(scope="session")
def http(settings: Settings) -> Iterator[httpx.Client]:
    with service.client(settings.base_url) as client:
        yield client


@pytest.fixture(scope="session")
def aws(settings: Settings) -> Callable[[str], Any]:
    """aws(service): an AWS client."""

    def make(name: str) -> Any:
        return boto3.client(
            name,
            region_name=settings.region,
            endpoint_url=settings.endpoint,
            config=Config(
                retries={"mode": "standard"},
                max_pool_connections=32,
                read_timeout=180,
                s3={"addressing_style": "path"} if settings.local else {},
            ),
        )

    return make


@pytest.fixture(scope="session")
def cognito(settings: Settings, aws: Callable[[str], Any]) -> Any:
    if not settings.pool or not boto3.Session().get_credentials():
        return None
    return aws("cognito-idp")


@pytest.fixture(scope="session")
def bucket(settings: Settings, aws: Callable[[str], Any]) -> "Bucket":
    """The bucket, as an operator sees it."""
    if not settings.bucket or not boto3.Session().get_credentials():
        pytest.skip("needs AWS credentials and BUCKET, to look into the bucket")
    return Bucket(aws("s3"), settings.bucket)


class Bucket:
    def __init__(self, client: Any, name: str) -> None:
        self.client, self.name = client, name

    def list(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def empty(self, prefix: str) -> None:
        """Deletes every version of every object under a prefix."""
        for page in self.client.get_paginator("list_object_versions").paginate(
            Bucket=self.name, Prefix=prefix
        ):
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            if objects:
                self.client.delete_objects(Bucket=self.name, Delete={"Objects": objects, "Quiet": True})


def unique(prefix: str = "t") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Pool:
    """Creates users, and deletes them from a real deployment after the tests."""

    def __init__(self, cognito: Any, settings: Settings, http: httpx.Client) -> None:
        self.cognito, self.settings, self.http = cognito, settings, http
        self.made: list[str] = []
        self.ids: list[str] = []
        self.secret = ""

    def add(self, name: str, password: str = PASSWORD, permanent: bool = True) -> str:
        """Creates a confirmed user and returns the email address.

        With permanent=False the first log-in demands a new password.
        """
        email = f"{unique('mail')}@example.com"
        self.cognito.admin_create_user(
            UserPoolId=self.settings.pool,
            Username=name,
            MessageAction="SUPPRESS",
            TemporaryPassword=password,
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
        )
        self.made.append(name)
        if permanent:
            self.cognito.admin_set_user_password(
                UserPoolId=self.settings.pool, Username=name, Password=password, Permanent=True
            )
        return email

    def user(self, name: str) -> User:
        email = self.add(name)
        response = self.cognito.admin_initiate_auth(
            UserPoolId=self.settings.pool,
            ClientId=self.settings.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD, "SECRET_HASH": self._hash(name)},
        )["AuthenticationResult"]
        user = User(self.http, name, response["IdToken"], response["AccessToken"], PASSWORD, email)
        self.ids.append(user.id)
        return user

    def _hash(self, name: str) -> str:
        """Shows the pool that we know the secret of its client."""
        if not self.secret:
            described = self.cognito.describe_user_pool_client(
                UserPoolId=self.settings.pool, ClientId=self.settings.client
            )
            self.secret = described["UserPoolClient"]["ClientSecret"]
        message = f"{name}{self.settings.client}"
        return base64.b64encode(hmac.digest(self.secret.encode(), message.encode(), "sha256")).decode()

    def delete(self, user: User) -> None:
        """Deletes a user from the pool, as an administrator does. The tokens stay valid until they expire."""
        self.cognito.admin_delete_user(UserPoolId=self.settings.pool, Username=user.name)
        self.made.remove(user.name)

    def remove(self, bucket: Bucket) -> None:
        for user in self.ids:
            bucket.empty(f"photos/{user}/")
        for name in self.made:
            self.cognito.admin_delete_user(UserPoolId=self.settings.pool, Username=name)


@pytest.fixture(scope="session")
def pool(
    request: pytest.FixtureRequest, cognito: Any, settings: Settings, http: httpx.Client
) -> Iterator[Pool]:
    if cognito is None:
        pytest.skip("needs AWS credentials and USER_POOL_ID, to make users")
    pool = Pool(cognito, settings, http)
    yield pool
    if not settings.local:  # the local cloud's state is thrown away
        pool.remove(request.getfixturevalue("bucket"))


@pytest.fixture(scope="session")
def make_user(pool: Pool) -> Callable[..., User]:
    """make_user(name=None): a new user with tokens."""
    return lambda name=None: pool.user(name or unique())


@pytest.fixture(scope="session")
def only_user(http: httpx.Client) -> User:
    """The user TEST_USERNAME, for deployments where the tests cannot create users."""
    name, password = os.environ.get("TEST_USERNAME"), os.environ.get("TEST_PASSWORD")
    if not name or not password:
        pytest.skip("needs AWS credentials and USER_POOL_ID, or TEST_USERNAME and TEST_PASSWORD")
    response = http.post("/login", json={"username": name, "password": password})
    assert response.status_code == 200, response.text
    return User(http, name, response.json()["jwt"], response.json()["access_token"], password)


@pytest.fixture
def user(request: pytest.FixtureRequest, cognito: Any) -> User:
    """A user without photos."""
    if cognito is not None:
        return _new_user(request)
    only: User = request.getfixturevalue("only_user")
    for name in only.names():
        only.post("/delete", json={"file": name})
    return only


@pytest.fixture(scope="session")
def caller(request: pytest.FixtureRequest, cognito: Any) -> User:
    """A user shared by all tests that store nothing."""
    if cognito is not None:
        return _new_user(request)
    only: User = request.getfixturevalue("only_user")
    return only


def _new_user(request: pytest.FixtureRequest) -> User:
    make: Callable[[], User] = request.getfixturevalue("make_user")
    return make()


@pytest.fixture(scope="session")
def inbox(settings: Settings) -> Callable[[str], list[Any]]:
    """inbox(address): the emails sent there, oldest first, in MiniStack's own form. Local cloud only."""
    return lambda address: [mail for mail in service.sent_mails(settings) if address in mail["To"]]


@pytest.fixture(scope="session")
def code_for(inbox: Callable[[str], list[Any]]) -> Callable[..., str]:
    """code_for(address, mails=1): waits for that many emails; returns the code in the newest."""

    def read(address: str, mails: int = 1) -> str:
        deadline = time.monotonic() + 60
        while len(received := inbox(address)) < mails:
            assert time.monotonic() < deadline, f"{len(received)} mails to {address}, not {mails}"
            time.sleep(0.05)
        code = re.search(r"\b\d{6}\b", received[-1]["BodyText"])
        assert code, received[-1]["BodyText"]
        return code.group()

    return read


@pytest.fixture(scope="session")
def functions(settings: Settings, aws: Callable[[str], Any]) -> direct.Functions:
    return direct.Functions(aws("lambda"), settings.stage)


@pytest.fixture(scope="session")
def memory(settings: Settings) -> direct.Memory:
    assert settings.endpoint, "AWS_ENDPOINT_URL is not set"
    return direct.Memory(settings.stage, settings.endpoint)


# The local cloud creates the pool's keys with the first token, so both fixtures need the caller first.


@pytest.fixture(scope="session")
def id_key(settings: Settings, caller: User) -> tokens.Key:
    return tokens.pool_key(settings.state_dir, settings.pool, "id")


@pytest.fixture(scope="session")
def access_key(settings: Settings, caller: User) -> tokens.Key:
    return tokens.pool_key(settings.state_dir, settings.pool, "access")


@pytest.fixture(scope="session")
def library(settings: Settings, aws: Callable[[str], Any], bucket: Bucket) -> Library:
    """The table of photos. Local cloud only."""
    if not settings.local:
        pytest.skip("needs the local cloud: the tests write into its tables")
    return Library(aws, bucket)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for the programs that tests kill."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="session")
def issuer(settings: Settings) -> Issuer:
    """The issuer that is trusted beside the user pool, for tests with the mark `second_issuer`."""
    assert settings.second_issuer, "SECOND_ISSUER is not set"
    return Issuer(settings.second_issuer)


@pytest.fixture(scope="session")
def backstage(settings: Settings, aws: Callable[[str], Any]) -> auctions.Backstage:
    """The tables, queues and functions behind the auctions. Local cloud only."""
    if not settings.local:
        pytest.skip("needs the local cloud: the tests let time go by in its tables")
    return auctions.Backstage(aws, settings)
