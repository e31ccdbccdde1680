"""The page and the API's documentation as a browser gets them: below a proxy's path, and never for another site."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests.api.service import api
from tests.page.conftest import Demo, Visiting
from tests.page.reading import figures
from tests.page.visit import drawn, visit

pytestmark = pytest.mark.page
PATH = "/finops"
LAST = "2026-10"
OPERATION = "#operations-costs-costs_v1_costs_get"
LIVE = ".live-responses-table .response"
OTHER_SITE = """
    async ([url, path]) => {
        const read = async (options) => (await (await fetch(url + path, options)).text()).length;
        const loaded = (name, attribute) => new Promise((resolve) => {
            const element = document.createElement(name);
            element.onload = () => resolve("loaded");
            element.onerror = () => resolve("refused");
            element[attribute] = url + path;
            document.body.append(element);
        });
        return {
            cors: await read({}).catch(() => "refused"),
            opaque: await read({mode: "no-cors"}).catch(() => "refused"),
            credentials: await read({credentials: "include"}).catch(() => "refused"),
            script: await loaded("script", "src"),
            image: await loaded("img", "src"),
        };
    }
"""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def proxied(target: str, token: str) -> Iterator[str]:
    """The address of an API below a path of a proxy, which says who asks."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == PATH:
                self.send_response(301)
                self.send_header("Location", f"{PATH}/")
                self.end_headers()
                return
            if not self.path.startswith(f"{PATH}/"):
                self.send_error(404)
                return
            headers = {**self.headers, "Authorization": f"Bearer {token}"}
            answer = requests.get(f"{target}{self.path.removeprefix(PATH)}", headers=headers, stream=True, timeout=30)
            body = answer.raw.read(decode_content=False)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection", "date"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
            """Say nothing."""

    with serving(Proxy) as url:
        yield f"{url}{PATH}"


def open_costs(page: Page) -> None:
    """Open the costs in Swagger UI, ready to be asked for."""
    page.click(f"{OPERATION} .opblock-summary-control")
    page.click(f"{OPERATION} .try-out__btn")


def ask(page: Page, status: str) -> None:
    """Send what Swagger UI has filled in, and wait for this status."""
    page.click(f"{OPERATION} .execute")
    page.locator(f"{OPERATION} {LIVE} .response-col_status", has_text=status).wait_for()


def test_the_documentation_asks_with_a_token_and_breaks_no_policy(demo: Demo, visiting: Visiting) -> None:
    with visiting(f"{demo.url}/docs", expect="status of 401") as page:
        open_costs(page)
        ask(page, "401")
        page.click(".btn.authorize")
        page.fill(".auth-container input", demo.tokens["storefront"])
        page.click(".auth-btn-wrapper .authorize")
        page.click(".auth-btn-wrapper .btn-done")
        ask(page, "200")
        answer = json.loads(page.inner_text(f"{OPERATION} {LIVE} .highlight-code code"))
    asked = requests.get(
        f"{demo.url}/v1/costs", headers={"Authorization": f"Bearer {demo.tokens['storefront']}"}, timeout=30
    )
    assert answer == asked.json()


def test_behind_a_proxy_that_says_who_asks_nobody_types_a_token(demo: Demo, visiting: Visiting) -> None:
    with proxied(demo.url, demo.tokens["storefront"]) as url:
        with visiting(url) as page:
            drawn(page)
            assert page.url.startswith(f"{url}/")
            assert page.locator("input[type=password]").count() == 0
            assert figures(page, "headline")["complete"][0] == demo.ledger("storefront").sum(month=LAST)
        with visiting(f"{url}/docs") as page:
            open_costs(page)
            ask(page, "200")
            assert f"'{url}/v1/costs?" in page.inner_text(f"{OPERATION} .curl-command")


def test_a_page_of_another_site_reads_nothing_of_a_local_api_without_a_token(browser: Browser) -> None:
    class OtherSite(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><body>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
            """Say nothing."""

    nowhere = {"PGHOST": "127.0.0.1", "PGPORT": "9"}
    with api("--insecure-local", environment=nowhere) as local, serving(OtherSite) as site:
        for path in ("/", "/v1/costs", "/openapi.json", "/metrics"):
            assert set(tried(browser, site, local.url, path).values()) == {"refused"}, path
        assert tried(browser, f"{local.url}/docs", local.url, "/openapi.json")["cors"] != "refused"


def tried(browser: Browser, site: str, url: str, path: str) -> dict[str, str]:
    """What a page of another site got of a path, by the way that it tried."""
    with visit(browser, site, expect="") as page:
        found: dict[str, str] = page.evaluate(OTHER_SITE, [url, path])
    return found
