"""What costs can be grouped and filtered by, the columns and views of finops_api that hold it, and their days.

A new filter is a line here and a field of `Selection` in parameters.py; a new dimension is a line here.
"""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Dimension = Literal[
    "application", "group", "domain", "family", "product", "source", "charge_category", "month", "quarter"
]
SeriesDimension = Literal["application", "group", "domain", "family", "product", "source", "charge_category"]
DailyDimension = Literal["family", "domain", "product", "source", "application"]
Granularity = Literal["month", "quarter"]
ScopeDimension = Literal["application", "group", "domain", "family"]  # what a path may name

# The column of each dimension and filter; a month or a quarter is made of `period`. Nobody asks by unit, but lines of
# consumption have one.
COLUMNS: Mapping[str, str] = {
    "application": "application_id",
    "group": "group_id",
    "domain": "domain",
    "family": "family",
    "product": "product_id",
    "source": "source",
    "charge_category": "charge_category",
    "unit": "usage_unit",
    "currency": "currency",
}
# A group's costs are its own and those of all groups below it. Keys are lowered here, too: see auth/references.py.
IN_GROUPS = """group_id = any(array(
    select group_id from finops_api.visible_group_tree
    where ancestor_key = any(array(select lower(key) from unnest(cast(%({parameter})s as text [])) as named (key)))
))"""
# Filters, and the view that their known values are in.
FILTERS: Mapping[str, str] = {
    "domain": "visible_products",
    "family": "visible_products",
    "product": "visible_products",
    "source": "visible_products",
    "charge_category": "visible_group_costs",
    "currency": "visible_group_periods",
}

_MONTHS = {"period", "group_id", "currency", "total_cost", "estimated_cost"}
_PRODUCTS = {
    "domain",
    "family",
    "product_id",
    "source",
    "charge_category",
    "usage_unit",
    "usage_quantity",
    "daily_cost",
}
# The views of costs and their columns, smallest first.
VIEWS: Mapping[str, set[str]] = {
    "visible_group_periods": _MONTHS | {"unallocated_cost"},
    "visible_group_families": _MONTHS | {"domain", "family", "source", "unallocated_cost"},
    "visible_app_months": _MONTHS | {"application_id"},
    "visible_group_costs": _MONTHS | _PRODUCTS | {"unallocated_cost"},
    "visible_app_families": _MONTHS | {"application_id", "domain", "family"},
    "visible_app_costs": _MONTHS | _PRODUCTS | {"application_id"},
}


def smallest(columns: Iterable[str], views: Mapping[str, set[str]] = VIEWS) -> str:
    """The first view that has these columns."""
    wanted = {*columns}
    return next(name for name, found in views.items() if wanted <= found)


# The days of a month, summed without unnesting them: 31 plain sums, cut to the month's length.
DAYS = f"(array[{', '.join(f'sum(daily_cost[{day}])' for day in range(1, 32))}])[1:max(cardinality(daily_cost))]"


@dataclass
class DailyCosts:
    """The days of a month, from its first, of one part of a cost; spread where its source only knows the month."""

    period: date
    part: str
    currency: str
    is_spread: bool
    days: Sequence[Decimal]


def daily(view: str, part: str, where: str) -> str:
    """Days of the months from `first_period` to before `end`, a row a part, month, currency and kind of day."""
    return f"""
        with spread as (
            select source, period
            from finops_api.source_periods
            where is_spread and period >= %(first_period)s and period < %(end)s
        )
        select period, {part} as part, currency, (source, period) in (select source, period from spread) as is_spread,
            {DAYS} as days
        from finops_api.{view}
        where ({where}) and period >= %(first_period)s and period < %(end)s
        group by period, part, currency, is_spread
    """
