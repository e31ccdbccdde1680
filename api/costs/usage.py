"""What was consumed: lines by month, product, source, charge category and unit, with quantity and unit price."""

# ruff: noqa: S608 - every piece of these texts is written here
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from finops.api.costs.dimensions import ScopeDimension
from finops.api.costs.query import CostQuery
from finops.api.costs.schemas import Usage, UsageLine
from finops.api.costs.service import CostRow, envelope
from finops.api.months import DataVersion

# A product of bills may be of several families, and a refund or a tax of it is not consumption: each has its own line.
DIMENSIONS = ("month", "product", "source", "unit", "charge_category", "family", "domain")


@dataclass
class UsageRow(CostRow):
    """A row of a page of consumption."""

    k3: str = ""
    k4: str = ""
    k5: str = ""
    k6: str = ""
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    product_name: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The values of the dimensions."""
        return (self.k0, self.k1, self.k2, self.k3, self.k4, self.k5, self.k6)


class UsageQuery(CostQuery):
    """Costs by `DIMENSIONS`, with what was consumed; the price of a unit is rounded as that of a relevé."""

    summed = ("usage_quantity",)
    shown = """, trim_scale(usage_quantity) as quantity, coalesce(product_name, k1) as product_name,
        trim_scale(finops_api.quotient(cost, usage_quantity)) as unit_price"""
    joined = """
        left join (
            select product_id, min(product_name) as product_name from finops_api.visible_products group by product_id
        ) as products on product_id = k1"""

    def listing(self) -> str:
        """Lines alone: for CSV."""
        return f"""
            with {self._lines()}, page as ({self._page()}), shown as ({self._shown()})
            select k0 as period, k1 as product, product_name, k5 as family, k6 as domain, k2 as source,
                k4 as charge_category, nullif(k3, '') as unit, quantity, cost, currency, estimated, unit_price
            from shown order by {self._order()}"""


def usage(
    rows: Sequence[UsageRow],
    query: CostQuery,
    version: DataVersion,
    scope: dict[ScopeDimension, str],
    following: str | None,
) -> Usage:
    """The lines of one page in their envelope.

    Raises:
        ProblemError: 422 where costs are in several currencies.
    """
    return Usage(
        **envelope(rows[0], query, version, scope),
        line_count=rows[0].line_count,
        data=[_line(row, row.cost) for row in rows if row.cost is not None],
        next=following,
    )


def _line(row: UsageRow, cost: Decimal) -> UsageLine:
    return UsageLine(
        period=row.k0,
        product=row.k1,
        product_name=row.product_name,
        source=row.k2,
        unit=row.k3 or None,
        charge_category=row.k4,
        family=row.k5,
        domain=row.k6,
        quantity=row.quantity,
        cost=cost,
        estimated=row.estimated,
        unit_price=row.unit_price,
    )
