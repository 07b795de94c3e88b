"""Uploads photos of up to 10 GB through the API of a local cloud, without and with interruptions.

The functions are those of the local cloud, and so are the API and the tables. S3 is a stand-in that keeps
hashes (hashing_s3). What clients send is checked against its rules and against the source. A figure is only
printed if the photo has arrived whole and no part was sent twice without an interruption.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark import costs
from benchmark.hashing_s3 import Counts, Delivery, Store, serving
from benchmark.report import markdown
from benchmark.uploader import Client, Source
from localcloud import functions, process, users
from localcloud.aws import Aws, full_name
from localcloud.deploy import chosen, deploy
from localcloud.examples import DEMO_PASSWORD, DEMO_USER
from localcloud.storage import BUCKET
from support import build, manifest
from support.common import LOCAL, SCRIPTS, Failure, free_port

_AUTHORIZER = "jwt"
_MAX_PHOTO_BYTES = 20 * 1024**3
_SEED = 20261121
_POLL_SECONDS = 0.01
# A run without progress for as long is broken.
_PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Scenario:
    """A photo to upload, and how often the client is killed on the way."""

    label: str
    size: int
    interruptions: int = 0


@dataclass(frozen=True)
class Result:
    """What an upload took."""

    scenario: Scenario
    seconds: float
    #: The parts that were sent again, all of which were on their way at an interruption.
    again: int
    counts: Counts


def scenarios(quick: bool) -> list[Scenario]:
    """All that is measured. `quick` leaves out 10 GB."""
    small = [Scenario("10 MB", 10_000_000), Scenario("1 GB", 10**9)]
    large = [Scenario("10 GB", 10**10), Scenario("10 GB, killed 20 times", 10**10, 20)]
    return [*small, Scenario("1 GB, killed 5 times", 10**9, 5)] if quick else [*small, *large]


def run(quick: bool, latency_ms: int, zips: Path | None) -> str:
    """Measures in a local cloud of its own; the tables."""
    store = Store(BUCKET, latency_ms)
    with _service(store, zips) as environment:
        # The functions start with their first requests.
        _upload(store, Scenario("1 MB", 1_000_000), 0, environment)
        results = []
        for seed, scenario in enumerate(scenarios(quick), start=_SEED):
            print(f"Uploading {scenario.label} …", file=sys.stderr, flush=True)
            results.append(_upload(store, scenario, seed, environment))
    return _tables(results)


@contextmanager
def _service(store: Store, zips: Path | None) -> Iterator[Mapping[str, str]]:
    """The service in a local cloud, with S3 replaced by `store`; where clients find it, and a token."""
    service = manifest.load()
    names = [function.name for function in chosen(service.functions, _AUTHORIZER)]
    if zips:
        programs = {name: zips / f"{name}.zip" for name in names}
    else:
        programs = build.pick(names, build.package_for_host())
    folder, port = process.Folder(LOCAL / "bench-uploads"), free_port()
    process.stop(folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    with serving(store, f"127.0.0.1:{port}") as front:
        cloud = process.start(folder, port, persist=False, endpoint=f"http://localhost:{front}")
        try:
            aws = Aws(cloud)
            settings = deploy(aws, service, programs, _AUTHORIZER, []).settings
            _adapt(aws, service)
            users.ensure_user(aws, settings["USER_POOL_ID"], DEMO_USER, DEMO_PASSWORD, permanent=True)
            base_url = settings["BASE_URL"].replace(f":{port}/", f":{front}/")
            login = {"username": DEMO_USER, "password": DEMO_PASSWORD}
            yield {"BASE_URL": base_url, "TOKEN": Client(base_url, "").call("POST", "/login", login)["jwt"]}
        finally:
            process.stop(folder)


def _adapt(aws: Aws, service: manifest.Manifest) -> None:
    """Lets photos be larger, and stops the schedules, whose calls would be counted."""
    for function in service.functions:
        name = full_name(function.name)
        if function.schedule:
            aws.scheduler.delete_schedule(Name=name)
        if "POST /uploads" in function.routes:
            found = aws.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            found["MAX_PHOTO_BYTES"] = str(_MAX_PHOTO_BYTES)
            aws.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": found})
            functions.call_new_version(aws, name)


def _upload(store: Store, scenario: Scenario, seed: int, environment: Mapping[str, str]) -> Result:
    """Uploads one photo, and checks what S3 has then."""
    store.take_counts()
    store.deliveries.clear()
    started = time.monotonic()
    killed: dict[str, float] = {}
    environment = {
        **os.environ,
        **environment,
        "SIZE": str(scenario.size),
        "SEED": str(seed),
        "PYTHONPATH": str(SCRIPTS),
    }
    moments = random.Random(seed)
    for moment in sorted(moments.randrange(scenario.size) for _ in range(scenario.interruptions)):
        agent = f"run-{len(killed)}"
        with _client(environment, agent) as client:
            _wait(store, client, moment)
            killed[agent] = time.monotonic()
    with _client(environment, f"run-{len(killed)}") as client:
        printed, _ = client.communicate(timeout=_PATIENCE_SECONDS)
        if client.returncode != 0:
            raise Failure("The client failed: see its message above.")
    seconds = time.monotonic() - started
    again = _sent_again(store.deliveries, killed)
    _check(store, Source(scenario.size, seed), json.loads(printed))
    return Result(scenario, seconds, again, store.take_counts())


@contextmanager
def _client(environment: Mapping[str, str], agent: str) -> Iterator[subprocess.Popen[str]]:
    """A client, which is killed at the end of the block unless it has ended."""
    environment = {**environment, "AGENT": agent}
    command = [sys.executable, "-m", "benchmark.uploader"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as client:
        try:
            yield client
        finally:
            client.kill()


def _wait(store: Store, client: subprocess.Popen[str], received: int) -> None:
    """Waits until clients have sent this many bytes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while store.received < received:
        if client.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"The client ended or hung before it had sent {received} bytes.")
        time.sleep(_POLL_SECONDS)


def _sent_again(deliveries: Sequence[Delivery], killed: Mapping[str, float]) -> int:
    """The number of parts sent again. A Failure if one had arrived before its client was killed."""
    last: dict[int, Delivery] = {}
    again = 0
    for delivery in deliveries:
        before = last.get(delivery.number)
        if before is not None:
            again += 1
            on_its_way = before.ended is None or before.ended >= killed[before.agent]
            if before.agent == delivery.agent or not on_its_way:
                raise Failure(f"Part {delivery.number} had arrived, and was sent again by {delivery.agent}.")
        last[delivery.number] = delivery
    return again


def _check(store: Store, source: Source, upload: Mapping[str, Any]) -> None:
    """The photo is stored once, whole and in order, and nothing else is left."""
    part_size, count = upload["part_size"], upload["part_count"]
    expected = []
    for number in range(count):
        content = source.read(number * part_size, min(part_size, source.size - number * part_size))
        expected.append(hashlib.sha256(content).digest())
    stored = store.list("")
    name = upload["photo"]["filename"]
    if [key for key, _ in stored if key.endswith(f"/{name}")] != [key for key, _ in stored] or len(
        stored
    ) != 1:
        raise Failure(f"S3 has {[key for key, _ in stored]} instead of the photo {name} alone.")
    if store.multiparts:
        raise Failure("A multipart upload is left in S3.")
    key, photo = stored[0]
    hashes = photo.hashes()
    if photo.size != source.size or hashes is None or _hash(hashes) != _hash(expected):
        raise Failure("The stored photo differs from its source.")
    store.delete(key)


def _hash(parts: Sequence[bytes]) -> str:
    """The hash of the hashes of all parts, in their order."""
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _tables(results: Sequence[Result]) -> str:
    prices = costs.read()
    functions = {route: function for function in manifest.load().functions for route in function.routes}
    rows = []
    for result in results:
        counts = result.counts
        api = sum(
            costs.small_request(prices, functions[route].memory, second * 1000)
            for route, seconds in counts.api.items()
            for second in seconds
        )
        calls = sum(count * prices["calls"][call] for call, count in counts.billed.items())
        requests = {route: len(seconds) for route, seconds in counts.api.items()}
        rows.append(
            [
                result.scenario.label,
                f"{result.seconds:.1f}",
                f"{counts.api['POST /uploads/{id}/complete'][-1]:.1f}",
                result.again,
                sum(requests.values()),
                sum(count for call, count in counts.calls.items() if call.startswith("S3 ")),
                sum(count for call, count in counts.calls.items() if call.startswith("DynamoDB ")),
                f"{(api + calls) * 1000:.3f}",
            ]
        )
    columns = ["photo", "seconds", "of these `complete`", "parts sent again"]
    columns += ["requests", "S3 calls", "DynamoDB calls", "USD for 1,000"]
    called = sorted({call for result in results for call in result.counts.calls})
    details = [[call, *(result.counts.calls[call] for result in results)] for call in called]
    routes = sorted({route for result in results for route in result.counts.api})
    details += [[route, *(len(result.counts.api.get(route, [])) for result in results)] for route in routes]
    return "\n".join(
        [
            markdown("Uploads", columns, rows),
            f"Prices of {prices['date']}, {prices['region']}, arm64. {prices['note']}\n",
            markdown("Calls of one upload", ["", *(result.scenario.label for result in results)], details),
        ]
    )
