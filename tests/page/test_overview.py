"""The overview of the demo says what SQL says, for who sees everything, a tree of groups, or one group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.page.conftest import CALLERS, Demo, Visiting
from tests.page.ledger import Ledger
from tests.page.reading import Row, figures, table
from tests.page.visit import drawn

pytestmark = pytest.mark.page
YEAR = ["2025-11", "2025-12", *(f"2026-{month:02}" for month in range(1, 12))]
OPEN, COMPLETE, BEFORE = "2026-11", "2026-10", "2026-09"
ZERO = Decimal()
FOLDED_AFTER, TOP, MOVERS = 8, 10, 5


@pytest.fixture(scope="module", params=CALLERS)
def caller(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ledger(demo: Demo, caller: str) -> Ledger:
    return demo.ledger(caller)


@pytest.fixture(scope="module")
def overview(demo: Demo, visiting: Visiting, caller: str) -> Iterator[Page]:
    with visiting(demo.url, demo.tokens[caller]) as page:
        yield page


def test_the_callers_see_different_groups(demo: Demo) -> None:
    seen = {caller: len(demo.ledger(caller).by("group")) for caller in CALLERS}
    assert seen == {"everything": 7, "digital": 3, "storefront": 1}


def test_the_headline_is_the_month_so_far_the_last_whole_one_and_all(overview: Page, ledger: Ledger) -> None:
    said = figures(overview, "headline")
    whole, before = ledger.sum(month=COMPLETE), ledger.sum(month=BEFORE)
    assert said["so-far"] == [ledger.sum(month=OPEN)]
    assert said["complete"] == [whole, whole - before]
    assert said["total"] == [ledger.sum(month=YEAR)]


def test_the_headline_says_what_is_in_doubt(overview: Page, ledger: Ledger) -> None:
    said = figures(overview, "headline")
    unallocated = ledger.sum(month=YEAR, group="unallocated")
    assert said.get("unallocated", [ZERO]) == [unallocated]
    assert said.get("rejected", [ZERO]) == [ledger.rejected(YEAR)]
    assert said.get("set_apart", [ZERO]) == [ledger.set_apart(YEAR)]


@pytest.mark.parametrize("by", ["domain", "family", "group", "application", "product", "source"])
def test_the_months_add_up_by_each_dimension(demo: Demo, overview: Page, ledger: Ledger, by: str) -> None:
    overview.goto(f"{demo.url}/?by={by}")
    drawn(overview)
    shown = table(overview, "trend")
    costs, dearest = ledger.by(by, "month", month=YEAR), ranked(ledger.by(by, month=YEAR))
    top = dearest[:FOLDED_AFTER]
    assert [name for name in shown if name not in {"others", "total"}] == top
    for name in top:
        assert shown[name].amounts(*YEAR) == [costs.get((name, month), ZERO) for month in YEAR], name
        assert shown[name].amounts("total") == [sum((costs.get((name, month), ZERO) for month in YEAR), ZERO)]
    others = dearest[FOLDED_AFTER:]
    assert ("others" in shown) == bool(others)
    if others:
        assert shown["others"].amounts(*YEAR) == [
            sum((costs.get((name, month), ZERO) for name in others), ZERO) for month in YEAR
        ]
    assert shown["total"].amounts(*YEAR, "total") == [
        *(ledger.sum(month=month) for month in YEAR),
        ledger.sum(month=YEAR),
    ]


@pytest.mark.parametrize("by", ["application", "group"])
def test_the_most_expensive_ones_are_compared_with_the_month_before(overview: Page, ledger: Ledger, by: str) -> None:
    shown = table(overview, f"top-{by}")
    now, before = ledger.by(by, month=COMPLETE), ledger.by(by, month=BEFORE)
    costs = dict.fromkeys(before, ZERO) | now  # what is gone is there, too
    top, others = ranked(costs)[:TOP], ranked(costs)[TOP:]
    assert [*shown] == [*top, *(["others"] if others else []), "total"]
    for name in top:
        compared(shown[name], costs[name], before.get(name))
    compared(shown["total"], sum(now.values(), ZERO), sum(before.values(), ZERO))
    if others:
        assert shown["others"].amounts("cost") == [sum((costs[name] for name in others), ZERO)]


def test_the_movers_are_those_whose_cost_moved_most(overview: Page, ledger: Ledger) -> None:
    now, before = ledger.by("application", month=COMPLETE), ledger.by("application", month=BEFORE)
    moved = {name: now.get(name, ZERO) - before.get(name, ZERO) for name in {*now, *before}}
    for number, sign in enumerate((1, -1)):
        wanted = ranked({name: sign * delta for name, delta in moved.items() if sign * delta > 0})
        shown = table(overview, "movers", number)
        assert [*shown] == wanted[:MOVERS]
        for name, row in shown.items():
            compared(row, now.get(name, ZERO), before.get(name))


def compared(row: Row, now: Decimal, before: Decimal | None) -> None:
    """A line has its cost, what it was, and by how much it changed; without a month before, its cost alone."""
    assert row.amounts("cost") == [now]
    if before is None:
        assert row.values.keys() & {"previous", "delta", "ratio"} == set()
        return
    assert row.amounts("previous", "delta") == [before, now - before]
    if before:
        assert row.amounts("ratio") == [((now - before) / abs(before)).quantize(Decimal("0.000001"), ROUND_HALF_UP)]


def ranked(costs: Mapping[Any, Decimal]) -> list[Any]:
    """The dearest first."""
    return sorted(costs, key=lambda name: (-costs[name], name))
