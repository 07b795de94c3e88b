"""No secret reaches a log: "Read the logs" in docs/operations.md."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from conftest import PASSWORD
from service import Settings, User, eventually

#: Where many tests have run, it would read their logs for minutes.
pytestmark = [pytest.mark.local_cloud, pytest.mark.few_users]


class Logs:
    """The functions' logs since the start of a test."""

    def __init__(self, client: Any, stage: str) -> None:
        self.client, self.prefix = client, f"/aws/lambda/yourplace-{stage}-"
        self.start = int(time.time() * 1000)

    def text(self) -> str:
        groups = self.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self.prefix)
        return "\n".join(
            event["message"]
            for page in groups
            for group in page["logGroups"]
            for events in self.client.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"], startTime=self.start
            )
            for event in events["events"]
        )


def refusals(http: httpx.Client, user: User, secret: Callable[[], str]) -> list[httpx.Response]:
    """Responses to requests that fail at every step: while they are read, in the pool, and in the tables."""
    name, email = f"n-{secret()}", f"{secret()}@example.com"
    cookie = {"X-Session": "cookie", "Cookie": f"__Host-session={secret()}"}
    access = {"Authorization": f"Bearer {user.access_token}"}
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/signup", {"username": user.name, "password": f"{PASSWORD}{secret()}", "email": email}),
        ("/signup", {"username": name, "password": secret()[:9], "email": email}),
        ("/signup", {"username": f"{name}!", "password": secret(), "email": secret()}),
        ("/confirm", {"username": name, "code": secret()}),
        ("/login", {"username": user.name, "password": secret()}),
        ("/login", {"username": email, "password": secret()}),
        ("/login/new_password", {"username": name, "session": secret() * 2, "new_password": secret()}),
        ("/login/mfa", {"username": name, "session": secret() * 2, "code": secret()}),
        ("/login/mfa/setup", {"username": name, "session": secret() * 2, "code": secret()}),
        ("/login/refresh", {"refresh_token": secret()}),
        ("/login/refresh", {"refresh_token": secret(), secret(): secret()}),
        ("/password/reset", {"username": user.name, "code": secret(), "new_password": secret()}),
    ]
    return [
        *(http.post(path, json=body) for path, body in bodies),
        *(http.post(path, content=f'{{"{secret()}": "{secret()}') for path, _ in bodies),
        *(http.post(path, json={}, params={"password": secret()}) for path, _ in bodies),
        http.post("/login", json={}, headers={"X-Session": secret()}),
        http.post("/login/refresh", headers=cookie),
        http.post("/me/mfa/confirm", json={"code": secret()}, headers=access),
        http.request("DELETE", "/me/mfa", json={"code": secret()}, headers=access),
        user.post("/upload_single_photo", content=secret().encode(), params={"filename": secret()}),
        user.post("/unzip", content=secret().encode(), headers={"Content-Type": "application/zip"}),
        user.get("/download", params={"filename": secret()}),
        user.get("/photos", params={"cursor": secret()}),
        user.get(f"/photos/{secret()}"),
        user.post("/delete", json={"file": secret()}),
        user.post("/uploads", json={"filename": secret(), "size": secret()}),
        user.call("PUT", "/me", json={"display_name": [secret()]}),
        user.post("/auctions", json={"title": [secret()]}),
    ]


def test_no_secret_of_a_refused_request_reaches_a_log(
    http: httpx.Client, make_user: Callable[..., User], aws: Callable[[str], Any], settings: Settings
) -> None:
    logs, user, secrets = Logs(aws("logs"), settings.stage), make_user(), list[str]()

    def secret() -> str:
        secrets.append(f"s{uuid.uuid4().hex}")
        return secrets[-1]

    responses = refusals(http, user, secret)
    assert {response.status_code // 100 for response in responses} == {4}
    requests = [response.json()["request_id"] for response in responses]
    # Each request is in the logs, so what is not there was not logged.
    eventually(lambda: [request for request in requests if request not in logs.text()], [])
    text = logs.text()
    known = [user.name, user.email, user.password, user.access_token, user.id_token, *secrets]
    for value in known:
        forms = (value, base64.b64encode(value.encode()).decode().rstrip("="), json.dumps(value)[1:-1])
        assert not any(form in text for form in forms), value
    assert '"level":"INFO"' in text
