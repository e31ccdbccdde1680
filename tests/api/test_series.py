"""Costs over time: each series is what SQL says, and together they are the total, to the last digit."""

from __future__ import annotations

import csv
import io
from decimal import Decimal, localcontext
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.api.costs.dimensions import SeriesDimension
from finops.api.money import EXACT
from tests.api.service import Service, Shared, republish
from tests.api.test_costs import OCTOBER, SEPTEMBER, TOTAL, by_sql
from tests.e2e.finops import Database

DIMENSIONS: tuple[str, ...] = get_args(SeriesDimension)
PATHS = ("", "/applications/SHOP-WEB", "/groups/storefront", "/domains/public_cloud", "/families/Integration")


def cells(body: Any) -> dict[tuple[str, ...], Decimal]:
    """What is not zero, by key and month."""
    return {
        (next(iter(line["keys"].values()), "others"), point["period"]): Decimal(point["cost"])
        for line in body["data"]
        for point in line["points"]
        if Decimal(point["cost"])
    }


def check_sums(body: Any) -> None:
    """Every line is the sum of its points, and the lines are the total at each of them, estimates too."""
    periods = [point["period"] for point in body["points"]]
    for name in ("cost", "estimated"):
        together = dict.fromkeys(periods, Decimal())
        with localcontext(EXACT):
            for line in body["data"]:
                assert [point["period"] for point in line["points"]] == periods
                assert sum(Decimal(point[name]) for point in line["points"]) == Decimal(line[name])
                for point in line["points"]:
                    together[point["period"]] += Decimal(point[name])
            assert together == {point["period"]: Decimal(point[name]) for point in body["points"]}
            assert sum(together.values()) == Decimal(body["total"][name])


@pytest.mark.parametrize(("granularity", "step"), [("month", "month"), ("quarter", "quarter")])
def test_a_series_of_each_thing_has_the_sums_of_sql(shared: Shared, granularity: str, step: str) -> None:
    for dimension in DIMENSIONS:
        body = shared.json("/v1/series", group_by=dimension, granularity=granularity)
        expected = {key: cost for key, cost in by_sql(shared.database, [dimension, step]).items() if cost}
        assert cells(body) == expected
        assert (body["group_by"], body["granularity"]) == (dimension, granularity)
        assert body["line_count"] == len(body["data"]) == len({key for key, _ in expected})
        check_sums(body)


def test_the_total_is_the_history_and_the_most_expensive_comes_first(shared: Shared) -> None:
    body = shared.json("/v1/series", group_by="application", top=20)
    assert body["points"] == shared.json("/v1/history")["data"]
    assert body["total"] == shared.json("/v1/history")["total"]
    assert [line["keys"]["application"] for line in body["data"]] == [
        line["keys"]["application"] for line in shared.json("/v1/costs", group_by="application")["data"]
    ]
    assert body["data"][0] == {
        "keys": {"application": "SHOP-WEB"},
        "cost": "200",
        "estimated": "0",
        "points": [
            {"period": "2026-09", "cost": "100", "estimated": "0"},
            {"period": "2026-10", "cost": "100", "estimated": "0"},
        ],
    }
    assert [point["cost"] for point in body["data"][-1]["points"]] == ["0", "0.000000000001"]


def test_all_others_are_the_last_series(shared: Shared) -> None:
    body = shared.json("/v1/series", group_by="application", top=2)
    assert [(line["keys"], line["cost"], line.get("folded")) for line in body["data"]] == [
        ({"application": "SHOP-WEB"}, "200", None),
        ({"application": "PAYMENTS"}, "110.25", None),
        ({}, "37.000000000001", 3),
    ]
    assert [point["cost"] for point in body["data"][-1]["points"]] == ["7", "30.000000000001"]
    assert (body["line_count"], "next" in body) == (5, False)


QUESTIONS = st.fixed_dictionaries(
    {"group_by": st.sampled_from(DIMENSIONS), "granularity": st.sampled_from(["month", "quarter"])},
    optional={
        "top": st.integers(1, 20),
        "from_": st.sampled_from(["2025-01", "2026-09", "2026-10"]),
        "to": st.sampled_from(["2026-10", "2027-01"]),
        "product": st.sampled_from(["nimbus.queue", "nimbus.database"]),
        "charge_category": st.just("Usage"),
    },
)


@given(
    question=QUESTIONS,
    path=st.sampled_from(PATHS),
    caller=st.sampled_from(["everything", "storefront", "payments", "nothing"]),
)
def test_whatever_is_folded_the_series_are_the_total(
    question: dict[str, Any], path: str, caller: str, shared: Shared
) -> None:
    answer = shared.service.get(
        f"/v1{path}/series",
        token=shared.tokens[caller],
        params={name.rstrip("_"): value for name, value in question.items()},
    )
    if answer.status_code == 200:
        body = answer.json()
        check_sums(body)
        assert len(body["data"]) == min(body["line_count"], question.get("top", 8) + 1)
        folded = [line for line in body["data"] if line["keys"] == {}]
        assert len(folded) == (body["line_count"] > question.get("top", 8))
    else:  # another's, or what none of the caller's costs has
        assert caller != "everything"
        assert answer.status_code in (404, 422)


def test_a_month_may_be_negative_and_a_series_without_a_cost_is_zero(service: Service, costs: Database) -> None:
    costs.execute(
        "update finops.fact_releve set total_cost = -1000.5, estimated_cost = -0.5"
        " where application_id = 'SHOP-WEB' and period = '2026-09-01'"
    )
    costs.execute("update finops.fact_releve set total_cost = 0 where application_id = 'UNALLOCATED'")
    republish(costs)
    body = service.json("/v1/series?group_by=application")
    check_sums(body)
    assert [(line["keys"]["application"], line["cost"], line["estimated"]) for line in body["data"]] == [
        ("PAYMENTS", "110.25", "0"),
        ("SEARCH", "30", "0"),
        ("ERP", "0.000000000001", "0"),
        ("UNALLOCATED", "0", "0"),
        ("SHOP-WEB", "-900.5", "-0.5"),
    ]
    assert [point["cost"] for point in body["points"]] == ["-950.25", str(OCTOBER)]
    folded = service.json("/v1/series?group_by=application&top=1")["data"][1]
    assert (folded["folded"], [point["cost"] for point in folded["points"]]) == (4, ["-1000.5", "130.000000000001"])


def test_no_digit_is_lost_and_amounts_of_two_currencies_are_not_added(service: Service, costs: Database) -> None:
    exact = "98765432109876543210987654321.123456789012345678901234567891"
    costs.execute("update finops.fact_releve set total_cost = %s where application_id = 'PAYMENTS'", [exact])
    costs.execute("update finops.fact_releve set currency = 'USD' where application_id = 'ERP'")
    republish(costs)
    for kind in ("series", "days", "usage"):
        for accept in ("application/json", "text/csv"):
            answer = service.get(f"/v1/{kind}", headers={"Accept": accept})
            if (kind, accept) == ("usage", "text/csv"):
                assert {line["currency"] for line in csv.DictReader(io.StringIO(answer.text))} == {"EUR", "USD"}
                continue
            assert answer.status_code == 422
            assert [(fault["parameter"], fault["allowed"]) for fault in answer.json()["errors"]] == [
                ("currency", ["EUR", "USD"])
            ]
        assert service.json(f"/v1/{kind}?currency=USD")["total"]["cost"] == "0.000000000001"
    body = service.json("/v1/series?group_by=application&currency=EUR&top=1")
    assert [point["cost"] for point in body["data"][0]["points"]] == [exact, exact]
    check_sums(body)


def test_a_csv_has_what_json_has_and_no_text_is_a_formula(service: Service, costs: Database) -> None:
    costs.execute("update finops.fact_releve set family = '=1+1' where application_id = 'PAYMENTS'")
    republish(costs)
    for path in ("/v1/series?group_by=family&top=1", "/v1/series?group_by=group&granularity=quarter", "/v1/series"):
        body = service.json(path)
        dimension = body["group_by"]
        written = service.get(path, headers={"Accept": "text/csv"}).text
        assert written.splitlines()[0] == f"period,{dimension},cost,currency,estimated,folded"
        expected = [
            {
                "period": point["period"],
                dimension: line["keys"].get(dimension, ""),
                "cost": point["cost"],
                "currency": "EUR",
                "estimated": point["estimated"],
                "folded": str(line.get("folded", "")),
            }
            for line in body["data"]
            for point in line["points"]
        ]
        assert list(csv.DictReader(io.StringIO(written.replace("'=1+1", "=1+1")))) == expected
    assert "'=1+1" in service.get("/v1/series?group_by=family", headers={"Accept": "text/csv"}).text


def test_a_team_sees_its_own_series(shared: Shared) -> None:
    body = shared.json("/v1/series", caller="payments", group_by="application")
    assert [(line["keys"], line["cost"]) for line in body["data"]] == [({"application": "PAYMENTS"}, "110.25")]
    assert [point["cost"] for point in body["points"]] == ["50.25", "60"]
    assert shared.json("/v1/series", caller="nothing")["data"] == []
    for kind in ("series", "days", "usage"):
        for path in ("/v1/applications/SHOP-WEB", "/v1/groups/storefront"):
            assert "there is no" in shared.problem(f"{path}/{kind}", 404, caller="payments")["detail"]
            assert shared.json(f"{path}/{kind}", caller="storefront")["total"]["cost"] != "0"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/series?group_by=month", "group_by"),
        ("/v1/series?group_by=domain&group_by=family", "group_by"),
        ("/v1/series?top=21", "top"),
        ("/v1/series?top=0", "top"),
        ("/v1/series?granularity=day", "granularity"),
        ("/v1/series?compare=previous", "compare"),
        ("/v1/series?domain=cloud", "domain"),
        ("/v1/days?from=2026-09", "from"),
        ("/v1/days?month=2026-9", "month"),
        ("/v1/days?group_by=group", "group_by"),
        ("/v1/usage?order=cost", "order"),
        ("/v1/usage?group_by=product", "group_by"),
        ("/v1/usage?limit=0", "limit"),
    ],
)
def test_what_is_wrong_is_named(shared: Shared, path: str, parameter: str) -> None:
    assert [fault["parameter"] for fault in shared.problem(path, 422)["errors"]] == [parameter]


def test_two_months_are_added_up_by_hand(shared: Shared) -> None:
    body = shared.json("/v1/series")
    assert [point["cost"] for point in body["data"][0]["points"]] == [str(SEPTEMBER), str(OCTOBER)]
    assert body["data"][0]["cost"] == str(TOTAL)
