"""The service as its clients see it: settings, a user who calls it, and what every answer must look like."""

import os
import re
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

MAX_UPLOAD = 4_194_304
#: What api.md says of a photo's name: when it was taken in, what it was called, what it is.
PHOTO_NAME = re.compile(
    r"(?P<time>\d{8}T\d{9}Z)_(?P<name>.+)\.(?P<type>jpg|png|gif|webp|heic|avif|tiff|bmp)", re.DOTALL
)
PROBLEM_TYPE = re.compile(r"urn:yourplace:problem:[a-z0-9]+(-[a-z0-9]+)*")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN_ROUTES = ("/upload_single_photo", "/unzip", "/list", "/download", "/delete")


@dataclass(frozen=True)
class Settings:
    base_url: str
    endpoint: str | None
    region: str | None
    pool: str | None
    client: str | None
    bucket: str | None
    state_dir: str | None
    #: Who checks tokens at the gateway: `jwt`, or `lambda` where AUTHORIZER says so.
    authorizer: str
    #: The address of the issuer that is trusted beside the user pool: see openid_issuer.
    second_issuer: str | None

    @property
    def local(self):
        """Whether this is the local cloud: only there have the AWS services an address of their own."""
        return self.endpoint is not None

    @property
    def refusal(self):
        """The status of the gateway's refusal: with a Lambda authorizer, API Gateway makes it a 403."""
        return {"jwt": 401, "lambda": 403}[self.authorizer]

    @property
    def stage(self):
        return urlsplit(self.base_url).path.rstrip("/").rpartition("/")[2]


def settings():
    """From the environment; without BASE_URL there, from the file that scripts/local writes."""
    values = os.environ
    written = Path(__file__).parent.parent / ".local" / "yourplace.env"
    if "BASE_URL" not in values and written.exists():
        lines = (
            line for line in written.read_text().splitlines() if "=" in line and not line.startswith("#")
        )
        pairs = (line.removeprefix("export ").partition("=") for line in lines)
        os.environ.update({name: "".join(shlex.split(value)) for name, _, value in pairs})
    if "BASE_URL" not in values:
        raise RuntimeError(
            "BASE_URL is not set: start the local cloud with scripts/local --detach, or name a deployment"
        )
    return Settings(
        base_url=values["BASE_URL"].rstrip("/"),
        endpoint=values.get("AWS_ENDPOINT_URL") or None,
        region=values.get("AWS_REGION") or None,
        pool=values.get("USER_POOL_ID") or None,
        client=values.get("USER_POOL_CLIENT_ID") or None,
        bucket=values.get("BUCKET") or None,
        state_dir=values.get("STATE_DIR") or None,
        authorizer=values.get("AUTHORIZER") or "jwt",
        second_issuer=values.get("SECOND_ISSUER") or None,
    )


class User:
    """A user with tokens, and the calls that most tests need to set their scene."""

    def __init__(self, http, name, id_token, access_token=None, password=None, email=None):
        self.http, self.name, self.password, self.email = http, name, password, email
        self.id_token, self.access_token = id_token, access_token

    def call(self, method, path, **request):
        headers = {"Authorization": f"Bearer {self.id_token}", **request.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **request)

    def post(self, path, **request):
        return self.call("POST", path, **request)

    def get(self, path, **request):
        return self.call("GET", path, **request)

    def upload(self, data, name=None):
        """The photo that the service made of these bytes."""
        answer = self.post(
            "/upload_single_photo",
            content=data,
            params={"filename": name} if name else None,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    def unzip(self, archive):
        """The three lists, and every entry in them, whatever its list."""
        answer = self.post("/unzip", content=archive, headers={"Content-Type": "application/zip"})
        assert answer.status_code == 200, answer.text
        return Report(answer.json())

    def photos(self):
        """All photos of this user, by following the cursors."""
        photos, cursor = [], None
        while True:
            answer = self.post("/list", json={"limit": 1000} | ({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            photos += answer.json()["photos"]
            cursor = answer.json()["cursor"]
            if cursor is None:
                return photos

    def names(self):
        return [photo["filename"] for photo in self.photos()]

    def fetch(self, filename):
        """The photo as it comes back through the redirect."""
        answer = self.get("/download", params={"filename": filename}, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer


class Report:
    """The answer of /unzip."""

    def __init__(self, body):
        self.body = body
        self.stored, self.skipped, self.failed = body["stored"], body["skipped"], body["failed"]

    def __len__(self):
        return len(self.stored) + len(self.skipped) + len(self.failed)

    @property
    def entries(self):
        return sorted(item["entry"] for item in self.stored + self.skipped + self.failed)

    @property
    def reasons(self):
        """{entry: its reason, or "stored"}; for archives whose names differ."""
        return {
            item["entry"]: item.get("reason", "stored") for item in self.stored + self.skipped + self.failed
        }


def assert_problem(answer, status, *pointers):
    """Checks an answer against the part "Errors" of the contract; gives its body.

    pointers: exactly those that a 422 lists, in any order; none to accept whatever it lists.
    """
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+json"
    body = answer.json()
    assert PROBLEM_TYPE.fullmatch(body["type"]), body
    assert body["status"] == status
    assert body["title"] and isinstance(body["title"], str)
    assert body["detail"] and isinstance(body["detail"], str)
    assert body["request_id"] and isinstance(body["request_id"], str)
    if status == 422:
        assert body["errors"], "a 422 lists what is wrong"
        assert all(set(error) == {"pointer", "detail"} and error["detail"] for error in body["errors"]), body
        if pointers:
            assert sorted(error["pointer"] for error in body["errors"]) == sorted(pointers), body
    return body


def words(answer):
    """An answer without what differs between any two: for comparing what two callers are told."""
    body = answer.json() if answer.content else {}
    return answer.status_code, {name: value for name, value in body.items() if name != "request_id"}


def eventually(read, wanted, seconds=30):
    """Reads until it is what is wanted; gives it. For what follows a change by events."""
    deadline = time.monotonic() + seconds
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, (
            f"after {seconds:.0f} s it is {found!r:.2000}, not {wanted!r:.2000}"
        )
        time.sleep(0.1)
    return found


def client(base_url):
    return httpx.Client(base_url=base_url, timeout=60, limits=httpx.Limits(max_connections=64))
