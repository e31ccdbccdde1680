"""The lists that the API serves, each an entry here and a schema in schemas.py.

Their SQL is on the views of the schema finops_api, which show each transaction its caller's groups.
"""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from finops.api.catalogue import schemas

WORKED_OUT = ("estimated_share", "is_open")  # from a row, and so in no CSV
SPAN = """
    to_char(min(first_period), 'YYYY-MM') as first_period, to_char(max(last_period), 'YYYY-MM') as last_period"""


@dataclass(frozen=True)
class List:
    """A path, its answers, and the columns that its rows are ordered and told apart by."""

    name: str
    summary: str
    description: str
    model: type[schemas.Listing[Any]]
    keys: tuple[str, ...]
    query: str
    searched: tuple[str, ...] = ()  # columns that have the text of `q`: without any, it can't be searched

    @property
    def columns(self) -> list[str]:
        """The columns of its CSV."""
        [row] = get_args(self.model.model_fields["data"].annotation)
        return [name for name in row.model_fields if name not in WORKED_OUT]

    def page(self, *, search: bool = False, after: bool = False, limited: bool = False) -> str:
        """Rows by key: those with the text `%(q)s`, after those of `%(after_…)s` and at most `%(limit)s`."""
        names = ", ".join(f'"{key}" collate "C"' for key in self.keys)
        values = ", ".join(f"%(after_{number})s" for number in range(len(self.keys)))
        conditions = [f"({names}) > ({values})"] if after else []
        if search:
            # strpos() knows no wildcards: `%` and `_` mean themselves
            found = (f"strpos(lower({column}), lower(%(q)s)) > 0" for column in self.searched)
            conditions.append(f"({' or '.join(found)})")
        return f"""
            select * from ({self.query}) as listed {f"where {' and '.join(conditions)}" if conditions else ""}
            order by {names} {"limit %(limit)s" if limited else ""}"""


LISTS = (
    List(
        "applications",
        "Applications that you may see",
        "Every application of your groups, whether it ever cost anything or not.",
        schemas.Applications,
        ("application_id",),
        """
        select application_id, application_name, group_id, group_name,
            to_char(first_period, 'YYYY-MM') as first_period, to_char(last_period, 'YYYY-MM') as last_period
        from finops_api.visible_applications
        """,
        searched=("application_id", "application_name"),
    ),
    List(
        "groups",
        "Groups that you may see",
        "The owners of those applications, and the groups above them; `unallocated` owns what nobody claims.",
        schemas.Groups,
        ("group_id",),
        # one that no longer owns anything still has the months that it paid for
        """
        with owned as (
            select group_id, count(*) as application_count from finops_api.visible_applications group by group_id
        ),
        paid as (
            select group_id, min(period) as first_period, max(period) as last_period
            from finops_api.visible_group_periods group by group_id
        )
        select groups.group_id, min(groups.group_name) as group_name, min(groups.parent_group_id) as parent_group_id,
            coalesce(sum(owned.application_count) filter (where tree.depth = 0), 0)::bigint as application_count,
            coalesce(sum(owned.application_count), 0)::bigint as total_application_count,
            to_char(min(paid.first_period), 'YYYY-MM') as first_period,
            to_char(max(paid.last_period), 'YYYY-MM') as last_period
        from finops_api.visible_groups as groups
        inner join finops_api.visible_group_tree as tree on groups.group_key = tree.ancestor_key
        left join owned on tree.group_id = owned.group_id
        left join paid on tree.group_id = paid.group_id
        group by groups.group_id
        having count(owned.group_id) + count(paid.group_id) > 0
        """,
        searched=("group_id", "group_name"),
    ),
    List(
        "domains",
        "Domains of your costs",
        "Where costs come from, at large.",
        schemas.Domains,
        ("domain",),
        f"select domain, {SPAN} from finops_api.visible_products group by domain",
    ),
    List(
        "families",
        "Product families of your costs",
        "Kinds of products, such as Compute: those of a bill are its `ServiceCategory`.",
        schemas.Families,
        ("family", "domain"),
        f"select family, domain, {SPAN} from finops_api.visible_products group by family, domain",
    ),
    List(
        "products",
        "Products of your costs",
        "Products of the price catalogue, and services that a bill names.",
        schemas.Products,
        ("product_id", "domain", "family", "source"),
        f"""
        select product_id, min(product_name) as product_name, domain, family, source, {SPAN}
        from finops_api.visible_products group by product_id, domain, family, source
        """,
    ),
    List(
        "sources",
        "Sources of your costs",
        "The feeds that costs were made of, such as `cmdb.vm`.",
        schemas.Sources,
        ("source", "domain"),
        f"select source, domain, {SPAN} from finops_api.visible_products group by source, domain",
    ),
    List(
        "periods",
        "Months with costs",
        "Each month of your costs: what it cost, what part of that is estimated, and whether it may still change.",
        schemas.Periods,
        ("period", "currency"),
        """
        select to_char(period, 'YYYY-MM') as period, currency, trim_scale(sum(total_cost)) as cost,
            trim_scale(coalesce(sum(estimated_cost), 0)) as estimated
        from finops_api.visible_group_periods group by period, currency
        """,
    ),
    List(
        "prices",
        "Prices of your products",
        "The price catalogue of the products that you have costs of, or of all where you may see everything. A price is"
        " valid from `valid_from` until the day before `valid_to`.",
        schemas.Prices,
        ("product_id", "valid_from"),
        """
        select product_id, product_name, family, domain, unit, trim_scale(unit_price) as unit_price, currency,
            to_char(valid_from, 'YYYY-MM-DD') as valid_from, to_char(valid_to, 'YYYY-MM-DD') as valid_to
        from finops_api.visible_prices
        """,
    ),
    List(
        "rates",
        "Exchange rates of the months published",
        "What one unit of each other currency of a month's prices and bills is worth in the reporting currency, which"
        " its costs are converted at.",
        schemas.Rates,
        ("period", "currency"),
        """
        select to_char(period, 'YYYY-MM') as period, from_currency as currency, to_currency,
            trim_scale(rate) as rate, is_assumed::text as is_assumed
        from finops_api.exchange_rates
        """,
    ),
)
