"""Applies modules/web to a local cloud, whose CloudFront runs its functions, and asks it for a small app.

The gateway cannot be its origin there. This cloud enforces no IAM, but the policy of the bucket.
"""

import contextlib
import http.client
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from support import web
from support.common import ROOT, SCRIPTS, Failure, free_port, virtual_environment
from terraform_checks.terraform import WORK, Terraform

_REGION = "us-east-1"
_BUCKET = "yourplace-test-web"
_PHOTOS = "https://photos.s3.us-east-1.amazonaws.com"
_CONFIGURATION = f"""
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws", version = "~> 6.25" }}
  }}
}}

provider "aws" {{
  region            = "{_REGION}"
  s3_use_path_style = true
}}

module "bucket" {{
  source        = "{ROOT}/modules/bucket"
  name          = "{_BUCKET}"
  tls_only      = false
  force_destroy = true
  distributions = "arn:aws:cloudfront::000000000000:distribution/*"
}}

module "web" {{
  source              = "{ROOT}/modules/web"
  name                = "yourplace-test"
  bucket_name         = module.bucket.name
  api                 = {{ host = "a1.execute-api.{_REGION}.amazonaws.com", stage = "test" }}
  photo_bucket_origin = "{_PHOTOS}"
  firewall            = {{}}
}}

output "target" {{
  value = module.web.target
}}
"""
_APP = {"index.html": "<!doctype html>", "assets/index-Bk3x.js": "a script"}
_START_SECONDS = 60


class _Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


def prove(terraform: Terraform) -> str:
    """Deploys the module and an app, and checks what a browser gets."""
    folder = WORK / "web"
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in _APP.items():
        file = folder / "app" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (folder / "main.tf").write_text(_CONFIGURATION)
    with _cloud(folder) as port:
        environment = {
            "AWS_ENDPOINT_URL": f"http://localhost:{port}",
            "AWS_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        for arguments in (("init", "-input=false"), ("apply", "-auto-approve", "-input=false")):
            terraform.run(folder, *arguments, environment=environment).expect()
        # A second plan is empty.
        terraform.run(folder, "plan", "-detailed-exitcode", environment=environment).expect()
        target = terraform.run(folder, "output", "-raw", "target", environment=environment).expect().output
        publish: list[str | Path] = [
            SCRIPTS / "publish",
            "--app",
            folder / "app",
            "--bucket",
            _BUCKET,
            "--region",
            _REGION,
        ]
        subprocess.run(publish, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
        problems = list(_problems(port, target))
        terraform.run(folder, "destroy", "-auto-approve", "-input=false", environment=environment).expect()
    if problems:
        raise Failure("\n- ".join(["CloudFront does not serve the web app as intended:", *problems]))
    return "the web app: CloudFront serves pages and assets with their headers, from a private bucket"


def _problems(port: int, host: str) -> Iterator[str]:
    page, script = _APP.values()
    expected = {
        "/": (page, "no-cache"),
        "/photos/20261121T101500123Z_cat.jpg": (page, "no-cache"),
        "/assets/index-Bk3x.js": (script, "public, max-age=31536000, immutable"),
    }
    for path, (body, cache_control) in expected.items():
        response = _get(port, host, path)
        if (response.status, response.body) != (200, body):
            yield f"{path} is {response.status} {response.body[:100]!r}"
        for name, value in {"Cache-Control": cache_control, **web.headers(_PHOTOS)}.items():
            if response.headers.get(name.lower()) != value:
                yield f"{path} has the header {name}: {response.headers.get(name.lower())}, not {value}"
    if (missing := _get(port, host, "/assets/missing.js")).status != 403:
        yield f"an asset that is not there is {missing.status}"
    if (plain := _get(port, host, "/", scheme="http")).status != 301:
        yield f"a request without TLS is {plain.status}"


def _get(port: int, host: str, path: str, scheme: str = "https") -> _Response:
    connection = http.client.HTTPConnection("localhost", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": scheme})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return _Response(response.status, headers, response.read().decode())


@contextlib.contextmanager
def _cloud(folder: Path) -> Iterator[int]:
    """A MiniStack with the Node.js that its CloudFront needs for functions; its port."""
    port = free_port()
    node = web.command()[1]["PATH"]
    environment = {
        "PATH": node,
        "HOME": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": _REGION,
        "STATE_DIR": str(folder / "state"),
        "IOT_MTLS_ENABLED": "0",
    }
    python = virtual_environment("local")
    log = folder / "ministack.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [python, "-m", "ministack"], env=environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait_until_ready(port, log)
            yield port
        finally:
            process.terminate()


def _wait_until_ready(port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/_ministack/ready", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise Failure(f"MiniStack did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)
