"""Backstage's Cost Insights: what the plugin asks, on figures worked out by hand from the bills of conftest.py."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.service import Service, Shared, republish, write_tokens
from tests.e2e.finops import Database, scalar

PREFIX = "/api/cost-insights"
MONTHS = "R2/P1M/2026-11-01"  # September, then October


def ask(service: Service, path: str, **options: Any) -> Any:
    """A 200's body, numbers as decimals."""
    answer = service.get(f"{PREFIX}{path}", **options)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)


def refusal(service: Service, path: str, **options: Any) -> tuple[int, str]:
    """A problem's status and what it says."""
    answer = service.get(f"{PREFIX}{path}", **options)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


def spent(cost: dict[str, Any]) -> dict[str, Decimal]:
    """The days that cost something."""
    return {point["date"]: point["amount"] for point in cost["aggregation"] if point["amount"]}


def publish(database: Database, application: str, month: str, cost: int) -> None:
    """One more relevé, all of it spent on the first day of the month."""
    database.execute(
        "insert into finops.fact_releve select (jsonb_populate_record(releve, jsonb_build_object("
        " 'id', gen_random_uuid(), 'application_id', %(application)s::text, 'period', %(month)s::date,"
        " 'total_cost', %(cost)s::numeric, 'daily_cost', array[%(cost)s::numeric] || array_fill(0::numeric, array["
        "  extract(day from %(month)s::date + interval '1 month - 1 day')::integer - 1])))).*"
        " from finops.fact_releve as releve limit 1",
        {"application": application, "month": f"{month}-01", "cost": cost},
    )
    republish(database)


def test_costs_are_complete_up_to_what_was_read_and_published(service: Service) -> None:
    assert ask(service, "/last-complete-billing-date") == "2026-10-31"


def test_what_was_read_and_not_published_yet_is_not_complete(service: Service, costs: Database) -> None:
    costs.execute(
        "insert into finops.etl_extractions (run_id, domain, source, measure, window_date, window_end, ended_at,"
        " status) select run_id, 'public_cloud', 'focus.nimbus', 'billed', '2026-11-01', '2026-12-01', now(),"
        " 'COMPLETE'"
        " from finops.etl_runs"
    )
    republish(costs)
    assert ask(service, "/last-complete-billing-date") == "2026-10-31"


def test_an_open_bill_is_complete_up_to_its_last_cost(service: Service, costs: Database) -> None:
    costs.execute(
        "update finops.etl_reconciliations set measured_days = null, last_cost_day = 15 where period = '2026-10-01'"
    )
    republish(costs)
    assert ask(service, "/last-complete-billing-date") == "2026-10-15"


def test_a_source_that_is_gone_for_a_month_holds_nothing_back(service: Service, costs: Database) -> None:
    for end, expected in (("2026-10-02", "2026-10-01"), ("2026-09-30", "2026-10-31")):
        costs.execute(
            "insert into finops.etl_extractions (run_id, domain, source, measure, window_date, window_end, ended_at,"
            " status) select run_id, 'native', 'cube.usage', 'metered', %s::date - 1, %s, start_time, 'COMPLETE'"
            " from finops.etl_runs",
            [end, end],
        )
        costs.execute(
            "insert into finops.etl_reconciliations (run_id, source, period, status, measured_days)"
            " select run_id, 'cube.usage', date_trunc('month', %s::date - 1), 'PUBLISHED',"
            "  array(select generate_series(1, extract(day from %s::date - 1)::int)) from finops.etl_runs",
            [end, end],
        )
        republish(costs)
        assert ask(service, "/last-complete-billing-date") == expected
        costs.execute("delete from finops.etl_reconciliations where source = 'cube.usage'")
        costs.execute("delete from finops.etl_extractions where source = 'cube.usage'")


def test_a_month_with_a_day_that_nobody_measured_is_not_complete(service: Service, costs: Database) -> None:
    costs.execute("update finops.etl_reconciliations set measured_days = '{24}' where period = '2026-10-01'")
    republish(costs)
    assert ask(service, "/last-complete-billing-date") == "2026-09-30"


def test_without_anything_published_there_is_no_date(service: Service, costs: Database) -> None:
    costs.execute("truncate finops.etl_reconciliations")
    costs.execute("truncate finops.etl_steps")
    republish(costs)
    assert refusal(service, "/last-complete-billing-date")[0] == 503


def test_groups_are_those_that_the_token_shows_whoever_the_user_is_said_to_be(
    service: Service, tokens_file: Path
) -> None:
    made = write_tokens(tokens_file, all="*", two=["payments", "storefront"], none=[])
    assert len(ask(service, "/groups", token=made["all"])) == 7
    assert ask(service, "/groups?user=somebody", token=made["two"]) == [
        {"id": "payments", "name": "Payments"},
        {"id": "storefront", "name": "Storefront"},
    ]
    assert ask(service, "/groups", token=made["none"]) == []


def test_projects_are_the_applications_of_a_group(service: Service) -> None:
    assert ask(service, "/projects?group=storefront") == [
        {"id": "SHOP-MOBILE", "name": "Mobile shop"},
        {"id": "SHOP-WEB", "name": "Online shop"},
        {"id": "SEARCH", "name": "Product search"},
        {"id": "TILLS", "name": "Tills of the stores"},
    ]


def test_products_are_the_families_with_keys_in_camel_case(service: Service, costs: Database) -> None:
    costs.execute("update finops.fact_releve set family = 'CI/CD' where application_id = 'ERP'")
    republish(costs)
    assert ask(service, "/products") == [
        {"kind": "ciCd", "name": "CI/CD"},
        {"kind": "integration", "name": "Integration"},
    ]


def test_a_group_s_cost_has_every_day_zeros_included(service: Service) -> None:
    cost = ask(service, "/group-daily-cost?group=storefront&intervals=R2/P31D/2026-11-01")
    assert (cost["id"], cost["currency"]) == ("storefront", "EUR")
    assert [point["date"] for point in cost["aggregation"]][::61] == ["2026-08-31", "2026-10-31"]
    assert len(cost["aggregation"]) == 62
    assert spent(cost) == {
        "2026-09-01": 100,
        "2026-10-01": Decimal("120.5"),
        "2026-10-10": 30,
        "2026-10-31": Decimal("-20.5"),
    }


def test_a_change_is_from_one_period_to_the_next(service: Service) -> None:
    # storefront: 100 in September; 120.5 - 20.5 + 30 = 130 in October
    assert ask(service, f"/group-daily-cost?group=storefront&intervals={MONTHS}")["change"] == {
        "ratio": Decimal("0.3"),
        "amount": 30,
    }
    assert "change" not in ask(service, "/group-daily-cost?group=storefront&intervals=R1/P1M/2026-11-01")


def test_a_change_from_nothing_has_no_ratio(service: Service) -> None:
    assert ask(service, f"/project-daily-cost?project=SEARCH&intervals={MONTHS}")["change"] == {"amount": 30}


def test_a_trendline_is_over_unix_seconds(service: Service) -> None:
    # 120.5 on day 20,727 since 1970 and 0 on the next: -120.5 a day, and 120.5 × 20,728 at the origin
    line = ask(service, "/group-daily-cost?group=storefront&intervals=R2/P1D/2026-10-03")["trendline"]
    assert line["intercept"] == 2_497_724
    assert round(line["slope"] * 86_400, 12) == Decimal("-120.5")


def test_a_cost_is_broken_down_by_family_and_by_application(service: Service) -> None:
    grouped = ask(service, f"/group-daily-cost?group=storefront&intervals={MONTHS}")["groupedCosts"]
    assert [part["id"] for part in grouped["product"]] == ["Integration"]
    assert {part["id"]: spent(part) for part in grouped["project"]} == {
        "SHOP-WEB": {"2026-09-01": 100, "2026-10-01": Decimal("120.5"), "2026-10-31": Decimal("-20.5")},
        "SEARCH": {"2026-10-10": 30},
    }
    assert {len(part["aggregation"]) for parts in grouped.values() for part in parts} == {61}


def test_an_application_s_cost_is_its_own(service: Service) -> None:
    cost = ask(service, f"/project-daily-cost?project=PAYMENTS&intervals={MONTHS}")
    assert spent(cost) == {"2026-09-15": Decimal("50.25"), "2026-10-15": 60}
    assert list(cost["groupedCosts"]) == ["product"]


def test_what_never_cost_anything_costs_zero_every_day(service: Service) -> None:
    cost = ask(service, f"/project-daily-cost?project=SHOP-MOBILE&intervals={MONTHS}")
    assert (spent(cost), len(cost["aggregation"]), cost["currency"]) == ({}, 61, None)
    assert cost["trendline"] == {"slope": 0, "intercept": 0}
    assert cost["change"] == {"amount": 0}


def test_an_amount_goes_out_to_its_last_digit_as_a_number(service: Service) -> None:
    answer = service.get(f"{PREFIX}/project-daily-cost?project=ERP&intervals={MONTHS}")
    assert '{"date":"2026-10-20","amount":1E-12}' in answer.text


def test_the_days_of_every_group_add_up_to_what_was_published(service: Service, costs: Database) -> None:
    summed = Decimal()
    for group in ask(service, "/groups"):
        cost = ask(service, f"/group-daily-cost?group={group['id']}&intervals={MONTHS}")
        found = sum(spent(cost).values(), Decimal())
        for parts in cost["groupedCosts"].values():
            assert sum((amount for part in parts for amount in spent(part).values()), Decimal()) == found
        summed += found
    assert summed == scalar(costs, "select sum(total_cost) from finops.fact_releve") == Decimal("347.250000000001")


def test_days_that_a_monthly_meter_only_spreads_say_so(service: Service, costs: Database) -> None:
    costs.execute("update finops.etl_extractions set measure = 'metered' where window_date = '2026-10-01'")
    republish(costs)
    points = ask(service, f"/group-daily-cost?group=storefront&intervals={MONTHS}")["aggregation"]
    assert {point["date"]: point["spread"] for point in points if "spread" in point} == {
        "2026-10-01": Decimal("120.5"),
        "2026-10-10": 30,
        "2026-10-31": Decimal("-20.5"),
    }


@pytest.mark.parametrize(
    ("entity", "days"),
    [
        ("component:default/shop-web", 3),
        ("system:other/SHOP-WEB", 3),
        ("shop-web", 3),
        ("Component:search", 1),
        ("group:default/storefront", 4),
        ("group:default/Storefront", 4),
    ],
)
def test_an_entity_of_the_catalogue_is_found_by_its_name(service: Service, entity: str, days: int) -> None:
    cost = ask(service, f"/catalog-entity-daily-cost?intervals={MONTHS}", params={"entity": entity})
    assert (cost["id"], len(spent(cost))) == (entity, days)


@pytest.mark.parametrize(
    "entity", ["component:default/nope", "user:default/shop-web", "a/b/c", "::", "group:default/ERP"]
)
def test_an_entity_that_costs_nobody_anything_is_not_found(service: Service, entity: str) -> None:
    status, said = refusal(service, f"/catalog-entity-daily-cost?intervals={MONTHS}", params={"entity": entity})
    assert (status, said) == (404, f"there is no cost of '{entity}' that you may see")


def test_a_metric_is_all_that_the_caller_may_see(service: Service, tokens_file: Path) -> None:
    # September 100 + 50.25 + 7; October 120.5 - 20.5 + 30 + 60 + 0.000000000001; 32.750000000001 / 157.25
    made = write_tokens(tokens_file, all="*", shop=["storefront"])
    metric = ask(service, f"/metrics/totalCost?intervals={MONTHS}", token=made["all"])
    assert (metric["id"], metric["format"], len(metric["aggregation"])) == ("totalCost", "currency", 61)
    assert metric["change"]["amount"] == Decimal("32.750000000001")
    assert round(metric["change"]["ratio"], 12) == Decimal("0.208267090620")
    mine = ask(service, f"/metrics/totalCost?intervals={MONTHS}", token=made["shop"])
    assert mine["change"] == {"ratio": Decimal("0.3"), "amount": 30}


def test_what_no_application_claims_is_a_metric_too(service: Service) -> None:
    metric = ask(service, f"/metrics/unallocatedCost?intervals={MONTHS}")
    assert spent(metric) == {"2026-09-30": 7}
    assert metric["change"] == {"ratio": -1, "amount": -7}


def test_a_metric_that_is_not_there_names_those_that_are(service: Service) -> None:
    assert refusal(service, f"/metrics/dau?intervals={MONTHS}") == (
        404,
        "'dau' is not a metric: ask for one of totalCost, unallocatedCost",
    )


def test_a_product_is_compared_by_application_and_product(service: Service) -> None:
    found = ask(service, f"/product-insights?product=integration&group=storefront&intervals={MONTHS}")
    shop, search = found["entities"]["application"]
    assert (found["id"], found["aggregation"], found["change"]) == (
        "integration",
        [100, 130],
        {"ratio": Decimal("0.3"), "amount": 30},
    )
    assert (shop["id"], shop["aggregation"], shop["change"]) == ("SHOP-WEB", [100, 100], {"ratio": 0, "amount": 0})
    assert (search["id"], search["aggregation"], search["change"]) == ("SEARCH", [0, 30], {"amount": 30})
    assert [(leaf["id"], leaf["aggregation"], leaf["entities"]) for leaf in shop["entities"]["product"]] == [
        ("nimbus.queue", [100, 100], {})
    ]


def test_a_product_is_compared_on_any_days(service: Service) -> None:
    # 2 to 11 October: 30 on the 10th; the ten days before: nothing but the 120.5 of the 1st
    found = ask(service, "/product-insights?product=integration&group=storefront&intervals=R2/P10D/2026-10-12")
    assert found["aggregation"] == [Decimal("120.5"), 30]


@settings(max_examples=30)
@given(length=st.integers(1, 60), unit=st.sampled_from("DM"), end=st.dates(date(2026, 9, 1), date(2026, 12, 1)))
def test_what_is_compared_is_the_sum_of_its_days(shared: Shared, length: int, unit: str, end: date) -> None:
    intervals = f"R2/P{length if unit == 'D' else length % 6 + 1}{unit}/{end}"
    path = f"product-insights?product=integration&group=storefront&intervals={intervals}"
    found = ask(shared.service, f"/{path}")["aggregation"]
    cost = ask(shared.service, f"/group-daily-cost?group=storefront&intervals={intervals}")
    assert sum(found) == sum(spent(cost).values())
    assert found[1] - found[0] == cost["change"]["amount"]


def test_a_product_of_one_application_is_by_product_alone(service: Service) -> None:
    found = ask(service, f"/product-insights?product=integration&group=storefront&project=SEARCH&intervals={MONTHS}")
    assert found["aggregation"] == [0, 30]
    assert [leaf["id"] for leaf in found["entities"]["product"]] == ["nimbus.queue"]


def test_costs_of_no_application_are_the_null_entity(service: Service) -> None:
    found = ask(service, f"/product-insights?product=integration&group=unallocated&intervals={MONTHS}")
    assert [(entity["id"], entity["aggregation"]) for entity in found["entities"]["application"]] == [(None, [7, 0])]


@pytest.mark.parametrize("product", ["nope", "Integration", "'; select 1; --"])
def test_a_product_without_costs_has_no_entities(service: Service, product: str) -> None:
    found = ask(service, f"/product-insights?group=storefront&intervals={MONTHS}", params={"product": product})
    assert (found["id"], found["aggregation"], found["entities"]) == (product, [0, 0], {})


def test_an_application_that_grew_from_a_quarter_to_the_next_is_an_alert(service: Service, costs: Database) -> None:
    # April 100; July 10 and September 100: 110, so 10 % more. SEARCH fell, and SHOP-MOBILE came in July: no growth.
    for application, month, cost in (
        ("SHOP-WEB", "2026-04", 100),
        ("SHOP-WEB", "2026-07", 10),
        ("SEARCH", "2026-04", 200),
        ("SHOP-MOBILE", "2026-07", 500),
    ):
        publish(costs, application, month, cost)
    assert ask(service, "/alerts?group=storefront") == [
        {
            "kind": "projectGrowth",
            "data": {
                "project": "SHOP-WEB",
                "periodStart": "2026-Q2",
                "periodEnd": "2026-Q3",
                "aggregation": [100, 110],
                "change": {"ratio": Decimal("0.1"), "amount": 10},
                "products": [{"id": "Integration", "aggregation": [100, 110]}],
            },
        }
    ]


def test_growth_without_a_quarter_before_is_no_alert(service: Service) -> None:
    assert ask(service, "/alerts?group=storefront") == []


PATHS = (
    f"/group-daily-cost?group={{group}}&intervals={MONTHS}",
    "/projects?group={group}",
    f"/product-insights?product=integration&group={{group}}&intervals={MONTHS}",
    "/alerts?group={group}",
)


@pytest.mark.parametrize("path", PATHS)
def test_another_group_does_not_exist(service: Service, tokens_file: Path, path: str) -> None:
    token = write_tokens(tokens_file, shop=["storefront"])["shop"]
    for group in ("payments", "nope"):
        expected = (404, f"there is no group '{group}' that you may see")
        assert refusal(service, path.format(group=group), token=token) == expected


def test_another_s_application_does_not_exist(service: Service, tokens_file: Path) -> None:
    token = write_tokens(tokens_file, shop=["storefront"])["shop"]
    for path in (
        f"/project-daily-cost?project=PAYMENTS&intervals={MONTHS}",
        f"/product-insights?product=integration&group=storefront&project=PAYMENTS&intervals={MONTHS}",
    ):
        assert refusal(service, path, token=token) == (404, "there is no application 'PAYMENTS' that you may see")
    entity = f"/catalog-entity-daily-cost?entity=component:default/payments&intervals={MONTHS}"
    assert refusal(service, entity, token=token)[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/group-daily-cost?group=storefront&intervals=R2/P30D/2026-02-30",
        "/group-daily-cost?group=storefront",
        "/metrics/totalCost?intervals=R1/P30D/2026-11-01",
        "/product-insights?product=x&group=storefront&intervals=R3/P30D/2026-11-01",
    ],
)
def test_wrong_intervals_are_named(service: Service, path: str) -> None:
    answer = service.get(f"{PREFIX}{path}")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "intervals")


def test_costs_in_several_currencies_are_not_added_up(service: Service, costs: Database) -> None:
    costs.execute("update finops.fact_releve set currency = 'USD' where application_id = 'SEARCH'")
    republish(costs)
    path = f"/group-daily-cost?group=storefront&intervals={MONTHS}"
    assert refusal(service, path) == (
        422,
        "currency: these costs are in EUR and USD, which do not add up: choose one",
    )
    assert spent(ask(service, f"{path}&currency=USD")) == {"2026-10-10": 30}
    assert len(spent(ask(service, f"{path}&currency=EUR"))) == 3
