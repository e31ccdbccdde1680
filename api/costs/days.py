"""The days of a month: of the most expensive parts of a cost, of all others together, and of the total."""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from finops.api import money
from finops.api.costs.dimensions import COLUMNS, DailyCosts, DailyDimension, ScopeDimension, daily, smallest
from finops.api.costs.query import FILTERS_OF_SOURCES, CostQuery
from finops.api.costs.schemas import DailyLine, Days, DayTotal, MissingDays
from finops.api.costs.service import CostRow, envelope
from finops.api.money import ZERO
from finops.api.months import DataVersion, shifted


@dataclass
class SourceDays:
    """What is known of the days of a source's month."""

    source: str
    complete_date: date
    missing_dates: list[date]
    is_spread: bool


@dataclass(frozen=True)
class DayQuery:
    """The days behind the lines of one month; `shown` are the keys of the most expensive."""

    lines: CostQuery
    shown: Sequence[str]

    @property
    def column(self) -> str:
        """That of the keys."""
        return COLUMNS[self.lines.dimensions[0]]

    def view(self, *columns: str) -> str:
        """The smallest that has the days and these columns."""
        return smallest([*columns, *(COLUMNS[name] for name in self.lines.filters), "daily_cost"])

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the placeholders."""
        months = {"first_period": self.lines.first, "end": shifted(self.lines.last, 1)}
        return {**self.lines.parameters, **months, "shown": list(self.shown)}

    def whole(self) -> str:
        """`DailyCosts` of everything: of a company, from a view that is far smaller than that of its applications."""
        return daily(self.view(), "cast('' as text)", f"true {self.lines.conditions()}")

    def parts(self) -> str:
        """`DailyCosts` of what is shown."""
        return daily(self.view(self.column), self.column, f"{self.column} = any(%(shown)s) {self.lines.conditions()}")

    def sources(self) -> str:
        """`SourceDays` of the sources that the caller has costs of."""
        return f"""
            select source, complete_date, missing_dates, is_spread
            from finops_api.source_periods as months
            where period = %(first_period)s {self.lines.conditions(FILTERS_OF_SOURCES)}
                and exists (select from finops_api.visible_products as seen where seen.source = months.source)
            order by source
        """


def days(  # noqa: PLR0913, PLR0917
    rows: Sequence[CostRow],
    whole: Sequence[DailyCosts],
    parts: Sequence[DailyCosts],
    sources: Sequence[SourceDays],
    query: CostQuery,
    dimension: DailyDimension,
    version: DataVersion,
    scope: dict[ScopeDimension, str],
) -> Days:
    """Each line of the month and the total, day by day: the line of all others is what the shown ones leave of it.

    Raises:
        ProblemError: 422 where costs are in several currencies.
    """
    around = envelope(rows[0], query, version, scope)
    dates = [query.first + timedelta(days=number) for number in range((shifted(query.first, 1) - query.first).days)]
    total = _sums((row.days for row in whole), len(dates))
    shown = {
        row.k0: _sums((part.days for part in parts if part.part == row.k0), len(dates))
        for row in rows
        if row.cost is not None and not row.folded
    }
    others = [money.difference(day, money.total(amounts)) for day, *amounts in zip(total, *shown.values(), strict=True)]
    complete = min((source.complete_date for source in sources), default=None)
    return Days(
        **around,
        group_by=dimension,
        line_count=rows[0].line_count,
        days=[DayTotal(date=day, cost=cost) for day, cost in zip(dates, total, strict=True)],
        data=[
            DailyLine(
                keys={} if row.folded else {dimension: row.k0},
                cost=row.cost,
                folded=row.folded,
                days=others if row.folded else shown[row.k0],
            )
            for row in rows
            if row.cost is not None
        ],
        complete_until=complete if complete and complete >= query.first else None,
        missing=[MissingDays(source=row.source, dates=row.missing_dates) for row in sources if row.missing_dates],
        spread=[row.source for row in sources if row.is_spread],
    )


def _sums(parts: Iterable[Sequence[Decimal]], count: int) -> list[Decimal]:
    """The sum of each day."""
    return [money.total(day) for day in zip([ZERO] * count, *parts, strict=True)]


def days_table(body: Days) -> tuple[Sequence[str], Iterator[Sequence[object]]]:
    """The columns and rows of a CSV."""
    return (
        ("date", body.group_by, "cost", "currency"),
        (
            (day.date, line.keys.get(body.group_by), cost, body.currency)
            for line in body.data
            for day, cost in zip(body.days, line.days, strict=True)
        ),
    )
