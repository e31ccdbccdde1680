"""A month day by day: what SQL says of each day, and what is not known of them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.api.costs.dimensions import DailyDimension
from tests.api.service import Service, Shared, republish
from tests.api.test_costs import COLUMNS, OCTOBER
from tests.e2e.finops import Database

DIMENSIONS: tuple[str, ...] = get_args(DailyDimension)


def by_sql(database: Database, dimension: str, period: str) -> dict[str, list[Decimal]]:
    """The days of each key, from the relevés."""
    query = (
        f"select {COLUMNS[dimension]}, day, sum(cost) from finops.fact_releve as releves"  # noqa: S608 - of this file's own words
        " cross join unnest(daily_cost) with ordinality as days (cost, day) where period = %s group by 1, 2 order by 2"
    )
    found: dict[str, list[Decimal]] = {}
    for key, _, cost in database.execute(query.encode(), [period]):
        found.setdefault(key, []).append(cost)
    return found


def check_sums(body: Any) -> None:
    """A line is the sum of its days; the lines are the total of each day, and of the month."""
    days = [Decimal(day["cost"]) for day in body["days"]]
    for line in body["data"]:
        assert len(line["days"]) == len(days)
        assert sum(map(Decimal, line["days"])) == Decimal(line["cost"])
    together = [sum(map(Decimal, parts)) for parts in zip(*(line["days"] for line in body["data"]), strict=True)]
    assert together == (days if body["data"] else [])
    assert sum(days) == Decimal(body["total"]["cost"])


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_days_of_each_thing_are_those_of_sql(shared: Shared, dimension: str) -> None:
    for month, length in (("2026-09", 30), ("2026-10", 31)):
        body = shared.json("/v1/days", month=month, group_by=dimension)
        assert {line["keys"][dimension]: [*map(Decimal, line["days"])] for line in body["data"]} == by_sql(
            shared.database, dimension, f"{month}-01"
        )
        assert [day["date"] for day in body["days"]] == [f"{month}-{day:02}" for day in range(1, length + 1)]
        assert (body["from"], body["to"], body["group_by"]) == (month, month, dimension)
        check_sums(body)


def test_without_a_month_the_last_one_published_is_meant(shared: Shared) -> None:
    body = shared.json("/v1/days")
    assert (body["from"], body["to"], body["group_by"], body["total"]["cost"]) == (
        "2026-10",
        "2026-10",
        "family",
        str(OCTOBER),
    )
    empty = shared.json("/v1/days", month="2027-02")
    assert ([day["cost"] for day in empty["days"]], empty["data"]) == (["0"] * 28, [])


def test_a_day_may_be_negative_and_all_others_are_one_line(shared: Shared) -> None:
    body = shared.json("/v1/days", month="2026-10", group_by="application", top=1)
    assert [(line["keys"], line["cost"], line.get("folded")) for line in body["data"]] == [
        ({"application": "SHOP-WEB"}, "100", None),
        ({}, "90.000000000001", 3),
    ]
    assert (body["data"][0]["days"][0], body["data"][0]["days"][30]) == ("120.5", "-20.5")
    assert [body["data"][1]["days"][day - 1] for day in (10, 15, 20)] == ["30", "60", "0.000000000001"]
    check_sums(body)


@given(
    top=st.integers(1, 20),
    dimension=st.sampled_from(DIMENSIONS),
    month=st.sampled_from(["2026-08", "2026-09", "2026-10"]),
    path=st.sampled_from(["", "/applications/SHOP-WEB", "/groups/storefront", "/families/Integration"]),
    caller=st.sampled_from(["everything", "storefront"]),
)
def test_whatever_is_folded_the_days_are_the_total(  # noqa: PLR0913, PLR0917
    top: int, dimension: str, month: str, path: str, caller: str, shared: Shared
) -> None:
    body = shared.json(f"/v1{path}/days", caller=caller, top=top, group_by=dimension, month=month)
    check_sums(body)
    assert len(body["data"]) == min(body["line_count"], top + 1)


def test_a_csv_has_what_json_has(shared: Shared) -> None:
    asked: dict[str, Any] = {"group_by": "application", "top": 2}
    body = shared.json("/v1/days", **asked)
    written = shared.service.get("/v1/days", params=asked, headers={"Accept": "text/csv"}).text
    assert list(csv.DictReader(io.StringIO(written))) == [
        {"date": day["date"], "application": line["keys"].get("application", ""), "cost": cost, "currency": "EUR"}
        for line in body["data"]
        for day, cost in zip(body["days"], line["days"], strict=True)
    ]


def test_it_says_which_days_are_missing_and_which_only_a_share(service: Service, costs: Database) -> None:
    assert "complete_until" in service.json("/v1/days")
    costs.execute("update finops.etl_reconciliations set measured_days = '{1,2,4}', estimated_days = '{3}'")
    costs.execute("update finops.etl_extractions set measure = 'metered', window_end = window_date + 31")
    republish(costs)
    body = service.json("/v1/applications/SHOP-WEB/days?month=2026-10&source=focus.nimbus")
    assert body["complete_until"] == "2026-10-04"
    assert body["missing"] == [
        {"source": "focus.nimbus", "dates": [f"2026-10-{day:02}" for day in range(5, 32)]},
    ]
    assert body["spread"] == ["focus.nimbus"]
    check_sums(body)
    assert costs.execute("select source from finops.spread_days group by 1").fetchall() == [("focus.nimbus",)]


def test_a_source_that_the_caller_has_no_costs_of_says_nothing(shared: Shared) -> None:
    body = shared.json("/v1/days", caller="nothing")
    assert (body["missing"], body["spread"], "complete_until" in body) == ([], [], False)
