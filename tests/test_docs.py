"""`GET /docs` and `GET /openapi.json`."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

import contract
from service import Settings, assert_problem


class References(HTMLParser):
    """Every URL that a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if name in ("src", "href", "action") and value]


@pytest.fixture(scope="module")
def page(http: httpx.Client) -> httpx.Response:
    response = http.get("/docs")
    assert response.status_code == 200
    return response


@pytest.fixture(scope="module")
def references(page: httpx.Response) -> list[str]:
    parser = References()
    parser.feed(page.text)
    return [urljoin(str(page.url), reference) for reference in parser.found]


def test_the_document_is_the_committed_one(http: httpx.Client) -> None:
    assert http.get("/openapi.json").json() == contract.document()


def test_every_file_of_the_page_loads(http: httpx.Client, references: list[str]) -> None:
    assert len(references) == 4
    for url in references:
        response = http.get(url)
        assert response.status_code == 200, url
        assert response.content, url


def test_no_reference_leaves_the_origin(settings: Settings, references: list[str]) -> None:
    assert all(url.startswith(settings.base_url + "/") for url in references), references


def test_the_style_sheet_refers_only_to_itself(http: httpx.Client, references: list[str]) -> None:
    style = next(url for url in references if url.endswith(".css"))
    found = re.findall(r"url\(\s*[\"']?([^)\"']+)", http.get(style).text)
    assert found
    assert all(urlsplit(url).scheme == "data" for url in found)


def test_the_browser_is_told_to_load_nothing_from_elsewhere(page: httpx.Response) -> None:
    policy = dict(part.split(None, 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    sources: list[Any] = [source for sources in policy.values() for source in sources.split()]
    assert set(sources) == {"'none'", "'self'", "data:"}
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"


def test_the_document_is_found_beside_the_page(http: httpx.Client, page: httpx.Response) -> None:
    start = http.get(urljoin(str(page.url), "docs/start.js")).text
    url = re.search(r'url: "([^"]+)"', start)
    assert url is not None
    assert http.get(urljoin(str(page.url), url[1])).json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("file", ["index.html", "swagger-ui-bundle.js.map", "%00"])
def test_other_files_are_not_found(http: httpx.Client, file: str) -> None:
    assert_problem(http.get(f"/docs/{file}"), 404)
