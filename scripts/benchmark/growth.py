"""What an event and a request cost at different sizes of a library, and the check that it does not grow."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark import costs, events, files, library
from benchmark.library import Photos
from benchmark.report import Results, markdown, median
from benchmark.workloads import BUCKET, Experiment, Work

#: The group of these experiments. `--only growth` chooses it, too.
GROUP = "library"
#: How much calls, bytes and units may differ between the smallest and the largest library.
TOLERANCE = 0.1

_SIZES = (1_000, 100_000, 1_000_000)
_QUICK = (1_000, 1_000_000)
_CREATED = "ObjectCreated:Put"
_DELETED = "ObjectRemoved:Delete"
_PAGE = 100


@dataclass(frozen=True)
class Case:
    """Something whose cost is measured. `work` makes it for a number of photos."""

    title: str
    function: str
    work: Callable[[Photos], Mapping[str, Any]]
    #: Whether it must cost the same at each size.
    is_flat: bool = True
    #: Whether it takes seconds.
    is_slow: bool = False


def _middle(photos: Photos) -> str:
    return photos.name(photos.count // 2)


def _event(kind: str, **rest: Callable[[Photos], Any]) -> Callable[[Photos], Mapping[str, Any]]:
    """An event about a photo. The photo index is outdated, and no message about it is scheduled."""

    def work(photos: Photos) -> Mapping[str, Any]:
        made = {name: make(photos) for name, make in rest.items()}
        items = [photos.usage(changes=1), *made.pop("items", ())]
        return {"events": [events.changed(BUCKET, _middle(photos), kind)], "items": items, **made}

    return work


def _record(photos: Photos) -> list[str]:
    return [library.record(_middle(photos))]


def _object(photos: Photos) -> list[str]:
    return [library.photo_key(_middle(photos))]


def _request(route: str, query: Callable[[Photos], Mapping[str, str]] | None = None, **rest: Any) -> Any:
    def work(photos: Photos) -> Mapping[str, Any]:
        return {"events": [events.http(route, query=query(photos) if query else None, **rest)]}

    return work


_CASES = (
    Case("upload event, recorded by its request", "record_photos", _event(_CREATED)),
    Case("upload event, not recorded yet", "record_photos", _event(_CREATED, removed=_record)),
    Case(
        "deletion event, recorded by its request",
        "record_photos",
        _event(
            _DELETED,
            items=lambda photos: [library.tombstone(_middle(photos))],
            removed=_record,
            absent=_object,
        ),
    ),
    Case("deletion event, not recorded yet", "record_photos", _event(_DELETED, absent=_object)),
    Case("POST /list, first page", "list", _request("POST /list")),
    Case(
        "POST /list, page in the middle",
        "list",
        _request("POST /list", lambda photos: {"cursor": photos.cursor(photos.count // 2)}),
    ),
    Case("GET /photos, first page", "photos_list", _request("GET /photos")),
    Case(
        "GET /photos, page in the middle",
        "photos_list",
        _request("GET /photos", lambda photos: {"cursor": photos.cursor_by_time(photos.count // 2)}),
    ),
    Case("GET /photos, of a type", "photos_list", _request("GET /photos", lambda _: {"type": "png"})),
    Case(
        "GET /photos, of two years",
        "photos_list",
        _request("GET /photos", lambda _: {"from": "2018-01-01", "to": "2020-01-01"}),
    ),
    Case(
        "GET /photos/{filename}",
        "photos_get",
        lambda photos: {"events": [events.http("GET /photos/{filename}", path=_middle(photos))]},
    ),
    Case("GET /photos/months", "photos_months", _request("GET /photos/months")),
    Case(
        "POST /upload_single_photo",
        "upload_single_photo",
        _request("POST /upload_single_photo", lambda _: {"filename": "photo.jpg"}, raw=files.photo(100_000)),
    ),
    Case("POST /delete", "delete", _request("POST /delete", lambda photos: {"filename": _middle(photos)})),
    Case("GET /me", "me", _request("GET /me")),
    # Above 4 MiB, the response redirects to the photo index instead of containing it.
    Case("GET /me/images", "me_images", _request("GET /me/images"), is_flat=False),
    Case(
        "photo index, once a minute at most",
        "index_images",
        lambda photos: {"events": [events.outdated()], "items": [photos.usage(changes=1)]},
        is_flat=False,
        is_slow=True,
    ),
)


def experiments(functions: Iterable[str], quick: bool) -> list[Experiment]:
    """The cases of these functions. `quick` leaves out what takes seconds, and the size in the middle."""
    have = set(functions)
    made = []
    for case in _CASES:
        if case.function not in have or (quick and case.is_slow):
            continue
        works = [
            Work(f"{size:,}", case.function, photos=size, **case.work(Photos(size)))
            for size in (_QUICK if quick else _SIZES)
        ]
        repetitions = 1 if case.is_slow else 3 if quick else 10
        made.append(Experiment(GROUP, case.title, "warm", repetitions, works))
    return made


def table(run: Mapping[str, Any], prices: Mapping[str, Any]) -> str:
    """Calls, bytes, units, time, memory and cost of each case, by the number of photos."""
    results = Results(run)
    rows = []
    for case in _CASES:
        works = results.works(GROUP, case.title)
        for size in sorted(works, key=_number):
            passes = works[size]
            last = passes[-1]
            parts = costs.parts(case.function, passes, run["memory"][case.function], prices)
            rows.append(
                [
                    case.title,
                    size,
                    ", ".join(f"{count} {call}" for call, count in sorted(last["calls"].items())),
                    f"{last['sent_bytes'] / 1000:.1f}",
                    f"{last['received_bytes'] / 1000:.1f}",
                    f"{last['half_reads'] / 2:g}",
                    last["writes"],
                    f"{median(passes, 'wall_ms') / 1000:.2f}",
                    f"{median(passes, 'cpu_ms'):.1f}",
                    f"{max(samples['memory']['peak_kib'] for samples in passes) / 1024:.1f}",
                    f"{parts.calls * 1e6:.2f}",
                    f"{sum(parts) * 1e6:.2f}",
                ]
            )
    columns = ["library", "photos", "calls", "KB sent", "KB received", "read units", "write units"]
    columns += ["seconds", "CPU ms", "peak MB", "USD a million: calls", "all"]
    return "\n" + markdown("Growth of the library", columns, rows) if rows else ""


def differences(run: Mapping[str, Any]) -> list[str]:
    """What costs more or less in the largest library than in the smallest one, though it must not."""
    results = Results(run)
    found = []
    for case in _CASES:
        works = results.works(GROUP, case.title)
        if not case.is_flat or not works:
            continue
        sizes = sorted(works, key=_number)
        small, large = works[sizes[0]], works[sizes[-1]]
        for measure, before, after in zip(_MEASURES, _measured(small), _measured(large), strict=True):
            if abs(after - before) > TOLERANCE * before:
                found.append(
                    f"{case.title}: {measure} {before:g} with {sizes[0]} photos, {after:g} with {sizes[-1]}"
                )
    return found


def _number(size: str) -> int:
    return int(size.replace(",", ""))


_MEASURES = ("calls", "bytes sent", "bytes received", "half read units", "write units")


def _measured(passes: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    last = passes[-1]
    calls = sum(last["calls"].values())
    return calls, last["sent_bytes"], last["received_bytes"], last["half_reads"], last["writes"]
