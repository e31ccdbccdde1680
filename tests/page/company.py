"""Companies that no nightly would make in a minute: relevés written by SQL, and the aggregates refreshed from them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal

from tests.e2e.finops import Database

EMPTY = ("dim_application", "dim_application_owner", "dim_group", "dim_product")
RUN = """
    insert into finops.etl_runs (run_id, kind, end_time, status, periods, started_by)
    values (gen_random_uuid(), 'nightly', clock_timestamp(), 'SUCCESS', '{}', 'a test') returning run_id
"""
COSTS = """
    create temporary table costs as
    select * from jsonb_to_recordset(%s) as given(
        application text, application_name text, "group" text, group_name text, product text, product_name text,
        family text, domain text, source text, month text, cost numeric, quantity numeric, unit text, currency text
    )
"""
FILL = (
    """
    insert into finops.dim_group (group_id, group_name, group_path, is_active)
    select distinct "group", group_name, array["group"], true from costs
    """,
    """
    insert into finops.dim_application (application_id, application_name, group_id, group_name)
    select distinct application, application_name, "group", group_name from costs
    """,
    """
    insert into finops.dim_application_owner (application_id, group_id, valid_from)
    select distinct application, "group", date '0001-01-01' from costs
    """,
    """
    insert into finops.dim_product (product_id, product_name, family, domain, unit)
    select distinct product, product_name, family, domain, unit from costs
    """,
    # what a month cost is spread over its days, with the rest of the division on the first
    """
    insert into finops.fact_releve (
        id, run_id, application_id, product_id, family, domain, charge_category, period, usage_quantity, usage_unit,
        unit_cost, total_cost, currency, source_cost, source_currency, source, is_estimated, estimated_cost,
        estimated_reasons, line_count, daily_cost, created_at
    )
    select gen_random_uuid(), %(run)s, application, product, family, domain, 'Usage', period, quantity, unit,
        round(cost / nullif(quantity, 0), 12), cost, currency, cost, currency, source, false, 0, '{}', 1,
        array_prepend(cost - (days - 1) * share, array_fill(share, array[days - 1])), now()
    from costs
    cross join lateral (select cast(month || '-01' as date) as period) as months
    cross join lateral (
        select cast(extract(day from period + interval '1 month' - interval '1 day') as integer) as days
    ) as lengths
    cross join lateral (select round(cost / days, 6) as share) as shares
    """,
    """
    select finops.refresh_aggregates(%(run)s, array(select distinct period from finops.fact_releve))
    """,
    """
    drop table costs
    """,
)


@dataclass(frozen=True)
class Cost:
    """What an application cost in a month, of one product."""

    month: str
    cost: str
    application: str = "SHOP"
    application_name: str = "Shop"
    group: str = "sales"
    group_name: str = "Sales"
    product: str = "vm.vcpu"
    product_name: str = "Virtual CPU"
    family: str = "Compute"
    domain: str = "private_cloud"
    source: str = "openstack.usage"
    quantity: str | None = "2"
    unit: str | None = "vCPU-hour"
    currency: str = "EUR"


def publish(database: Database, costs: Iterable[Cost]) -> Decimal:
    """Publish these costs and nothing else; their sum, whatever the currency."""
    given = [asdict(cost) for cost in costs]
    run = database.execute(RUN).fetchone()
    assert run
    for table in EMPTY:
        database.execute(f"delete from finops.{table}".encode())  # noqa: S608 - the names above
    database.execute(COSTS, [json.dumps(given)])
    for statement in FILL:
        database.execute(statement.encode(), {"run": run[0]} if "%(" in statement else None)
    return sum((Decimal(cost["cost"]) for cost in given), Decimal())
