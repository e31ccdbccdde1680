"""The alert rules and the dashboard ask for what a real run and the API really export; the page lists all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as read_text
from starlette.datastructures import State

from finops.api.http.metrics import Metrics
from finops.ingest.telemetry.metrics import METRICS, PREFIX
from tests.conftest import ROOT
from tests.e2e.finops import Database, charge, finops, scalar, write_bill

MONITORING = ROOT / "deploy" / "monitoring"
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]
# What Prometheus adds to each series, and its own series of each target.
OF_PROMETHEUS = {"job", "instance"}
ANCHORS = {
    *("a-source-failed", "a-shrink-was-refused", "a-price-is-missing", "the-night-did-not-run"),
    *("the-data-is-old", "rejects-grow", "the-api-is-down", "nothing-reconciles", "an-ownership-is-contested"),
}
Exported = dict[str, set[str]]


@pytest.fixture
def exported(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Exported:
    """The labels of every series that a run and the API export, by name."""
    write_bill(tmp_path / "bills", "10.csv", [charge("1", "2026-10-02"), charge("2", "2026-10-03", currency="XTS")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    assert finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20") == 0
    assert scalar(database, "select count(*) from finops.rejected_usage") == 1
    capfd.readouterr()
    assert finops("metrics") == 0
    api = Metrics(State())
    api.answered("GET", "/v1/costs", 200, 0.1)
    found: Exported = {"up": set()}
    for text in (capfd.readouterr().out, api.text().decode()):
        for sample in (sample for metric in read_text(text) for sample in metric.samples):
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def selectors(expression: promql_parser.Expr) -> list[tuple[str, set[str]]]:
    """Every series that an expression asks for: its name, and the labels that it matches."""
    found: list[tuple[str, set[str]]] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name or "", {matcher.name for matcher in node.matchers.matchers}))
        return True

    promql_parser.walk(expression, visit)
    return found


def grouped_by(expression: promql_parser.Expr) -> set[str]:
    """Every label that an aggregation or a match names."""
    found: set[str] = set()

    def visit(node: promql_parser.Expr) -> bool:
        modifier = getattr(node, "modifier", None)
        matching = getattr(modifier, "matching", None)
        found.update(getattr(modifier, "labels", []), matching.labels if matching else [])
        return True

    promql_parser.walk(expression, visit)
    return found


def parsed(text: str) -> promql_parser.Expr:
    """An expression, with what Grafana fills in."""
    return promql_parser.parse(text.replace("$__rate_interval", "5m"))


def unknown(text: str, exported: Exported) -> list[str]:
    """What an expression asks for that nobody exports."""
    asked = selectors(parsed(text))
    assert asked, text
    missing = [name for name, _ in asked if name not in exported]
    for name, matched in asked:
        missing += sorted(f"{name}.{label}" for label in matched - exported.get(name, set()) - OF_PROMETHEUS)
    known = {label for name, _ in asked for label in exported.get(name, set())} | OF_PROMETHEUS
    return missing + sorted(grouped_by(parsed(text)) - known)


def test_alerts_panels_and_the_page_name_what_is_exported(exported: Exported) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = [
        f"| `{PREFIX}{name}` | {', '.join(f'`{label}`' for label in sorted(exported[PREFIX + name]))} | {meaning} |"
        for name, meaning in METRICS.items()
    ]
    assert [row for row in rows if row not in page] == []
    expressions = [rule["expr"] for rule in RULES] + [target["expr"] for target in TARGETS]
    assert {text: found for text in expressions if (found := unknown(text, exported))} == {}
    texts = [(target["expr"], target["legendFormat"]) for target in TARGETS]
    texts += [(rule["expr"], " ".join(rule["annotations"].values())) for rule in RULES]
    for expression, text in texts:
        of_these = {label for name, _ in selectors(parsed(expression)) for label in exported[name]}
        assert set(re.findall(r"{{ *(?:\$labels\.)?([a-z_]+) *}}", text)) <= of_these, text
    assert len(expressions) > 30


def test_a_metric_that_nobody_exports_would_be_found() -> None:
    exported = {"finops_cost": {"source"}}
    assert unknown("sum(finops_costs)", exported) == ["finops_costs"]
    assert unknown('sum by (sources) (finops_cost{sauce="x"})', exported) == ["finops_cost.sauce", "sources"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_is_how_grave_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert all(rule["annotations"][name].strip() for name in ("summary", "description"))
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/runbook.md"
    assert anchor in ANCHORS


def test_every_chapter_of_the_runbook_that_alerts_name_is_reached() -> None:
    assert {rule["annotations"]["runbook_url"].partition("#")[2] for rule in RULES} == ANCHORS


def test_the_runbook_has_the_chapters_that_alerts_name() -> None:
    page = ROOT / "docs" / "runbook.md"
    if not page.exists():
        pytest.skip("there is no runbook yet")
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings} >= ANCHORS


@pytest.mark.parametrize("name", ["dashboard.json", "costs.json"])
def test_a_dashboard_is_one_that_grafana_can_import(name: str) -> None:
    panels = json.loads((MONITORING / name).read_text(encoding="utf-8"))["panels"]
    drawn = [panel for panel in panels if panel["type"] != "row"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {target["datasource"]["uid"] for panel in drawn for target in panel["targets"]} == {"${datasource}"}
    assert [panel["title"] for panel in drawn if not panel["description"]] == []
    cells = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
