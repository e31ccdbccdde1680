"""Runs, for who sees everything, and the catalogue, say what SQL says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.page.conftest import Demo, Visiting
from tests.page.ledger import Ledger
from tests.page.reading import table
from tests.page.visit import drawn

pytestmark = pytest.mark.page


def test_the_runs_are_those_of_sql(demo: Demo, visiting: Visiting) -> None:
    runs = demo.database.execute(
        "select run_id::text, kind, status, volume_processed, changes from finops.etl_runs order by start_time desc"
    ).fetchall()
    with visiting(f"{demo.url}/?view=runs", demo.tokens["everything"]) as page:
        shown = table(page, "runs")
        assert [*shown] == [run for run, *_ in runs]
        for run, kind, status, records, changes in runs:
            row = shown[run]
            assert (row.values["kind"], row.values["status"]) == (kind, status)
            assert row.amounts("records") == [records]
            said = page.locator(f"[data-row='{run}'] [data-key=changes] [data-value]")
            first = [Decimal(value) for value in said.evaluate_all("all => all.map(({dataset}) => dataset.value)")]
            assert len(first) == min(3, len(changes))
            assert set(first) <= {Decimal(amount) for amount in changes.values()}
    assert max(len(changes) for *_, changes in runs) > 3


def test_one_run_has_its_steps_and_what_became_of_each_source_and_month(demo: Demo, visiting: Visiting) -> None:
    [(run,)] = demo.database.execute(
        "select run_id::text from finops.etl_reconciliations group by 1 order by count(*) desc limit 1"
    )
    rows = demo.database.execute(
        "select source || ' ' || to_char(period, 'YYYY-MM'), status from finops.etl_reconciliations where run_id = %s",
        [run],
    ).fetchall()
    steps = demo.database.execute("select count(*) from finops.etl_steps where run_id = %s", [run])
    with visiting(f"{demo.url}/?view=runs&run={run}", demo.tokens["everything"]) as page:
        scopes = table(page, "run", 0)
        assert {name: row.values["status"] for name, row in scopes.items()} == dict(rows)
        after = sum((Decimal(row.values.get("cost_after", "0")) for row in scopes.values()), Decimal())
        assert after == demo.ledger("everything").sum()
        assert (len(table(page, "run", 1)),) == steps.fetchone()


@pytest.mark.parametrize("caller", ["digital", "storefront"])
def test_the_runs_are_refused_to_who_sees_a_part(demo: Demo, visiting: Visiting, caller: str) -> None:
    with visiting(f"{demo.url}/?view=runs", demo.tokens[caller], expect="403") as page:
        assert page.get_by_role("navigation").get_by_role("link", name="Runs").count() == 0
        assert page.locator("[data-tile=runs] table").count() == 0
        assert "everything" in page.inner_text("main")


def test_the_catalogue_has_the_products_that_the_caller_has_costs_of(
    demo: Demo, visiting: Visiting, caller: str, ledger: Ledger
) -> None:
    consumed = ledger.by("product", of="min(month)"), ledger.by("product", of="max(month)")
    prices = demo.database.execute(
        "select product_id, unit_price from finops.dim_price"
        " where valid_from <= '2026-11-23' and coalesce(valid_to, 'infinity') > '2026-11-23'"
    ).fetchall()
    with visiting(f"{demo.url}/?view=catalogue", demo.tokens[caller]) as page:
        shown = table(page, "products")
        families = table(page, "families")
    known = {name: row for name, row in shown.items() if "first" in row.values}
    assert {name: row.values["first"] for name, row in known.items()} == consumed[0]
    assert {name: row.values["last"] for name, row in known.items()} == consumed[1]
    assert shown.keys() - known.keys() <= {name for name, _ in prices}
    for name, price in prices:
        if name in known:
            assert shown[name].amounts("price") == [price]
    pairs = {(row.values["family"], row.values["domain"]) for row in families.values()}
    assert pairs == ledger.by("family", "domain").keys()


def test_the_catalogue_has_the_rate_of_each_month(demo: Demo, visiting: Visiting) -> None:
    rates = demo.database.execute(
        "select to_char(period, 'YYYY-MM'), from_currency, to_currency, rate from finops.mv_fx_rate"
    )
    with visiting(f"{demo.url}/?view=catalogue", demo.tokens["storefront"]) as page:
        shown = table(page, "rates")
    said = {
        (month, pair): value for month, row in shown.items() for pair, value in row.values.items() if pair != "period"
    }
    wanted = {(month, f"1 {currency} → {other}"): rate for month, currency, other, rate in rates}
    assert {key: Decimal(value) for key, value in said.items()} == wanted
    assert wanted


def test_the_catalogue_is_searched_by_a_part_of_a_name_and_the_address_keeps_it(demo: Demo, visiting: Visiting) -> None:
    with visiting(f"{demo.url}/?view=catalogue", demo.tokens["everything"]) as page:
        every = table(page, "products")
        page.get_by_placeholder("Product").fill("GITLAB")
        found = table(page, "products")
        assert "q=GITLAB" in page.url
        page.reload()
        drawn(page)
        assert table(page, "products") == found
    assert {*found} == {name for name, row in every.items() if "gitlab" in f"{name} {row.texts['product']}".lower()}
    assert 0 < len(found) < len(every)
