"""What was consumed: quantities, costs and unit prices are those of the relevés."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from tests.api.service import Service, Shared, republish
from tests.api.test_costs import TOTAL, pages
from tests.e2e.finops import Database

KEYS = ("period", "product", "source", "charge_category", "unit", "family", "domain")


def by_sql(database: Database, where: str = "true") -> dict[tuple[Any, ...], tuple[Decimal | None, ...]]:
    """Quantity, cost and unit price of the relevés themselves, by key."""
    query = (
        "select to_char(period, 'YYYY-MM'), product_id, source, charge_category, usage_unit, family, releves.domain,"  # noqa: S608 - of this file's own words
        " sum(usage_quantity), sum(total_cost), finops.quotient(sum(total_cost), sum(usage_quantity))"
        " from finops.fact_releve as releves left join finops.dim_application as applications using (application_id)"
        f" where {where} group by 1, 2, 3, 4, 5, 6, 7"
    )
    return {row[:7]: row[7:] for row in database.execute(query.encode())}


def by_key(body: Any) -> dict[tuple[Any, ...], tuple[Decimal | None, ...]]:
    """The same of an answer."""
    return {
        tuple(line.get(key) for key in KEYS): tuple(
            Decimal(line[name]) if name in line else None for name in ("quantity", "cost", "unit_price")
        )
        for line in body["data"]
    }


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/usage", "true"),
        ("/v1/usage?from=2026-10&product=nimbus.queue", "period = '2026-10-01' and product_id = 'nimbus.queue'"),
        ("/v1/applications/SHOP-WEB/usage", "application_id = 'SHOP-WEB'"),
        ("/v1/groups/storefront/usage", "group_id = 'storefront'"),
        ("/v1/domains/public_cloud/usage?to=2026-09", "period = '2026-09-01'"),
        ("/v1/families/Integration/usage", "true"),
    ],
)
def test_quantities_and_prices_are_those_of_sql(shared: Shared, path: str, where: str) -> None:
    body = shared.json(path)
    assert by_key(body) == by_sql(shared.database, where)
    assert sum(Decimal(line["cost"]) for line in body["data"]) == Decimal(body["total"]["cost"])
    assert body["line_count"] == len(body["data"]) > 0


def test_a_line_says_all_of_its_product(shared: Shared) -> None:
    assert shared.json("/v1/usage", from_="2026-10", product="nimbus.queue")["data"] == [
        {
            "period": "2026-10",
            "product": "nimbus.queue",
            "product_name": "nimbus.queue",
            "family": "Integration",
            "domain": "public_cloud",
            "source": "focus.nimbus",
            "charge_category": "Usage",
            "unit": "Requests",
            "quantity": "4",
            "cost": "130.000000000001",
            "estimated": "0",
            "unit_price": "32.5",
        }
    ]


def test_the_price_of_one_releve_is_its_unit_cost(service: Service, costs: Database) -> None:
    costs.execute(
        "update finops.fact_releve set usage_quantity = 7, unit_cost = finops.quotient(total_cost, 7)"
        " where application_id = 'SEARCH'"
    )
    republish(costs)
    [line] = service.json("/v1/applications/SEARCH/usage")["data"]
    [(unit_cost,)] = costs.execute("select unit_cost from finops.fact_releve where application_id = 'SEARCH'")
    assert (line["quantity"], line["unit_price"]) == ("7", str(unit_cost))
    assert line["unit_price"] == "4.285714285714"


def test_what_has_no_quantity_or_another_unit_is_a_line_of_its_own(service: Service, costs: Database) -> None:
    columns = (
        "run_id, application_id, product_id, family, domain, period, source, source_cost, source_currency, currency,"
        " is_estimated, estimated_cost, estimated_reasons, line_count, created_at"
    )
    for number, (category, unit, quantity, cost) in enumerate(
        (("Tax", None, None, 20), ("Usage", "GB", 5, 1), ("Usage", "Requests", 0, 3), ("Credit", "Requests", -1, -3))
    ):
        costs.execute(
            f"insert into finops.fact_releve ({columns}, id, charge_category, usage_unit, usage_quantity, total_cost,"  # noqa: S608 - of this file's own words
            f" daily_cost) select {columns}, gen_random_uuid(), %s, %s, %s, %s::numeric,"
            " array[%s::numeric] || array_fill(0::numeric, array[30]) from finops.fact_releve"
            " where application_id = 'SEARCH' and usage_quantity = 1",
            [category, unit, quantity, cost, cost],
        )
        assert number < 4
    republish(costs)
    for path in ("/v1/applications/SEARCH/usage", "/v1/groups/storefront/usage?from=2026-10", "/v1/usage?from=2026-10"):
        body = service.json(path)
        assert sum(Decimal(line["cost"]) for line in body["data"]) == Decimal(body["total"]["cost"])
        lines = {
            (line["charge_category"], line.get("unit")): line
            for line in body["data"]
            if line["product"] == "nimbus.queue"
        }
        assert lines.keys() == {("Usage", "Requests"), ("Usage", "GB"), ("Tax", None), ("Credit", "Requests")}
        assert "quantity" not in lines["Tax", None]
        assert "unit_price" not in lines["Tax", None]
        assert (lines["Usage", "GB"]["quantity"], lines["Usage", "GB"]["unit_price"]) == ("5", "0.2")
        assert (lines["Credit", "Requests"]["quantity"], lines["Credit", "Requests"]["unit_price"]) == ("-1", "3")
    costs.execute("update finops.fact_releve set usage_quantity = 0 where application_id = 'ERP'")
    republish(costs)
    [line] = service.json("/v1/applications/ERP/usage")["data"]
    assert (line["quantity"], "unit_price" in line) == ("0", False)
    found = [line for page in pages_of(service, "/v1/usage?limit=1&order=key") for line in page["data"]]
    assert found == service.json("/v1/usage?order=key")["data"]
    assert len({tuple(line.get(key) for key in KEYS) for line in found}) == len(found) > 5


def pages_of(service: Service, path: str) -> Any:
    """Every page, by its Link header."""
    answer = service.get(path)
    while True:
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if "next" not in answer.links:
            return
        answer = service.get(answer.links["next"]["url"])


@pytest.mark.parametrize("order", ["-cost", "key"])
def test_pages_hold_every_line_once(shared: Shared, order: str) -> None:
    whole = shared.json("/v1/usage", order=order)
    for limit in (1, 2, 4, 5):
        found = list(pages(shared, "/v1/usage", limit=limit, order=order))
        assert [line for page in found for line in page["data"]] == whole["data"]
        assert {page["total"]["cost"] for page in found} == {str(TOTAL)}
    costs = [Decimal(line["cost"]) for line in whole["data"]]
    keys = [(line["period"], line["product"]) for line in whole["data"]]
    assert (costs if order == "-cost" else keys) == sorted(costs, reverse=True) if order == "-cost" else sorted(keys)


def test_a_csv_has_what_json_has(shared: Shared) -> None:
    for path in ("/v1/usage", "/v1/applications/SHOP-WEB/usage"):
        body = shared.json(path, order="key")
        written = shared.service.get(f"{path}?order=key&limit=1", headers={"Accept": "text/csv"}).text
        assert list(csv.DictReader(io.StringIO(written))) == [
            {
                **{name: line.get(name, "") for name in ("period", "product", "product_name", "family", "domain")},
                **{name: line.get(name, "") for name in ("source", "charge_category", "unit", "quantity", "cost")},
                "currency": "EUR",
                **{name: line.get(name, "") for name in ("estimated", "unit_price")},
            }
            for line in body["data"]
        ]


def test_a_team_sees_its_own_consumption(shared: Shared) -> None:
    body = shared.json("/v1/usage", caller="payments")
    assert {line["product"] for line in body["data"]} == {"nimbus.database"}
    assert body["total"]["cost"] == "110.25"
    assert shared.json("/v1/usage", caller="nothing")["data"] == []
