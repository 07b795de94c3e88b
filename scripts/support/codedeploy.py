"""A stand-in for CodeDeploy, for tests: no local cloud has it.

It follows the AWS CodeDeploy User Guide, "Working with deployments" and "Redeploy and roll back a
deployment", as far as scripts/release depends on it. Time passes with the calls: until the third look at a
deployment, its new version gets a tenth of the calls.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

_CANARY_LOOKS = 2
Response = tuple[int, Mapping[str, Any]]


class Aliases(Protocol):
    """The functions' aliases, in a local cloud or made up."""

    def version(self, function: str) -> str:
        """The version that the alias names."""

    def move(self, function: str, version: str, canary: str | None) -> None:
        """Names a version, and gives `canary` a tenth of the calls."""


@dataclass
class Deployment:
    """One deployment: how often it was looked at, and how it ended."""

    function: str
    before: str
    after: str
    watched: bool
    looks: int = 0
    status: str = "InProgress"
    reason: str = ""


class CodeDeploy:
    """The deployments of one application. `firing` says whether an alarm of a function is on."""

    def __init__(self, aliases: Aliases, functions: Sequence[str], firing: Callable[[str], bool]) -> None:
        self.deployments: dict[str, Deployment] = {}
        self._aliases, self._functions, self._firing = aliases, functions, firing

    def call(self, operation: str, request: Mapping[str, Any]) -> Response:
        """The status and the body of a response."""
        if operation == "ListDeploymentGroups":
            return 200, {"applicationName": request["applicationName"], "deploymentGroups": self._functions}
        if operation == "CreateDeployment":
            return self._create(request)
        if operation == "ListDeployments":
            group, statuses = request["deploymentGroupName"], request["includeOnlyStatuses"]
            listed = [
                name
                for name, deployment in self.deployments.items()
                if deployment.function == group and deployment.status in statuses
            ]
            return 200, {"deployments": listed}
        deployment = self.deployments[request["deploymentId"]]
        if operation == "StopDeployment":
            assert request["autoRollbackEnabled"]
            self._end(deployment, "Stopped", "The deployment was stopped by request.")
            return 200, {"status": "Pending"}
        assert operation == "GetDeployment", operation
        self._look(deployment)
        information: dict[str, Any] = {"status": deployment.status}
        if deployment.reason:
            information["errorInformation"] = {"code": "ALARM_ACTIVE", "message": deployment.reason}
        return 200, {"deploymentInfo": information}

    def _create(self, request: Mapping[str, Any]) -> Response:
        group = request["deploymentGroupName"]
        if any(old.function == group and old.status == "InProgress" for old in self.deployments.values()):
            return 400, {
                "__type": "DeploymentLimitExceededException",
                "message": f"{group} is being deployed",
            }
        content = json.loads(request["revision"]["appSpecContent"]["content"])
        (resource,) = content["Resources"][0].values()
        wanted = resource["Properties"]
        assert (resource["Type"], wanted["Name"], wanted["Alias"]) == ("AWS::Lambda::Function", group, "live")
        watched = request.get("overrideAlarmConfiguration", {"enabled": True})["enabled"]
        deployment = Deployment(group, wanted["CurrentVersion"], wanted["TargetVersion"], watched)
        name = f"d-{len(self.deployments) + 1:09}"
        self.deployments[name] = deployment
        if self._aliases.version(group) != deployment.before:
            self._end(deployment, "Failed", f"The alias does not name version {deployment.before}.")
        elif watched and self._firing(group):
            self._end(deployment, "Stopped", "One or more alarms have been activated.")
        else:
            self._aliases.move(group, deployment.before, canary=deployment.after)
        return 200, {"deploymentId": name}

    def _look(self, deployment: Deployment) -> None:
        if deployment.status != "InProgress":
            return
        deployment.looks += 1
        if deployment.watched and self._firing(deployment.function):
            self._end(deployment, "Stopped", "One or more alarms have been activated.")
        elif deployment.looks > _CANARY_LOOKS:
            deployment.status = "Succeeded"
            self._aliases.move(deployment.function, deployment.after, canary=None)

    def _end(self, deployment: Deployment, status: str, reason: str) -> None:
        deployment.status, deployment.reason = status, reason
        self._aliases.move(deployment.function, deployment.before, canary=None)


Others = Callable[[str, str, Mapping[str, Any]], Response]


@contextmanager
def serving(codedeploy: CodeDeploy, others: Others | None = None) -> Iterator[str]:
    """The URL at which AWS clients reach the stand-in; `others` answers requests to another service."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"] or 0)) or b"{}")
            service, _, operation = self.headers.get("x-amz-target", "").partition(".")
            if service == "CodeDeploy_20141006":
                status, response = codedeploy.call(operation, body)
            else:
                assert others, self.path
                status, response = others(self.command, self.path, body)
            content = json.dumps(response).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_DELETE = do_GET = do_POST = do_PUT = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
