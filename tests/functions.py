"""The functions themselves, without the gateway: calling one, and the memory of its process."""

import base64
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from service import CONTRACT, TOKEN_ROUTES
from support import events

FUNCTIONS = {
    route: route.removeprefix("/").replace("/", "_")
    for route in (*TOKEN_ROUTES, "/me", "/me/images", "/photos/months")
} | {"/photos": "photos_list"}


class Functions:
    def __init__(self, client: Any, stage: str) -> None:
        self.client, self.stage = client, stage

    def call(
        self,
        path: str,
        token: str | None = None,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        **parts: Any,
    ) -> httpx.Response:
        """The response of a route's function. Without a method, the one that the route has."""
        method = method or ("POST" if path in TOKEN_ROUTES else "GET")
        headers = {"content-type": "application/json"} | (headers or {})
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        payload = events.http_request(f"{method} {path}", headers, stage=self.stage, **parts)
        response = self.client.invoke(
            FunctionName=f"yourplace-{self.stage}-{FUNCTIONS[path]}",
            Qualifier="live",
            Payload=json.dumps(payload),
        )
        result = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, result
        body = result.get("body") or ""
        content = base64.b64decode(body) if result.get("isBase64Encoded") else body.encode()
        received = httpx.Headers(result.get("headers"))
        CONTRACT.check(method, path, result["statusCode"], received, content)
        return httpx.Response(result["statusCode"], headers=received, content=content)


class Memory:
    """The peak resident memory of a function's processes on this host (Linux only)."""

    def __init__(self, stage: str, endpoint: str) -> None:
        self.stage, self.port = stage, urlsplit(endpoint).port

    def processes(self, function: str) -> list[Path]:
        """The folders in /proc of a function's processes, in the local cloud under test only."""
        wanted, found = f"yourplace-{self.stage}-{function}", []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                pairs = (pair.partition(b"=") for pair in (folder / "environ").read_bytes().split(b"\0"))
                values = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
            except OSError:  # gone, or another user's
                continue
            endpoint = values.get("AWS_ENDPOINT_URL", "")
            if values.get("AWS_LAMBDA_FUNCTION_NAME") == wanted and urlsplit(endpoint).port == self.port:
                found.append(folder)
        return found

    def forget(self, function: str) -> None:
        """Resets the peak of the processes that run already (proc(5), clear_refs)."""
        for folder in self.processes(function):
            (folder / "clear_refs").write_text("5")

    def peak(self, function: str) -> int:
        """The highest peak of all its processes since the last `forget`, in bytes."""
        peaks = []
        for folder in self.processes(function):
            lines = (folder / "status").read_text().splitlines()
            peaks += [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
        assert peaks, f"no process of the function {function} was found"
        return max(peaks)
