"""Daily amounts: their sums, their largest parts, their trend. Exact, without floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext

from finops.api import money
from finops.api.money import DIVISION, EXACT, RATIOS, ZERO

DAY = 86_400  # seconds


@dataclass
class Series:
    """Amounts of successive days; `spread` is the part of them that a monthly source only spreads."""

    amounts: list[Decimal]
    spread: list[Decimal]

    def add(self, first: int, days: Sequence[Decimal], *, is_spread: bool) -> None:
        """Add amounts from the day with this number on; days before or after the series are left out."""
        start = max(first, 0)
        days = days[start - first : len(self.amounts) - first]
        for amounts in (self.amounts, self.spread) if is_spread else (self.amounts,):
            amounts[start : start + len(days)] = map(EXACT.add, amounts[start:], days)

    def total(self, start: int = 0, end: int | None = None) -> Decimal:
        """The sum of the days from number `start` to the one before `end`."""
        return money.total(self.amounts[start:end])


def zero(days: int) -> Series:
    """So many days that cost nothing."""
    return Series([ZERO] * days, [ZERO] * days)


def largest(parts: Mapping[str, Series], most: int) -> dict[str, Series]:
    """The largest parts by name, and the rest as `Other`: their sum stays the total."""
    totals = {name: series.total() for name, series in parts.items()}
    ranked = sorted(parts, key=lambda name: (-totals[name], name))
    kept = {name: parts[name] for name in ranked[:most]}
    if rest := [parts[name] for name in [*ranked[most:], *(["Other"] if "Other" in kept else [])]]:
        kept["Other"] = Series(_sums(part.amounts for part in rest), _sums(part.spread for part in rest))
    return kept


def _sums(parts: Iterable[Sequence[Decimal]]) -> list[Decimal]:
    """The sums of each day."""
    return [money.total(amounts) for amounts in zip(*parts, strict=True)]


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
