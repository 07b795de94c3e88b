"""How IAM evaluates policies, as far as the pipeline's policies need it.

The rules are those of the IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition
operators". An operator that is not implemented is an error, never a match.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]
Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A call as IAM sees it: an action, the ARN that it acts on, and the condition keys that AWS supplies."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def allows(policies: Iterable[Policy], request: Request) -> bool:
    """Whether a statement of these policies allows the request, and none denies it."""
    return _effects(policies, request) == {"Allow"}


def denies(policies: Iterable[Policy], request: Request) -> bool:
    """Whether a statement of these policies denies the request, so that no other policy can allow it."""
    return "Deny" in _effects(policies, request)


def as_list(value: str | Sequence[str]) -> list[str]:
    """The value of a policy's element, which may be one string or a list of strings."""
    return [value] if isinstance(value, str) else list(value)


def matches(pattern: str, value: str) -> bool:
    """Whether a value matches a pattern with `*` and `?`, where `*` also matches colons and slashes."""
    return _pattern(pattern).fullmatch(value) is not None


def _effects(policies: Iterable[Policy], request: Request) -> set[str]:
    return {
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if _applies(statement, request)
    }


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _applies(statement: Statement, request: Request) -> bool:
    action = request.action.lower()
    return (
        any(matches(pattern.lower(), action) for pattern in as_list(statement["Action"]))
        and _acts_on(statement, request.resource)
        and _conditions_hold(statement.get("Condition", {}), request.context)
    )


def _acts_on(statement: Statement, resource: str) -> bool:
    if "NotResource" in statement:
        return not any(matches(pattern, resource) for pattern in as_list(statement["NotResource"]))
    return any(matches(pattern, resource) for pattern in as_list(statement["Resource"]))


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    names = {name.lower(): value for name, value in context.items()}
    for operator, keys in conditions.items():
        compare = _OPERATORS[operator.removesuffix("IfExists")]
        for key, expected in keys.items():
            value = names.get(key.lower())
            if value is None:
                if not operator.endswith("IfExists"):
                    return False
            elif not any(compare(pattern, value) for pattern in as_list(expected)):
                return False
    return True


def _arn_matches(pattern: str, value: str) -> bool:
    """Compares the six parts of an ARN one by one: in the first five, a wildcard ends at a colon."""
    patterns, values = pattern.split(":", 5), value.split(":", 5)
    return len(patterns) == len(values) and all(map(matches, patterns, values))


_OPERATORS = {
    "ArnEquals": _arn_matches,
    "ArnLike": _arn_matches,
    "StringEquals": lambda expected, value: bool(expected == value),
    "StringLike": matches,
}
