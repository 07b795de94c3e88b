"""Releases: each moves the alias `live` of every function that has a new version."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from support.common import Failure

_ALIAS = "live"
# The states of a deployment that has not ended.
_RUNNING = frozenset({"Created", "Queued", "InProgress", "Baking", "Ready"})
# What a release writes into the description of an alias.
_NOTE = re.compile(r"release (?P<release>\d{8}T\d{12}Z): (?P<before>\d+) -> (?P<after>\d+)")


@dataclass(frozen=True)
class Alias:
    """A function's alias: the version that it names, and whether some calls go to another one."""

    function: str
    version: str
    moving: bool
    description: str


@dataclass(frozen=True)
class Move:
    """A function whose calls a release moves from the version `before` to the version `after`."""

    function: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.function}: version {self.before} to {self.after}"


class Stage:
    """The functions of a stage, and the CodeDeploy application that moves their aliases."""

    def __init__(self, stage: str, region: str | None, poll_seconds: float) -> None:
        import botocore.session
        from botocore.config import Config

        session = botocore.session.Session()
        # One call per function, all at once, reaches the limits of both APIs.
        config = Config(retries={"mode": "standard", "max_attempts": 10})
        self._lambda, self._codedeploy = (
            session.create_client(service, region_name=region, config=config)
            for service in ("lambda", "codedeploy")
        )
        self._application = f"yourplace-{stage}"
        self._poll_seconds = poll_seconds

    def aliases(self) -> list[Alias]:
        """The aliases of all functions that CodeDeploy can release."""
        pages = self._codedeploy.get_paginator("list_deployment_groups").paginate(
            applicationName=self._application
        )
        # A deployment group has the name of its function.
        return [self.alias(function) for page in pages for function in page["deploymentGroups"]]

    def alias(self, function: str) -> Alias:
        """The alias of a function."""
        found = self._lambda.get_alias(FunctionName=function, Name=_ALIAS)
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return Alias(function, found["FunctionVersion"], bool(weights), found.get("Description", ""))

    def versions(self, function: str) -> list[str]:
        """The published versions of a function, the oldest first."""
        pages = self._lambda.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        found = (version["Version"] for page in pages for version in page["Versions"])
        return sorted((version for version in found if version != "$LATEST"), key=int)

    def delete_version(self, function: str, version: str) -> None:
        """Deletes a published version, which no alias names."""
        self._lambda.delete_function(FunctionName=function, Qualifier=version)

    def note(self, function: str, description: str) -> None:
        """Sets the description of an alias."""
        self._lambda.update_alias(FunctionName=function, Name=_ALIAS, Description=description)

    def call(self, function: str, version: str) -> None:
        """Sends all calls to a version at once."""
        no_weights: Mapping[str, Any] = {"AdditionalVersionWeights": {}}
        self._lambda.update_alias(
            FunctionName=function, Name=_ALIAS, FunctionVersion=version, RoutingConfig=no_weights
        )

    def start(self, move: Move, release: str, ignore_alarms: bool) -> str:
        """Starts a deployment; its id."""
        properties = {
            "Name": move.function,
            "Alias": _ALIAS,
            "CurrentVersion": move.before,
            "TargetVersion": move.after,
        }
        resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
        content = {"version": 0.0, "Resources": [{"function": resource}]}
        started = self._codedeploy.create_deployment(
            applicationName=self._application,
            deploymentGroupName=move.function,
            description=f"release {release}",
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}},
            **({"overrideAlarmConfiguration": {"enabled": False}} if ignore_alarms else {}),
        )
        deployment: str = started["deploymentId"]
        return deployment

    def running(self, functions: Iterable[str]) -> list[str]:
        """The ids of the deployments that have not ended."""
        listing = self._codedeploy.get_paginator("list_deployments")
        pages = (
            page
            for function in functions
            for page in listing.paginate(
                applicationName=self._application,
                deploymentGroupName=function,
                includeOnlyStatuses=sorted(_RUNNING),
            )
        )
        return [deployment for page in pages for deployment in page["deployments"]]

    def stop(self, deployment: str) -> None:
        """Stops a deployment, and lets CodeDeploy move the calls back."""
        self._codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)

    def ended(self, deployments: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Each deployment as soon as it has ended, and why it failed, if it did."""
        left = list(deployments)
        while left:
            for deployment in list(left):
                info = self._codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
                if info["status"] not in _RUNNING:
                    left.remove(deployment)
                    yield deployment, _failure(info)
            if left:
                time.sleep(self._poll_seconds)

    def settled(self, moves: Sequence[Move], seconds: float) -> list[Move]:
        """Waits until the calls go to the earlier versions again; the moves for which they still do not."""
        deadline = time.monotonic() + seconds
        left = list(moves)
        while True:
            left = [move for move in left if not _is_at(self.alias(move.function), move.before)]
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(self._poll_seconds)


def release(stage: Stage, ignore_alarms: bool, check: Callable[[], str | None]) -> None:
    """Moves the calls of each function that has a new version: of all of them, or of none.

    `check` says what is wrong with the service after the release, if anything is.
    """
    aliases = {alias.function: alias for alias in stage.aliases()}
    moving = [alias.function for alias in aliases.values() if alias.moving]
    if moving:
        raise Failure(f"CodeDeploy still moves the calls of {', '.join(moving)}. Wait, or use --rollback.")
    moves = []
    for alias in aliases.values():
        newest = stage.versions(alias.function)[-1]
        if newest != alias.version:
            moves.append(Move(alias.function, alias.version, newest))
    if not moves:
        print("Every function already runs its newest version.")
        if problem := check():
            raise Failure(problem)
        return
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z"
    started, problems = _start(stage, moves, name, ignore_alarms)
    for deployment, problem in stage.ended(started):
        move = started[deployment]
        print(f"{move.function}: {problem or 'done'}", flush=True)
        if problem:
            problems.append(f"{move.function}: {problem}")
    if not problems and (problem := check()):
        problems.append(problem)
    if problems:
        _take_back(stage, moves, aliases)
        reasons = "\n- ".join(problems)
        raise Failure(f"The release failed, and the versions before it are called again:\n- {reasons}")
    for move in moves:
        _delete_old_versions(stage, move)
    print(f"Released {len(moves)} functions.")


def _start(
    stage: Stage, moves: Iterable[Move], release: str, ignore_alarms: bool
) -> tuple[dict[str, Move], list[str]]:
    """Starts a deployment for each move until one is refused: the moves by deployment, and the refusal."""
    from botocore.exceptions import ClientError

    started: dict[str, Move] = {}
    for move in moves:
        stage.note(move.function, f"release {release}: {move.before} -> {move.after}")
        try:
            started[stage.start(move, release, ignore_alarms)] = move
        except ClientError as error:
            return started, [f"{move.function}: {error}"]
        print(move, flush=True)
    return started, []


def roll_back(stage: Stage) -> None:
    """Returns to the versions before the last release, or before the one that is running."""
    aliases = stage.aliases()
    running = stage.running(alias.function for alias in aliases)
    for deployment in running:
        print(f"Stopping {deployment}", flush=True)
        stage.stop(deployment)
    for _ in stage.ended(running):
        pass
    noted = [(alias, note) for alias in aliases if (note := _NOTE.fullmatch(alias.description))]
    if not noted:
        raise Failure("There was no release yet.")
    last = max(note["release"] for _, note in noted)
    moves = [
        Move(alias.function, note["before"], note["after"])
        for alias, note in noted
        if note["release"] == last
    ]
    back = [move for move in moves if not _is_at(stage.alias(move.function), move.before)]
    if not back and not running:
        raise Failure(f"The release {last} was rolled back already. Revert the commit, and push.")
    for move in back:
        stage.call(move.function, move.before)
        print(f"{move.function}: version {move.before} is called again", flush=True)
    print(f"Rolled back the release {last}. Revert its commit, or the next release brings it back.")


def _take_back(stage: Stage, moves: Sequence[Move], before: Mapping[str, Alias]) -> None:
    """Sends the calls of every function to the version before, and restores the notes of earlier releases.

    CodeDeploy moves the calls of a failed deployment back by itself, but this does not depend on it.
    """
    left = stage.settled([move for move in moves if stage.alias(move.function).moving], seconds=120)
    for move in left:
        print(f"{move.function}: CodeDeploy has not moved the calls back", flush=True)
    for move in moves:
        if not _is_at(stage.alias(move.function), move.before):
            stage.call(move.function, move.before)
            print(f"{move.function}: version {move.before} is called again", flush=True)
        stage.note(move.function, before[move.function].description)


def _delete_old_versions(stage: Stage, move: Move) -> None:
    """Keeps the version that is called and the one before it, which a rollback needs."""
    for version in stage.versions(move.function):
        if version not in (move.before, move.after):
            stage.delete_version(move.function, version)


def _is_at(alias: Alias, version: str) -> bool:
    return alias.version == version and not alias.moving


def _failure(info: Mapping[str, Any]) -> str | None:
    """Why a deployment that has ended failed, or None if it succeeded."""
    if info["status"] == "Succeeded":
        return None
    error = info.get("errorInformation", {})
    return f"{info['status'].lower()}: {error.get('message', 'CodeDeploy gives no reason')}"
