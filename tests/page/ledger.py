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
        to_char(period, 'YYYY-MM') as month, period, usage_unit as unit, usage_quantity as quantity, total_cost as cost,
        estimated_cost as estimated, currency, daily_cost
    from finops.fact_releve
    inner join finops.dim_application_owner using (application_id)
    inner join finops.dim_group using (group_id)
    where valid_from < period + interval '1 month' and coalesce(valid_to, 'infinity') >= period + interval '1 month'
"""


def prepare(database: Database) -> None:
    """Give each relevé its owner, for this connection."""
    database.execute(OWNED.encode())


@dataclass(frozen=True)
class Ledger:
    """The relevés of a caller."""

    database: Database
    groups: Sequence[str] | Literal["*"]

    def by(self, *keys: str, of: str = "cost", **only: Any) -> dict[Any, Decimal]:
        """Exact sums by these columns, of the rows where other columns have these values, or one of them."""
        names = [f'"{key}"' for key in keys]
        conditions = [f'"{name.rstrip("_")}" = any(%s)' for name in only]
        values = [value if isinstance(value, list) else [value] for value in only.values()]
        if self.groups != "*":
            conditions.append("group_path && %s")
            values.append(list(self.groups))
        columns = ", ".join([*names, f"sum({of})"])
        where = f"where {' and '.join(conditions)}" if conditions else ""
        grouped = f"group by {', '.join(names)}" if names else ""
        statement = f"select {columns} from owned {where} {grouped}"  # noqa: S608 - the columns above
        rows = self.database.execute(statement.encode(), values)
        return {(row[0] if len(keys) == 1 else row[:-1]): row[-1] for row in rows if row[-1] is not None}

    def sum(self, of: str = "cost", **only: Any) -> Decimal:
        """The exact sum of all of them."""
        return self.by(of=of, **only).get((), Decimal())

    def rejected(self, months: Sequence[str]) -> Decimal:
        """The known amount of what could not be valued, under the names of the caller's applications."""
        return self._beside("rejected_usage", "coalesce(amount, 0)", months)

    def set_apart(self, months: Sequence[str]) -> Decimal:
        """What is kept beside the costs of the caller's applications."""
        return self._beside("set_apart_charges", "total_cost", months)

    def _beside(self, table: str, amount: str, months: Sequence[str]) -> Decimal:
        statement = f"""
            select coalesce(sum({amount}), 0) from finops.{table} as beside
            left join finops.dim_application_owner as owner
                on beside.application_id = owner.application_id and valid_from < period + interval '1 month'
                    and coalesce(valid_to, 'infinity') >= period + interval '1 month'
            left join finops.dim_group on dim_group.group_id = coalesce(owner.group_id, 'unallocated')
            where to_char(period, 'YYYY-MM') = any(%s) and (%s::text[] is null or group_path && %s)
        """  # noqa: S608 - the names above
        groups = None if self.groups == "*" else list(self.groups)
        row = self.database.execute(statement.encode(), [list(months), groups, groups]).fetchone()
        assert row
        return Decimal(row[0])
