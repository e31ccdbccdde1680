"""Backstage's InfraWallet, on figures worked out by hand from the bills of conftest.py."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.api.service import Service, write_tokens
from tests.e2e.finops import Database, scalar

# September and October 2026 as a browser in Paris says them: 31 August 22:00 and 31 October 22:59:59.999, in UTC.
SPAN = {"startTime": "1788213600000", "endTime": "1793487599999"}


def reports(service: Service, token: str | None = None, **parameters: str) -> Any:
    """The body of a 200, numbers as decimals."""
    answer = service.get("/api/infrawallet/reports", token=token, params={**SPAN, **parameters})
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)


def by_id(body: Any) -> dict[str, Any]:
    """The amounts of each report."""
    return {report["id"]: report["reports"] for report in body["data"]}


def test_reports_are_in_the_plugin_s_words(service: Service) -> None:
    body = reports(service, filters="(project:SHOP-WEB)", tags="()", groups="", granularity="monthly")
    assert body == {
        "data": [
            {
                "id": "public_cloud-storefront-SHOP-WEB-nimbus.queue-Integration",
                "provider": "public_cloud",
                "account": "storefront",
                "project": "SHOP-WEB",
                "service": "nimbus.queue",
                "category": "Integration",
                "reports": {"2026-09": 100, "2026-10": 100},
            }
        ],
        "errors": [],
        "status": 200,
        "currency": "EUR",
    }


def test_reports_add_up_to_what_was_published(service: Service, costs: Database) -> None:
    amounts = [amount for report in by_id(reports(service)).values() for amount in report.values()]
    assert sum(amounts) == scalar(costs, "select sum(total_cost) from finops.fact_releve")


def test_daily_reports_are_of_the_days_asked_for(service: Service) -> None:
    days = by_id(reports(service, filters="(project:SHOP-WEB)", granularity="daily"))
    assert list(days.values()) == [{"2026-09-01": 100, "2026-10-01": Decimal("120.5"), "2026-10-31": Decimal("-20.5")}]
    # 1788220800000 is 1 September in UTC; the end is 30 October, 12:34:56
    shorter = {"startTime": "1788307200000", "endTime": "1793363696000"}
    found = by_id(reports(service, filters="(project:SHOP-WEB)", granularity="daily", **shorter))
    assert list(found.values()) == [{"2026-10-01": Decimal("120.5")}]


def test_filters_are_all_of_several_keys_and_any_of_several_values(service: Service) -> None:
    two = reports(service, filters="(account:(storefront|payments),service:nimbus.queue)", groups="account,project")
    assert by_id(two) == {
        "storefront-SEARCH": {"2026-10": 30},
        "storefront-SHOP-WEB": {"2026-09": 100, "2026-10": 100},
    }
    assert by_id(reports(service, filters="(provider:native)")) == {}


def test_reports_may_be_grouped_by_less(service: Service) -> None:
    body = reports(service, groups="account")
    assert by_id(body)["payments"] == {"2026-09": Decimal("50.25"), "2026-10": 60}
    assert {tuple(report) for report in body["data"]} == {("id", "account", "reports")}


def test_a_token_sees_its_groups_alone(service: Service, tokens_file: Path) -> None:
    token = write_tokens(tokens_file, shop=["storefront"])["shop"]
    assert list(by_id(reports(service, token=token, groups="account"))) == ["storefront"]
    assert by_id(reports(service, token=token, filters="(account:payments)")) == {}


@pytest.mark.parametrize(
    ("parameters", "status", "parameter"),
    [
        ({"filters": "(region:eu)"}, 400, "filters"),
        ({"filters": "provider:native"}, 400, "filters"),
        ({"tags": "(aws:env=prod)"}, 400, "tags"),
        ({"groups": "region"}, 400, "groups"),
        ({"startTime": "0"}, 400, "startTime"),
        ({"endTime": "0"}, 400, "endTime"),
        ({"startTime": "now"}, 422, "startTime"),
        ({"granularity": "hourly"}, 422, "granularity"),
    ],
)
def test_what_can_t_be_answered_is_named(
    service: Service, parameters: dict[str, str], status: int, parameter: str
) -> None:
    answer = service.get("/api/infrawallet/reports", params={**SPAN, **parameters})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["errors"][0]["parameter"] == parameter
