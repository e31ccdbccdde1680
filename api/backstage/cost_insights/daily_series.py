"""Daily amounts: their sums, their largest parts, their trend. Exact, without floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext

from finops.api import money
from finops.api.money import DIVISION, EXACT, RATIOS, ZERO

DAY = 86_400  # seconds


@dataclass
class Series:
    """Amounts by day; `spread` is the part of them that a monthly source only spreads."""

    amounts: dict[date, Decimal] = field(default_factory=dict)
    spread: dict[date, Decimal] = field(default_factory=dict)

    def add(self, period: date, days: Iterable[Decimal], *, is_spread: bool) -> None:
        """Add the days of a month, from its first."""
        dated = {period + timedelta(days=number): amount for number, amount in enumerate(days)}
        _add(self.amounts, dated)
        if is_spread:
            _add(self.spread, dated)

    def total(self, start: date, end: date) -> Decimal:
        """The sum of the days from `start` to the one before `end`."""
        return money.total(amount for day, amount in self.amounts.items() if start <= day < end)


def _add(amounts: dict[date, Decimal], more: Mapping[date, Decimal]) -> None:
    with localcontext(EXACT):
        for day, amount in more.items():
            amounts[day] = amounts.get(day, ZERO) + amount


def total(parts: Iterable[Series]) -> Series:
    """The series of all parts together."""
    whole = Series()
    for part in parts:
        _add(whole.amounts, part.amounts)
        _add(whole.spread, part.spread)
    return whole


def largest(parts: Mapping[str, Series], start: date, end: date, most: int) -> dict[str, Series]:
    """The largest parts of these days by name, and the rest as `Other`: their sum stays the total."""
    ranked = sorted(parts, key=lambda name: (-parts[name].total(start, end), name))
    kept = {name: parts[name] for name in ranked[:most]}
    if rest := [parts[name] for name in [*ranked[most:], *(["Other"] if "Other" in kept else [])]]:
        kept["Other"] = total(rest)
    return kept


def trendline(amounts: Sequence[Decimal], first: date) -> tuple[Decimal, Decimal]:
    """Slope and intercept of the least-squares line through daily amounts, over unix seconds.

    Worked out over the number of the day first: the squares of 1.8 thousand million seconds would take up the digits.
    """
    count = len(amounts)
    with localcontext(DIVISION):
        mean = sum(amounts, ZERO) / count
        middle = Decimal(count - 1) / 2
        squares = Decimal(count * (count * count - 1)) / 12
        products = sum(((number - middle) * amount for number, amount in enumerate(amounts)), ZERO)
        slope = products / squares / DAY if squares else ZERO
        start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
        intercept = mean - slope * (start + middle * DAY)
        return RATIOS.create_decimal(slope), RATIOS.create_decimal(intercept)
