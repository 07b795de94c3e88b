"""Fixtures of the end-to-end suite.

The suite speaks HTTP to whatever BASE_URL it is given (see service.settings). With AWS credentials and
USER_POOL_ID, each test makes its own user through the pool's admin API; without them, one user made
beforehand is named by TEST_USERNAME and TEST_PASSWORD (then run without pytest-xdist; what needs a second
user is skipped). AUTHORIZER=lambda says that a Lambda authorizer, not API Gateway's own, checks the tokens
at the gateway, and SECOND_ISSUER names the issuer of the tests (openid_issuer.py) that it trusts, too. What
looks behind the API needs BUCKET, the tables (…_TABLE) and queues (…_QUEUE_URL) that scripts/local writes,
and what measures functions needs STATE_DIR of the local cloud; each is skipped without.
"""

import os
import re
import time
import uuid

import boto3
import httpx
import pytest
from botocore.config import Config

import auctions
import functions as direct
import service
import tokens
from issuer import Issuer
from service import User

PASSWORD = "correct-horse-7-battery"


def pytest_collection_modifyitems(items):
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
        if wanted and wanted.args[0] != settings.authorizer:
            item.add_marker(pytest.mark.skip(reason=f"needs AUTHORIZER={wanted.args[0]}"))
        if item.get_closest_marker("second_issuer") and not settings.second_issuer:
            item.add_marker(
                pytest.mark.skip(reason="needs the issuer of the tests, which scripts/test --only e2e starts")
            )


@pytest.fixture(scope="session")
def settings():
    return service.settings()


@pytest.fixture(scope="session")
def http(settings):
    with service.client(settings.base_url) as client:
        yield client


@pytest.fixture(scope="session")
def aws(settings):
    """A maker of AWS clients, by plain SDK."""

    def make(name):
        return boto3.client(
            name,
            region_name=settings.region,
            endpoint_url=settings.endpoint,
            config=Config(
                retries={"mode": "standard"},
                max_pool_connections=32,
                read_timeout=90,
                s3={"addressing_style": "path"} if settings.local else {},
            ),
        )

    return make


@pytest.fixture(scope="session")
def cognito(settings, aws):
    if not settings.pool or not boto3.Session().get_credentials():
        return None
    return aws("cognito-idp")


@pytest.fixture(scope="session")
def bucket(settings, aws):
    """The bucket as the operator sees it: list(prefix) gives keys."""
    if not settings.bucket or not boto3.Session().get_credentials():
        pytest.skip("needs AWS credentials and BUCKET, to look into the bucket")
    return Bucket(aws("s3"), settings.bucket)


class Bucket:
    def __init__(self, client, name):
        self.client, self.name = client, name

    def list(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def empty(self, prefix):
        """Removes what is under a prefix, older versions too."""
        for page in self.client.get_paginator("list_object_versions").paginate(
            Bucket=self.name, Prefix=prefix
        ):
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            if objects:
                self.client.delete_objects(Bucket=self.name, Delete={"Objects": objects, "Quiet": True})


def unique(prefix="t"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Pool:
    """Makes users, and on a real deployment takes them away again."""

    def __init__(self, cognito, settings, http):
        self.cognito, self.settings, self.http, self.made = cognito, settings, http, []

    def add(self, name, password=PASSWORD, permanent=True):
        """A user in the pool, confirmed, with a mail address; with permanent=False a new password is due."""
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

    def user(self, name):
        email = self.add(name)
        answer = self.cognito.admin_initiate_auth(
            UserPoolId=self.settings.pool,
            ClientId=self.settings.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return User(self.http, name, answer["IdToken"], answer["AccessToken"], PASSWORD, email)

    def remove(self, bucket):
        for name in self.made:
            bucket.empty(f"photos/{name}/")
            self.cognito.admin_delete_user(UserPoolId=self.settings.pool, Username=name)


@pytest.fixture(scope="session")
def pool(request, cognito, settings, http):
    if cognito is None:
        pytest.skip("needs AWS credentials and USER_POOL_ID, to make users")
    pool = Pool(cognito, settings, http)
    yield pool
    if not settings.local:  # the local cloud's state is thrown away
        pool.remove(request.getfixturevalue("bucket"))


@pytest.fixture(scope="session")
def make_user(pool):
    """make_user(name=None): a new user with tokens."""
    return lambda name=None: pool.user(name or unique())


@pytest.fixture(scope="session")
def only_user(http):
    """The user made beforehand, where users cannot be made."""
    name, password = os.environ.get("TEST_USERNAME"), os.environ.get("TEST_PASSWORD")
    if not name or not password:
        pytest.skip("needs AWS credentials and USER_POOL_ID, or TEST_USERNAME and TEST_PASSWORD")
    answer = http.post("/login", json={"username": name, "password": password})
    assert answer.status_code == 200, answer.text
    return User(http, name, answer.json()["jwt"], answer.json()["access_token"], password)


@pytest.fixture
def user(request, cognito):
    """A user with no photo."""
    if cognito is not None:
        return request.getfixturevalue("make_user")()
    only = request.getfixturevalue("only_user")
    for name in only.names():
        only.post("/delete", json={"file": name})
    return only


@pytest.fixture(scope="session")
def caller(request, cognito):
    """A user for tests that store nothing: made once."""
    if cognito is not None:
        return request.getfixturevalue("make_user")()
    return request.getfixturevalue("only_user")


@pytest.fixture(scope="session")
def mailbox(settings):
    """mailbox(address): the mails sent there, oldest first, as {subject, body}. Local cloud only."""

    def read(address):
        answer = httpx.get(f"{settings.endpoint}/_ministack/ses/messages")
        answer.raise_for_status()
        everyone = [mail for mails in answer.json()["messages"].values() for mail in mails]
        mine = [mail for mail in everyone if address in mail["To"]]
        return [{"subject": mail["Subject"], "body": mail["BodyText"] or mail["BodyHtml"]} for mail in mine]

    return read


@pytest.fixture(scope="session")
def code_for(mailbox):
    """code_for(address, mails=1): the code in the newest mail, once there are that many."""

    def read(address, mails=1):
        deadline = time.monotonic() + 10
        while len(received := mailbox(address)) < mails:
            assert time.monotonic() < deadline, f"{len(received)} mails to {address}, not {mails}"
            time.sleep(0.05)
        return re.search(r"\b\d{6}\b", received[-1]["body"]).group()

    return read


@pytest.fixture(scope="session")
def functions(settings, aws):
    return direct.Functions(aws("lambda"), settings.stage)


@pytest.fixture(scope="session")
def memory(settings):
    return direct.Memory(settings.stage, settings.endpoint)


@pytest.fixture(scope="session")
def id_key(settings):
    return tokens.pool_key(settings.state_dir, settings.pool, "id")


@pytest.fixture(scope="session")
def access_key(settings):
    return tokens.pool_key(settings.state_dir, settings.pool, "access")


@pytest.fixture(scope="session")
def issuer(settings):
    """The issuer that is trusted beside the user pool. Tests that use it have the mark `second_issuer`."""
    return Issuer(settings.second_issuer)


@pytest.fixture(scope="session")
def backstage(settings, aws):
    """What is behind the auctions. Local cloud only."""
    if not settings.local:
        pytest.skip("needs the local cloud: the tests let time go by in its tables")
    return auctions.Backstage(aws, settings)
