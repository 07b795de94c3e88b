"""The functions themselves, without the gateway: calling one, and the memory of its process."""

import base64
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from service import TOKEN_ROUTES

FUNCTIONS = {
    route: route.removeprefix("/").replace("/", "_") for route in (*TOKEN_ROUTES, "/me", "/me/images")
}


def event(stage, method, path, headers, body=b"", query="", raw_path=None, claims=None):
    """What API Gateway hands to a function (its Developer Guide: payload format version 2.0)."""
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": raw_path or path,
        "rawQueryString": query,
        "headers": {"host": "example.execute-api.eu-central-1.amazonaws.com"} | headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "example",
            "domainName": "example.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "example",
            "http": {
                "method": method,
                "path": raw_path or path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "tests",
            },
            "requestId": "made-by-hand",
            "routeKey": f"{method} {path}",
            "stage": stage,
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": bool(body),
    }
    if body:
        event["body"] = base64.b64encode(body).decode()
    if claims is not None:
        event["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    return event


class Functions:
    def __init__(self, client, stage):
        self.client, self.stage = client, stage

    def call(self, path, token=None, method="POST", headers=None, **parts):
        """The answer of a route's function: status_code, headers (lower case), text, json()."""
        headers = {"content-type": "application/json"} | (headers or {})
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        payload = event(self.stage, method, path, headers, **parts)
        answer = self.client.invoke(
            FunctionName=f"yourplace-{self.stage}-{FUNCTIONS[path]}", Payload=json.dumps(payload)
        )
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        text = result.get("body") or ""
        if result.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        return SimpleNamespace(
            status_code=result["statusCode"],
            headers={name.lower(): value for name, value in (result.get("headers") or {}).items()},
            text=text,
            content=text,
            json=lambda: json.loads(text),
        )


class Memory:
    """The peak resident memory of a function's processes on this host (Linux only)."""

    def __init__(self, stage, endpoint):
        self.stage, self.port = stage, urlsplit(endpoint).port

    def processes(self, function):
        """The process ids of a function's warm environments, in the local cloud under test and no other."""
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

    def forget(self, function):
        """Starts the measurement anew, for the environments that are there already (proc(5), clear_refs)."""
        for folder in self.processes(function):
            (folder / "clear_refs").write_text("5")

    def peak(self, function):
        """Bytes; the highest of all its processes since the last `forget`."""
        peaks = []
        for folder in self.processes(function):
            lines = (folder / "status").read_text().splitlines()
            peaks += [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
        assert peaks, f"no process of the function {function} was found"
        return max(peaks)
