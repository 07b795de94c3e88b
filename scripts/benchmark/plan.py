"""The plan that bench/ carries out, and a description of the machine and the programs."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.workloads import CLIENT, ISSUER, Experiment
from support import build

# Each experiment but jobs is made twice, far apart: where the two disagree, the tables say so.
PASSES = 2


def write(
    folder: Path,
    port: int,
    latency_ms: int,
    logs: Path,
    contenders: Mapping[str, Mapping[str, Any]],
    experiments: Sequence[Experiment],
) -> Path:
    """Writes the plan and its events; its path."""
    jobs = [_experiment(folder, experiment) for experiment in experiments if experiment.kind == "job"]
    others = [_experiment(folder, experiment) for experiment in experiments if experiment.kind != "job"]
    made = {
        "port": port,
        "latency_ms": latency_ms,
        "issuer": ISSUER,
        "client": CLIENT,
        "logs": str(logs),
        "contenders": contenders,
        "experiments": others * PASSES + jobs,
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    return path


def _experiment(folder: Path, experiment: Experiment) -> dict[str, Any]:
    works = [
        {
            "label": work.label,
            "contender": work.contender,
            "events": [_event(folder, event) for event in work.events],
            "photos": work.photos,
            "items": work.items,
            "removed": work.removed,
            "absent": work.absent,
            "documents": work.documents,
            "job": work.job,
        }
        for work in experiment.works
    ]
    return {
        "name": experiment.name,
        "kind": experiment.kind,
        "repetitions": experiment.repetitions,
        "works": works,
    }


def _event(folder: Path, event: str) -> str:
    """The file of an event; the same event is written once."""
    path = folder / f"{hashlib.sha256(event.encode()).hexdigest()}.json"
    if not path.exists():
        path.write_text(event, encoding="utf-8")
    return str(path)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {"processors": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()[0]}


def sizes(program: Path) -> dict[str, int]:
    """The bytes of a program, and of its zip as scripts/package makes it."""
    return {"program": program.stat().st_size, "zip": len(build.zip_bytes({"bootstrap": program}, level=9))}
