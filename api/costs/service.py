"""From rows of the query of costs to answers: totals, lines or points, and how fresh and complete they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from finops.api.costs.dimensions import Dimension, Granularity, ScopeDimension
from finops.api.costs.query import CostQuery
from finops.api.costs.schemas import CostLine, Costs, Coverage, Delta, History, Months, Point, Total
from finops.api.http.problems import invalid
from finops.api.money import ZERO, difference, share
from finops.api.months import MONTHS_OF, DataVersion, is_open, quarter, quarter_name, shifted, span

HISTORY_COLUMNS = ("period", "cost", "currency", "estimated", "previous", "delta", "ratio", "is_open")


@dataclass  # a frozen one takes twice as long to make, and there are a thousand in a page
class CostRow:
    """A row of a page: a line, with None for its cost where there is no line, beside the totals of all lines."""

    line_count: int
    total_currency: str | None
    other_currency: str | None
    total_cost: Decimal
    total_estimated: Decimal
    unallocated: Decimal
    total_previous: Decimal | None
    rejected_currency: str | None
    rejected: Decimal
    rejected_lines: int
    unpriced_lines: int
    set_apart: Decimal
    incomplete: list[dict[str, Any]]
    currency: str | None
    cost: Decimal | None
    estimated: Decimal
    previous: Decimal | None
    delta: Decimal | None
    ratio: Decimal | None
    folded: int | None
    rank: Decimal
    k0: str
    k1: str = ""
    k2: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The values of the dimensions, of which there are up to three."""
        return (self.k0, self.k1, self.k2)


def costs(  # noqa: PLR0913, PLR0917
    rows: Sequence[CostRow],
    query: CostQuery,
    dimensions: Sequence[Dimension],
    version: DataVersion,
    scope: dict[ScopeDimension, str],
    following: str | None,
) -> Costs:
    """The lines of one page, and the cursor of the following one, in their envelope.

    Raises:
        ProblemError: 422 where costs are in several currencies.
    """
    base = query.base if not query.by_step else None
    return Costs(
        **envelope(rows[0], query, version, scope),
        compared_with=Months.model_validate({"from": base.first, "to": base.last}) if base else None,
        group_by=list(dimensions),
        line_count=rows[0].line_count,
        data=[_line(row, row.cost, dimensions) for row in rows if row.cost is not None],
        next=following,
    )


def history(
    rows: Sequence[CostRow],
    query: CostQuery,
    granularity: Granularity,
    version: DataVersion,
    scope: dict[ScopeDimension, str],
) -> History:
    """A point for each month or quarter that was published, each compared with the one before it.

    Raises:
        ProblemError: 422 where costs are in several currencies.
    """
    return History(
        **envelope(rows[0], query, version, scope),
        granularity=granularity,
        data=points(rows, query, granularity, version),
    )


def points(rows: Sequence[CostRow], query: CostQuery, granularity: Granularity, version: DataVersion) -> list[Point]:
    """One for each month or quarter that was published."""
    step = MONTHS_OF[granularity]
    by_period = {row.k0: row for row in rows if row.cost is not None}
    return [_point(start, step, by_period, version) for start in _starts(query, step, version)]


def table(body: History) -> tuple[Sequence[str], Iterator[Sequence[object]]]:
    """The columns and rows of a history's CSV."""
    return (HISTORY_COLUMNS, (_csv_row(point, body.currency) for point in body.data))


def _csv_row(point: Point, currency: str | None) -> Sequence[object]:
    delta = (point.delta.amount, point.delta.ratio) if point.delta else (None, None)
    return (point.period, point.cost, currency, point.estimated, point.previous, *delta, point.is_open)


def envelope(row: CostRow, query: CostQuery, version: DataVersion, scope: dict[ScopeDimension, str]) -> dict[str, Any]:
    """What every answer has around its lines.

    Raises:
        ProblemError: 422 where costs are in several currencies.
    """
    found = sorted({currency for currency in (row.total_currency, row.other_currency) if currency})
    if len(found) > 1:
        detail = f"from {query.first:%Y-%m} to {query.last:%Y-%m} costs are in {' and '.join(found)}: choose one"
        raise invalid("currency", detail, found)
    previous = None if query.by_step else row.total_previous
    still_open = [month for month in span(query.first, query.last) if is_open(month, version.as_of)]
    return {
        "from": query.first,
        "to": query.last,
        "scope": scope,
        "currency": row.total_currency or row.rejected_currency,
        "as_of": version.as_of,
        "is_open": bool(still_open),
        "open_months": still_open,
        "total": Total(
            cost=row.total_cost,
            estimated=row.total_estimated,
            estimated_share=share(row.total_estimated, row.total_cost),
            previous=previous,
            delta=_delta(row.total_cost, previous),
        ),
        "coverage": Coverage.model_validate({**vars(row), "allocated": difference(row.total_cost, row.unallocated)}),
    }


def _line(row: CostRow, cost: Decimal, dimensions: Sequence[Dimension]) -> CostLine:
    return CostLine(
        keys={} if row.folded else dict(zip(dimensions, row.keys, strict=False)),
        cost=cost,
        estimated=row.estimated,
        previous=row.previous,
        delta=None if row.delta is None else Delta(amount=row.delta, ratio=row.ratio),
        folded=row.folded,
    )


def _starts(query: CostQuery, step: int, version: DataVersion) -> list[date]:
    """The first month of each point: months that were not published have none."""
    if version.first_period is None or version.last_period is None:
        return []
    earliest = quarter(version.first_period) if step > 1 else version.first_period
    return span(max(query.first, earliest), min(query.last, version.last_period), step)


def _point(start: date, step: int, by_period: dict[str, CostRow], version: DataVersion) -> Point:
    name = f"{start:%Y-%m}" if step == 1 else quarter_name(start)
    row = by_period.get(name)
    cost = row.cost if row and row.cost is not None else ZERO
    estimated = row.estimated if row else ZERO
    previous = None
    if version.first_period is not None and shifted(start, -step) >= version.first_period:
        previous = row.previous if row and row.previous is not None else ZERO
    return Point(
        period=name,
        cost=cost,
        estimated=estimated,
        estimated_share=share(estimated, cost),
        is_open=is_open(shifted(start, step - 1), version.as_of),
        previous=previous,
        delta=_delta(cost, previous),
    )


def _delta(cost: Decimal, previous: Decimal | None) -> Delta | None:
    """As the query works it out for a line."""
    if previous is None:
        return None
    amount = difference(cost, previous)
    return Delta(amount=amount, ratio=share(amount, abs(previous)))
