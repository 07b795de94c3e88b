"""Valid and invalid requests, generated from the OpenAPI document, against a separate local cloud."""

import json
import os
import urllib.request
from pathlib import Path

from checks.deployments import local_cloud, zips
from checks.step import run
from localcloud.examples import DEMO_PASSWORD, DEMO_USER
from support.common import LOCAL, ROOT, SCRIPTS, virtual_environment

_SEED = 20261121
_REPORT = LOCAL / "reports" / "contract.xml"


def contract() -> str:
    """Schemathesis: responses match the document, invalid requests are refused, and links work."""
    python = virtual_environment("contract")
    with local_cloud(LOCAL / "contract") as cloud:
        cloud.start("--zips", str(zips()))
        attack(python, cloud.settings()["BASE_URL"])
    return f"with the seed {_SEED}"


def attack(python: Path, base_url: str) -> None:
    """Runs Schemathesis as the demo user, whom no other test uses in this local cloud."""
    command: list[str | Path] = [
        python.with_name("schemathesis"),
        "--config-file",
        SCRIPTS / "checks" / "schemathesis.toml",
        "run",
        ROOT / "docs" / "openapi.json",
        "--url",
        base_url,
        "--seed",
        str(_SEED),
        "--report-junit-path",
        _REPORT,
    ]
    environment = {**os.environ, "TOKEN": _log_in(base_url)}
    run(command, "Fix the code or its description. Each failure above has a curl line.", environment)


def _log_in(base_url: str) -> str:
    body = json.dumps({"username": DEMO_USER, "password": DEMO_PASSWORD}).encode()
    request = urllib.request.Request(f"{base_url}/login", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        token: str = json.load(response)["jwt"]
    return token
