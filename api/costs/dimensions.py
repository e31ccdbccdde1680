"""What costs can be grouped and filtered by, and the columns and views of finops_api that hold it.

A new filter is a line here and a field of `Selection` in parameters.py; a new dimension is a line here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

Dimension = Literal[
    "application", "group", "domain", "family", "product", "source", "charge_category", "month", "quarter"
]
Granularity = Literal["month", "quarter"]
ScopeDimension = Literal["application", "group", "domain", "family"]  # what a path may name

# The column of each dimension and filter; a month or a quarter is made of `period`.
COLUMNS: Mapping[str, str] = {
    "application": "application_id",
    "group": "group_id",
    "domain": "domain",
    "family": "family",
    "product": "product_id",
    "source": "source",
    "charge_category": "charge_category",
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
_PRODUCTS = {"domain", "family", "product_id", "source", "charge_category", "daily_cost"}
# The views of costs and their columns, smallest first.
VIEWS: Mapping[str, set[str]] = {
    "visible_app_months": _MONTHS | {"application_id"},
    "visible_group_costs": _MONTHS | _PRODUCTS | {"unallocated_cost"},
    "visible_app_families": _MONTHS | {"application_id", "domain", "family"},
    "visible_app_costs": _MONTHS | _PRODUCTS | {"application_id"},
}


def smallest(columns: Iterable[str], views: Mapping[str, set[str]] = VIEWS) -> str:
    """The first view that has these columns."""
    wanted = {*columns}
    return next(name for name, found in views.items() if wanted <= found)
