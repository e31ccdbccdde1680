"""The one query of costs: lines, their total, and what is missing from both, from one snapshot.

A line is a sum by the dimensions that were asked for, of the months that count (`cost`) and, where it is compared, of
those before, moved to the month that they are compared with (`previous`). The total is the sum of the same rows, so no
grouping changes it. Lines are ordered by a rank, then their keys, so that comparing rows finds the next page.
"""

# ruff: noqa: S608 - every piece of these texts is written here; what a caller sends is a parameter
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from finops.api.costs.dimensions import COLUMNS, IN_GROUPS, VIEWS, smallest
from finops.api.months import MONTHS_OF

RANKS = {
    "-cost": "-cost",
    "cost": "cost",
    "-delta": "coalesce(previous - cost, 'infinity')",
    "delta": "coalesce(cost - previous, 'infinity')",
}
KEYS = tuple(f"k{number}" for number in range(7))
SAME_RANK = "cast(0 as numeric)"  # of all lines, where they are ordered by key
KEYED = {"unit": "coalesce(usage_unit, '')"}  # a page ends at a key: there is none after a null
# What a key is written as.
TEXTS = {"month": "to_char({name}, 'YYYY-MM') as {name}", "quarter": "to_char({name}, 'YYYY-\"Q\"Q') as {name}"}
# Rejects have no charge category; of a source's days, only the domain is known.
FILTERS_OF_REJECTS = COLUMNS.keys() - {"charge_category"}
FILTERS_OF_SOURCES = ("domain", "source")


@dataclass(frozen=True)
class Comparison:
    """The months that are compared with, and how many months later they count."""

    first: date
    last: date
    shift: int


@dataclass(frozen=True)
class CostQuery:
    """What is asked: `filters` by dimension, any value of which will do; `limit` lines after a position, or `top`.

    `after` is the last line of the page before: its rank, then its keys.
    """

    first: date
    last: date
    dimensions: Sequence[str]
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    base: Comparison | None = None
    order: str = "key"
    top: int | None = None
    after: Sequence[str] | None = None
    limit: int | None = None
    views: Mapping[str, set[str]] = field(default_factory=lambda: VIEWS)
    # Lines with more than money: columns that are added up too, how they are shown, and what is joined for that.
    summed: ClassVar[Sequence[str]] = ()
    shown: ClassVar[str] = ""
    joined: ClassVar[str] = ""

    @property
    def by_step(self) -> bool:
        """Whether lines are of a month or a quarter, and so each compared with the one before it."""
        return not MONTHS_OF.keys().isdisjoint(self.dimensions)

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the placeholders."""
        return {
            "first": self.first,
            "last": self.last,
            "top": self.top,
            "limit": self.limit,
            **({"base_first": self.base.first, "base_last": self.base.last} if self.base else {}),
            **{f"only_{dimension}": list(values) for dimension, values in self.filters.items()},
            **{f"after_{number}": value for number, value in enumerate(self.after or ())},
        }

    @property
    def prepare(self) -> bool | None:
        """False: plan it for these very values; of all applications, one plan for any is several times slower."""
        return False if "application" in self.dimensions and "application" not in self.filters else None

    def page(self) -> str:
        """One `CostRow` (service.py) a line, each with the totals; a single one without a line where there is none."""
        return f"""
            with {self._lines()}, {self._totals()}, page as ({self._page()})
            select * from totals cross join rejected cross join apart cross join incomplete
            left join ({self._shown()}) as shown on true
            order by {"rank" if self.top else self._order()}"""

    def listing(self) -> str:
        """Lines alone, by the names of their dimensions: for CSV."""
        named = ", ".join(f'{name} as "{key}"' for name, key in zip(self._names, self.dimensions, strict=True))
        return f"""
            with {self._lines()}, page as ({self._page()}), shown as ({self._shown()})
            select {named}, cost, currency, estimated, previous, delta, ratio {", folded" if self.top else ""}
            from shown order by {"rank" if self.top else self._order()}"""

    @property
    def _names(self) -> Sequence[str]:
        """Keys by number: a dimension may have the name of another column."""
        return KEYS[: len(self.dimensions)]

    @property
    def view(self) -> str:
        """The smallest view that has all dimensions and filters."""
        columns = (COLUMNS.get(name, "period") for name in (*self.dimensions, *self.filters))
        return smallest([*columns, *self.summed], self.views)

    def _lines(self) -> str:
        """Sums by key, and each of them with its rank."""
        view = self.view
        of_application = "case when application_id = 'UNALLOCATED' then total_cost end"
        unallocated = of_application if "application_id" in self.views[view] else "unallocated_cost"
        filters = self.conditions()
        base = (
            f"""
            union all
            select {self._keys(self.base.shift)}, currency, null, null, null, total_cost
            from finops_api.{view} where period between %(base_first)s and %(base_last)s {filters}"""
            if self.base
            else ""
        )
        names = self._names
        more = "".join(f", {name}" for name in self.summed)
        sums = "".join(f", sum({name}) as {name}" for name in self.summed)
        # What is new this month cost nothing before; by month, a line may have no month before it that was published.
        previous = "coalesce(sum(previous), 0)" if self.base and not self.by_step else "sum(previous)"
        texts = (TEXTS.get(key, "{name}").format(name=name) for name, key in zip(names, self.dimensions, strict=True))
        return f"""
            lines as (
                select {self._keys(0)}, currency, total_cost as cost, estimated_cost as estimated,
                    {unallocated} as unallocated, cast(null as numeric) as previous {more}
                from finops_api.{view} where period between %(first)s and %(last)s {filters} {base}
            ),
            grouped as (
                select {_listed(names)}, currency, coalesce(sum(cost), 0) as cost,
                    coalesce(sum(estimated), 0) as estimated, coalesce(sum(unallocated), 0) as unallocated,
                    {previous} as previous {sums}
                from lines group by {_listed(names)}, currency
            ),
            ranked as (
                select {_listed(texts)}, currency, cost, estimated, previous {more},
                    trim_scale({RANKS.get(self.order, SAME_RANK)}) as rank
                from grouped
            )"""

    def _totals(self) -> str:
        """The sum of all lines, and what is not in it."""
        return f"""
            totals as (
                select count(*) as line_count, min(currency) as total_currency, max(currency) as other_currency,
                    trim_scale(coalesce(sum(cost), 0)) as total_cost,
                    trim_scale(coalesce(sum(estimated), 0)) as total_estimated,
                    trim_scale(coalesce(sum(unallocated), 0)) as unallocated,
                    trim_scale(sum(previous)) as total_previous
                from grouped
            ),
            rejected as (
                select min(currency) as rejected_currency, trim_scale(coalesce(sum(rejected_cost), 0)) as rejected,
                    cast(coalesce(sum(rejected_line_count), 0) as bigint) as rejected_lines,
                    cast(coalesce(sum(unpriced_line_count), 0) as bigint) as unpriced_lines
                from finops_api.visible_rejects
                where period between %(first)s and %(last)s {self.conditions(FILTERS_OF_REJECTS)}
            ),
            apart as (
                select trim_scale(coalesce(sum(set_apart_cost), 0)) as set_apart
                from finops_api.visible_set_apart
                where period between %(first)s and %(last)s {self.conditions()}
            ),
            incomplete as (
                select coalesce(json_agg(json_build_object(
                    'source', source, 'period', to_char(period, 'YYYY-MM'), 'measured_days', measured_days,
                    'estimated_days', estimated_days, 'missing_days', missing_days, 'days_to_come', days_to_come
                ) order by period, source), '[]') as incomplete
                from finops_api.source_periods as months
                where period between %(first)s and %(last)s and missing_days > 0 {self.conditions(FILTERS_OF_SOURCES)}
                    and exists (select from finops_api.visible_products as seen where seen.source = months.source)
            )"""

    def _page(self) -> str:
        """The lines of the page; with `top`, the first ones and one that is the sum of all others."""
        if not self.top:
            limit = "limit %(limit)s" if self.limit is not None else ""
            return (
                f"select *, cast(null as bigint) as folded from ranked {self._after()} order by {self._order()} {limit}"
            )
        firsts = (f"max({name}) filter (where place <= %(top)s) as {name}" for name in self._names)
        # By month, only some of the others may have a base: their sum would be no base of the sum of all others.
        previous = "case when min(place) <= %(top)s then sum(previous) end" if self.by_step else "sum(previous)"
        return f"""
            select {_listed(firsts)}, currency, sum(cost) as cost, sum(estimated) as estimated, {previous} as previous,
                case when min(place) > %(top)s then count(*) end as folded, min(place) as rank
            from (select *, row_number() over (order by {self._order()}) as place from ranked) as placed
            group by least(place, %(top)s + 1), currency
            order by rank"""

    def _shown(self) -> str:
        """A line's own columns; delta and ratio only here, since the line of all others has them too."""
        return f"""
            select {_listed(self._names)}, currency, trim_scale(cost) as cost, trim_scale(estimated) as estimated,
            trim_scale(previous) as previous, trim_scale(cost - previous) as delta,
            trim_scale(round((cost - previous) / nullif(abs(previous), 0), 6)) as ratio, folded, rank {self.shown}
            from page {self.joined}"""

    def _keys(self, shift: int) -> str:
        """The dimensions of a row; of a month that is compared with, the one that it is compared to."""
        month = f"period + make_interval(months => {shift})"
        made = (
            f"date_trunc('{key}', {month})" if key in MONTHS_OF else KEYED.get(key, COLUMNS.get(key))
            for key in self.dimensions
        )
        return _listed(f"{key} as {name}" for key, name in zip(made, self._names, strict=True))

    def conditions(self, known: Collection[str] = COLUMNS) -> str:
        """The conditions, as far as a view knows their columns."""
        return " ".join(f"and {_one_of(name)}" for name in self.filters if name in known)

    def _order(self) -> str:
        direction = " desc" if self.order == "-key" else ""
        return _listed(["rank", *(f'{name} collate "C"{direction}' for name in self._names), "currency"])

    def _after(self) -> str:
        """Rows that come later: within one rank where keys descend, as the rank is then the same for all."""
        if self.after is None:
            return ""
        names = _listed(f'{name} collate "C"' for name in self._names)
        values = _listed(f"%(after_{number})s" for number in range(1, len(self.after)))
        if self.order == "-key":
            return f"where ({names}) < ({values})"
        return f"where (rank, {names}) > (cast(%(after_0)s as numeric), {values})"


def _one_of(name: str) -> str:
    """The condition of one filter."""
    if name == "group":
        return IN_GROUPS.format(parameter="only_group")
    return f"{COLUMNS[name]} = any(%(only_{name})s)"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)
