"""Figures: what the API says of costs is what PostgreSQL says of the relevés, however it is asked."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.api import months
from finops.api.costs.dimensions import VIEWS, Dimension
from finops.api.costs.query import Comparison, CostQuery
from finops.api.costs.routes import EXAMPLES
from finops.api.costs.schemas import Costs, Days, Envelope, History, Series, Usage
from finops.api.settings import Scope
from finops.ingest.periods import DAYS_THAT_KEEP_THE_PREVIOUS_MONTH_OPEN
from tests.api.service import Service, Shared, republish, say_who_calls
from tests.e2e.finops import Database

# The bills of conftest.py, added up by hand.
SEPTEMBER, OCTOBER = Decimal("157.25"), Decimal("190.000000000001")
TOTAL = SEPTEMBER + OCTOBER

# Each dimension in the words of the relevés.
COLUMNS: dict[str, str] = {
    "application": "releves.application_id",
    "group": "coalesce(owners.group_id, 'unallocated')",
    "domain": "domain",
    "family": "family",
    "product": "product_id",
    "source": "source",
    "charge_category": "charge_category",
    "month": "to_char(period, 'YYYY-MM')",
    "quarter": "to_char(period, 'YYYY-\"Q\"Q')",
}
DIMENSIONS: tuple[str, ...] = get_args(Dimension)
GROUPINGS = [grouping for size in (1, 2, 3) for grouping in combinations(DIMENSIONS, size)]


def by_sql(database: Database, grouping: Sequence[str], where: str = "true") -> dict[tuple[str, ...], Decimal]:
    """Sums of the relevés themselves, by key."""
    keys = ", ".join(COLUMNS[dimension] for dimension in grouping)
    query = (
        f"select {keys}, sum(total_cost) from finops.fact_releve as releves"  # noqa: S608 - of this file's own words
        " left join finops.dim_application_owner as owners on releves.application_id = owners.application_id"
        " and releves.period + interval '1 month' > valid_from"
        " and releves.period + interval '1 month' <= coalesce(valid_to, 'infinity')"
        f" where {where}"
        f" group by {', '.join(str(number + 1) for number in range(len(grouping)))}"
    )
    return {row[:-1]: row[-1] for row in database.execute(query.encode())}


def by_key(body: Any) -> dict[tuple[str, ...], Decimal]:
    """The lines of an answer, by key."""
    return {
        tuple(line["keys"].get(dimension, "others") for dimension in body["group_by"]): Decimal(line["cost"])
        for line in body["data"]
    }


def lines(body: Any, *columns: str) -> list[tuple[Any, ...]]:
    """The first key of each line, and some of its columns."""
    return [
        (next(iter(line["keys"].values()), "others"), *(line.get(column) for column in columns))
        for line in body["data"]
    ]


def pages(shared: Shared, path: str, **parameters: Any) -> Iterator[Any]:
    """Every page, by its Link header."""
    answer = shared.service.get(path, params=parameters)
    while True:
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if "next" not in answer.links:
            return
        answer = shared.service.get(answer.links["next"]["url"])


@pytest.fixture
def changed(service: Service, costs: Database) -> tuple[Service, Database]:
    """An API and a database that the test may change."""
    return service, costs


def test_every_grouping_has_the_lines_of_sql_and_the_same_total(shared: Shared) -> None:
    assert len(GROUPINGS) == 129
    for grouping in GROUPINGS:
        body = shared.json("/v1/costs", group_by=grouping, limit=1000)
        assert by_key(body) == by_sql(shared.database, grouping), grouping
        assert Decimal(body["total"]["cost"]) == sum(by_key(body).values()) == TOTAL, grouping
        assert (body["currency"], body["line_count"]) == ("EUR", len(body["data"]))


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/applications/PAYMENTS/costs", "releves.application_id = 'PAYMENTS'"),
        ("/v1/applications/UNALLOCATED/costs", "releves.application_id = 'UNALLOCATED'"),
        ("/v1/groups/storefront/costs", "group_id = 'storefront'"),
        ("/v1/domains/public_cloud/costs", "domain = 'public_cloud'"),
        ("/v1/families/Integration/costs", "family = 'Integration'"),
    ],
)
def test_what_the_path_names_has_its_own_costs(shared: Shared, path: str, where: str) -> None:
    _, _, kind, name, _ = path.split("/")
    for grouping in (["product"], ["application", "month"], ["group", "family", "quarter"]):
        body = shared.json(path, group_by=grouping)
        assert by_key(body) == by_sql(shared.database, grouping, where)
        assert Decimal(body["total"]["cost"]) == sum(by_key(body).values())
    assert body["scope"] == {{"applications": "application", "families": "family"}.get(kind, kind.rstrip("s")): name}


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"from_": "2026-10"}, "period = '2026-10-01'"),
        ({"to": "2026-09"}, "period = '2026-09-01'"),
        ({"from_": "2026-09", "to": "2026-10"}, "true"),
        ({"domain": "public_cloud"}, "true"),
        ({"product": "nimbus.database"}, "product_id = 'nimbus.database'"),
        ({"product": ["nimbus.database", "nimbus.queue"]}, "true"),
        ({"source": "focus.nimbus", "family": "Integration", "to": "2026-09"}, "period = '2026-09-01'"),
        ({"currency": "EUR"}, "true"),
        ({"from_": "2027-01", "to": "2027-02"}, "false"),
    ],
    ids=str,
)
def test_filters_hold(shared: Shared, parameters: dict[str, Any], where: str) -> None:
    for grouping in (["product"], ["application", "product"]):
        body = shared.json("/v1/costs", group_by=grouping, **parameters)
        assert by_key(body) == by_sql(shared.database, grouping, where)


QUESTIONS = st.fixed_dictionaries(
    {
        "dimensions": st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=3, unique=True),
        "filters": st.fixed_dictionaries(
            {},
            optional={
                "application": st.just(["PAYMENTS", "UNALLOCATED", "ERP"]),
                "group": st.just(["payments", "unallocated"]),
                "domain": st.just(["public_cloud"]),
                "family": st.just(["Integration"]),
                "product": st.just(["nimbus.database"]),
                "charge_category": st.just(["Usage"]),
                "currency": st.just(["EUR"]),
            },
        ),
        "base": st.sampled_from([None, Comparison(date(2026, 8, 1), date(2026, 9, 1), 1)]),
        "order": st.sampled_from(["-cost", "cost", "key", "-key"]),
        "top": st.sampled_from([None, 1, 2]),
    }
)


@given(question=QUESTIONS, groups=st.sampled_from(["*", ["storefront", "payments"], ["unallocated"]]))
def test_every_view_that_has_what_is_asked_gives_the_same_answer(
    question: dict[str, Any], groups: Scope, shared: Shared
) -> None:
    asked = CostQuery(date(2026, 9, 1), date(2026, 10, 1), **question)
    answers = {}
    with shared.database.transaction():
        say_who_calls(shared.database, groups)
        for name, columns in VIEWS.items():
            with contextlib.suppress(StopIteration):
                query = replace(asked, views={name: columns})
                answers[name] = shared.database.execute(query.page().encode(), query.parameters).fetchall()
    assert next(iter(answers)) == asked.view
    assert [name for name, answer in answers.items() if answer != answers["visible_app_costs"]] == []


def test_a_view_has_the_columns_that_it_is_chosen_for(shared: Shared) -> None:
    for name, columns in VIEWS.items():
        found = shared.database.execute(
            "select column_name from information_schema.columns where (table_schema, table_name) = ('finops_api', %s)",
            [name],
        )
        assert columns <= {column for (column,) in found}


def test_without_months_the_last_twelve_published_are_meant(shared: Shared) -> None:
    body = shared.json("/v1/costs")
    assert (body["from"], body["to"]) == ("2026-09", "2026-10")
    assert [shared.json("/v1/costs", to="2027-03")[name] for name in ("from", "to")] == ["2026-09", "2027-03"]
    assert [shared.json("/v1/costs", to="2027-12")[name] for name in ("from", "to")] == ["2027-01", "2027-12"]
    assert [shared.json("/v1/costs", from_="2026-10")[name] for name in ("from", "to")] == ["2026-10", "2026-10"]


def test_a_month_is_compared_with_the_one_before(shared: Shared) -> None:
    body = shared.json(
        "/v1/costs", from_="2026-10", to="2026-10", group_by="application", compare="previous", order="key"
    )
    assert lines(body, "cost", "previous", "delta") == [
        ("ERP", "0.000000000001", "0", {"amount": "0.000000000001"}),
        ("PAYMENTS", "60", "50.25", {"amount": "9.75", "ratio": "0.19403"}),
        ("SEARCH", "30", "0", {"amount": "30"}),
        ("SHOP-WEB", "100", "100", {"amount": "0", "ratio": "0"}),
        ("UNALLOCATED", "0", "7", {"amount": "-7", "ratio": "-1"}),
    ]
    assert body["compared_with"] == {"from": "2026-09", "to": "2026-09"}
    # 32.750000000001 ÷ 157.25 = 0.208267…
    assert body["total"]["delta"] == {"amount": "32.750000000001", "ratio": "0.208267"}


def test_half_a_base_is_none(shared: Shared) -> None:
    body = shared.json("/v1/costs", from_="2026-09", to="2026-10", compare="previous")
    assert "compared_with" not in body
    assert [name for line in (*body["data"], body["total"]) for name in ("previous", "delta") if name in line] == []


def test_by_month_each_line_is_compared_with_the_month_before(shared: Shared) -> None:
    body = shared.json("/v1/costs", group_by=["month", "group"], compare="previous", order="-delta")
    compared = [(*line["keys"].values(), line["cost"], line.get("previous")) for line in body["data"]]
    assert (
        compared
        == [
            ("2026-10", "payments", "60", "50.25"),
            ("2026-10", "storefront", "130", "100"),
            ("2026-10", "unallocated", "0", "7"),
            ("2026-09", "payments", "50.25", None),
            ("2026-09", "storefront", "100", None),
            ("2026-09", "unallocated", "7", None),
            ("2026-10", "corporate-it", "0.000000000001", None),
        ][1::-1]
        + compared[2:]
    )
    assert Decimal(body["total"]["cost"]) == TOTAL
    assert ("compared_with" in body, "delta" in body["total"]) == (False, False)


def test_a_base_of_zero_has_an_amount_and_no_ratio(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute("update finops.fact_releve set total_cost = 0 where period = '2026-09-01'")
    republish(database)
    body = service.json("/v1/applications/PAYMENTS/costs?from=2026-10&compare=previous")
    assert body["data"][0]["delta"] == {"amount": "60"}
    assert (body["total"]["previous"], body["total"]["delta"]) == ("0", {"amount": "60"})


def test_a_negative_base_keeps_the_sign_of_the_change(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute(
        "update finops.fact_releve set total_cost = -40 where application_id = 'PAYMENTS' and period < '2026-10-01'"
    )
    republish(database)
    body = service.json("/v1/applications/PAYMENTS/costs?from=2026-10&compare=previous")
    assert body["total"]["delta"] == {"amount": "100", "ratio": "2.5"}


def test_no_digit_is_lost(changed: tuple[Service, Database]) -> None:
    service, database = changed
    exact = "98765432109876543210987654321.123456789012345678901234567891"
    database.execute("update finops.fact_releve set total_cost = %s where application_id = 'PAYMENTS'", [exact])
    republish(database)
    path = "/v1/applications/PAYMENTS/costs?compare=previous&from=2026-10"
    body = service.json(path)
    assert (body["data"][0]["cost"], body["total"]["cost"], body["coverage"]["allocated"]) == (exact, exact, exact)
    assert (
        service.get(path, headers={"Accept": "text/csv"}).text.splitlines()[1]
        == f"nimbus.database,{exact},EUR,0,{exact},0,0"
    )
    assert service.json("/v1/applications/PAYMENTS/history")["data"][1]["delta"] == {"amount": "0", "ratio": "0"}


def test_the_rest_is_folded_into_one_line_and_the_sum_stays(shared: Shared) -> None:
    for top in range(1, 7):
        body = shared.json("/v1/costs", group_by="application", top=top)
        whole = shared.json("/v1/costs", group_by="application")
        assert body["data"][:top] == whole["data"][:top]
        assert sum(by_key(body).values()) == TOTAL
        rest = [line["folded"] for line in body["data"] if not line["keys"]]
        assert rest == ([5 - top] if top < 5 else [])
        assert (body["line_count"], "next" in body) == (5, False)


def test_the_line_of_all_others_is_compared_too(shared: Shared) -> None:
    body = shared.json("/v1/costs", from_="2026-10", group_by="application", top=1, compare="previous")
    assert lines(body, "cost", "previous", "folded")[1] == ("others", "90.000000000001", "57.25", 4)
    by_month = shared.json("/v1/costs", group_by="month", top=1, compare="previous", order="key")
    assert lines(by_month, "previous") == [("2026-09", None), ("others", None)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("-cost", ["SHOP-WEB", "PAYMENTS", "SEARCH", "ERP", "UNALLOCATED"]),
        ("cost", ["UNALLOCATED", "ERP", "SEARCH", "PAYMENTS", "SHOP-WEB"]),
        ("key", ["ERP", "PAYMENTS", "SEARCH", "SHOP-WEB", "UNALLOCATED"]),
        ("-key", ["UNALLOCATED", "SHOP-WEB", "SEARCH", "PAYMENTS", "ERP"]),
        ("-delta", ["SEARCH", "PAYMENTS", "ERP", "SHOP-WEB", "UNALLOCATED"]),
        ("delta", ["UNALLOCATED", "SHOP-WEB", "ERP", "PAYMENTS", "SEARCH"]),
    ],
)
def test_lines_come_in_the_order_asked_for_page_by_page(shared: Shared, order: str, expected: list[str]) -> None:
    asked = {"from": "2026-10", "group_by": "application", "compare": "previous", "order": order}
    for limit in (1, 2, 5, 6):
        found = [line for page in pages(shared, "/v1/costs", limit=limit, **asked) for line in page["data"]]
        assert [line["keys"]["application"] for line in found] == expected


def test_pages_over_three_dimensions_hold_every_line_once(shared: Shared) -> None:
    asked: dict[str, Any] = {"group_by": ["month", "application", "product"]}
    for order in ("-cost", "key", "-key"):
        whole = shared.json("/v1/costs", order=order, **asked)["data"]
        found = list(pages(shared, "/v1/costs", limit=3, order=order, **asked))
        assert [line for page in found for line in page["data"]] == whole
        assert {page["total"]["cost"] for page in found} == {str(TOTAL)}


def test_history_has_a_point_a_month_with_the_change_from_the_one_before(shared: Shared) -> None:
    body = shared.json("/v1/history")
    assert [(point["period"], point["cost"], point.get("delta")) for point in body["data"]] == [
        ("2026-09", "157.25", None),
        ("2026-10", "190.000000000001", {"amount": "32.750000000001", "ratio": "0.208267"}),
    ]
    assert "delta" not in body["total"]
    assert shared.json("/v1/history", from_="2026-10")["data"] == body["data"][1:]


def test_a_month_without_a_cost_is_a_zero_within_what_was_published(shared: Shared) -> None:
    body = shared.json("/v1/applications/UNALLOCATED/history", from_="2025-01", to="2027-12")
    assert [(point["period"], point["cost"], point.get("delta")) for point in body["data"]] == [
        ("2026-09", "7", None),
        ("2026-10", "0", {"amount": "-7", "ratio": "-1"}),
    ]


def test_history_by_quarter_is_of_whole_quarters(shared: Shared) -> None:
    body = shared.json("/v1/history", granularity="quarter", from_="2026-10", to="2026-10")
    assert (body["from"], body["to"]) == ("2026-10", "2026-12")
    body = shared.json("/v1/groups/storefront/history", granularity="quarter")
    assert [(point["period"], point["cost"], point["is_open"]) for point in body["data"]] == [
        ("2026-Q3", "100", False),
        ("2026-Q4", "130", True),
    ]


def test_a_month_is_open_until_no_nightly_reads_it_again(changed: tuple[Service, Database]) -> None:
    service, database = changed
    assert DAYS_THAT_KEEP_THE_PREVIOUS_MONTH_OPEN == months.DAYS_THAT_KEEP_THE_PREVIOUS_MONTH_OPEN
    for as_of, still_open in (
        ("2026-10-05 23:59:59+00", ["2026-09", "2026-10"]),
        ("2026-10-06 00:00:00+00", ["2026-10"]),
        ("2026-11-05 23:59:59+00", ["2026-10"]),
        ("2026-11-06 00:00:00+00", []),
    ):
        database.execute("update finops.etl_runs set end_time = %s", [as_of])
        body = service.json("/v1/costs")
        assert (body["open_months"], body["is_open"]) == (still_open, bool(still_open))
        assert [line["period"] for line in service.json("/v1/periods")["data"] if line["is_open"]] == still_open
        assert [point["period"] for point in service.json("/v1/history")["data"] if point["is_open"]] == still_open
        assert body["as_of"].startswith(as_of[:10])


def test_what_part_is_estimated_is_said(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute("update finops.fact_releve set estimated_cost = total_cost where application_id = 'PAYMENTS'")
    republish(database)
    body = service.json("/v1/costs?group_by=application&order=key&to=2026-09")
    assert lines(body, "estimated") == [("PAYMENTS", "50.25"), ("SHOP-WEB", "0"), ("UNALLOCATED", "0")]
    assert (body["total"]["estimated"], body["total"]["estimated_share"]) == ("50.25", "0.319555")
    assert service.json("/v1/periods")["data"][0]["estimated_share"] == "0.319555"
    assert service.json("/v1/history")["data"][0]["estimated_share"] == "0.319555"


def test_coverage_says_what_nobody_claims_and_what_was_rejected(changed: tuple[Service, Database]) -> None:
    service, database = changed
    allocated = str(TOTAL - 7)
    whole = {"set_apart": "0", "incomplete": []}
    unknown = {
        "allocated": allocated,
        "unallocated": "7",
        "rejected": "0",
        "rejected_lines": 2,
        "unpriced_lines": 2,
        **whole,
    }
    for path in ("/v1/costs", "/v1/costs?group_by=application", "/v1/history"):
        assert service.json(path)["coverage"] == unknown
    database.execute("update finops.rejected_usage set total_cost = 0.8 where application_id = 'PAYMENTS'")
    republish(database)
    coverage = service.json("/v1/applications/PAYMENTS/costs")["coverage"]
    assert coverage == {
        "allocated": "110.25",
        "unallocated": "0",
        "rejected": "0.8",
        "rejected_lines": 1,
        "unpriced_lines": 0,
        **whole,
    }
    assert service.json("/v1/costs?from=2026-10")["coverage"]["rejected_lines"] == 1


def test_coverage_says_which_days_nobody_measured(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute("update finops.etl_reconciliations set measured_days = '{24}', estimated_days = '{25,26}'")
    republish(database)
    october = {"measured_days": 1, "estimated_days": 2, "missing_days": 28, "days_to_come": 0}
    for path in ("/v1/costs?from=2026-10", "/v1/applications/SHOP-WEB/history?from=2026-10&source=focus.nimbus"):
        assert service.json(path)["coverage"]["incomplete"] == [
            {"source": "focus.nimbus", "period": "2026-10", **october}
        ]


def test_what_is_set_apart_is_said_beside_the_total(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute(
        "insert into finops.set_apart_charges (run_id, domain, source, period, usage_date, extraction_run_id,"
        " window_date, record_id, application_id, product_id, family, charge_category, source_cost, source_currency,"
        " total_cost, currency) select run_id, 'public_cloud', 'focus.nimbus', '2026-10-01', '2026-10-31', 'r',"
        " '2026-10-01', 'l', 'SHOP-WEB', 'nimbus.tax', 'Tax', 'Tax', 20.10, 'EUR', 20.10, 'EUR' from finops.etl_runs"
    )
    republish(database)
    for path, apart in (
        ("/v1/costs", "20.1"),
        ("/v1/costs?to=2026-09", "0"),
        ("/v1/applications/SHOP-WEB/costs", "20.1"),
        ("/v1/applications/PAYMENTS/costs", "0"),
        ("/v1/groups/storefront/costs?group_by=family", "20.1"),
    ):
        assert service.json(path)["coverage"]["set_apart"] == apart
    assert service.json("/v1/costs")["total"]["cost"] == str(TOTAL)


def test_a_charge_category_is_a_dimension_and_a_filter(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute("update finops.fact_releve set charge_category = 'Credit' where application_id = 'PAYMENTS'")
    republish(database)
    body = service.json("/v1/costs?group_by=charge_category&order=key")
    assert lines(body, "cost") == [("Credit", "110.25"), ("Usage", str(TOTAL - Decimal("110.25")))]
    assert service.json("/v1/costs?charge_category=Credit")["total"]["cost"] == "110.25"
    refused = service.get("/v1/costs?charge_category=Discount")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["allowed"] == ["Credit", "Usage"]


def test_coverage_agrees_with_the_report(shared: Shared) -> None:
    report = shared.database.execute(
        "select sum(allocated_cost), sum(unallocated_cost), sum(rejected_cost), sum(rejected_line_count)"
        " from finops.cost_coverage"
    ).fetchone()
    coverage = shared.json("/v1/costs")["coverage"]
    names = ("allocated", "unallocated", "rejected", "rejected_lines")
    assert tuple(Decimal(coverage[name]) for name in names) == report


def test_amounts_of_two_currencies_are_not_added(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute("update finops.fact_releve set currency = 'USD' where period = '2026-09-01'")
    republish(database)
    for path in ("/v1/costs", "/v1/history"):
        answer = service.get(path)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == "currency"
        assert answer.json()["errors"][0]["allowed"] == ["EUR", "USD"]
    body = service.json("/v1/costs?currency=USD")
    assert (body["currency"], body["total"]["cost"]) == ("USD", "157.25")
    written = service.get("/v1/costs?group_by=domain", headers={"Accept": "text/csv"}).text
    assert written.splitlines()[1:] == [
        "public_cloud,190.000000000001,EUR,0,,,",
        "public_cloud,157.25,USD,0,,,",
    ]


def test_a_caller_of_one_group_sees_its_costs_alone(shared: Shared) -> None:
    for path in ("/v1/costs", "/v1/costs?group_by=application", "/v1/history"):
        assert shared.json(path, caller="storefront")["total"]["cost"] == "230"
        assert shared.json(path, caller="payments")["total"]["cost"] == "110.25"
        assert shared.json(path, caller="nothing")["total"]["cost"] == "0"
    assert shared.json("/v1/costs", caller="storefront")["coverage"]["rejected_lines"] == 1
    assert [row["cost"] for row in shared.json("/v1/periods", caller="payments")["data"]] == ["50.25", "60"]
    assert shared.json("/v1/products", caller="nothing")["data"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/applications/PAYMENTS/costs",
        "/v1/applications/PAYMENTS/history",
        "/v1/groups/payments/costs",
        "/v1/families/Nothing/history",
        "/v1/applications/NOPE/costs",
        "/v1/domains/nope/costs",
        "/v1/applications/costs",
        "/v1/applications/a/b/costs",
        "/v1/applications/shop-web/costs",
    ],
)
def test_what_is_not_there_or_not_the_caller_s_is_a_404(shared: Shared, path: str) -> None:
    problem = shared.problem(path, 404, caller="storefront")
    assert problem["instance"] == path
    assert "there is no" in problem["detail"]


def test_a_name_with_a_slash_is_found(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute("update finops.fact_releve set family = 'CI/CD' where application_id = 'PAYMENTS'")
    republish(database)
    for path in ("/v1/families/CI%2FCD/costs", "/v1/families/CI/CD/history"):
        assert service.json(path)["total"]["cost"] == "110.25"


def test_a_domain_that_the_company_added_is_served_like_the_others(changed: tuple[Service, Database]) -> None:
    service, database = changed
    database.execute("update finops.fact_releve set domain = 'saas' where application_id = 'PAYMENTS'")
    republish(database)
    for path in ("/v1/domains/saas/costs", "/v1/costs?domain=saas", "/v1/domains/saas/history"):
        answer = service.json(path)
        assert answer["total"]["cost"] == "110.25"
        assert answer["coverage"]["incomplete"] == []  # of public_cloud's days, nothing
    assert [row["domain"] for row in service.json("/v1/domains")["data"]] == ["public_cloud", "saas"]


@pytest.mark.parametrize("model", [Costs, History, Series, Days, Usage])
def test_an_example_of_the_specification_is_an_answer_that_it_allows(model: type[Envelope]) -> None:
    example = EXAMPLES[model.__name__.lower()]
    text = {**example, "from": "2026-10-01", "to": "2026-10-01", "open_months": [], "compared_with": None}
    total = Decimal(example["total"]["cost"])
    assert (model.model_validate(text).currency, sum(Decimal(line["cost"]) for line in example["data"])) == (
        "EUR",
        total,
    )


@pytest.mark.parametrize("groups", ["*", ["storefront", "payments"]])
def test_one_application_s_year_reaches_its_index(costs: Database, groups: Scope) -> None:
    query = CostQuery(
        date(2026, 1, 1),
        date(2026, 12, 1),
        ["product"],
        {"application": ["ERP"]},
        Comparison(date(2025, 1, 1), date(2025, 12, 1), 12),
    )
    with costs.transaction():
        costs.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
        say_who_calls(costs, groups)
        lines = costs.execute(f"explain {query.page()}".encode(), query.parameters).fetchall()
    plan = "\n".join(str(line[0]) for line in lines)
    reached = re.findall(r"on fact_releve.*\n +Index Cond: (.*)\n(?: +Filter: (.*)\n)?", plan)
    assert len(reached) == 4, plan  # these months and those before, for each branch of the view
    assert ["application_id = ANY" in condition + more for condition, more in reached] == [True] * 4
    assert ["(period >= " in condition for condition, _ in reached] == [True] * 4
