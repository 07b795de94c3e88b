"""Compares what scripts/local and Terraform have deployed from the same manifest."""

import re
from collections.abc import Mapping
from typing import Any

# Paths that may differ, and why.
ALLOWED: Mapping[str, str] = {
    r".*/(Tags|UserPoolTags)/.*": "tags: in AWS for permissions and costs, locally for a program's digest",
    r"api/stage/[^/]+/AccessLogSettings/.*": "the local cloud writes no access log",
    r"log//aws/apigateway/.*": "the local cloud writes no access log",
    r"function/[^/]+/Layers/.*": "the local cloud runs no extensions",
    r"topic/alarms/.*": "a local cloud has no alarms",
}


def differences(local: Mapping[str, Any], terraform: Mapping[str, Any]) -> list[str]:
    """Differences that are not allowed, and allowances that are no longer needed."""
    found, needed = [], set()
    for path in sorted(local.keys() | terraform.keys()):
        if local.get(path) == terraform.get(path):
            continue
        allowances = [pattern for pattern in ALLOWED if re.fullmatch(pattern, path)]
        needed.update(allowances)
        if not allowances:
            found.append(
                f"{path}: scripts/local has {_shown(local, path)}, Terraform has {_shown(terraform, path)}"
            )
    unneeded = [f"nothing differs at {pattern} any more" for pattern in ALLOWED if pattern not in needed]
    return found + unneeded


def _shown(description: Mapping[str, Any], path: str) -> str:
    return repr(description[path]) if path in description else "nothing"
