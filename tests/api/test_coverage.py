"""Coverage and gaps: the API says the same as the reports that people read in SQL, and to each caller of its groups."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.api.costs.coverage.routes import EXAMPLES
from finops.api.costs.coverage.schemas import Gaps, SourceCoverage
from tests.api.service import Service, Shared, api_here, republish, write_tokens
from tests.e2e.finops import Database

RATE = "add the rate of SEK for {} to the reference table fx_rates"
SEK = {"source": "focus.nimbus", "domain": "public_cloud", "reason": "NO_FX_RATE", "currency": "SEK", "lines": 1}
SEPTEMBER = {"first_period": "2026-09", "last_period": "2026-09"}
OCTOBER = {"first_period": "2026-10", "last_period": "2026-10"}
OF_NOBODY = {**SEK, "reason": "UNALLOCATED", "currency": "EUR", "amount": "7", "group": "unallocated", **SEPTEMBER}
OF_PAYMENTS = {**SEK, "subject": RATE.format("2026-09"), "amount": "9", "group": "payments", **SEPTEMBER}
OF_STOREFRONT = {**SEK, "subject": RATE.format("2026-10"), "amount": "4", "group": "storefront", **OCTOBER}
REPORT = """
    select source, to_char(period, 'YYYY-MM') as period, currency, trim_scale(total_cost)::text as cost,
        trim_scale(allocated_cost)::text as allocated, trim_scale(unallocated_cost)::text as unallocated,
        trim_scale(estimated_cost)::text as estimated, trim_scale(rejected_cost)::text as rejected,
        rejected_line_count::text as rejected_lines, unpriced_line_count::text as unpriced_lines,
        trim_scale(set_apart_cost)::text as set_apart, measured_days::text, estimated_days::text, missing_days::text,
        days_to_come::text, array_to_string(missing_dates, ' ') as missing_dates, complete_date::text as complete_until
    from finops.cost_coverage order by 2, 1
"""
EMPTY_SOURCE = """
    insert into finops.etl_extractions (run_id, domain, source, measure, window_date, window_end, status)
    select run_id, 'saas', 'focus.empty', 'billed', '2026-10-01', '2026-11-01', 'COMPLETE' from finops.etl_runs limit 1;
    insert into finops.etl_steps (run_id, step, source, start_time, end_time, status)
    select run_id, 'extract', 'focus.empty', now(), now(), 'FAILED' from finops.etl_runs limit 1;
"""
UGLY = """
    update finops.fact_releve set estimated_cost = total_cost / 3 where application_id = 'PAYMENTS';
    update finops.rejected_usage set total_cost = 0.123456789012345678901 where application_id = 'PAYMENTS';
    update finops.etl_reconciliations set measured_days = '{24}', estimated_days = '{25,26}'
    where period = '2026-10-01';
    insert into finops.set_apart_charges (
        run_id, domain, source, period, usage_date, extraction_run_id, window_date, record_id, application_id,
        product_id, family, charge_category, source_cost, source_currency, total_cost, currency
    )
    select run_id, 'public_cloud', 'focus.other', '2026-10-01', '2026-10-31', 'r', '2026-10-01', '1', 'SHOP-WEB',
        'nimbus.tax', 'Other', 'Tax', 20, 'EUR', 20.000000000000000001, 'EUR' from finops.etl_runs limit 1;
"""


def rows_of(service: Service, path: str, **options: Any) -> list[dict[str, str]]:
    """The lines of a CSV."""
    answer = service.get(path, headers={"Accept": "text/csv"}, **options)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def as_report(line: dict[str, Any]) -> dict[str, str]:
    """A line of an answer as the report has it in text."""
    texts = {name: str(value) for name, value in line.items() if name not in ("domain", "missing_dates")}
    return {**texts, **({"missing_dates": " ".join(line["missing_dates"])} if "missing_dates" in line else {})}


def report(database: Database) -> list[dict[str, str]]:
    """What finops.cost_coverage says, without what it does not know."""
    cursor = database.execute(REPORT)
    names = [column.name for column in cursor.description or ()]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None} for row in cursor.fetchall()
    ]


def test_coverage_is_that_of_the_report_to_the_last_digit(service: Service, costs: Database) -> None:
    for change in ("select 1", EMPTY_SOURCE + UGLY):
        costs.execute(change.encode())
        republish(costs)
        expected = report(costs)
        body = service.json("/v1/coverage?to=2026-11")
        assert [as_report(line) for line in body["data"]] == expected
        written = rows_of(service, "/v1/coverage?to=2026-11")
        known = [{name: value for name, value in line.items() if name in expected[0]} for line in written]
        assert known == [dict.fromkeys(expected[0], "") | line for line in expected]
        for name, amount in body["total"].items():
            assert Decimal(amount) == sum(Decimal(line[name]) for line in expected), name
    assert {line["source"] for line in expected} == {"focus.nimbus", "focus.other", "focus.empty"}
    assert (body["total"]["rejected"], body["total"]["set_apart"]) == (
        "0.123456789012345678901",
        "20.000000000000000001",
    )


@pytest.mark.parametrize("caller", ["everything", "storefront", "payments", "nothing"])
def test_coverage_adds_up_to_what_costs_say_of_it(shared: Shared, caller: str) -> None:
    body, of_costs = shared.json("/v1/coverage", caller), shared.json("/v1/costs", caller)
    coverage = {name: value for name, value in of_costs["coverage"].items() if name != "incomplete"}
    assert body["total"] == {**coverage, "cost": of_costs["total"]["cost"], "estimated": of_costs["total"]["estimated"]}
    assert [body[name] for name in ("from", "to", "as_of", "open_months")] == [
        of_costs[name] for name in ("from", "to", "as_of", "open_months")
    ]
    assert body.get("currency") == of_costs.get("currency") == (None if caller == "nothing" else "EUR")


def test_a_group_sees_its_own_part_of_a_source_and_all_of_its_days(shared: Shared) -> None:
    assert shared.json("/v1/coverage", "nothing")["data"] == []
    lines = shared.json("/v1/coverage", "payments")["data"]
    assert [(line["period"], line["cost"], line["rejected_lines"]) for line in lines] == [
        ("2026-09", "50.25", 1),
        ("2026-10", "60", 0),
    ]
    days = ("measured_days", "missing_days", "missing_dates", "complete_until")
    assert [[line[name] for name in days] for line in lines] == [[30, 0, [], "2026-09-30"], [31, 0, [], "2026-10-31"]]


def test_only_who_sees_everything_sees_a_source_that_never_cost_anything(costs: Database, tokens_file: Path) -> None:
    costs.execute(EMPTY_SOURCE)
    republish(costs)
    nothing = dict.fromkeys(("cost", "allocated", "unallocated", "estimated", "rejected", "set_apart"), "0")
    nothing |= {"source": "focus.empty", "domain": "saas"}
    zeros = ("rejected_lines", "unpriced_lines", "measured_days", "estimated_days", "days_to_come")
    made = write_tokens(tokens_file, everything="*", storefront=["storefront"])
    with api_here(token=made["everything"], tokens_file=tokens_file) as service:
        lines = service.json("/v1/coverage?domain=saas")["data"]
        assert lines == [
            {
                **nothing,
                **dict.fromkeys(zeros, 0),
                "period": period,
                "missing_days": days,
                "missing_dates": [f"{period}-{day:02}" for day in range(1, days + 1)],
                "complete_until": day_before,
            }
            for period, days, day_before in (("2026-09", 30, "2026-08-31"), ("2026-10", 31, "2026-09-30"))
        ]
        storefront = {"token": made["storefront"]}
        assert service.get("/v1/coverage?domain=saas", **storefront).status_code == 422
        assert {line["source"] for line in service.json("/v1/coverage", **storefront)["data"]} == {"focus.nimbus"}


def test_amounts_of_two_currencies_are_not_added(service: Service, costs: Database) -> None:
    costs.execute("update finops.fact_releve set currency = 'USD' where period = '2026-09-01'")
    costs.execute("delete from finops.rejected_usage")
    republish(costs)
    answer = service.get("/v1/coverage")
    assert (answer.status_code, answer.json()["errors"][0]["allowed"]) == (422, ["EUR", "USD"])
    body = service.json("/v1/coverage?currency=USD")
    assert (body["currency"], body["total"]["cost"]) == ("USD", "157.25")
    assert [line["period"] for line in body["data"]] == ["2026-09"]


@pytest.mark.parametrize("path", ["/v1/coverage", "/v1/gaps"])
def test_a_source_that_is_misspelt_is_not_a_zero(shared: Shared, path: str) -> None:
    error = {"parameter": "source", "detail": "'aws' is not a source that you may see", "allowed": ["focus.nimbus"]}
    assert shared.problem(path, 422, source="aws")["errors"] == [error]
    assert shared.problem(path, 422, "nothing", source="focus.nimbus")["errors"][0]["allowed"] == []
    assert shared.problem(path, 422, from_="2026-11", to="2026-10")["errors"][0]["parameter"] == "from"
    assert shared.problem(path, 422, family="Compute")["errors"][0]["parameter"] == "family"
    if path == "/v1/coverage":
        error = {"parameter": "currency", "detail": "'eur' is not a currency that you may see", "allowed": ["EUR"]}
        assert shared.problem(path, 422, currency="eur")["errors"] == [error]
        assert shared.json(path, currency="EUR") == shared.json(path)
    for selection in ({"source": "focus.nimbus"}, {"domain": "public_cloud"}, {"source": ["focus.nimbus"]}):
        assert shared.json(path, **selection) == shared.json(path)


def test_gaps_are_the_largest_first_and_each_group_s_own(shared: Shared) -> None:
    nobody = {**OF_NOBODY, "subject": "account account-1"}
    assert shared.json("/v1/gaps")["data"] == [OF_PAYMENTS, nobody, OF_STOREFRONT]
    assert shared.json("/v1/gaps", "payments")["data"] == [OF_PAYMENTS]
    assert shared.json("/v1/gaps", "storefront", from_="2026-10")["data"] == [OF_STOREFRONT]
    assert shared.json("/v1/gaps", "storefront", to="2026-09")["data"] == []
    assert shared.json("/v1/gaps", "nothing")["data"] == []


def test_pages_of_gaps_are_the_list_and_what_is_folded_is_in_the_sum(service: Service, costs: Database) -> None:
    costs.execute(
        "insert into finops.unallocated_usage select run_id, source, period, 'code ' || number, 0.1 * number, 2"
        " from finops.unallocated_usage, generate_series(1, 250) as number"
    )
    costs.execute(
        "insert into finops.rejected_usage (run_id, domain, source, period, usage_date, extraction_run_id, window_date,"
        " record_id, application_id, reason, detail) select run_id, domain, source, period, usage_date,"
        " extraction_run_id, window_date, record_id, application_id, 'UNPARSABLE', detail from finops.rejected_usage"
    )
    republish(costs)
    whole = service.json("/v1/gaps?limit=1000")["data"]
    amounts = [Decimal(gap["amount"]) for gap in whole if "amount" in gap]
    assert amounts == sorted(amounts, reverse=True)
    assert [gap["reason"] for gap in whole if "amount" not in gap] == ["UNPARSABLE", "UNPARSABLE"]
    assert not {"amount", "currency"} & {*whole[-1], *whole[-2]}
    [rest] = [gap for gap in whole if "subject" not in gap]
    # 251 subjects, of which 200 are listed: 7 and 25 to 5.2 stay, and 0.1 to 5.1 are added up
    assert (rest["folded"], rest["lines"], rest["amount"], len(whole)) == (51, 102, "132.6", 205)
    unallocated = [gap for gap in whole if gap["reason"] == "UNALLOCATED"]
    assert sum(Decimal(gap["amount"]) for gap in unallocated) == 7 + Decimal("3137.5")

    paged, address = [], "/v1/gaps?limit=17"
    while address:
        answer = service.get(address)
        paged += answer.json()["data"]
        address = answer.links["next"]["url"] if "next" in answer.links else ""
    assert paged == whole
    written = rows_of(service, "/v1/gaps")
    assert [{name: value for name, value in row.items() if value} for row in written] == [
        {name: str(value) for name, value in gap.items()} for gap in whole
    ]


def test_a_month_of_an_earlier_version_is_one_gap_of_all_its_unallocated_cost(
    service: Service, costs: Database
) -> None:
    for change in (
        "update finops.unallocated_usage set run_id = '00000000-0000-0000-0000-000000000001'",
        "delete from finops.unallocated_usage",
    ):
        costs.execute(change.encode())
        republish(costs)
        assert service.json("/v1/gaps?to=2026-09")["data"] == [
            OF_PAYMENTS,
            {**OF_NOBODY, "subject": "not listed yet: finops reprocess of the month shows what"},
        ]


def test_a_cursor_that_was_not_made_here_is_refused(shared: Shared) -> None:
    body = shared.json("/v1/gaps", limit=1)
    problem = shared.problem("/v1/gaps", 422, limit=1, cursor=body["next"][:-6])
    assert problem["errors"][0]["parameter"] == "cursor"
    assert shared.problem("/v1/gaps", 422, to="2026-09", cursor=body["next"])["errors"][0]["parameter"] == "cursor"


def test_the_examples_of_the_specification_are_answers_that_it_allows() -> None:
    for model, example in ((SourceCoverage, EXAMPLES["coverage"]), (Gaps, EXAMPLES["gaps"])):
        dates = {"from": f"{example['from']}-01", "to": f"{example['to']}-01"}
        body = model.model_validate({**example, **dates})
        shown = body.model_dump(mode="json", by_alias=True, exclude_none=True)
        assert {**shown, "as_of": ""} == {**example, "as_of": ""}
