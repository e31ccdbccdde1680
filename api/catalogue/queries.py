"""The SQL: on the views of the schema finops_api, and nothing else. They show each transaction its caller's groups.

The query of costs is in costs/sql.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from psycopg.sql import SQL, Composed, Identifier, Placeholder

DATA_VERSION = "select version, refreshed_at, as_of, first_period, last_period from finops_api.data_version"

# Is there such a one, for this caller?
SCOPES = {
    "application": SQL("select from finops_api.visible_applications where application_id = %(value)s"),
    "group": SQL("select from finops_api.visible_applications where group_id = %(value)s limit 1"),
    "domain": SQL("select from finops_api.visible_products where domain = %(value)s limit 1"),
    "family": SQL("select from finops_api.visible_products where family = %(value)s limit 1"),
}

# The values of a filter that costs of this caller have.
FILTERABLE = {
    "family": SQL("select distinct family as value from finops_api.visible_products order by 1"),
    "product": SQL("select distinct product_id as value from finops_api.visible_products order by 1"),
    "source": SQL("select distinct source as value from finops_api.visible_products order by 1"),
    "charge_category": SQL("select distinct charge_category as value from finops_api.visible_group_costs order by 1"),
    "currency": SQL("select distinct currency as value from finops_api.visible_group_periods order by 1"),
}


@dataclass(frozen=True)
class List:
    """A list, and the columns that its rows are told apart and ordered by."""

    query: LiteralString
    keys: tuple[str, ...]

    def page(self, *, after: bool = False, limited: bool = False) -> Composed:
        """Rows by key, after those of `%(after_…)s` and at most `%(limit)s`."""
        names = SQL(", ").join(SQL('{} collate "C"').format(Identifier(key)) for key in self.keys)
        values = SQL(", ").join(Placeholder(f"after_{number}") for number in range(len(self.keys)))
        return SQL("select * from ({query}) as listed {after} order by {names} {limit}").format(
            query=SQL(self.query),
            after=SQL("where ({}) > ({})").format(names, values) if after else SQL(""),
            names=names,
            limit=SQL("limit %(limit)s") if limited else SQL(""),
        )


APPLICATIONS = List(
    """
    select application_id, application_name, group_id, group_name,
        to_char(first_period, 'YYYY-MM') as first_period, to_char(last_period, 'YYYY-MM') as last_period
    from finops_api.visible_applications
    """,
    ("application_id",),
)
GROUPS = List(
    # one that owns nothing any more still has the months that it paid for
    """
    select group_id, coalesce(min(group_name), group_id) as group_name, count(application_id) as application_count,
        to_char(min(period), 'YYYY-MM') as first_period, to_char(max(period), 'YYYY-MM') as last_period
    from (
        select group_id, group_name, application_id, null::date as period from finops_api.visible_applications
        union all
        select group_id, null, null, period from finops_api.visible_group_periods
    ) as known
    group by group_id
    """,
    ("group_id",),
)
DOMAINS = List(
    """
    select domain, to_char(min(first_period), 'YYYY-MM') as first_period,
        to_char(max(last_period), 'YYYY-MM') as last_period
    from finops_api.visible_products group by domain
    """,
    ("domain",),
)
FAMILIES = List(
    """
    select family, domain, to_char(min(first_period), 'YYYY-MM') as first_period,
        to_char(max(last_period), 'YYYY-MM') as last_period
    from finops_api.visible_products group by family, domain
    """,
    ("family", "domain"),
)
PRODUCTS = List(
    """
    select product_id, min(product_name) as product_name, domain, family, source,
        to_char(min(first_period), 'YYYY-MM') as first_period,
        to_char(max(last_period), 'YYYY-MM') as last_period
    from finops_api.visible_products group by product_id, domain, family, source
    """,
    ("product_id", "domain", "family", "source"),
)
SOURCES = List(
    """
    select source, domain, to_char(min(first_period), 'YYYY-MM') as first_period,
        to_char(max(last_period), 'YYYY-MM') as last_period
    from finops_api.visible_products group by source, domain
    """,
    ("source", "domain"),
)
PERIODS = List(
    """
    select to_char(period, 'YYYY-MM') as period, currency, trim_scale(sum(total_cost)) as cost,
        trim_scale(coalesce(sum(estimated_cost), 0)) as estimated
    from finops_api.visible_group_periods group by period, currency
    """,
    ("period", "currency"),
)
