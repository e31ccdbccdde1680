"""The page and the API's documentation as HTTP serves them: whose files, how long they are kept, what they may do."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from finops.api.page.files import MEDIA_TYPES
from tests.api.service import Service, Shared
from tests.conftest import ROOT

PAGES = ("/", "/docs")
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
OURS = [path.relative_to(ROOT / "api/page/static") for path in (ROOT / "api/page/static").rglob("*") if path.is_file()]


@pytest.fixture
def stranger(shared: Shared) -> Service:
    """An API that is asked without a token."""
    return Service(shared.service.url)


def folder(service: Service) -> str:
    """The path of the folder that the page names for its files."""
    found = re.search(r'"(page/[0-9a-f]{16})/', service.get("/docs").text)
    assert found
    return f"/{found[1]}"


@pytest.mark.parametrize("page", PAGES)
def test_everything_that_a_page_names_is_there_whatever_path_a_proxy_has_it_below(stranger: Service, page: str) -> None:
    answer = stranger.get(page)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    named = re.findall(r' (?:src|href)="([^"]*)"', answer.text)
    assert named
    for address in named:
        assert urljoin(f"https://proxy.example/finops{page}", address).startswith("https://proxy.example/finops/")
        assert requests.get(urljoin(answer.url, address), timeout=30).status_code == 200, address


def test_every_file_of_the_page_is_served_with_its_own_type_and_kept_for_a_year(stranger: Service) -> None:
    others = ["chart.js", "docs.js", "swagger-ui-bundle.js", "swagger-ui.css", "favicon.png", "licences.txt"]
    for name in [*map(Path.as_posix, OURS), *others]:
        if name != "index.html":
            answer = stranger.get(f"{folder(stranger)}/{name}")
            assert answer.status_code == 200, name
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPES[Path(name).suffix]
    assert stranger.get(f"{folder(stranger)}/chart.js").text.startswith("/*!\n * Chart.js v4")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_asked_for_again_each_time_and_sent_when_it_changed(stranger: Service, page: str) -> None:
    first = stranger.get(page)
    assert first.headers["cache-control"] == "no-cache"
    again = stranger.get(page, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert stranger.get(page, headers={"If-None-Match": 'W/"other"'}).content == first.content


def test_a_file_is_sent_as_it_was_compressed_at_the_start_and_plain_to_who_can_not_read_that(stranger: Service) -> None:
    for path in ("/", "/openapi.json", f"{folder(stranger)}/swagger-ui.css"):
        plain = stranger.get(path, headers={"Accept-Encoding": "identity"})
        packed = stranger.get(path, headers={"Accept-Encoding": "gzip"}, stream=True)
        assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
        assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content
        assert {plain.headers["vary"].split(", ")[0], packed.headers["vary"]} == {"Accept-Encoding"}


def test_head_is_answered_without_a_body(stranger: Service) -> None:
    for path in (*PAGES, "/openapi.json", f"{folder(stranger)}/chart.js"):
        whole, head = stranger.get(path), stranger.session.head(f"{stranger.url}{path}", timeout=30)
        assert (head.status_code, head.content) == (200, b"")
        assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}, path


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "/docs/",
        "/index.html",
        "/page/",
        "/page/0000000000000000/chart.js",
        "{folder}",
        "{folder}/",
        "{folder}/index.html",
        "{folder}/nothing.js",
        "{folder}//chart.js",
        "{folder}/../../../pyproject.toml",
        "{folder}/%2e%2e/%2e%2e/app.py",
        "{folder}/..%5c..%5capp.py",
        "{folder}//etc/passwd",
        "{folder}/chart.js%00",
    ],
)
def test_no_other_path_leads_to_a_file(stranger: Service, path: str) -> None:
    asked = requests.Request("GET", stranger.url).prepare()
    asked.url = f"{stranger.url}{path.format(folder=folder(stranger))}"  # as it is: a library would tidy it up
    answer = stranger.session.send(asked, timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.headers["cache-control"] == "no-store"


def test_a_page_may_load_and_ask_nothing_but_what_is_served_here(stranger: Service) -> None:
    for path in (*PAGES, f"{folder(stranger)}/docs.js"):
        headers = stranger.get(path).headers
        directives = [directive.partition(" ") for directive in headers["content-security-policy"].split("; ")]
        assert {name: sources for name, _, sources in directives} == POLICY
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


def test_the_licence_of_everything_that_others_wrote_is_served(stranger: Service) -> None:
    text = stranger.get(f"{folder(stranger)}/licences.txt").text
    for holder in ("Chart.js Contributors", "Jukka Kurkela", "Sasha Koss", "Andrew Kane", "Neal Turett"):
        assert holder in text
    assert "Apache License\n" in text
    assert "9. Accepting Warranty or Additional Liability" in text
