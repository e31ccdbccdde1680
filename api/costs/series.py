"""Costs over time by one dimension: a series for each of the most expensive, and one for all others together."""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from finops.api import money
from finops.api.costs.dimensions import Dimension, ScopeDimension
from finops.api.costs.parameters import SeriesParameters
from finops.api.costs.query import TEXTS, CostQuery
from finops.api.costs.schemas import Point, Series, SeriesLine, SeriesPoint
from finops.api.costs.service import CostRow, envelope, points
from finops.api.money import ZERO
from finops.api.months import DataVersion


@dataclass
class Cell:
    """What one of the most expensive cost in one month or quarter, and how many things there are."""

    place: int
    name: str
    line_count: int
    period: str
    cost: Decimal
    estimated: Decimal


class SeriesQuery(CostQuery):
    """Of a dimension and a step: the cells of the `top` most expensive."""

    def cells(self) -> str:
        """`Cell`, in the order of the series: months of what is not shown are not added up one by one."""
        period = TEXTS[self.dimensions[1]].format(name="k1").replace(" as k1", " as period")
        return f"""
            with {self._lines()},
            placed as (
                select k0, count(*) over () as line_count,
                    row_number() over (order by sum(cost) desc, k0 collate "C") as place
                from lines group by k0
            )
            select place, k0 as name, line_count, {period},
                trim_scale(sum(cost)) as cost, trim_scale(sum(estimated)) as estimated
            from lines inner join placed using (k0)
            where place <= %(top)s
            group by place, k0, line_count, k1
            order by place"""


def series(  # noqa: PLR0913, PLR0917
    rows: Sequence[CostRow],
    cells: Sequence[Cell],
    query: CostQuery,
    parameters: SeriesParameters,
    version: DataVersion,
    scope: dict[ScopeDimension, str],
) -> Series:
    """The history of the total, of `rows` and their query, and that of each series: a point for each of its points.

    The series of all others is what the shown ones leave of the total.

    Raises:
        ProblemError: 422 where costs are in several currencies.
    """
    total = points(rows, query, parameters.granularity, version)
    [dimension] = parameters.group_by
    by_name: dict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        by_name[cell.name][cell.period] = cell
    lines = [
        _line({dimension: name}, [_point(point.period, found.get(point.period)) for point in total])
        for name, found in by_name.items()
    ]
    line_count = cells[0].line_count if cells else 0
    if line_count > len(lines):
        shown = zip(*(line.points for line in lines), strict=True)
        others = [_less(point, parts) for point, parts in zip(total, shown, strict=True)]
        lines.append(_line({}, others, folded=line_count - len(lines)))
    return Series(
        **envelope(rows[0], query, version, scope),
        granularity=parameters.granularity,
        group_by=dimension,
        line_count=line_count,
        points=total,
        data=lines,
    )


def _line(keys: dict[Dimension, str], found: list[SeriesPoint], folded: int | None = None) -> SeriesLine:
    return SeriesLine(
        keys=keys,
        cost=money.total(point.cost for point in found),
        estimated=money.total(point.estimated for point in found),
        folded=folded,
        points=found,
    )


def _point(period: str, cell: Cell | None) -> SeriesPoint:
    """A month without a cost has no cell."""
    return SeriesPoint(period=period, cost=cell.cost if cell else ZERO, estimated=cell.estimated if cell else ZERO)


def _less(total: Point, parts: Sequence[SeriesPoint]) -> SeriesPoint:
    return SeriesPoint(
        period=total.period,
        cost=money.difference(total.cost, money.total(part.cost for part in parts)),
        estimated=money.difference(total.estimated, money.total(part.estimated for part in parts)),
    )


def series_table(body: Series) -> tuple[Sequence[str], Iterator[Sequence[object]]]:
    """The columns and rows of a CSV."""
    return (
        ("period", body.group_by, "cost", "currency", "estimated", "folded"),
        (
            (point.period, line.keys.get(body.group_by), point.cost, body.currency, point.estimated, line.folded)
            for line in body.data
            for point in line.points
        ),
    )
