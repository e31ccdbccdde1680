"""What SQL says of the demo, from the relevés themselves: no aggregate, no view of the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from tests.e2e.finops import Database

# Who owns an application at the end of a month owns what it cost in the month.
OWNED = """
    create temporary table owned as
    select
        application_id as application, group_id as "group", group_path, family, domain, product_id as product, source,
        to_char(period, 'YYYY-MM') as month, period, charge_category, usage_unit as unit, usage_quantity as quantity,
        total_cost as cost, estimated_cost as estimated, currency, daily_cost
    from finops.fact_releve
    inner join finops.dim_application_owner using (application_id)
    inner join finops.dim_group using (group_id)
    where valid_from < period + interval '1 month' and coalesce(valid_to, 'infinity') >= period + interval '1 month'
"""


DAYS = """
    create temporary table owned_days as
    select owned.*, cast(day as date) as day, daily_cost[cast(day as date) - period + 1] as day_cost
    from owned
    cross join generate_series(period, period + interval '1 month' - interval '1 day', interval '1 day') as day
"""
# What is in no cost, under the owner of its application, or of what nobody claims.
BESIDE = """
    create temporary table {name} as
    select {table}.*, to_char(period, 'YYYY-MM') as month, coalesce(group_path, array['unallocated']) as group_path
    from finops.{table}
    left join finops.dim_application_owner
        on {table}.application_id = dim_application_owner.application_id
            and valid_from < period + interval '1 month'
            and coalesce(valid_to, 'infinity') >= period + interval '1 month'
    left join finops.dim_group using (group_id)
"""


def prepare(database: Database) -> None:
    """Give each relevé, each reject and each charge that is set apart its owner, for this connection."""
    for statement in (
        OWNED,
        BESIDE.format(name="rejected", table="rejected_usage"),
        BESIDE.format(name="apart", table="set_apart_charges"),
        DAYS,
    ):
        database.execute(statement.encode())


@dataclass(frozen=True)
class Ledger:
    """The relevés that a caller sees, or those of them that belong to a group or to one below it."""

    database: Database
    groups: Sequence[str] | Literal["*"]
    within: str | None = None

    def by(self, *keys: str, of: str = "sum(cost)", table: str = "owned", **only: Any) -> dict[Any, Any]:
        """Exact sums by these columns, of the rows where other columns have this value, or one of these."""
        names = [f'"{key}"' for key in keys]
        conditions = [f'"{name}" = any(%s)' for name in only]
        values = [value if isinstance(value, list) else [value] for value in only.values()]
        for groups in (None if self.groups == "*" else list(self.groups), [self.within] if self.within else None):
            if groups is not None:
                conditions.append("group_path && %s")
                values.append(groups)
        where = f"where {' and '.join(conditions)}" if conditions else ""
        grouped = f"group by {', '.join(names)}" if names else ""
        statement = f"select {', '.join([*names, of])} from {table} {where} {grouped}"  # noqa: S608 - the names above
        rows = self.database.execute(statement.encode(), values)
        return {(row[0] if len(keys) == 1 else row[:-1]): row[-1] for row in rows if row[-1] is not None}

    def sum(self, of: str = "sum(cost)", table: str = "owned", **only: Any) -> Any:
        """The exact sum of all of them."""
        return self.by(of=of, table=table, **only).get((), Decimal())
