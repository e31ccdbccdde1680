"""The docs site in a real browser: an analyst finds the relevés and where they come from (`make test-docs`)."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.backstage.browser import Page, render
from tests.chromium import path
from tests.e2e.finops import FINOPS, Database, finops

pytestmark = pytest.mark.browser
FACT = "#!/model/model.finops.fact_releve"
# Opens a page of the site in a frame, clicks what an analyst clicks, and lists the names that the lineage shows. They
# are drawn on a canvas: the graph itself is asked for them (https://js.cytoscape.org/#cy.nodes).
ANALYST = """<!doctype html><meta charset="utf-8">
<iframe src="/docs.html{page}" width="1400" height="900"></iframe><ul></ul>
<script>
const clicks = {clicks};
setInterval(() => {{
  const site = document.querySelector("iframe").contentDocument;
  const button = clicks.length && site.querySelector(clicks[0]);
  if (button) {{ button.click(); clicks.shift(); return; }}
  const canvas = [...site.querySelectorAll("*")].find((element) => element._cyreg && element._cyreg.cy);
  if (clicks.length || !canvas) return;
  const names = canvas._cyreg.cy.nodes().filter((node) => node.visible()).map((node) => node.data("label"));
  document.querySelector("ul").replaceChildren(...names.map((name) => {{
    const item = document.createElement("li");
    item.textContent = name;
    return item;
  }}));
}}, 500);
</script>"""
OPEN, WIDEN = "[ng-click='onLauncherClick()']", "[ng-click='showExpanded()']"


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser; without it, the tests end with what to install."""
    return path()


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[str]:
    """The address of a folder that holds the site of everything built, as `docs.html`."""
    assert database.info.dbname
    assert finops("docs", "build", "--output", str(tmp_path / "docs.html")) == 0
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def served() -> Iterator[str]:
    """The address of `finops docs serve`, without a database."""
    command = [FINOPS, "docs", "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as run:
        assert run.stdout
        said = re.search(r"http://127\.0\.0\.1:\d+/", run.stdout.readline())
        assert said
        yield said[0]
        run.terminate()
        assert run.wait(20) == 143


def lineage(chromium: str, site: str, folder: Path, *clicks: str, page: str = FACT) -> set[str]:
    """The names that the lineage of a page shows after these clicks."""
    (folder / "analyst.html").write_text(ANALYST.format(page=page, clicks=list(clicks)), encoding="utf-8")
    return set(render(chromium, f"{site}/analyst.html").whole.texts)


def shown(chromium: str, url: str) -> Page:
    """A page of the site; where SCREENSHOTS names a folder, a picture of it is left there."""
    folder = os.environ.get("SCREENSHOTS")
    name = re.sub(r"[^a-z]+", "-", url.partition("#")[2] or "overview")
    return render(chromium, url, Path(folder) / f"docs{name}.png" if folder else None)


def test_the_lineage_of_the_relevés_goes_from_raw_tables_to_whoever_reads_them(
    chromium: str, site: str, tmp_path: Path
) -> None:
    beside = lineage(chromium, site, tmp_path, OPEN)
    assert {"int_usage_valued", "fact_releve", "agg_app_family_month", "agg_group_product_month"} <= beside
    whole = lineage(chromium, site, tmp_path, OPEN, WIDEN)
    upstream = {"raw_open_legacy.cmdb_vm", "stg_cmdb__vm", "stg_focus", "int_usage_lines", "reference.prices"}
    readers = {"API: costs, history, days and consumption", "Backstage: Cost Insights"}
    downstream = {"mv_cost_app_month", "visible_app_costs", *readers}
    assert (upstream | downstream) - whole == set()
    assert {name for name in whole if name.startswith("rejects_and_duplicates")} == set()  # a unit test


def test_the_page_of_the_relevés_says_what_each_column_is(chromium: str, site: str) -> None:
    texts = shown(chromium, f"{site}/docs.html{FACT}").whole.texts
    assert "fact_releve" in texts
    assert {"total_cost", "numeric", "daily_cost", "numeric[]"} <= set(texts)
    assert any(text.startswith("Exact cost in") for text in texts)


def test_the_site_is_served_without_a_database_and_opens_on_the_overview(chromium: str, served: str) -> None:
    answer = requests.get(served, timeout=10)
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert requests.get(f"{served}manifest.json", timeout=10).status_code == 404
    texts = shown(chromium, served).whole.texts
    assert "Which table answers which question" in texts
    assert "mv_cost_group_period" in texts
