"""The service as its clients see it: settings, users, and checks that apply to every response."""

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

import contract
import tokens
from support.common import read_settings

MAX_UPLOAD = 4_194_304
#: The name of a stored photo, by docs/api.md: time of the upload, original name, type.
PHOTO_NAME = re.compile(
    r"(?P<time>\d{8}T\d{9}Z)_(?P<name>.+)\.(?P<type>jpg|png|gif|webp|heic|avif|tiff|bmp)", re.DOTALL
)
PROBLEM_TYPE = re.compile(r"urn:yourplace:problem:[a-z0-9]+(-[a-z0-9]+)*")
#: The members of a photo.
PHOTO_MEMBERS = {
    "filename",
    "type",
    "size",
    "uploaded_at",
    "sha256",
    "width",
    "height",
    "taken_at",
    "taken_at_source",
    "place",
    "camera",
    "favourite",
    "trashed_at",
    "rendition",
    "thumbnail_url",
    "preview_url",
    "thumbhash",
    "duplicate_of",
}
#: The members that `render_photos` sets, at any moment after the upload.
FOUND_LATER = {
    "sha256",
    "width",
    "height",
    "place",
    "camera",
    "rendition",
    "thumbnail_url",
    "preview_url",
    "thumbhash",
    "duplicate_of",
}
#: The quota of a new user, by default.
EMPTY_QUOTA = {"bytes": 50 << 30, "used": 0, "reserved": 0, "photos": 500_000, "photos_used": 0}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
#: In the 503 of a request whose token cannot be checked.
NO_KEYS = b"The token cannot be checked at the moment"
T = TypeVar("T")
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
    #: What checks tokens at the gateway: `jwt` or `lambda`, from AUTHORIZER.
    authorizer: str
    #: The address of the issuer that is trusted beside the user pool: see openid_issuer.
    second_issuer: str | None

    @property
    def local(self) -> bool:
        """Whether this is the local cloud: only there AWS_ENDPOINT_URL is set."""
        return self.endpoint is not None

    @property
    def refusal(self) -> int:
        """The status with which the gateway refuses a token: 403 with a Lambda authorizer."""
        return {"jwt": 401, "lambda": 403}[self.authorizer]

    @property
    def stage(self) -> str:
        return urlsplit(self.base_url).path.rstrip("/").rpartition("/")[2]


def settings() -> Settings:
    """The settings from the environment, or from the file of scripts/local if BASE_URL is not set."""
    values = os.environ
    written = Path(__file__).parent.parent / ".local" / "yourplace.env"
    if "BASE_URL" not in values and written.exists():
        os.environ.update(read_settings(written))
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
    """A user with tokens, and the requests that most tests begin with.

    `name` is the user name. `id` is the stable id, which every key of the user has: the token's `sub`, unless
    another one is given.
    """

    #: Set by tests: the name of a photo of this user, and a cursor in this user's list.
    target: str
    cursor: str

    def __init__(
        self,
        http: httpx.Client,
        name: str,
        id_token: str,
        access_token: str = "",
        password: str = "",
        email: str = "",
        id: str = "",
    ) -> None:
        self.http, self.name, self.password, self.email = http, name, password, email
        self.id_token, self.access_token = id_token, access_token
        self.id = id or tokens.decode(id_token)[1]["sub"]

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.id_token}", **request.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **request)

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self.call("POST", path, **request)

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.call("GET", path, **request)

    def me(self) -> Any:
        """The record."""
        response = self.get("/me")
        assert response.status_code == 200, response.text
        return response.json()

    def upload(self, data: bytes, name: str | None = None) -> dict[str, Any]:
        """Uploads a photo; returns the response's body."""
        response = self.post(
            "/upload_single_photo",
            content=data,
            params={"filename": name} if name else None,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert response.status_code == 201, response.text
        stored: dict[str, Any] = response.json()
        return stored

    def unzip(self, archive: bytes) -> "Report":
        """Uploads an archive; returns the report."""
        response = self.post("/unzip", content=archive, headers={"Content-Type": "application/zip"})
        assert response.status_code == 200, response.text
        return Report(response.json())

    def photos(self) -> list[dict[str, Any]]:
        """All photos of this user, from all pages."""
        photos, cursor = [], None
        while True:
            response = self.post("/list", json={"limit": 1000} | ({"cursor": cursor} if cursor else {}))
            assert response.status_code == 200, response.text
            photos += response.json()["photos"]
            cursor = response.json()["cursor"]
            if cursor is None:
                return photos

    def names(self) -> list[str]:
        return [photo["filename"] for photo in self.photos()]

    def fetch(self, filename: str) -> httpx.Response:
        """Downloads a photo through the redirect."""
        response = self.get("/download", params={"filename": filename}, follow_redirects=True)
        assert response.status_code == 200, response.text
        return response


class Report:
    """The report of `POST /unzip`: three lists of entries."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.stored, self.skipped, self.failed = body["stored"], body["skipped"], body["failed"]

    def __len__(self) -> int:
        return len(self.stored) + len(self.skipped) + len(self.failed)

    @property
    def entries(self) -> list[str]:
        return sorted(item["entry"] for item in self.stored + self.skipped + self.failed)

    @property
    def reasons(self) -> dict[str, str]:
        """{entry: its reason, or "stored"}, for archives without duplicate names."""
        return {
            item["entry"]: item.get("reason", "stored") for item in self.stored + self.skipped + self.failed
        }


def original_name(photo: dict[str, Any]) -> str:
    """The original name that is part of a stored photo's name."""
    match = PHOTO_NAME.fullmatch(photo["filename"])
    assert match, photo["filename"]
    return match["name"]


def assert_problem(response: httpx.Response, status: int, *pointers: str) -> Any:
    """Checks a response against "Errors" in docs/api.md; returns the body.

    pointers: exactly those that a 422 must list, in any order; without any, every list passes.
    """
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["content-type"].partition(";")[0] == "application/problem+json"
    body = response.json()
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


def at_first(photo: dict[str, Any]) -> dict[str, Any]:
    """A photo without what is found in it later."""
    return {name: value for name, value in photo.items() if name not in FOUND_LATER}


def words(response: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Status and body without the request id, to compare what two clients are told."""
    body = response.json() if response.content else {}
    return response.status_code, {name: value for name, value in body.items() if name != "request_id"}


def sent_mails(settings: Settings) -> list[dict[str, Any]]:
    """Every email that the local cloud has sent, oldest first for each receiver, in MiniStack's own form."""
    response = httpx.get(f"{settings.endpoint}/_ministack/ses/messages", timeout=180)
    response.raise_for_status()
    return [mail for mails in response.json()["messages"].values() for mail in mails]


def eventually(read: Callable[[], T], wanted: T, seconds: float = 120) -> T:
    """Reads until the value is the wanted one, for changes that follow by an event; returns it."""
    deadline = time.monotonic() + seconds
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, (
            f"after {seconds:.0f} s the value is {found!r:.2000}, not {wanted!r:.2000}"
        )
        time.sleep(0.1)
    return found


def rendered(user: User, stored: dict[str, Any], seconds: float = 300) -> dict[str, Any]:
    """The photo, once it is no longer pending. Thousands of photos of other tests may be ahead of it."""

    def photo() -> dict[str, Any]:
        response = user.get(f"/photos/{stored['filename']}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    eventually(lambda: photo()["rendition"] == "pending", False, seconds)
    return photo()


def upload_known(user: User, data: bytes, title: str = "copy") -> dict[str, Any]:
    """Uploads a photo whose checksum the service knows at once, because the client states it."""
    sha256 = hashlib.sha256(data).hexdigest()
    declared = {"filename": f"{title}.jpg", "size": len(data), "sha256": sha256}
    created = user.post("/uploads", json=declared).json()
    assert httpx.put(created["parts"][0]["url"], content=data).status_code == 200
    response = user.post(f"/uploads/{created['id']}/complete")
    assert response.status_code == 201, response.text
    stored: dict[str, Any] = response.json()["photo"]
    assert stored["sha256"] == sha256
    return stored


class _Patient(httpx.HTTPTransport):
    """Repeats a request whose token could not be checked, because its issuer's keys did not come in time.

    On a busy machine, a local cloud sometimes takes seconds for them.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(4):
            response = super().handle_request(request)
            if response.status_code != 503 or NO_KEYS not in response.read():
                break
            time.sleep(float(response.headers["retry-after"]))
        return response


def client(base_url: str, timeout: float = 180, connections: int = 64) -> httpx.Client:
    """A client that checks every response of the service against the OpenAPI document."""
    return httpx.Client(
        base_url=base_url,
        timeout=timeout,
        transport=_Patient(limits=httpx.Limits(max_connections=connections)),
        event_hooks={"response": [contract.hook(CONTRACT, base_url)]},
    )


CONTRACT = contract.Contract(contract.document())
