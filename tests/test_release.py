"""scripts/release: with stand-ins for CodeDeploy and Lambda, and with a function of the local cloud."""

import io
import json
import re
import subprocess
import sys
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service import Settings
from support import events
from support.codedeploy import CodeDeploy, Response, serving
from support.common import Failure
from support.releases import Stage, release, roll_back

SCRIPT = Path(__file__).parents[1] / "scripts" / "release"
_A, _B = "yourplace-test-a", "yourplace-test-b"


class Functions:
    """Functions with versions and an alias, and the part of Lambda's API that scripts/release uses."""

    def __init__(self, **latest: int) -> None:
        self.aliases: dict[str, dict[str, Any]] = {}
        self.published: dict[str, list[str]] = {}
        for name, number in latest.items():
            function = f"yourplace-test-{name}"
            self.aliases[function] = {"FunctionVersion": "1", "Description": ""}
            self.published[function] = [str(version) for version in range(1, number + 1)]
        # Functions whose alarm is on, from the start or as soon as a version gets calls.
        self.firing: set[str] = set()
        self.failing: dict[str, str] = {}

    def version(self, function: str) -> str:
        version: str = self.aliases[function]["FunctionVersion"]
        return version

    def move(self, function: str, version: str, canary: str | None) -> None:
        weights = {canary: 0.1} if canary else {}
        self.aliases[function] |= {
            "FunctionVersion": version,
            "RoutingConfig": {"AdditionalVersionWeights": weights},
        }

    def is_firing(self, function: str) -> bool:
        alias = self.aliases[function]
        called = {
            alias["FunctionVersion"],
            *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
        }
        return function in self.firing or self.failing.get(function) in called

    def publish(self, name: str) -> None:
        versions = self.published[f"yourplace-test-{name}"]
        versions.append(str(int(versions[-1]) + 1))

    def called(self) -> list[str]:
        """The version that each function's calls go to, and `moving` if they go to two."""
        weights = "RoutingConfig", "AdditionalVersionWeights"
        return [
            "moving" if alias.get(weights[0], {}).get(weights[1]) else alias["FunctionVersion"]
            for alias in self.aliases.values()
        ]

    def call(self, method: str, path: str, request: Mapping[str, Any]) -> Response:
        parts = urlsplit(path)
        found = re.fullmatch(r"/2015-03-31/functions/([^/]+)(/aliases/live|/versions)?", parts.path)
        assert found, path
        function, what = found[1], found[2]
        if what == "/versions":
            versions = ["$LATEST", *self.published[function]]
            return 200, {"Versions": [{"Version": version} for version in versions]}
        if what == "/aliases/live":
            if method == "PUT":
                self.aliases[function] |= request
            return 200, self.aliases[function]
        assert method == "DELETE"
        (version,) = parse_qs(parts.query)["Qualifier"]
        self.published[function].remove(version)
        return 204, {}


class Released:
    """A stage of two functions, each with a version that is called and a newer one."""

    def __init__(self) -> None:
        self.functions = Functions(a=2, b=2)
        self.codedeploy = CodeDeploy(self.functions, [_A, _B], self.functions.is_firing)
        self.stage: Stage

    def release(self, ignore_alarms: bool = False, problem: str | None = None) -> list[str]:
        """Releases, and returns the versions that are called then."""
        release(self.stage, ignore_alarms, lambda: problem)
        return self.functions.called()

    def roll_back(self) -> list[str]:
        """Rolls back, and returns the versions that are called then."""
        roll_back(self.stage)
        return self.functions.called()


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Released]:
    released = Released()
    with serving(released.codedeploy, released.functions.call) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        released.stage = Stage("test", "eu-central-1", poll_seconds=0.01)
        yield released


@pytest.mark.no_service
class TestWithStandIns:
    def test_calls_move_to_the_new_versions(self, two: Released) -> None:
        assert two.release() == ["2", "2"]

    def test_a_function_without_a_new_version_is_left_alone(
        self, two: Released, capsys: pytest.CaptureFixture[str]
    ) -> None:
        two.release()
        two.functions.publish("b")
        assert two.release() == ["2", "3"]
        assert [deployment.function for deployment in two.codedeploy.deployments.values()] == [_A, _B, _B]
        two.release()
        assert "already runs its newest version" in capsys.readouterr().out

    def test_an_alarm_takes_the_whole_release_back(self, two: Released) -> None:
        two.functions.failing = {_B: "2"}
        with pytest.raises(Failure, match=f"{_B}: stopped: One or more alarms have been activated"):
            two.release()
        assert two.functions.called() == ["1", "1"]
        # The next release tries again, and brings both.
        two.functions.publish("b")
        assert two.release() == ["2", "3"]

    def test_a_service_that_does_not_work_takes_the_release_back(self, two: Released) -> None:
        with pytest.raises(Failure, match="POST /login got 500"):
            two.release(problem="POST /login got 500")
        assert two.functions.called() == ["1", "1"]

    def test_without_new_versions_the_service_is_still_checked(self, two: Released) -> None:
        two.release()
        with pytest.raises(Failure, match="POST /login got 500"):
            two.release(problem="POST /login got 500")
        assert two.functions.called() == ["2", "2"]

    def test_no_release_starts_while_an_alarm_is_on(self, two: Released) -> None:
        two.functions.firing = {_A}
        with pytest.raises(Failure, match="alarms"):
            two.release()
        assert two.functions.called() == ["1", "1"]

    def test_a_release_that_repairs_ignores_the_alarms(self, two: Released) -> None:
        two.functions.firing = {_A}
        assert two.release(ignore_alarms=True) == ["2", "2"]

    def test_a_deployment_that_is_refused_takes_the_others_back(self, two: Released) -> None:
        two.codedeploy.call("CreateDeployment", _deployment(_B, "1", "2"))
        # The deployment has not changed the alias yet.
        two.functions.aliases[_B]["RoutingConfig"] = {}
        with pytest.raises(Failure, match=f"{_B} is being deployed"):
            two.release()
        assert two.functions.called() == ["1", "1"]

    def test_a_second_release_waits_for_the_first(self, two: Released) -> None:
        two.codedeploy.call("CreateDeployment", _deployment(_B, "1", "2"))
        with pytest.raises(Failure, match=f"still moves the calls of {_B}"):
            two.release()
        assert two.functions.called() == ["1", "moving"]

    def test_a_rollback_returns_to_the_versions_before_the_last_release(self, two: Released) -> None:
        two.release()
        two.functions.publish("b")
        two.release()
        assert two.roll_back() == ["2", "2"]

    def test_a_rollback_is_not_repeated(self, two: Released) -> None:
        with pytest.raises(Failure, match="no release yet"):
            two.roll_back()
        two.release()
        assert two.roll_back() == ["1", "1"]
        with pytest.raises(Failure, match="was rolled back already"):
            two.roll_back()
        assert two.functions.called() == ["1", "1"]

    def test_a_failed_release_leaves_the_one_before_it_to_the_rollback(self, two: Released) -> None:
        two.release()
        two.functions.publish("a")
        two.functions.failing = {_A: "3"}
        with pytest.raises(Failure):
            two.release()
        assert two.functions.called() == ["2", "2"]
        assert two.roll_back() == ["1", "1"]

    def test_a_rollback_stops_a_running_release(self, two: Released) -> None:
        two.release()
        two.functions.publish("a")
        two.functions.aliases[_A]["Description"] = "release 99991231T000000000000Z: 2 -> 3"
        two.codedeploy.call("CreateDeployment", _deployment(_A, "2", "3"))
        assert two.roll_back() == ["2", "2"]

    def test_old_versions_are_deleted_except_the_one_before(self, two: Released) -> None:
        for _ in range(2):
            two.release()
            two.functions.publish("a")
        two.release()
        assert two.functions.published == {_A: ["3", "4"], _B: ["1", "2"]}


class Deployed:
    """A function of the local cloud with an alias, an alarm, and what AWS does between them.

    The local cloud evaluates the alarm. But it records no metrics of functions, and it ignores the weights of
    an alias: so a tenth of the calls is one call here, and its error is put into the metric by hand.
    """

    def __init__(self, aws: Callable[[str], Any], settings: Settings) -> None:
        self.lambda_, self.cloudwatch = aws("lambda"), aws("cloudwatch")
        self.stage = settings.stage
        self.name = f"yourplace-{settings.stage}-released-{uuid.uuid4().hex[:8]}"
        model = self.lambda_.get_function(FunctionName=f"yourplace-{settings.stage}-docs", Qualifier="live")
        with urllib.request.urlopen(model["Code"]["Location"]) as response:
            self.good: bytes = response.read()
        found = model["Configuration"]
        settings_of_docs = {key: found[key] for key in ("Role", "Runtime", "Handler", "Environment")}
        self.lambda_.create_function(
            FunctionName=self.name, Code={"ZipFile": self.good}, Timeout=10, **settings_of_docs
        )
        first = self.lambda_.publish_version(FunctionName=self.name)["Version"]
        self.lambda_.create_alias(FunctionName=self.name, Name="live", FunctionVersion=first)
        self.dimensions = [{"Name": "FunctionName", "Value": self.name}]
        self.cloudwatch.put_metric_alarm(
            AlarmName=f"{self.name}-errors",
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=self.dimensions,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
        )

    def delete(self) -> None:
        self.lambda_.delete_function(FunctionName=self.name)
        self.cloudwatch.delete_alarms(AlarmNames=[f"{self.name}-errors"])

    def publish(self, code: bytes) -> None:
        self.lambda_.update_function_code(FunctionName=self.name, ZipFile=code)
        self.lambda_.publish_version(FunctionName=self.name)

    def works(self, qualifier: str = "live") -> bool:
        """Whether a call ends without an error."""
        request = events.http_request("GET /openapi.json", {}, stage=self.stage)
        response = self.lambda_.invoke(
            FunctionName=self.name, Qualifier=qualifier, Payload=json.dumps(request)
        )
        return "FunctionError" not in response

    def version(self, function: str) -> str:
        version: str = self.lambda_.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
        return version

    def move(self, function: str, version: str, canary: str | None) -> None:
        weights = {canary: 0.1} if canary else {}
        self.lambda_.update_alias(
            FunctionName=function,
            Name="live",
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
        if canary and not self.works(canary):
            error = {"MetricName": "Errors", "Dimensions": self.dimensions, "Value": 1.0}
            data = [{**error, "Timestamp": datetime.now(UTC)}]
            self.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=data)

    def is_firing(self, function: str) -> bool:
        alarms = self.cloudwatch.describe_alarms(AlarmNames=[f"{function}-errors"])["MetricAlarms"]
        return [alarm["StateValue"] for alarm in alarms] == ["ALARM"]


@pytest.fixture
def deployed(aws: Callable[[str], Any], settings: Settings) -> Iterator[Deployed]:
    made = Deployed(aws, settings)
    yield made
    made.delete()


@pytest.mark.local_cloud
def test_the_smoke_test_stores_and_deletes_a_photo(settings: Settings, aws: Callable[[str], Any]) -> None:
    script = str(SCRIPT.with_name("smoke"))
    pool, region = str(settings.pool), str(settings.region)
    command = [sys.executable, script, settings.base_url, "--pool", pool, "--region", region]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "upload, list, download" in done.stdout
    cognito = aws("cognito-idp")
    pages = cognito.get_paginator("list_users").paginate(UserPoolId=pool)
    names = [user["Username"] for page in pages for user in page["Users"]]
    assert not [name for name in names if name.startswith("canary-")], "the canary did not delete itself"


@pytest.mark.local_cloud
def test_an_alarm_rolls_back_a_release_that_makes_a_function_fail(
    deployed: Deployed, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    codedeploy = CodeDeploy(deployed, [deployed.name], deployed.is_firing)
    command = [sys.executable, str(SCRIPT), "--stage", settings.stage, "--poll-seconds", "0.1"]
    with serving(codedeploy) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEDEPLOY", url)
        deployed.publish(_zip("#!/bin/sh\nexit 1\n"))
        assert not deployed.works("2")

        failed = subprocess.run(command, capture_output=True, text=True)
        assert failed.returncode == 1
        assert "One or more alarms have been activated" in failed.stderr
        assert deployed.version(deployed.name) == "1"
        assert deployed.works()

        deployed.publish(deployed.good)
        repaired = subprocess.run([*command, "--ignore-alarms"], capture_output=True, text=True)
        assert repaired.returncode == 0, repaired.stderr
        assert deployed.version(deployed.name) == "3"
        assert deployed.works()

        subprocess.run([*command, "--rollback"], check=True)
        assert deployed.version(deployed.name) == "1"


def _zip(bootstrap: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        member = zipfile.ZipInfo("bootstrap")
        member.external_attr = 0o755 << 16
        archive.writestr(member, bootstrap)
    return file.getvalue()


def _deployment(function: str, before: str, after: str) -> dict[str, Any]:
    properties = (
        f'{{"Name":"{function}","Alias":"live","CurrentVersion":"{before}","TargetVersion":"{after}"}}'
    )
    content = f'{{"Resources":[{{"f":{{"Type":"AWS::Lambda::Function","Properties":{properties}}}}}]}}'
    return {"deploymentGroupName": function, "revision": {"appSpecContent": {"content": content}}}
