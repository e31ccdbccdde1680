"""Costs over time by one dimension: a series for each of the most expensive, and one for all others together."""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from finops.api import money
from finops.api.costs.dimensions import ScopeDimension, SeriesDimension
from finops.api.costs.parameters import SeriesParameters
from finops.api.costs.query import TEXTS, CostQuery
from finops.api.costs.schemas import Series, SeriesLine, SeriesPoint
from finops.api.costs.service import CostRow, envelope, points
from finops.api.money import ZERO
from finops.api.months import DataVersion


@dataclass
class Cell:
    """What one series cost in one month or quarter; all others have no name, and say how many they are."""

    place: int
    name: str | None
    folded: int | None
    line_count: int
    period: str
    cost: Decimal
    estimated: Decimal


class SeriesQuery(CostQuery):
    """Of a dimension and a step: the cells of the `top` most expensive and of all others, who are one."""

    def cells(self) -> str:
        """`Cell`, in the order of the series."""
        return f"""
            with {self._lines()},
            placed as (
                select k0, row_number() over (order by sum(cost) desc, k0 collate "C") as place
                from grouped group by k0
            ),
            cells as (
                select least(place, %(top)s + 1) as place, k1, min(k0) filter (where place <= %(top)s) as name,
                    sum(cost) as cost, sum(estimated) as estimated
                from grouped inner join placed using (k0)
                group by 1, 2
            ),
            counted as (select count(*) as line_count from placed)
            select place, name, case when place > %(top)s then line_count - %(top)s end as folded, line_count,
                {TEXTS[self.dimensions[1]].format(name="k1").replace(" as k1", " as period")},
                trim_scale(cost) as cost, trim_scale(estimated) as estimated
            from cells cross join counted
            order by place
        """


def series(  # noqa: PLR0913, PLR0917
    rows: Sequence[CostRow],
    cells: Sequence[Cell],
    query: CostQuery,
    parameters: SeriesParameters,
    version: DataVersion,
    scope: dict[ScopeDimension, str],
) -> Series:
    """The history of the total, of `rows` and their query, and that of each series: a point for each of its points.

    Raises:
        ProblemError: 422 where costs are in several currencies.
    """
    total = points(rows, query, parameters.granularity, version)
    found: dict[int, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        found[cell.place][cell.period] = cell
    return Series(
        **envelope(rows[0], query, version, scope),
        granularity=parameters.granularity,
        group_by=parameters.group_by[0],
        line_count=cells[0].line_count if cells else 0,
        points=total,
        data=[
            _line(by_period, parameters.group_by[0], [point.period for point in total]) for by_period in found.values()
        ],
    )


def _line(by_period: dict[str, Cell], dimension: SeriesDimension, periods: Sequence[str]) -> SeriesLine:
    """A series, from its cells: months without a cost have none."""
    any_cell = next(iter(by_period.values()))
    return SeriesLine(
        keys={dimension: any_cell.name} if any_cell.name is not None else {},
        cost=money.total(cell.cost for cell in by_period.values()),
        estimated=money.total(cell.estimated for cell in by_period.values()),
        folded=any_cell.folded,
        points=[
            SeriesPoint(period=period, cost=cell.cost if cell else ZERO, estimated=cell.estimated if cell else ZERO)
            for period in periods
            for cell in (by_period.get(period),)
        ],
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
