"""The service manifest, `lambdas/service.json`: what the service is made of."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.common import ROOT, SCRIPTS, Failure

PATH = ROOT / "lambdas" / "service.json"
SCHEMA = ROOT / "lambdas" / "service.schema.json"
_PLACEHOLDER = re.compile(r"\$\{([a-z0-9_]+)\}")
# The placeholders that do not name a table or a queue.
_SERVICE_PLACEHOLDERS = frozenset(
    {
        "api_url",
        "bucket",
        "bucket_arn",
        "currency",
        "mail_identity_arn",
        "mail_sender",
        "max_archive_bytes",
        "max_photo_bytes",
        "mfa",
        "quota_bytes",
        "quota_photos",
        "region",
        "stage",
        "trash_days",
        "trusted_issuers",
        "user_pool_arn",
        "user_pool_client_id",
        "user_pool_id",
    }
)
_MINIMUM_VISIBILITY_SECONDS = 30


@dataclass(frozen=True)
class Index:
    """A global secondary index of a table."""

    name: str
    hash_key: str
    range_key: str | None
    projection: str


@dataclass(frozen=True)
class Table:
    """A DynamoDB table; `attributes` are the types of all key attributes by name."""

    name: str
    attributes: Mapping[str, str]
    hash_key: str
    range_key: str | None
    indexes: tuple[Index, ...]
    ttl: str | None

    @property
    def keys(self) -> set[str]:
        """The key attributes of the table and of its indexes."""
        every = [self.hash_key, self.range_key]
        for index in self.indexes:
            every += [index.hash_key, index.range_key]
        return {key for key in every if key is not None}


@dataclass(frozen=True)
class Prefix:
    """A prefix of the bucket's keys, slash included, and the queues that receive its events."""

    name: str
    consumers: tuple[str, ...]
    expires_days: int | None


@dataclass(frozen=True)
class QueueTrigger:
    """The queue that calls a function. The window is in seconds, the concurrency the most calls at once."""

    name: str
    batch_size: int
    batch_window: int
    concurrency: int


@dataclass(frozen=True)
class Function:
    """A Lambda function. Exactly one of `routes`, `queue`, `schedule` and `authorizer` says what calls it."""

    name: str
    description: str
    memory: int
    timeout: int
    environment: Mapping[str, str]
    permissions: tuple[Mapping[str, Any], ...]
    needs_token: bool
    routes: tuple[str, ...]
    queue: QueueTrigger | None
    schedule: str | None
    authorizer: bool


@dataclass(frozen=True)
class Queue:
    """An SQS queue, the prefixes whose events it receives, and the function that works on its messages."""

    name: str
    max_receives: int
    prefixes: tuple[str, ...]
    consumer: Function | None

    @property
    def visibility_timeout(self) -> int:
        """Seconds that a received message stays hidden.

        AWS's rule for Lambda ("Using Lambda with Amazon SQS") is six times the function's timeout plus the
        batch window: less could hand a message to a second call while the first works on it.
        """
        if self.consumer is None or self.consumer.queue is None:
            return _MINIMUM_VISIBILITY_SECONDS
        return max(_MINIMUM_VISIBILITY_SECONDS, 6 * self.consumer.timeout + self.consumer.queue.batch_window)


class Manifest:
    """A manifest that follows the schema."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        self.tables = [_table(name, entry) for name, entry in content["tables"].items()]
        self.prefixes = [
            Prefix(name, tuple(entry.get("consumers", ())), entry.get("expires_days"))
            for name, entry in content["prefixes"].items()
        ]
        token_environment = content["token_environment"]
        self.functions = [
            _function(name, entry, token_environment) for name, entry in content["functions"].items()
        ]
        self.queues = [self._queue(name, entry) for name, entry in content["queues"].items()]

    def filled(self, values: Mapping[str, str]) -> "Manifest":
        """The manifest with every `${placeholder}` replaced by its value."""
        missing = self.placeholders - values.keys()
        if missing:
            raise Failure(f"The manifest uses {_listed(missing)}, but no value was given.")
        return Manifest(_replace(self._content, values))

    @property
    def placeholders(self) -> set[str]:
        """The names of all placeholders that occur in the manifest."""
        return set(_PLACEHOLDER.findall(json.dumps(self._content)))

    def _queue(self, name: str, entry: Mapping[str, Any]) -> Queue:
        prefixes = tuple(prefix.name for prefix in self.prefixes if name in prefix.consumers)
        consumers = [
            function for function in self.functions if function.queue and function.queue.name == name
        ]
        return Queue(name, entry["max_receives"], prefixes, consumers[0] if consumers else None)


def load(path: Path = PATH) -> Manifest:
    """Checks a manifest with scripts/manifest and reads it; a Failure lists everything that is wrong."""
    done = subprocess.run([sys.executable, SCRIPTS / "manifest", path], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    return Manifest(json.loads(path.read_text(encoding="utf-8")))


def problems(path: Path) -> list[str]:
    """Everything that is wrong with a manifest: syntax, schema, or a reference to something undefined.

    Needs the library jsonschema.
    """
    from jsonschema import Draft202012Validator

    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique_keys)
    except (OSError, ValueError) as error:
        return [str(error)]
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    found = [
        _schema_problem(error) for error in sorted(validator.iter_errors(content), key=lambda e: list(e.path))
    ]
    return found or list(_broken_references(Manifest(content), content))


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON readers differ in which of two equal keys they take, so none is accepted."""
    repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f'the key "{repeated[0]}" occurs twice in one object')
    return dict(pairs)


def _schema_problem(error: Any) -> str:
    # Rules whose own message would show a pattern or a list of schemas have a description in the schema.
    schema = error.schema
    message = schema.get("description", error.message)
    if error.validator in ("required", "additionalProperties", "type", "dependentRequired"):
        message = error.message
    elif isinstance(error.instance, str) and "description" in schema:
        message = f'"{error.instance}": {message}'
    where = ".".join(str(part) for part in error.path)
    return f"{where}: {message}" if where else message


def _broken_references(manifest: Manifest, content: Mapping[str, Any]) -> Iterator[str]:
    """What a schema cannot say: names must be defined, and some may be used only once."""
    tables = {table.name: table for table in manifest.tables}
    queues = {queue.name for queue in manifest.queues}
    yield from (problem for table in manifest.tables for problem in _table_problems(table))
    for prefix in manifest.prefixes:
        for consumer in sorted(set(prefix.consumers) - queues):
            yield f'prefixes.{prefix.name}: there is no queue "{consumer}"'
    for key, users in _users(manifest, lambda function: function.routes).items():
        if len(users) > 1:
            yield f'the route "{key}" belongs to {" and ".join(users)}'
    for key, users in _users(manifest, lambda f: [f.queue.name] if f.queue else []).items():
        if key not in queues:
            yield f'functions.{users[0]}: there is no queue "{key}"'
        elif len(users) > 1:
            yield f'the queue "{key}" has more than one function: {" and ".join(users)}'
    authorizers = [function.name for function in manifest.functions if function.authorizer]
    if len(authorizers) > 1:
        yield f"there is more than one authorizer: {' and '.join(authorizers)}"
    known = (
        _SERVICE_PLACEHOLDERS
        | {f"{name}_table{end}" for name in tables for end in ("", "_arn")}
        | {f"{name}{dead}_queue_{end}" for name in queues for dead in ("", "_dead") for end in ("url", "arn")}
    )
    for name in sorted(manifest.placeholders - known):
        yield f"${{{name}}} is not a placeholder; there are {_listed(known)}"
    prefixes = {prefix.name for prefix in manifest.prefixes}
    for function in manifest.functions:
        for permission in function.permissions:
            for problem in _permission_problems(permission, tables, prefixes):
                yield f"functions.{function.name}.permissions: {problem}"


def _table_problems(table: Table) -> Iterator[str]:
    for key in sorted(table.keys - table.attributes.keys()):
        yield f'tables.{table.name}: the key "{key}" has no type in attributes'
    for attribute in sorted(table.attributes.keys() - table.keys):
        yield f'tables.{table.name}: "{attribute}" is no key, so it must not be in attributes'


def _permission_problems(
    permission: Mapping[str, Any], tables: Mapping[str, Table], prefixes: set[str]
) -> Iterator[str]:
    for resource in permission["resources"]:
        in_table = re.fullmatch(r"\$\{([a-z0-9_]+)_table_arn\}/index/(.+)", resource)
        if in_table and in_table[1] in tables:
            indexes = {index.name for index in tables[in_table[1]].indexes}
            if in_table[2] not in indexes:
                yield f'the table {in_table[1]} has no index "{in_table[2]}"'
        in_bucket = re.fullmatch(r"\$\{bucket_arn\}/([^/]*/?).*", resource)
        if in_bucket and in_bucket[1] not in prefixes:
            yield f'"{in_bucket[1]}" is not one of the prefixes'
    for keys in permission.get("condition", {}).values():
        for pattern in keys.get("s3:prefix", ()):
            if not any(pattern.startswith(prefix) for prefix in prefixes):
                yield f'the s3:prefix "{pattern}" is not below one of the prefixes'


def _users(manifest: Manifest, used: Any) -> dict[str, list[str]]:
    """The functions that use each thing."""
    users: dict[str, list[str]] = {}
    for function in manifest.functions:
        for key in used(function):
            users.setdefault(key, []).append(function.name)
    return users


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(f"${{{name}}}" for name in sorted(names))


def _replace(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: values[match[1]], value)
    if isinstance(value, list):
        return [_replace(item, values) for item in value]
    if isinstance(value, dict):
        return {key: _replace(item, values) for key, item in value.items()}
    return value


def _table(name: str, entry: Mapping[str, Any]) -> Table:
    indexes = tuple(
        Index(index, keys["hash_key"], keys.get("range_key"), keys["projection"])
        for index, keys in entry.get("indexes", {}).items()
    )
    return Table(
        name, entry["attributes"], entry["hash_key"], entry.get("range_key"), indexes, entry.get("ttl")
    )


def _function(name: str, entry: Mapping[str, Any], token_environment: Mapping[str, str]) -> Function:
    trigger = entry["trigger"]
    needs_token = entry.get("auth") == "token"
    queue = None
    if "queue" in trigger:
        queue = QueueTrigger(
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
