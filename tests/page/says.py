"""What a part of the page has to say, by the figures of SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.page.reading import Row

YEAR = ["2025-11", "2025-12", *(f"2026-{month:02}" for month in range(1, 12))]
OPEN, COMPLETE, BEFORE = "2026-11", "2026-10", "2026-09"
ZERO = Decimal()
FOLDED_AFTER, TOP = 8, 10


def adds_up(shown: Mapping[str, Row], costs: Mapping[Any, Decimal], steps: Sequence[str]) -> None:
    """The table of a chart: the dearest series, all others as one, and their sum, at each step and in all."""

    def added(*names: str) -> list[Decimal]:
        of_steps = [sum((costs.get((name, step), ZERO) for name in names), ZERO) for step in steps]
        return [*of_steps, sum(of_steps, ZERO)]

    names = ranked({name: added(name)[-1] for name, _ in costs})
    top, others = names[:FOLDED_AFTER], names[FOLDED_AFTER:]
    assert [*shown] == [*top, *(["others"] if others else []), "total"]
    for name in top:
        assert shown[name].amounts(*steps, "total") == added(name), name
    if others:
        assert shown["others"].amounts(*steps, "total") == added(*others)
    assert shown["total"].amounts(*steps, "total") == added(*names)


def ranked_against(shown: Mapping[str, Row], now: Mapping[str, Decimal], before: Mapping[str, Decimal]) -> None:
    """The table of the dearest ones, what they were the month before, and the sum of all."""
    costs = {**dict.fromkeys(before, ZERO), **now}  # what is gone is there, too
    top, others = ranked(costs)[:TOP], ranked(costs)[TOP:]
    assert [*shown] == [*top, *(["others"] if others else []), "total"]
    for name in top:
        compared(shown[name], costs[name], before.get(name))
    compared(shown["total"], sum(now.values(), ZERO), sum(before.values(), ZERO))
    if others:
        assert shown["others"].amounts("cost") == [sum((costs[name] for name in others), ZERO)]


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
