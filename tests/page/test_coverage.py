"""Coverage says what SQL says of each source and month, and what to mend first."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Page

from tests.page.conftest import Demo, Visiting
from tests.page.ledger import Ledger
from tests.page.reading import figures, table
from tests.page.says import YEAR, ZERO

pytestmark = pytest.mark.page
AMOUNTS = ("cost", "allocated", "unallocated", "estimated", "set_apart")
DAYS = ("missing_days", "estimated_days")


@pytest.fixture(scope="module")
def coverage(demo: Demo, visiting: Visiting, caller: str) -> Iterator[Page]:
    with visiting(f"{demo.url}/?view=coverage", demo.tokens[caller]) as page:
        yield page


@pytest.fixture(scope="module")
def expected(ledger: Ledger) -> dict[str, dict[str, Decimal]]:
    """By source: amounts, lines and days."""
    costs = ledger.by("source", month=YEAR)
    unallocated = ledger.by("source", month=YEAR, application="UNALLOCATED")
    estimated = ledger.by("source", of="sum(estimated)", month=YEAR)
    apart = ledger.by("source", of="sum(total_cost)", table="apart", month=YEAR)
    rejected = ledger.by("source", of="count(*)", table="rejected", month=YEAR)
    unpriced = ledger.by("source", of="count(*) filter (where total_cost is null)", table="rejected", month=YEAR)
    days = {
        source: counts
        for source, *counts in ledger.database.execute(
            "select source, sum(missing_days), sum(estimated_days) from finops.mv_source_month"
            " where to_char(period, 'YYYY-MM') = any(%s) group by source",
            [YEAR],
        )
    }
    return {
        source: {
            "cost": costs.get(source, ZERO),
            "unallocated": unallocated.get(source, ZERO),
            "allocated": costs.get(source, ZERO) - unallocated.get(source, ZERO),
            "estimated": estimated.get(source, ZERO),
            "set_apart": apart.get(source, ZERO),
            "rejected_lines": Decimal(rejected.get(source, 0)),
            "unpriced_lines": Decimal(unpriced.get(source, 0)),
            "missing_days": days.get(source, [ZERO])[0],
            "estimated_days": days.get(source, [ZERO, ZERO])[1],
        }
        for source in {*costs, *rejected, *apart}
    }


def test_each_source_has_its_amounts_lines_and_days(coverage: Page, expected: dict[str, dict[str, Decimal]]) -> None:
    shown = table(coverage, "sources")
    assert [*shown] == [*sorted(expected), "total"]
    for source, row in shown.items():
        own = [*expected.values()] if source == "total" else [expected[source]]
        for key in row.values.keys() & {"cost", "unallocated", "estimated", "set_apart", "rejected_lines", *DAYS}:
            assert row.amounts(key) == [sum((found[key] for found in own), ZERO)], (source, key)
        if costs := sum((found["cost"] for found in own), ZERO):
            share = sum((found["allocated"] for found in own), ZERO) / costs
            assert row.amounts("share")[0] == pytest.approx(share, abs=Decimal("0.000001"))


def test_the_figures_are_the_sums(coverage: Page, expected: dict[str, dict[str, Decimal]]) -> None:
    said = figures(coverage, "coverage")
    for name in ("unallocated", "estimated", "set_apart", "rejected_lines", "missing_days"):
        assert said[name] == [sum((found[name] for found in expected.values()), ZERO)], name


def test_each_month_of_a_source_has_its_days(coverage: Page, ledger: Ledger, expected: dict[str, object]) -> None:
    found = ledger.database.execute(
        "select source, to_char(period, 'YYYY-MM'), sum(missing_days) from finops.mv_source_month group by 1, 2"
    )
    missing = {(source, month): days for source, month, days in found}
    shown = table(coverage, "months")
    assert [*shown] == sorted(expected)
    for source, row in shown.items():
        months = [month for month in YEAR if month in row.values]
        assert months
        assert row.amounts(*months) == [missing.get((source, month), ZERO) for month in months]


def test_what_to_mend_adds_up_to_what_is_unallocated_and_rejected(
    coverage: Page, expected: dict[str, dict[str, Decimal]]
) -> None:
    sums = {name: sum((found[name] for found in expected.values()), ZERO) for name in ("unallocated", "rejected_lines")}
    tile = coverage.locator("[data-tile=gaps]")
    rows = [row for number in range(tile.locator("table").count()) for row in table(coverage, "gaps", number).values()]
    unallocated = [row for row in rows if row.values["reason"] == "UNALLOCATED"]
    assert sum((row.amounts("amount")[0] for row in unallocated), ZERO) == sums["unallocated"]
    rejected = [row for row in rows if row.values["reason"] != "UNALLOCATED"]
    assert sum((row.amounts("lines")[0] for row in rejected), ZERO) == sums["rejected_lines"]
    amounts = [Decimal(row.values["amount"]) for row in rows if "amount" in row.values]
    assert amounts == sorted(amounts, key=abs, reverse=True)
    reasons = dict.fromkeys(row.texts["reason"] for row in rows)
    assert tile.locator("dt").all_inner_texts() == list(reasons)
    assert all(len(remedy) > 20 for remedy in tile.locator("dd").all_inner_texts())
    if rows:
        assert "finops reprocess --period" in tile.inner_text()
