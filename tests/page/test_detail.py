"""One group and one application say what SQL says: months, products with quantity and price, days, and owners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.page.conftest import Demo, Visiting
from tests.page.ledger import Ledger
from tests.page.reading import Row, figures, table
from tests.page.says import BEFORE, COMPLETE, OPEN, YEAR, ZERO, adds_up, ranked_against
from tests.page.visit import drawn

pytestmark = pytest.mark.page
# What each caller opens: Search belongs to another group since the middle of October.
GROUPS = {"everything": "operations", "digital": "digital", "storefront": "storefront"}
APPLICATIONS = {"everything": "SEARCH", "digital": "PAYMENTS", "storefront": "SHOP-WEB"}
PRODUCT = ("product", "source", "charge_category", "unit")
PRECISION = Decimal("1e-11")  # of a price, which is a quotient


@dataclass(frozen=True)
class Opened:
    """A view, and what SQL says of what it is about."""

    page: Page
    address: str
    kind: str
    id: str
    ledger: Ledger
    only: dict[str, Any]

    def by(self, *keys: str, **asked: Any) -> dict[Any, Any]:
        """Of what the view is about alone."""
        return self.ledger.by(*keys, **asked, **self.only)

    def sum(self, **asked: Any) -> Any:
        """Of what the view is about alone."""
        return self.ledger.sum(**asked, **self.only)


@pytest.fixture(scope="module", params=["group", "application"])
def opened(
    demo: Demo, visiting: Visiting, caller: str, ledger: Ledger, request: pytest.FixtureRequest
) -> Iterator[Opened]:
    kind = request.param
    name = (GROUPS if kind == "group" else APPLICATIONS)[caller]
    address = f"{demo.url}/?view={kind}&id={quote(name)}"
    with visiting(address, demo.tokens[caller]) as page:
        if kind == "group":
            yield Opened(page, address, kind, name, replace(ledger, within=name), {})
        else:
            yield Opened(page, address, kind, name, ledger, {"application": name})


def test_the_headline_is_of_what_it_is_about(opened: Opened) -> None:
    said = figures(opened.page, "headline")
    whole, before = opened.sum(month=COMPLETE), opened.sum(month=BEFORE)
    if opened.sum(month=OPEN):
        assert said["so-far"] == [opened.sum(month=OPEN)]
    assert said["complete"] == [whole, whole - before]
    assert said["total"] == [opened.sum(month=YEAR)]


@pytest.mark.parametrize("by", ["product", "family", "domain", "source"])
def test_the_months_add_up(opened: Opened, by: str) -> None:
    opened.page.goto(f"{opened.address}&by={by}")
    drawn(opened.page)
    adds_up(table(opened.page, "trend"), opened.by(by, "month", month=YEAR), YEAR)


@pytest.mark.parametrize("by", ["application", "group"])
def test_a_group_has_rankings_of_its_own(opened: Opened, by: str) -> None:
    if opened.kind == "application":
        assert opened.page.locator(f"[data-tile=top-{by}]").count() == 0
        return
    ranked_against(table(opened.page, f"top-{by}"), opened.by(by, month=COMPLETE), opened.by(by, month=BEFORE))


def test_each_product_has_its_quantity_price_and_cost_beside_the_month_before(opened: Opened) -> None:
    opened.page.goto(opened.address)  # without what another test has opened
    drawn(opened.page)
    shown: dict[str, Row] = {}
    tables = opened.page.locator("[data-tile=products] table").count()
    for number in range(tables):
        shown |= table(opened.page, "products", number)
    names = {identity(name): row for name, row in shown.items()}
    assert names.keys() == opened.by(*PRODUCT, month=YEAR).keys()
    for prefix, month in (("", COMPLETE), ("previous_", BEFORE)):
        costs, quantities = (opened.by(*PRODUCT, of=of, month=month) for of in ("sum(cost)", "sum(quantity)"))
        assert {name for name, row in names.items() if f"{prefix}cost" in row.values} == costs.keys()
        for name, cost in costs.items():
            consumed(names[name], prefix, cost, quantities.get(name))


def consumed(row: Row, prefix: str, cost: Decimal, quantity: Decimal | None) -> None:
    """A line has its cost, and its quantity and price, where there is a quantity."""
    assert row.amounts(f"{prefix}cost") == [cost]
    if not quantity:
        assert f"{prefix}unit_price" not in row.values
        return
    shown, price = row.amounts(f"{prefix}quantity", f"{prefix}unit_price")
    assert shown == quantity
    assert abs(price * quantity - cost) <= abs(cost) * PRECISION


def identity(name: str) -> tuple[Any, ...]:
    """What a row of products is of: the page keeps all that tells it apart."""
    product, _, _, _, source, category, unit = json.loads(name)
    return product, source, category, unit or None


def test_a_product_opens_to_its_months_and_the_command_of_its_records(opened: Opened) -> None:
    opened.page.goto(opened.address)
    drawn(opened.page)
    first = next(iter(table(opened.page, "products")))
    product, source, category, _ = identity(first)
    opened.page.locator("[data-tile=products] tbody button").first.click()
    more = opened.page.locator("[data-tile=products] tr.more")
    found = more.locator("tbody tr").evaluate_all(
        "rows => rows.map((row) => [row.dataset.row, row.querySelector('[data-key=cost]').dataset.value])"
    )
    costs = opened.by("month", month=YEAR, product=product, source=source, charge_category=category)
    assert {month: Decimal(cost) for month, cost in found} == costs
    command = more.locator("code").inner_text()
    assert f"finops records --period {COMPLETE} --{opened.kind} {opened.id} --product" in " ".join(command.split())


@pytest.mark.parametrize("month", [COMPLETE, OPEN])
def test_the_days_of_a_month_add_up(opened: Opened, month: str) -> None:
    opened.page.goto(f"{opened.address}&by=domain&month={month}")
    drawn(opened.page)
    asked = {"of": "sum(day_cost)", "table": "owned_days", "month": month}
    costs = {(domain, f"{day}"): cost for (domain, day), cost in opened.by("domain", "day", **asked).items()}
    shown = table(opened.page, "days") if costs else {}
    days = [f"{month}-{day:02}" for day in range(1, 32 if month == COMPLETE else 31)]
    if costs:
        adds_up(shown, costs, days)
        assert shown["total"].amounts("total") == [opened.sum(month=month)]
    else:
        assert opened.page.locator("[data-tile=days] table").count() == 0
        assert opened.sum(month=month) == ZERO


def test_an_application_says_who_owned_it_when(opened: Opened, caller: str) -> None:
    if opened.kind == "group":
        assert opened.page.locator("[data-tile=owners]").count() == 0
        return
    owners = [
        (row.values["group_id"], row.values.get("valid_from"), row.values.get("valid_to"))
        for row in table(opened.page, "owners").values()
    ]
    rows = opened.ledger.database.execute(
        "select group_id, nullif(valid_from, '0001-01-01')::text, valid_to::text from finops.dim_application_owner"
        " where application_id = %s order by valid_from",
        [opened.id],
    ).fetchall()
    assert owners == rows
    assert len(owners) == (2 if caller == "everything" else 1)
