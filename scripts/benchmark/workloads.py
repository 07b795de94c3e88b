"""What is measured: the contenders, and the work that each is given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark import events, files, library
from benchmark.library import Photos
from support import manifest
from support.common import SCRIPTS
from support.manifest import Function

BUCKET = "yourplace"
POOL = "eu-central-1_bench"
CLIENT = "bench"
ISSUER = f"https://cognito-idp.eu-central-1.amazonaws.com/{POOL}"

BARE = "bare handler"
PYTHON = "Python"
_PAGE = 1000
_MEMORY_OF_REFERENCES = 256
_PHOTO_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Work:
    """A unit of work: its label in the tables, who does it, its events, and what it finds.

    The user has so many `photos`. The table contains `items` besides theirs, or instead of them, and not
    the items whose range keys are `removed`. S3 has no objects with the keys `absent`, and has the
    `documents` of jobs. A `job` is done by several processes, to which the only event delivers its messages.
    """

    label: str
    contender: str
    events: Sequence[str] = ()
    photos: int = 0
    items: Sequence[library.Item] = ()
    removed: Sequence[str] = ()
    absent: Sequence[str] = ()
    documents: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Experiment:
    """Contenders that are measured in turns. `group` is what `--only` chooses, `title` a row or a table."""

    group: str
    title: str
    kind: str
    repetitions: int
    works: Sequence[Work] = field(default_factory=tuple)

    @property
    def name(self) -> str:
        return f"{self.group}: {self.title}"


@dataclass(frozen=True)
class Programs:
    """What was built, and the Python of the reference."""

    functions: Mapping[str, Path]
    bare: Path
    extension: Path | None
    python: Path


WITHOUT_GATEWAY = ("authorize", "index_images", "process_auctions", "record_photos", "send_mail")

_UPLOAD = "019a0000-0000-7000-8000-000000000003"
_SOME = Photos(100)
PHOTO = _SOME.name(50)
# What the table contains besides the photos, for the functions that need it.
_ITEMS: Mapping[str, Sequence[library.Item]] = {
    "index_images": [_SOME.usage(changes=1)],
    "record_photos": [_SOME.usage(changes=1)],
    **{
        name: [_SOME.usage(uploads=(_UPLOAD,)), library.upload(_UPLOAD)]
        for name in ("uploads_list", "uploads_get", "uploads_parts", "uploads_complete", "uploads_cancel")
    },
}

# A typical event of each function that is called by one. Those that are missing are measured up to readiness.
_EVENTS: Mapping[str, Callable[[], str]] = {
    "authorize": events.authorizer,
    "signup": lambda: events.http(
        "POST /signup", {"username": "ann", "password": "a-password-1-of-ann", "email": "ann@example.com"}
    ),
    "confirm": lambda: events.http("POST /confirm", {"username": "ann", "code": "123456"}),
    "confirm_resend": lambda: events.http("POST /confirm/resend", {"username": "ann"}),
    "login": lambda: events.http("POST /login", {"username": "ann", "password": "a-password-1-of-ann"}),
    "login_new_password": lambda: events.http(
        "POST /login/new_password",
        {"username": "ann", "session": "s" * 500, "new_password": "a-password-1-of-ann"},
    ),
    "login_mfa": lambda: events.http(
        "POST /login/mfa", {"username": "ann", "session": "s" * 500, "code": "123456"}
    ),
    "logout": lambda: events.http("POST /logout", {"refresh_token": "r" * 1700}),
    "login_refresh": lambda: events.http("POST /login/refresh", {"refresh_token": "r" * 1700}),
    "password_forgot": lambda: events.http("POST /password/forgot", {"username": "ann"}),
    "password_reset": lambda: events.http(
        "POST /password/reset", {"username": "ann", "code": "123456", "new_password": "a-password-1-of-ann"}
    ),
    "upload_single_photo": lambda: upload(100_000),
    "unzip": lambda: events.http("POST /unzip", raw=files.archive(2, 20_000)),
    "list": lambda: events.http("POST /list", query={"limit": "100"}),
    "download": lambda: events.http("GET /download", query={"filename": PHOTO}),
    "delete": lambda: events.http("POST /delete", query={"filename": PHOTO}),
    "photos_list": lambda: events.http("GET /photos"),
    "photos_months": lambda: events.http("GET /photos/months"),
    "photos_get": lambda: events.http("GET /photos/{filename}", path=PHOTO),
    "uploads_create": lambda: events.http(
        "POST /uploads", {"filename": "photo.jpg", "size": library.PHOTO_BYTES}
    ),
    "uploads_list": lambda: events.http("GET /uploads"),
    "uploads_get": lambda: events.http("GET /uploads/{id}", path=_UPLOAD),
    "uploads_parts": lambda: events.http("POST /uploads/{id}/parts", {"numbers": [1]}, path=_UPLOAD),
    "uploads_complete": lambda: events.http("POST /uploads/{id}/complete", path=_UPLOAD),
    "uploads_cancel": lambda: events.http("DELETE /uploads/{id}", path=_UPLOAD),
    "me": lambda: events.http("GET /me"),
    "me_images": lambda: events.http("GET /me/images"),
    "record_photos": lambda: events.changed(BUCKET, PHOTO, "ObjectCreated:Put"),
    "index_images": events.outdated,
    "docs": lambda: events.http("GET /openapi.json"),
    "auctions_create": lambda: events.http("POST /auctions", {"title": "A lamp", "starting_price": 100}),
    "auctions_list": lambda: events.http("GET /auctions"),
    "auctions_get": lambda: events.http("GET /auctions/{id}"),
    "auctions_bid": lambda: events.http("PATCH /auctions/{id}/bid", {"amount": 500}),
    "auctions_picture": lambda: events.http("PATCH /auctions/{id}/picture", raw=files.photo(100_000)),
}


def upload(size: int) -> str:
    """The upload of a photo."""
    return events.http("POST /upload_single_photo", raw=files.photo(size), query={"filename": "photo.jpg"})


def pages(photos: int) -> list[str]:
    """The requests that list a folder, page by page. The cursors are those that the function gives."""
    listed = Photos(photos)
    cursors = [None] + [listed.cursor(last) for last in range(_PAGE - 1, photos - 1, _PAGE)]
    queries = [{"limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {}) for cursor in cursors]
    return [events.http("POST /list", query=query) for query in queries]


def experiments(functions: Iterable[str], quick: bool) -> list[Experiment]:
    """All that is measured of these functions. `quick` repeats less, and leaves out what takes seconds."""
    have = set(functions)
    started = [
        Work(
            name,
            name,
            [event()] if (event := _EVENTS.get(name)) else (),
            _SOME.count,
            items=_ITEMS.get(name, ()),
        )
        for name in functions
    ]
    request = events.http("POST /list")
    some = 4 if quick else 10
    every = [
        Experiment("start", "functions", "start", some, [Work(BARE, "bare", [request]), *started]),
        Experiment(
            "start", "Python", "start", 2 if quick else 5, [Work(BARE, "bare", [request]), *_python_starts()]
        ),
        Experiment(
            "warm",
            "one request",
            "warm",
            25 if quick else 60,
            [Work(BARE, "bare", [request]), *(work for work in started if work.events)],
        ),
        Experiment(
            "jwt",
            "first verified token",
            "start",
            5 if quick else 15,
            [
                Work(BARE, "bare", [request]),
                Work("authorize, without extension", "authorize", [events.authorizer()]),
                Work("authorize, with extension", "authorize with extension", [events.authorizer()]),
                Work("list, without extension", "list", [_EVENTS["list"]()], photos=100),
                Work("list, with extension", "list with extension", [_EVENTS["list"]()], photos=100),
            ],
        ),
        *_workloads(quick),
        *_growth(quick),
    ]
    return [kept for experiment in every if (kept := _kept(experiment, have))]


def _kept(experiment: Experiment, have: set[str]) -> Experiment | None:
    """The experiment without the work of functions that were not built, or None if no function is left."""

    def is_function(work: Work) -> bool:
        return work.contender != "bare" and not work.contender.startswith("python ")

    def is_there(work: Work) -> bool:
        return work.contender.removesuffix(" with extension") in have

    works = [work for work in experiment.works if not is_function(work) or is_there(work)]
    if any(map(is_function, experiment.works)) and not any(map(is_function, works)):
        return None
    return Experiment(experiment.group, experiment.title, experiment.kind, experiment.repetitions, works)


def _python_starts() -> list[Work]:
    return [
        Work("Python, S3", "python download", [events.http("GET /download", query={"filename": PHOTO})]),
        Work("Python, Cognito", "python login", [_EVENTS["login"]()]),
    ]


def _workloads(quick: bool) -> list[Experiment]:
    """Work for Rust and Python in turns."""
    several, few = (4, 1) if quick else (15, 2)

    def pair(
        title: str, repetitions: int, function: str, reference: str, given: list[str], photos: int = 0
    ) -> Experiment:
        works = [Work("Rust", function, given, photos), Work(PYTHON, f"python {reference}", given, photos)]
        return Experiment("work", title, "warm", repetitions, works)

    def index(photos: int, repetitions: int) -> Experiment:
        works = [
            Work(label, contender, [events.outdated()], photos, items=[Photos(photos).usage(changes=1)])
            for label, contender in (("Rust", "index_images"), (PYTHON, "python index"))
        ]
        return Experiment("work", f"index of {photos:,} photos", "warm", repetitions, works)

    unzip = events.http("POST /unzip", raw=files.archive(200, 4_000_000))
    bomb = events.http("POST /unzip", raw=files.bomb(20, 25_000_000))
    photos = 10_000
    # The reference lists all pages in one request, which is what the original had to do.
    listing = [
        Work("Rust", "list", pages(photos), photos),
        Work(PYTHON, "python list_photos", [events.http("POST /list")], photos),
    ]
    every = [
        pair("upload of 100 KB", several, "upload_single_photo", "upload", [upload(100_000)]),
        pair("upload of 4 MB", several, "upload_single_photo", "upload", [upload(_PHOTO_LIMIT)]),
        pair("unzip of 200 photos, 4 MB", few, "unzip", "unzip", [unzip]),
        pair("unzip of 0.5 MB to 500 MB", few, "unzip", "unzip", [bomb]),
        Experiment("work", "list of 10,000, by pages", "warm", max(several // 2, 1), listing),
        pair("download", several, "download", "download", [_EVENTS["download"]()]),
        pair("login", several, "login", "login", [_EVENTS["login"]()]),
        Experiment(
            "work", "token check", "warm", several, [Work("Rust", "authorize", [events.authorizer()])]
        ),
        pair("bid", several, "auctions_bid", "bid", [_EVENTS["auctions_bid"]()]),
        index(1000, few),
    ]
    return every if quick else [*every, index(100_000, 1)]


def _growth(quick: bool) -> list[Experiment]:
    """Each workload at 1×, 10× and 100×; each size in a process of its own, so that its peak is its own."""
    factors = (1, 10) if quick else (1, 10, 100)

    def series(title: str, function: str, work: Callable[[int], tuple[str, list[str], int]]) -> Experiment:
        works = []
        for factor in factors:
            label, given, photos = work(factor)
            works.append(Work(f"{factor}×: {label}", function, given, photos))
        return Experiment("growth", title, "warm", 1, works)

    def repeated(title: str, function: str) -> Experiment:
        event = _EVENTS[function]()
        return series(title, function, lambda factor: (f"{factor} requests", [event] * factor, 0))

    return [
        series(
            "upload",
            "upload_single_photo",
            lambda factor: (
                f"{_PHOTO_LIMIT * factor / 1e8:.2g} MB",
                [upload(_PHOTO_LIMIT * factor // 100)],
                0,
            ),
        ),
        series(
            "unzip, photos",
            "unzip",
            lambda factor: (
                f"{2 * factor} photos",
                [events.http("POST /unzip", raw=files.archive(2 * factor, 40_000 * factor))],
                0,
            ),
        ),
        series(
            "unzip, unpacked bytes",
            "unzip",
            lambda factor: (
                f"{5 * factor} MB",
                [events.http("POST /unzip", raw=files.bomb(20, 250_000 * factor))],
                0,
            ),
        ),
        series("list", "list", lambda factor: (f"{100 * factor} photos", pages(100 * factor), 100 * factor)),
        repeated("download", "download"),
        repeated("login", "login"),
        repeated("token check", "authorize"),
        repeated("bid", "auctions_bid"),
    ]


def functions_of(port: int) -> list[Function]:
    """The functions of the manifest, with the settings of the benchmark's cloud."""
    endpoint = f"http://127.0.0.1:{port}"
    issuers = (
        f'[{{"issuer": "{ISSUER}", "jwks_url": "{endpoint}/{POOL}/.well-known/jwks.json", '
        f'"audiences": ["{CLIENT}"], "kind": "cognito"}}]'
    )
    known = {
        "bucket": BUCKET,
        "region": "eu-central-1",
        "stage": "bench",
        "user_pool_id": POOL,
        "user_pool_client_id": CLIENT,
        "trusted_issuers": issuers,
        "api_url": "https://bench.execute-api.eu-central-1.amazonaws.com/test",
        "currency": "EUR",
        "mail_sender": "no-reply@yourplace.example",
        # As much as the largest library contains, and more.
        "quota_bytes": str(10**13),
        "quota_photos": str(10**7),
        "max_archive_bytes": str(10**11),
        "max_photo_bytes": str(10**10),
        "mfa": "optional",
        "trash_days": "30",
    }
    service = manifest.load()
    values = {name: _value(name, endpoint) for name in service.placeholders} | known
    return service.filled(values).functions


def _value(name: str, endpoint: str) -> str:
    """Names, queues and ARNs, which the benchmark's cloud does not look at."""
    return f"{endpoint}/123456789012/{name}" if name.endswith("_url") else f"bench-{name}"


def contenders(functions: Iterable[Function], programs: Programs, port: int) -> dict[str, dict[str, Any]]:
    """Programs with their environments."""
    endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    made: dict[str, dict[str, Any]] = {
        "bare": {
            "command": [str(programs.bare)],
            "environment": dict(endpoint),
            "memory": _MEMORY_OF_REFERENCES,
        }
    }
    for function in functions:
        if function.name not in programs.functions:
            continue
        contender = {
            "command": [str(programs.functions[function.name])],
            # Without an extension of this machine, if there should be one.
            "environment": endpoint | {"JWT_KEYS_FILE": ""} | dict(function.environment),
            "memory": function.memory,
        }
        made[function.name] = contender
        if programs.extension and (function.needs_token or function.authorizer):
            made[f"{function.name} with extension"] = {**contender, "extension": str(programs.extension)}
    for handler, service in _REFERENCES.items():
        made[f"python {handler}"] = {
            "command": [str(programs.python), "-m", "awslambdaric", f"benchmark.original.{handler}"],
            "environment": endpoint | {"PYTHONPATH": str(SCRIPTS), "REFERENCE_SERVICE": service},
            "memory": _MEMORY_OF_REFERENCES,
        }
    return made


_REFERENCES = {
    "upload": "s3",
    "unzip": "s3",
    "list_photos": "s3",
    "download": "s3",
    "login": "cognito-idp",
    "bid": "dynamodb",
    "index": "s3",
}
