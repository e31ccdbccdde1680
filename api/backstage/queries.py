"""The SQL behind Backstage's two cost plugins, on the views of the schema finops_api; and the rows that it gives."""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.api.costs.dimensions import DAYS, IN_GROUPS, daily, smallest


@dataclass
class ComparedCosts:
    """What an application spent on a product, or on all of a family, in two periods."""

    application_id: str
    family: str
    currency: str
    previous: Decimal
    current: Decimal
    product_id: str = ""


@dataclass
class ReportedCosts:
    """A month of what a report is grouped by; the columns that it is not grouped by are empty."""

    currency: str
    period: date
    total_cost: Decimal
    days: Sequence[Decimal] = ()
    domain: str = ""
    group_id: str = ""
    application_id: str = ""
    product_id: str = ""
    family: str = ""


LAST_COMPLETE_DATE = """
    with sources as (
        select source, max(complete_date) as complete_date
        from finops_api.source_periods
        group by source
    )
    select min(complete_date) as complete_date
    from sources
    where complete_date > (select max(complete_date) from sources) - 31
"""

# Of a group, and of all groups below it.
OF_GROUP = IN_GROUPS.format(parameter="groups")

# The groups that own applications, and those above them.
GROUPS = """
    select distinct groups.group_id as id, groups.group_name as name
    from finops_api.visible_groups as groups
    inner join finops_api.visible_group_tree as tree on groups.group_key = tree.ancestor_key
    where tree.group_id in (select group_id from finops_api.visible_applications)
    order by 2, 1
"""

GROUP = "select group_id from finops_api.visible_groups where group_key = lower(%(group)s)"

APPLICATIONS_OF_GROUP = f"""
    select application_id as id, application_name as name
    from finops_api.visible_applications
    where {OF_GROUP}
    order by 2, 1
"""

APPLICATION = "select application_id from finops_api.visible_applications where application_id = %(application)s"


# Backstage writes references in lower case, so an exact match comes first.
APPLICATION_OF_ENTITY = """
    select application_id as application
    from finops_api.visible_applications
    where lower(application_id) = lower(%(name)s)
    order by application_id = %(name)s desc, application_id
    limit 1
"""

FAMILIES = "select distinct family from finops_api.visible_products order by family"

FAMILIES_OF_GROUP = f"""
    select distinct family
    from finops_api.visible_group_costs
    where {OF_GROUP} and period >= %(first_period)s and period < %(end)s
"""


GROUP_DAYS_BY_FAMILY = daily("visible_group_costs", "family", OF_GROUP)
GROUP_DAYS_BY_APPLICATION = daily("visible_app_costs", "application_id", OF_GROUP)
APPLICATION_DAYS_BY_FAMILY = daily("visible_app_costs", "family", "application_id = %(application)s")
TOTAL_DAYS = daily("visible_group_costs", "cast('total' as text)", "%(group)s::text is null or group_id = %(group)s")


def _spent(start: str, end: str) -> str:
    """The sum of the days from `start` to before `end`: of a whole month its total, which is that of its days."""
    return f"""coalesce(sum(
            case when period >= {start} and period + interval '1 month' <= {end} then total_cost
            else (select sum(cost) from unnest(daily_cost[greatest({start} - period, 0) + 1:{end} - period]) as cost)
            end), 0)"""


def _compared(where: str) -> str:
    """What each application and product cost from `start` to before `middle`, and from there to before `end`."""
    return f"""
        select application_id, family, product_id, currency,
            {_spent("%(start)s", "%(middle)s")} as previous, {_spent("%(middle)s", "%(end)s")} as current
        from finops_api.visible_app_costs
        where {where} and period >= %(first_period)s and period < %(end)s
        group by application_id, family, product_id, currency
    """


COMPARED_OF_GROUP = _compared(f"{OF_GROUP} and family = any(%(families)s)")
COMPARED_OF_APPLICATION = _compared(f"{OF_GROUP} and application_id = %(application)s and family = any(%(families)s)")
# Whole months of applications that were there for the whole of both periods: a new one has not grown.
COMPARED_OF_SETTLED = f"""
    select application_id, family, currency,
        coalesce(sum(total_cost) filter (where period < %(middle)s), 0) as previous,
        coalesce(sum(total_cost) filter (where period >= %(middle)s), 0) as current
    from finops_api.visible_app_families
    where {OF_GROUP} and period >= %(start)s and period < %(end)s
        and application_id in (
            select application_id
            from finops_api.visible_applications
            where {OF_GROUP} and first_period <= %(start)s
        )
    group by application_id, family, currency
"""


def reports(columns: Sequence[str], filters: Collection[str], *, daily: bool) -> str:
    """A `ReportedCosts` for each month and combination of columns, at most `most` of them."""
    listed = ", ".join(columns)
    wanted = "".join(
        f"{IN_GROUPS.format(parameter=name) if name == 'group_id' else f'{name} = any(%({name})s)'} and "
        for name in filters
    )
    view = smallest([*columns, *filters, *(["daily_cost"] if daily else [])])
    return f"""
        select {listed}, currency, period, sum(total_cost) as total_cost {f", {DAYS} as days" if daily else ""}
        from finops_api.{view}
        where {wanted} period >= %(first_period)s and period <= %(last)s
        group by {listed}, currency, period
        order by {listed}, currency, period
        limit %(most)s
    """
