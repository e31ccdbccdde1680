"""What can be said of a daily cost: its days, its change from a period to the next, its trend. Exact, no floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext

from finops.api.backstage.intervals import Intervals
from finops.api.money import EXACT

DAY = 86_400  # seconds
DIVISION_CONTEXT = Context(prec=60)  # for divisions, which have to end somewhere
DIGITS = Context(prec=20)  # a double has 17
ZERO = Decimal()


@dataclass
class Series:
    """Amounts by day; `spread` is the part of them that a monthly source only spreads."""

    amounts: dict[date, Decimal] = field(default_factory=dict)
    spread: dict[date, Decimal] = field(default_factory=dict)

    def add(self, period: date, days: Iterable[Decimal], *, is_spread: bool) -> None:
        """Add the days of a month, from its first."""
        with localcontext(EXACT):
            for number, amount in enumerate(days):
                day = period + timedelta(days=number)
                self.amounts[day] = self.amounts.get(day, ZERO) + amount
                if is_spread:
                    self.spread[day] = self.spread.get(day, ZERO) + amount

    def total(self, start: date, end: date) -> Decimal:
        """Of the days from `start` to the one before `end`."""
        with localcontext(EXACT):
            return sum((amount for day, amount in self.amounts.items() if start <= day < end), ZERO)


def total(parts: Iterable[Series]) -> Series:
    """The series of all parts together."""
    whole = Series()
    with localcontext(EXACT):
        for part in parts:
            for day, amount in part.amounts.items():
                whole.amounts[day] = whole.amounts.get(day, ZERO) + amount
            for day, amount in part.spread.items():
                whole.spread[day] = whole.spread.get(day, ZERO) + amount
    return whole


def largest(parts: Mapping[str, Series], intervals: Intervals, most: int) -> dict[str, Series]:
    """The largest parts by name, and the rest as `Other`: their sum stays the total."""
    ranked = sorted(parts, key=lambda name: (-parts[name].total(intervals.start, intervals.end), name))
    kept = {name: parts[name] for name in ranked[:most]}
    if rest := [parts[name] for name in [*ranked[most:], *(["Other"] if "Other" in kept else [])]]:
        kept["Other"] = total(rest)
    return kept


def change(previous: Decimal, current: Decimal) -> tuple[Decimal, Decimal | None]:
    """The amount of a change and its ratio; no ratio where the base is 0 or a credit: it would point the wrong way."""
    with localcontext(EXACT):
        amount = current - previous
    if previous <= 0:
        return amount, None
    with localcontext(DIVISION_CONTEXT):
        return amount, DIGITS.create_decimal(amount / previous)


def trendline(amounts: Sequence[Decimal], first: date) -> tuple[Decimal, Decimal]:
    """Slope and intercept of the least-squares line through daily amounts, over unix seconds.

    Worked out over the number of the day first: 1.8 thousand million seconds squared would eat the digits.
    """
    count = len(amounts)
    with localcontext(DIVISION_CONTEXT):
        mean = sum(amounts, ZERO) / count
        middle = Decimal(count - 1) / 2
        squares = Decimal(count * (count * count - 1)) / 12
        products = sum(((number - middle) * amount for number, amount in enumerate(amounts)), ZERO)
        slope = products / squares / DAY if squares else ZERO
        start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
        intercept = mean - slope * (start + middle * DAY)
        return DIGITS.create_decimal(slope), DIGITS.create_decimal(intercept)
