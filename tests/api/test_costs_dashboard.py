"""Grafana's dashboard of costs, asked as Grafana asks, by a BI team's login, says what the aggregates say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from finops.demo.postgres import Embedded
from tests.api.service import republish
from tests.conftest import ROOT
from tests.e2e.finops import Database, finops, scalar

DASHBOARD = json.loads((ROOT / "deploy" / "monitoring" / "costs.json").read_text(encoding="utf-8"))
VARIABLES = [variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# Each panel's rows by its title, without the variables that Grafana writes into titles.
Shown = dict[str, list[dict[str, Any]]]

# As if the last run had ended in October, which is then open. Payments is below Storefront; ERP is charged in dollars.
UGLY = """
    update finops.etl_runs set end_time = '2026-10-20 03:00Z';
    update finops.dim_group set group_path = array['storefront', group_id] where group_id = 'payments';
    update finops.fact_releve set estimated_cost = 20 where application_id = 'PAYMENTS' and period = '2026-09-01';
    update finops.fact_releve set currency = 'USD' where application_id = 'ERP';
    update finops.etl_reconciliations set measured_days = array(select generate_series(1, 28))
    where period = '2026-09-01';
"""


@pytest.fixture
def team(server: Embedded, costs: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A BI team's login, to which nothing is granted yet, on costs of every kind; who grants is an administrator."""
    costs.execute(UGLY)
    republish(costs)
    costs.execute("create role bi_team login in role finops_api")
    monkeypatch.setenv("PGUSER", server.user)
    yield "bi_team"
    costs.execute("drop owned by bi_team; drop role bi_team")


def filled_in(query: str, chosen: Mapping[str, str]) -> str:
    """A query with what Grafana puts in the place of its variables and macros."""
    query = re.sub(r"\$\{(\w+):sqlstring\}", lambda found: "'" + chosen[found[1]].replace("'", "''") + "'", query)
    months = "BETWEEN '2025-10-01T00:00:00Z' AND '2026-10-31T23:59:59.999Z'"
    query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 {months}", query)
    assert "$" not in query, query
    return query


def shown_to(login: str, **wanted: str) -> tuple[dict[str, str], Shown]:
    """The dashboard's variables, each on its first value or a wanted one, and the rows of every panel."""
    chosen: dict[str, str] = {}
    shown: Shown = {}
    with psycopg.connect(user=login, row_factory=dict_row, autocommit=True) as connection:
        for variable in VARIABLES:
            options = [next(iter(row.values())) for row in connection.execute(filled_in(variable["query"], chosen))]
            chosen[variable["name"]] = wanted.get(variable["name"], options[0] if options else "")
            assert chosen[variable["name"]] in [*options, ""]
        for panel in PANELS:
            title = re.split(r"(?:,| of| in|:)* \$\{", panel["title"])[0]
            (query,) = (target["rawSql"] for target in panel["targets"])
            shown[title] = connection.execute(filled_in(query, chosen)).fetchall()
    assert len(shown) == len(PANELS)
    return chosen, shown


def share(part: str | int, whole: str) -> Any:
    """A quotient, which PostgreSQL works out to 20 places or so."""
    return pytest.approx(Decimal(part) / Decimal(whole), abs=Decimal("1e-15"))


def test_it_begins_with_the_last_complete_month_of_everything(team: str) -> None:
    assert finops("access", "grant", team, "--everything") == 0
    chosen, shown = shown_to(team)
    assert chosen == {"currency": "EUR", "month": "2026-09", "group": "*", "domain": "*", "latest": "2026-10"}
    assert shown["Last month published"] == [{"cost": Decimal(190)}]
    assert shown["Cost"] == [{"cost": Decimal("157.25")}]
    assert shown["Change"] == [{"Change": Decimal("157.25"), "Change %": None}]
    assert shown["Unallocated"] == [{"Unallocated": 7, "Share": share(7, "157.25")}]


@pytest.mark.parametrize("month", ["2026-09", "2026-10"])
def test_its_figures_are_those_of_the_aggregates(team: str, costs: Database, month: str) -> None:
    assert finops("access", "grant", team, "--everything") == 0
    shown = shown_to(team, month=month)[1]
    for title, what, aggregate in (
        ("Most expensive applications", "application_id", "mv_cost_app_month"),
        ("Most expensive groups", "group_id", "mv_cost_group_period"),
    ):
        costs_of = sql.SQL(
            "select {}, total_cost, estimated_cost from finops.{}"
            " where currency = 'EUR' and to_char(period, 'YYYY-MM') = %s order by total_cost desc"
        ).format(sql.Identifier(what), sql.Identifier(aggregate))
        expected = costs.execute(costs_of, [month]).fetchall()
        found = [(row["Id"], row["Cost"], row["Estimated"]) for row in shown[title] if row["Cost"]]
        assert len(expected) >= 2
        assert found == expected
    domains = "select period, domain, total_cost from finops.mv_cost_domain_period where currency = 'EUR' order by 1, 2"
    assert [tuple(row.values()) for row in shown["Cost by domain"]] == costs.execute(domains).fetchall()
    assert shown["Cost"] == [{"cost": sum(row["Cost"] for row in shown["Most expensive groups"])}]


def test_a_team_sees_its_groups_and_those_below(team: str) -> None:
    assert finops("access", "grant", team, "storefront") == 0
    _, shown = shown_to(team, month="2026-10")
    # SHOP-WEB 120.5 - 20.5 and SEARCH 30 of Storefront, PAYMENTS 60 of the group below; in September 100 and 50.25
    assert shown["Cost"] == [{"cost": 190}]
    assert shown["Change"] == [{"Change": Decimal("39.75"), "Change %": share("39.75", "150.25")}]
    groups = [(row["Group"], row["Cost"], row["Month before"]) for row in shown["Most expensive groups"]]
    assert groups == [("Storefront", 130, 100), ("Payments", 60, Decimal("50.25"))]
    moved = [(row["Id"], row["Change"], row["Change %"]) for row in shown["What moved most"]]
    assert moved == [("SEARCH", 30, None), ("PAYMENTS", Decimal("9.75"), share("9.75", "50.25"))]
    _, of_group = shown_to(team, month="2026-09", group="payments", domain="public_cloud")
    assert of_group["Estimated"] == [{"Estimated": 20, "Share": share(20, "50.25")}]
    assert of_group["Rejected"] == [{"Rejected": 0, "Lines of unknown amount": 1}]
    assert [row["Id"] for row in of_group["Most expensive applications"]] == ["PAYMENTS"]


def test_coverage_adds_up_and_missing_days_are_named(team: str, costs: Database) -> None:
    assert finops("access", "grant", team, "--everything") == 0
    shown = shown_to(team)[1]
    october, september = shown["Coverage by month"]
    assert october["Cost"] == scalar(
        costs, "select sum(total_cost) from finops.fact_releve where period = '2026-10-01' and currency = 'EUR'"
    )
    assert september == {
        "Month": "2026-09",
        "Cost": Decimal("157.25"),
        "Allocated": Decimal("150.25"),
        "Unallocated": 7,
        "Share": share(7, "157.25"),
        "Estimated": 20,
        "Rejected": 0,
        "Lines of unknown amount": 1,
        "Set apart": 0,
    }
    (missing,) = shown["Days without data"]
    assert (missing["Month"], missing["Source"], missing["Missing days"]) == ("2026-09", "focus.nimbus", 2)
    assert shown["Data as of"] == [{"as_of": 1792465200000}]


def test_currencies_are_never_added_up(team: str) -> None:
    assert finops("access", "grant", team, "--everything") == 0
    shown = shown_to(team, month="2026-10", currency="USD")[1]
    assert shown["Cost"] == [{"cost": Decimal("0.000000000001")}]
    assert [row["Id"] for row in shown["Most expensive applications"]] == ["ERP"]


def test_a_login_without_grants_sees_an_empty_dashboard(team: str) -> None:
    chosen, shown = shown_to(team)
    assert (chosen["currency"], chosen["group"], shown["Cost"]) == ("", "*", [{"cost": None}])
    assert [title for title, rows in shown.items() if any(row.get("Cost") for row in rows)] == []


def test_its_queries_read_the_views_of_bi_logins_and_round_nothing() -> None:
    queries = [target["rawSql"] for panel in PANELS for target in panel["targets"]]
    queries += [variable["query"] for variable in VARIABLES]
    for query in queries:
        assert (
            re.findall(r"(?:from|join) (?!finops_api\.|costs|months|amounts|generate_series|as_of)(\w+)", query) == []
        )
        assert "round(" not in query
    money = [panel["title"] for panel in PANELS if "currency" in panel["targets"][0]["rawSql"]]
    assert [title for title in money if not title.endswith(", in ${currency}")] == []
