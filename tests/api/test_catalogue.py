"""What costs are made with: owners, prices and rates, as the reference data and the runs have them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from tests.api.service import Service, Shared, republish, say_who_calls, write_tokens
from tests.e2e.finops import Database

CSV = {"Accept": "text/csv"}


def become(database: Database, owners: list[tuple[str | None, str, str | None]]) -> None:
    """Say who owned SHOP-WEB: group, first day, day after the last."""
    database.execute("delete from finops.dim_application_owner where application_id = 'SHOP-WEB'")
    for owner in owners:
        database.execute("insert into finops.dim_application_owner values ('SHOP-WEB', %s, %s, %s)", owner)
    database.execute("refresh materialized view finops.mv_application_owner")


# Owners


def test_an_application_has_owners_in_their_order(service: Service, costs: Database) -> None:
    become(
        costs,
        [
            ("payments", "2026-04-01", "2026-10-15"),
            (None, "0001-01-01", "2026-04-01"),
            ("storefront", "2026-10-15", None),
        ],
    )
    told = service.json("/v1/applications/SHOP-WEB/owners")
    assert told["data"] == [
        {"group_id": "unallocated", "group_name": "Unallocated", "valid_to": "2026-04-01"},
        {"group_id": "payments", "group_name": "Payments", "valid_from": "2026-04-01", "valid_to": "2026-10-15"},
        {"group_id": "storefront", "group_name": "Storefront", "valid_from": "2026-10-15"},
    ]
    assert told["as_of"] == service.json("/v1/costs")["as_of"]
    assert service.get("/v1/applications/SHOP-WEB/owners", headers=CSV).text.splitlines() == [
        "group_id,group_name,valid_from,valid_to",
        "unallocated,Unallocated,,2026-04-01",
        "payments,Payments,2026-04-01,2026-10-15",
        "storefront,Storefront,2026-10-15,",
    ]


def test_a_caller_sees_its_own_groups_among_the_owners(service: Service, costs: Database, tokens_file: Path) -> None:
    made = write_tokens(tokens_file, shop=["storefront"], two=["storefront", "payments"], other=["payments"])
    become(costs, [("payments", "0001-01-01", "2026-10-15"), ("storefront", "2026-10-15", None)])
    path = "/v1/applications/SHOP-WEB/owners"
    groups = {
        name: [owner["group_id"] for owner in service.json(path, token=made[name])["data"]] for name in ("shop", "two")
    }
    assert groups == {"shop": ["storefront"], "two": ["payments", "storefront"]}
    assert service.get(path, token=made["other"]).status_code == 404
    assert service.get("/v1/applications/NOPE/owners", token=made["two"]).status_code == 404


# Prices


@pytest.mark.parametrize("caller", ["everything"])
def test_prices_are_those_of_the_reference_data(shared: Shared, caller: str) -> None:
    found = shared.database.execute(
        "select product_id, unit_price, currency, valid_from::text, valid_to::text from finops_reference.prices"
        ' order by product_id collate "C", valid_from'
    ).fetchall()
    told = shared.json("/v1/prices", caller, limit=1000)["data"]
    assert found == [
        (
            price["product_id"],
            Decimal(price["unit_price"]),
            price["currency"],
            price["valid_from"],
            price.get("valid_to"),
        )
        for price in told
    ]
    products = shared.database.execute("select product_id, product_name, family, domain, unit from finops.dim_product")
    assert {
        tuple(price[name] for name in ("product_id", "product_name", "family", "domain", "unit")) for price in told
    } <= {*products.fetchall()}


def test_a_caller_sees_the_prices_of_what_it_consumes(service: Service, costs: Database, tokens_file: Path) -> None:
    made = write_tokens(tokens_file, shop=["storefront"], payments=["payments"])
    assert [service.json("/v1/prices", token=token)["data"] for token in made.values()] == [[], []]
    costs.execute("update finops.fact_releve set product_id = 'vm.vcpu' where application_id = 'PAYMENTS'")
    republish(costs)
    prices = {
        name: {row["product_id"] for row in service.json("/v1/prices", token=made[name])["data"]} for name in made
    }
    assert prices == {"shop": set(), "payments": {"vm.vcpu"}}


# Rates


def test_rates_are_those_of_the_currencies_of_a_month(service: Service, costs: Database) -> None:
    assert service.json("/v1/rates")["data"] == []
    costs.execute("delete from finops.dim_fx_rate")
    costs.execute(
        "insert into finops.dim_fx_rate (period, from_currency, to_currency, rate, is_assumed) values"
        " ('2026-09-01', 'USD', 'EUR', 0.8900, false), ('2026-10-01', 'USD', 'EUR', 0.89, true),"
        " ('2026-10-01', 'GBP', 'EUR', 1.15, false), ('2026-11-01', 'USD', 'EUR', 0.89, true)"
    )
    costs.execute(
        "insert into finops.etl_scope_lookups (source, period, kind, key) values"
        " ('focus.nimbus', '2026-09-01', 'currency', 'USD'), ('focus.nimbus', '2026-10-01', 'currency', 'USD')"
    )
    republish(costs)
    assert service.json("/v1/rates")["data"] == [
        {"period": "2026-09", "currency": "USD", "to_currency": "EUR", "rate": "0.89", "is_assumed": False},
        {"period": "2026-10", "currency": "USD", "to_currency": "EUR", "rate": "0.89", "is_assumed": True},
    ]
    lines = csv.DictReader(io.StringIO(service.get("/v1/rates", headers=CSV).text))
    assert [(line["period"], line["is_assumed"]) for line in lines] == [("2026-09", "false"), ("2026-10", "true")]


def test_prices_and_rates_hold_in_postgresql_for_who_says_nothing(costs: Database) -> None:
    with costs.transaction():
        say_who_calls(costs, [])
        [(prices,)] = costs.execute("select count(*) from finops_api.visible_prices").fetchall()
        [(owners,)] = costs.execute("select count(*) from finops_api.visible_application_owners").fetchall()
    assert (prices, owners) == (0, 0)
