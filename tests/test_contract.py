"""Every deviation of a response from the OpenAPI document is found."""

import copy
import json
from typing import Any

import httpx
import pytest

from contract import Contract, Violation, document

pytestmark = pytest.mark.no_service

PHOTO: dict[str, Any] = {
    "filename": "20261121T020304056Z_cat.jpg",
    "type": "jpg",
    "size": 5,
    "uploaded_at": "2026-11-21T02:03:04.056Z",
    "sha256": None,
    "width": None,
    "height": None,
    "taken_at": "2026-11-21T02:03:04.056",
    "taken_at_source": "upload",
    "place": None,
    "camera": None,
    "favourite": False,
    "trashed_at": None,
    "rendition": "pending",
    "thumbnail_url": None,
    "preview_url": None,
    "thumbhash": None,
    "duplicate_of": None,
}
JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def check(
    body: object,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    changed: dict[str, Any] | None = None,
    request: tuple[str, str] = ("POST", "/list"),
) -> None:
    content = json.dumps(body).encode() if body is not None else b""
    Contract(changed or document()).check(
        *request, status, httpx.Headers(JSON if headers is None else headers), content
    )


def refused(body: object, reason: str, **rest: Any) -> None:
    with pytest.raises(Violation, match=reason):
        check(body, **rest)


def test_the_documented_response_passes() -> None:
    check({"photos": [PHOTO], "cursor": None})


def test_a_missing_member_is_found() -> None:
    refused({"photos": []}, "'cursor' is a required property")


def test_an_extra_member_is_found_at_any_depth() -> None:
    refused({"photos": [], "cursor": None, "more": 1}, "'more' was unexpected")
    refused({"photos": [PHOTO | {"owner": "ann"}], "cursor": None}, "'owner' was unexpected")


def test_a_wrong_type_is_found() -> None:
    refused({"photos": [PHOTO | {"size": "5"}], "cursor": None}, "'5' is not of type 'integer'")


def test_an_undocumented_status_is_found() -> None:
    refused(None, "undocumented status", status=418)


def test_an_undocumented_media_type_is_found() -> None:
    refused({"photos": [], "cursor": None}, "not 'text/html'", headers=JSON | {"Content-Type": "text/html"})


def test_a_missing_header_is_found() -> None:
    refused(PHOTO, "the header Location is missing", status=201, request=("POST", "/upload_single_photo"))


def test_a_body_where_none_is_documented_is_found() -> None:
    refused({}, "expected no body", status=204, request=("POST", "/delete"))


def test_an_undocumented_operation_is_found() -> None:
    refused({}, "undocumented operation", request=("GET", "/nothing"))
    check({"message": "Not Found"}, status=404, request=("GET", "/nothing"))


def test_an_undocumented_kind_of_problem_is_found() -> None:
    problem = {
        "type": "urn:yourplace:problem:bad-request",
        "title": "The request is malformed",
        "status": 400,
        "detail": "x",
        "request_id": "r",
    }
    headers = {"Content-Type": "application/problem+json"}
    check(problem, status=400, headers=headers)
    refused(problem | {"type": "urn:yourplace:problem:odd"}, "was expected", status=400, headers=headers)
    refused(problem, "was expected", status=404, headers=headers, request=("POST", "/delete"))


@pytest.mark.parametrize("change", ["member missing", "status missing", "wrong type"])
def test_a_wrong_document_is_found(change: str) -> None:
    """A response that matched the document does not match it after the change."""
    changed = copy.deepcopy(document())
    page = changed["components"]["schemas"]["PhotoPage"]
    if change == "member missing":
        del page["properties"]["cursor"]
    elif change == "status missing":
        del changed["paths"]["/list"]["post"]["responses"]["200"]
    else:
        page["properties"]["photos"] = {"type": "object"}
    with pytest.raises(Violation):
        check({"photos": [PHOTO], "cursor": None}, changed=changed)
