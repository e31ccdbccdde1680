"""The text of the one query of costs: lines, their total, and what is missing from both, from one snapshot.

A line is a sum by the dimensions that were asked for, of the months that count (`cost`) and, where it is compared, of
those before, moved to the month that they are compared with (`previous`). The total is the sum of the same rows, so no
grouping changes it. Lines are ordered by a rank, then their keys, so that comparing rows finds the next page.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from finops.api.months import MONTHS_OF

COLUMNS = {
    "application": "application_id",
    "group": "group_id",
    "domain": "domain",
    "family": "family",
    "product": "product_id",
    "source": "source",
    "charge_category": "charge_category",
    "currency": "currency",
}
# The smaller one, where no application is asked for.
BY_APPLICATION = SQL("from finops_api.visible_app_costs")
BY_GROUP = SQL("from finops_api.visible_group_costs")
UNALLOCATED_APPLICATION = SQL("case when application_id = 'UNALLOCATED' then total_cost end")
UNALLOCATED_GROUP = SQL("unallocated_cost")

RANKS = {
    "-cost": SQL("-cost"),
    "cost": SQL("cost"),
    "-delta": SQL("coalesce(previous - cost, 'infinity')"),
    "delta": SQL("coalesce(cost - previous, 'infinity')"),
    "key": SQL("cast(0 as numeric)"),
    "-key": SQL("cast(0 as numeric)"),
}

LINES = SQL("""
lines as (
    select {keys}, currency, total_cost as cost, estimated_cost as estimated, {unallocated} as unallocated,
        cast(null as numeric) as previous
    {table} where period between %(first)s and %(last)s {filters}
    {base}
),
grouped as (
    select {names}, currency, coalesce(sum(cost), 0) as cost, coalesce(sum(estimated), 0) as estimated,
        coalesce(sum(unallocated), 0) as unallocated, sum(previous) as previous
    from lines group by {names}, currency
),
ranked as (
    select {texts}, currency, cost, estimated, previous, trim_scale({rank}) as rank
    from grouped
)""")
BASE = SQL("""union all
    select {keys}, currency, null, null, null, total_cost
    {table} where period between %(base_first)s and %(base_last)s {filters}""")
TOTALS = SQL("""
totals as (
    select count(*) as line_count, min(currency) as total_currency, max(currency) as other_currency,
        trim_scale(coalesce(sum(cost), 0)) as total_cost, trim_scale(coalesce(sum(estimated), 0)) as total_estimated,
        trim_scale(coalesce(sum(unallocated), 0)) as total_unallocated, trim_scale(sum(previous)) as total_previous
    from grouped
),
rejected as (
    select min(currency) as rejected_currency, trim_scale(coalesce(sum(rejected_cost), 0)) as rejected_cost,
        cast(coalesce(sum(rejected_line_count), 0) as bigint) as rejected_lines,
        cast(coalesce(sum(unpriced_line_count), 0) as bigint) as unpriced_lines
    from finops_api.visible_rejects
    where period between %(first)s and %(last)s {rejects}
),
apart as (
    select trim_scale(coalesce(sum(set_apart_cost), 0)) as set_apart
    from finops_api.visible_set_apart
    where period between %(first)s and %(last)s {filters}
),
incomplete as (
    select coalesce(json_agg(json_build_object(
        'source', source, 'period', to_char(period, 'YYYY-MM'), 'measured_days', measured_days,
        'estimated_days', estimated_days, 'missing_days', missing_days, 'days_to_come', days_to_come
    ) order by period, source), '[]') as incomplete
    from finops_api.source_periods as months
    where period between %(first)s and %(last)s and missing_days > 0 {sources}
        and exists (select from finops_api.visible_products as consumed where consumed.source = months.source)
)""")
PREVIOUS = SQL("sum(previous)")
# By month, some of the others may have a base and some none: what is left of it would be no base of their sum.
PREVIOUS_OF_STEPS = SQL("case when min(place) <= %(top)s then sum(previous) end")
# A line's own columns; delta and ratio last, since the line of all others has them too.
WORKED_OUT = SQL("""{names}, currency, trim_scale(cost) as cost, trim_scale(estimated) as estimated,
    trim_scale(previous) as previous, trim_scale(cost - previous) as delta,
    trim_scale(round((cost - previous) / nullif(abs(previous), 0), 6)) as ratio, folded, rank""")
PAGE = SQL("select *, cast(null as bigint) as folded from ranked {after} order by {order} {limit}")
FOLDED = SQL("""
    select {firsts}, currency, sum(cost) as cost, sum(estimated) as estimated, {previous} as previous,
        case when min(place) > %(top)s then count(*) end as folded, min(place) as rank
    from (select *, row_number() over (order by {order}) as place from ranked) as placed
    group by least(place, %(top)s + 1), currency
    order by rank""")


@dataclass(frozen=True)
class Shape:
    """All of a query but its values: what its text is made of, once."""

    dimensions: tuple[str, ...]
    filtered: tuple[str, ...]
    shift: int | None
    order: str
    top: bool
    after: bool
    limited: bool

    @property
    def by_step(self) -> bool:
        """Whether lines are of a month or a quarter, and so each compared with the one before it."""
        return not MONTHS_OF.keys().isdisjoint(self.dimensions)

    def page(self) -> Composed:
        """One row a line, each with the totals; a single one without a line where there is none."""
        return SQL(
            "with {lines}, {totals}, page as ({page}) select * from totals cross join rejected cross join apart"
            " cross join incomplete left join "
        ).format(lines=self._lines(), totals=self._totals(), page=self._page()) + SQL(
            "(select {columns} from page) as shown on true order by {order}"
        ).format(
            columns=WORKED_OUT.format(names=self._names()),
            order=SQL("rank") if self.top else self._order(),
        )

    def listing(self) -> Composed:
        """Lines alone, by the names of their dimensions: for CSV."""
        named = [
            SQL("{} as {}").format(Identifier(f"k{number}"), Identifier(dimension))
            for number, dimension in enumerate(self.dimensions)
        ]
        shown = "cost, currency, estimated, previous, delta, ratio" + (", folded" if self.top else "")
        return SQL(
            "with {lines}, page as ({page}), shown as (select {columns} from page) select {named}, {shown}"
        ).format(
            lines=self._lines(),
            page=self._page(),
            columns=WORKED_OUT.format(names=self._names()),
            named=SQL(", ").join(named),
            shown=SQL(shown),
        ) + SQL(" from shown order by {}").format(SQL("rank") if self.top else self._order())

    def _lines(self) -> Composed:
        by_application = "application" in self.dimensions or "application" in self.filtered
        table = BY_APPLICATION if by_application else BY_GROUP
        base = (
            BASE.format(keys=self._keys(self.shift), table=table, filters=self._filters())
            if self.shift is not None
            else SQL("")
        )
        return LINES.format(
            keys=self._keys(0),
            unallocated=UNALLOCATED_APPLICATION if by_application else UNALLOCATED_GROUP,
            table=table,
            filters=self._filters(),
            base=base,
            names=self._names(),
            texts=SQL(", ").join(_text(number, dimension) for number, dimension in enumerate(self.dimensions)),
            rank=RANKS[self.order],
        )

    def _keys(self, shift: int) -> Composed:
        return SQL(", ").join(
            SQL("{} as {}").format(_key(dimension, shift), Identifier(f"k{number}"))
            for number, dimension in enumerate(self.dimensions)
        )

    def _names(self) -> Composed:
        return SQL(", ").join(Identifier(f"k{number}") for number in range(len(self.dimensions)))

    def _totals(self) -> Composed:
        """The sum of all lines, and what is not in it: rejects have no charge category, and days have no owner."""
        return TOTALS.format(
            filters=self._filters(),
            rejects=self._filters(without=("charge_category",)),
            sources=self._filters(of=("domain", "source")),
        )

    def _filters(self, of: Collection[str] = COLUMNS, without: Collection[str] = ()) -> Composed:
        conditions = [
            SQL("and {} = any({})").format(Identifier(COLUMNS[dimension]), Placeholder(f"only_{dimension}"))
            for dimension in self.filtered
            if dimension in of and dimension not in without
        ]
        return SQL(" ").join(conditions)

    def _order(self) -> Composed:
        direction = SQL(" desc") if self.order == "-key" else SQL("")
        names = [SQL('{} collate "C"').format(Identifier(f"k{number}")) for number in range(len(self.dimensions))]
        return SQL(", ").join([SQL("rank"), *(name + direction for name in names), SQL("currency")])

    def _page(self) -> Composed:
        if self.top:
            firsts = [
                SQL("max({name}) filter (where place <= %(top)s) as {name}").format(name=Identifier(f"k{number}"))
                for number in range(len(self.dimensions))
            ]
            previous = PREVIOUS_OF_STEPS if self.by_step else PREVIOUS
            return FOLDED.format(firsts=SQL(", ").join(firsts), previous=previous, order=self._order())
        limit = SQL("limit %(limit)s") if self.limited else SQL("")
        return PAGE.format(after=self._after(), order=self._order(), limit=limit)

    def _after(self) -> Composed:
        """Rows that come later: within one rank where keys descend, as the rank is then the same for all."""
        if not self.after:
            return Composed([])
        names = [SQL('{} collate "C"').format(Identifier(f"k{number}")) for number in range(len(self.dimensions))]
        values = [Placeholder(f"after_{number}") for number in range(len(self.dimensions))]
        if self.order == "-key":
            return SQL("where ({}) < ({})").format(SQL(", ").join(names), SQL(", ").join(values))
        return SQL("where (rank, {}) > (cast(%(rank)s as numeric), {})").format(
            SQL(", ").join(names), SQL(", ").join(values)
        )


@lru_cache(maxsize=1000)
def text_of_page(shape: Shape) -> bytes:
    """The query of a page, made once for each shape."""
    return shape.page().as_string().encode()


@lru_cache(maxsize=1000)
def text_of_listing(shape: Shape) -> bytes:
    """The query of all lines, made once for each shape."""
    return shape.listing().as_string().encode()


def _key(dimension: str, shift: int) -> Composable:
    """A dimension of a row; of a month that is compared with, the one that it is compared to."""
    if dimension not in ("month", "quarter"):
        return Identifier(COLUMNS[dimension])
    month = SQL("period + make_interval(months => {})").format(Literal(shift))
    return SQL("date_trunc({}, {})").format(Literal(dimension), month)


def _text(number: int, dimension: str) -> Composable:
    name = Identifier(f"k{number}")
    match dimension:
        case "month":
            return SQL("to_char({name}, 'YYYY-MM') as {name}").format(name=name)
        case "quarter":
            return SQL("to_char({name}, 'YYYY-\"Q\"Q') as {name}").format(name=name)
        case _:
            return name
