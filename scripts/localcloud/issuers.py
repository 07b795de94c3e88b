"""OpenID Connect issuers to trust beside the user pool."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.common import Failure

Issuer = Mapping[str, Any]

_NEEDED = {"issuer", "audiences", "alias"}
_KNOWN = {*_NEEDED, "jwks_url"}


def read(file: Path) -> list[Issuer]:
    """The issuers in a JSON list like Terraform's `trusted_issuers`. The functions check their values."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"The trusted issuers can't be read from {file}: {error}") from error
    if not isinstance(found, list) or not all(
        isinstance(issuer, dict) and _NEEDED <= issuer.keys() <= _KNOWN for issuer in found
    ):
        raise Failure(
            f"{file} is not a JSON list of issuers with issuer, audiences, alias and optionally jwks_url: "
            '[{"issuer": "https://tenant.eu.auth0.com/", "audiences": ["…"], "alias": "auth0"}]'
        )
    return found
