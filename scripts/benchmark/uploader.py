"""A client that uploads one photo of any size in parts, and continues the upload that an earlier run began.

The photo's bytes are computed, so it needs no file. As a program (`python -m benchmark.uploader`) it takes
BASE_URL, TOKEN, SIZE, SEED and AGENT, the name of this run, from the environment.
"""

import functools
import http.client
import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

_MIB = 1024 * 1024
_SIGNATURE = b"\xff\xd8\xff\xe0"
# The name shows which upload to continue.
_NAME = "benchmark-{size}-{seed}.jpg"
# Uppy's default is 6; more than the processors of a small machine gain nothing here.
_PARTS_AT_ONCE = 4


class Source:
    """The bytes of a photo: each MiB begins with its number, and the rest is the same random MiB."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self._block = size, random.Random(seed).randbytes(_MIB)

    def read(self, offset: int, size: int) -> bytearray:
        """`size` bytes from `offset`, which is the beginning of a MiB."""
        first = offset // _MIB
        made = bytearray(self._block) * -(-size // _MIB)
        for number in range(len(made) // _MIB):
            made[number * _MIB : number * _MIB + 8] = (first + number).to_bytes(8)
        if first == 0:
            made[: len(_SIGNATURE)] = _SIGNATURE
        del made[size:]
        return made


class Client:
    """Sends requests to the API."""

    def __init__(self, base_url: str, token: str) -> None:
        self._url, self._token = urlsplit(base_url), token

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The body of a response; waits and tries again after a 503."""
        while True:
            connection = http.client.HTTPConnection(self._url.netloc, timeout=60)
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request(method, self._url.path + path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            content = response.read()
            connection.close()
            if response.status != 503:
                break
            time.sleep(float(response.headers["Retry-After"]))
        if response.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {response.status} {content.decode()}")
        return json.loads(content)


def upload(client: Client, source: Source, name: str, agent: str) -> dict[str, Any]:
    """Uploads the photo, or what is missing of it; the completed upload."""
    begun = [found for found in client.call("GET", "/uploads")["uploads"] if found["filename"] == name]
    if begun:
        found = client.call("GET", f"/uploads/{begun[0]['id']}")
    else:
        found = client.call("POST", "/uploads", {"filename": name, "size": source.size})
    with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
        while found["parts"]:
            list(pool.map(functools.partial(_send, source, found["part_size"], agent), found["parts"]))
            found = client.call("GET", f"/uploads/{found['id']}")
    completed: dict[str, Any] = client.call("POST", f"/uploads/{found['id']}/complete")
    return completed


def _send(source: Source, part_size: int, agent: str, part: dict[str, Any]) -> None:
    url = urlsplit(part["url"])
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    content = source.read((part["number"] - 1) * part_size, part["size"])
    connection.request("PUT", f"{url.path}?{url.query}", content, {"User-Agent": agent} | part["headers"])
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"part {part['number']}: {response.status} {body.decode()}")


def main() -> None:
    """Uploads the photo that the environment describes, and prints the completed upload."""
    size, seed = int(os.environ["SIZE"]), int(os.environ["SEED"])
    client = Client(os.environ["BASE_URL"], os.environ["TOKEN"])
    name = _NAME.format(size=size, seed=seed)
    print(json.dumps(upload(client, Source(size, seed), name, os.environ["AGENT"])))


if __name__ == "__main__":
    main()
