"""Jobs that unpack archives of any size, and exports: time, calls, memory and cost."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmark import costs, events, library
from benchmark.report import Results, markdown, median
from benchmark.workloads import Experiment, Work

#: The group of these experiments, which `--only jobs` chooses.
GROUP = "jobs"

_FUNCTION = "run_jobs"
_JOB = "019a0000-0000-7000-8000-000000000004"
_UPLOAD = "019a0000-0000-7000-8000-000000000005"
# What the benchmark's S3 says about every object.
_ETAG = '"d41d8cd98f00b204e9800998ecf8427e"'
_PHOTO = 512 * 1024
_SMALL = 2_048

# The entries, the bytes of each, and the workers. The last one of `_LARGE` has 50 GiB.
_GROWTH = ((1_000, _SMALL, 2), (10_000, _SMALL, 2), (100_000, _SMALL, 2), (1_000_000, _SMALL, 2))
_WORKERS = ((2_000, _PHOTO, 1), (2_000, _PHOTO, 5), (2_000, _PHOTO, 16))
_LARGE = ((102_400, _PHOTO, 2),)
_QUICK = ((1_000, _SMALL, 2), (500, _PHOTO, 1), (500, _PHOTO, 5))

# The photos that are exported, and the workers. 20,000 photos have 50 GB.
_EXPORTS = ((1_000, 1), (1_000, 5), (1_000, 16), (20_000, 2))
_QUICK_EXPORTS = ((200, 1), (200, 5))


def experiments(quick: bool) -> list[Experiment]:
    """Jobs for archives of equal photos, and exports of equal photos."""
    unzips = [
        (f"{entries:,} entries of {size:,} bytes", _unzip(entries, size, workers))
        for entries, size, workers in (_QUICK if quick else (*_GROWTH, *_WORKERS, *_LARGE))
    ]
    exports = [
        (f"{photos:,} photos of {library.PHOTO_BYTES:,} bytes, exported", _export(photos, workers))
        for photos, workers in (_QUICK_EXPORTS if quick else _EXPORTS)
    ]
    return [Experiment(GROUP, title, "job", 1, [work]) for title, work in unzips + exports]


def _unzip(entries: int, size: int, workers: int) -> Work:
    # As bench/src/cloud/archive.rs writes it: a header, a record and the ends of the directory.
    length = entries * (size + (30 + 21) + (46 + 21 + 12)) + 56 + 20 + 22
    job = {
        "item": f"job#{_JOB}",
        "message": events.job_message(_JOB, None),
        "archive": {"entries": entries, "entry_bytes": size},
        "workers": workers,
    }
    items = [library.usage_of_job(_JOB, length), library.job(_JOB, _UPLOAD, length, _ETAG)]
    return Work(f"{workers}", _FUNCTION, [events.job("{{message}}")], items=items, job=job)


def _export(count: int, workers: int) -> Work:
    photos = library.Photos(count)
    job = {"item": f"job#{_JOB}", "message": events.job_message(_JOB, None), "workers": workers}
    return Work(
        f"{workers}",
        _FUNCTION,
        [events.job("{{message}}")],
        photos=count,
        items=[photos.usage(jobs=(_JOB,)), library.export(_JOB)],
        absent=[library.export_key(_JOB)],
        documents=library.export_request(_JOB),
        job=job,
    )


def table(run: Mapping[str, Any], prices: Mapping[str, Any]) -> str:
    """Time, throughput, calls, memory and cost of each job."""
    results = Results(run)
    rows = [
        [title, workers, *_figures(title, int(workers), passes, run, prices)]
        for title in results.titles(GROUP)
        for workers, passes in results.works(GROUP, title).items()
    ]
    columns = [
        "job",
        "workers",
        "seconds",
        "MB/s",
        "MB per CPU second",
        "calls per entry",
        "peak MB",
        "USD",
    ]
    return "\n" + markdown("Jobs", columns, rows) if rows else ""


def _figures(
    title: str,
    workers: int,
    passes: Sequence[Mapping[str, Any]],
    run: Mapping[str, Any],
    prices: Mapping[str, Any],
) -> Iterable[str]:
    entries, size = (int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", title))
    megabytes = entries * size / 1e6
    wall, cpu = median(passes, "wall_ms") / 1000, median(passes, "cpu_ms") / 1000
    last = passes[-1]
    spent = costs.job(passes, workers * wall, run["memory"][_FUNCTION], prices)
    return (
        f"{wall:.1f}",
        f"{megabytes / wall:.0f}",
        f"{megabytes / cpu:.0f}",
        f"{sum(last['calls'].values()) / entries:.2f}",
        f"{max(samples['memory']['peak_kib'] for samples in passes) / 1024:.0f}",
        f"{spent:.4f}",
    )
