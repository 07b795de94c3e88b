"""The tables, in Markdown."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.workloads import BARE, PYTHON

# Two passes agree on a ratio when they are that close.
_AGREEMENT = 0.15
_Samples = Mapping[str, Any]


@dataclass(frozen=True)
class Ratio:
    """How many times one is the other: by all samples, and by those of each pass."""

    value: float
    passes: tuple[float, ...]

    def __str__(self) -> str:
        spread = max(self.passes) / min(self.passes) - 1 if min(self.passes) > 0 else 0
        unsure = f" (±{spread:.0%})" if spread > _AGREEMENT else ""
        return f"{self.value:.2f}{unsure}" if self.value < 10 else f"{self.value:.0f}{unsure}"


class Results:
    """The samples of a run, by group, title and label; each a list with the passes' samples."""

    def __init__(self, results: Mapping[str, Any]) -> None:
        self._experiments: dict[tuple[str, str], dict[str, list[_Samples]]] = {}
        for experiment in results["experiments"]:
            group, title = experiment["name"].split(": ", 1)
            works = self._experiments.setdefault((group, title), {})
            for label, samples in experiment["works"].items():
                works.setdefault(label, []).append(samples)

    def titles(self, group: str) -> list[str]:
        return [title for of, title in self._experiments if of == group]

    def works(self, group: str, title: str) -> Mapping[str, Sequence[_Samples]]:
        return self._experiments.get((group, title), {})


def median(passes: Sequence[_Samples], name: str) -> float:
    """The median of a measure over all passes."""
    return statistics.median(pooled(passes, name))


def pooled(passes: Sequence[_Samples], name: str) -> list[float]:
    """All samples of a measure."""
    return [sample for samples in passes for sample in samples[name]]


def ratio(one: Sequence[_Samples], other: Sequence[_Samples], name: str) -> Ratio:
    """How many times `other` one is, by medians."""
    each = zip(one, other, strict=True)
    return Ratio(
        median(one, name) / median(other, name),
        tuple(median([mine], name) / median([theirs], name) for mine, theirs in each),
    )


def tables(run: Mapping[str, Any]) -> str:
    """All tables that a run has samples for."""
    results = Results(run)
    machine = run["machine"]
    head = (
        f"{'Release' if run['release'] else 'Debug'} builds. "
        f"{machine['processors']} processors, load {machine['load']:.1f} at the end; "
        f"a cloud call takes {run['latency_ms']} ms. Times in ms, memory in MB, medians. "
        "(±20%): the two passes of the run disagree by that much.\n"
    )
    made = [
        _starts(results, run["programs"]),
        _warm(results),
        _work(results),
        _growth(results),
        _jwt(results),
    ]
    return "\n".join([head, *(table for table in made if table)]) + "\n"


def _starts(results: Results, programs: Mapping[str, Mapping[str, int]]) -> str:
    works = results.works("start", "functions")
    if not works:
        return ""
    bare = works[BARE]
    rows = [
        _start(label, passes, bare, programs["bare" if label == BARE else label])
        for label, passes in works.items()
    ]
    python = results.works("start", "Python")
    rows += [_start(label, passes, python[BARE], None) for label, passes in python.items() if label != BARE]
    columns = ["start of", "ready", "× bare", "CPU", "first answer", "own", "own × bare", "calls"]
    return markdown("Starts", [*columns, "RSS", "program", "zip"], rows)


def _start(
    label: str, passes: Sequence[_Samples], bare: Sequence[_Samples], size: Mapping[str, int] | None
) -> list[Any]:
    answered = ["", "", "", ""]
    if pooled(passes, "wall_ms"):
        wall, own = median(passes, "wall_ms"), median(passes, "own_ms")
        answered = [f"{wall:.1f}", f"{own:.1f}", str(ratio(passes, bare, "own_ms")), _calls(passes)]
    return [
        label,
        f"{median(passes, 'ready_ms'):.1f}",
        ratio(passes, bare, "ready_ms"),
        f"{median(passes, 'ready_cpu_ms'):.1f}",
        *answered,
        f"{passes[-1]['ready_memory']['resident_kib'] / 1024:.1f}",
        f"{size['program'] / 1e6:.2f}" if size else "",
        f"{size['zip'] / 1e6:.2f}" if size else "",
    ]


def _warm(results: Results) -> str:
    works = results.works("warm", "one request")
    if not works:
        return ""
    bare = works[BARE]
    rows = [
        [
            label,
            f"{median(passes, 'wall_ms'):.1f}",
            f"{_p99(passes, 'wall_ms'):.1f}",
            f"{median(passes, 'own_ms'):.2f}",
            f"{median(passes, 'own_ms') - median(bare, 'own_ms'):+.2f}",
            f"{median(passes, 'cpu_ms'):.2f}",
            f"{median(passes, 'cpu_ms') - median(bare, 'cpu_ms'):+.2f}",
            f"{passes[-1]['memory']['peak_kib'] / 1024:.1f}",
            _calls(passes),
        ]
        for label, passes in works.items()
    ]
    columns = ["warm request", "median", "p99", "own", "over bare", "CPU", "over bare", "peak", "calls"]
    return markdown("Warm requests", columns, rows)


def _work(results: Results) -> str:
    rows = []
    for title in results.titles("work"):
        works = results.works("work", title)
        rust, python = works.get("Rust"), works.get(PYTHON)
        if rust is None:
            continue
        rows.append(
            [
                title,
                f"{median(rust, 'wall_ms'):.1f}",
                f"{median(rust, 'own_ms'):.1f}",
                f"{median(rust, 'cpu_ms'):.1f}",
                _peak(rust),
                _calls(rust),
                f"{median(python, 'wall_ms'):.0f}" if python else "",
                f"{median(python, 'cpu_ms'):.0f}" if python else "",
                _peak(python) if python else "",
                ratio(python, rust, "wall_ms") if python else "",
                ratio(python, rust, "cpu_ms") if python else "",
            ]
        )
    columns = ["workload", "time", "own", "CPU", "peak", "calls"]
    columns += ["Python: time", "CPU", "peak", "Python ÷ Rust", "CPU ÷ CPU"]
    return markdown("Workloads, Rust and Python", columns, rows) if rows else ""


def _growth(results: Results) -> str:
    rows = [
        [
            title,
            label,
            f"{median(passes, 'wall_ms'):.0f}",
            f"{median(passes, 'own_ms'):.1f}",
            f"{median(passes, 'cpu_ms'):.1f}",
            _peak(passes),
            _calls(passes),
        ]
        for title in results.titles("growth")
        for label, passes in results.works("growth", title).items()
    ]
    columns = ["workload", "size", "time", "own", "CPU", "peak", "calls"]
    return markdown("Growth", columns, rows) if rows else ""


def _jwt(results: Results) -> str:
    works = results.works("jwt", "first verified token")
    if not works:
        return ""
    bare = works[BARE]
    rows = []
    for label, passes in works.items():
        beside = passes[-1]["extension_memory"]
        rows.append(
            [
                label,
                f"{median(passes, 'ready_ms'):.1f}",
                ratio(passes, bare, "ready_ms"),
                f"{median(passes, 'wall_ms'):.1f}",
                ratio(passes, bare, "wall_ms"),
                f"{passes[-1]['memory']['resident_kib'] / 1024:.1f}",
                f"{beside['resident_kib'] / 1024:.1f}" if beside else "",
            ]
        )
    columns = [
        "with and without the extension",
        "ready",
        "× bare",
        "first answer",
        "× bare",
        "RSS",
        "its RSS",
    ]
    return markdown("The first verified token", columns, rows)


def comparison(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> str:
    """The ratios of two runs that differ by more than they should."""
    before, after = dict(_ratios(Results(earlier))), dict(_ratios(Results(later)))
    rows = [
        [name, before[name], after[name], f"{after[name].value / before[name].value - 1:+.0%}"]
        for name in before.keys() & after.keys()
        if abs(after[name].value / before[name].value - 1) > _AGREEMENT
    ]
    if not rows:
        return f"\nAll {len(before.keys() & after.keys())} ratios agree with the earlier run's within 15 %.\n"
    return "\n" + markdown(
        "Ratios that differ from the earlier run's", ["ratio", "then", "now", ""], sorted(rows)
    )


def _ratios(results: Results) -> Iterable[tuple[str, Ratio]]:
    """Every ratio of the tables."""
    bare_measures: Mapping[tuple[str, str], Sequence[str]] = {
        ("start", "functions"): ("ready_ms", "own_ms"),
        ("start", "Python"): ("ready_ms", "own_ms"),
        ("jwt", "first verified token"): ("ready_ms", "wall_ms"),
    }
    for (group, title), measures in bare_measures.items():
        works = results.works(group, title)
        for label, passes in works.items():
            for name in measures:
                if label != BARE and pooled(passes, name):
                    yield f"{group}, {label}: {name} × bare", ratio(passes, works[BARE], name)
    for title in results.titles("work"):
        works = results.works("work", title)
        if PYTHON in works and "Rust" in works:
            yield f"{title}: Python ÷ Rust", ratio(works[PYTHON], works["Rust"], "wall_ms")


def _calls(passes: Sequence[_Samples]) -> str:
    calls = passes[-1]["calls"]
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in calls.items()) or "none"


def _peak(passes: Sequence[_Samples]) -> str:
    return f"{max(samples['memory']['peak_kib'] for samples in passes) / 1024:.1f}"


def _p99(passes: Sequence[_Samples], name: str) -> float:
    return statistics.quantiles(pooled(passes, name), n=100, method="inclusive")[98]


def markdown(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table whose source is aligned, too."""
    cells = [list(columns), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"### {title}", "", lines[0], rule, *lines[1:], ""])
