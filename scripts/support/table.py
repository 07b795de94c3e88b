"""The table of functions, `lambdas/functions.json`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.common import ROOT, Failure

PATH = ROOT / "lambdas" / "functions.json"
_PLACEHOLDER = re.compile(r"\$\{([a-z_]+)\}")


@dataclass(frozen=True)
class Queue:
    """A trigger by a queue: its short name, the most messages in a call, the most seconds to gather them, and
    the most calls at once.
    """

    name: str
    batch_size: int
    batch_window: int
    concurrency: int


@dataclass(frozen=True)
class Function:
    """One function; exactly one of `routes`, `queue`, `schedule` and `authorizer` says what calls it."""

    name: str
    description: str
    memory: int
    timeout: int
    environment: Mapping[str, str]
    permissions: tuple[Mapping[str, Any], ...]
    needs_token: bool
    routes: tuple[str, ...]
    queue: Queue | None
    schedule: str | None
    authorizer: bool


def read() -> str:
    """The table as it stands in the file, placeholders and all."""
    return PATH.read_text(encoding="utf-8")


def placeholders(text: str) -> set[str]:
    """The names of all `${placeholders}` in a table."""
    return set(_PLACEHOLDER.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The table with every `${placeholder}` replaced; they stand in JSON strings, and are escaped so."""
    unknown = placeholders(text) - values.keys()
    if unknown:
        raise Failure(
            f"{PATH.relative_to(ROOT)} uses ${{{'}, ${'.join(sorted(unknown))}}}, which nobody fills in."
        )
    return _PLACEHOLDER.sub(lambda match: json.dumps(values[match[1]])[1:-1], text)


def parse(text: str) -> list[Function]:
    """The functions of a table, in its order."""
    try:
        table = json.loads(text)
        token_environment = table["token_environment"]
        return [_function(name, entry, token_environment) for name, entry in table["functions"].items()]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise Failure(f"{PATH.relative_to(ROOT)} can't be read: {error!r}") from error


def _function(name: str, entry: Mapping[str, Any], token_environment: Mapping[str, str]) -> Function:
    trigger = entry["trigger"]
    needs_token = entry.get("auth") == "token"
    queue = None
    if "queue" in trigger:
        queue = Queue(
            trigger["queue"], trigger["batch_size"], trigger["batch_window"], trigger["concurrency"]
        )
    return Function(
        name=name,
        description=entry["description"],
        memory=entry["memory"],
        timeout=entry["timeout"],
        environment={**(token_environment if needs_token else {}), **entry["environment"]},
        permissions=tuple(entry["permissions"]),
        needs_token=needs_token,
        routes=tuple(trigger.get("http", ())),
        queue=queue,
        schedule=trigger.get("schedule"),
        authorizer=trigger.get("authorizer", False),
    )
