"""A month published on top of its history: the aggregates, and a whole reprocess.

The floor of the aggregates is their queries for that month alone, without any history.
That of the reprocess is the SQL of its publication, run again by psql.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.aggregates import LAST_PERIOD, Scale, build, fill
from bench.consolidate import LANDED, measured
from bench.measure import Cost, Goal, Result, database, middle, psql

ROUNDS = 3
SERVER = ("fsync = off", "full_page_writes = off", "max_wal_size = '8GB'", "work_mem = '64MB'")
PRODUCTS = 60
# A publication of the last month by the run that filled the relevés.
PUBLISHED = f"""
    insert into finops.etl_reconciliations (run_id, source, period, status, publication)
    select run_id, 'bench', date '{LAST_PERIOD}', 'PUBLISHED', 1 from finops.etl_runs where started_by = 'bench'
"""
REFRESH = "select finops.refresh_aggregates(run_id) from finops.etl_runs where started_by = 'bench'"
ADDED_UP = """
    period, currency, sum(total_cost) as total_cost, sum(estimated_cost) as estimated_cost
    from families group by 1, 2, 3
"""
MONTH = f"""
    begin;
    create temporary table families as
        select * from finops_intermediate.agg_app_family_month where period = '{LAST_PERIOD}';
    create temporary table groups as
        select * from finops_intermediate.agg_group_product_month where period = '{LAST_PERIOD}';
    create temporary table each_application as select application_id, group_id, {ADDED_UP}, 4;
    create temporary table each_family as select family, {ADDED_UP};
    create temporary table each_domain as select domain, {ADDED_UP};
    create temporary table each_group as select group_id, {ADDED_UP};
    rollback;
"""
# What the reference data says of the filled applications, and of those of the bill.
COMPANY = {
    "REFERENCE__GROUPS__QUERY": "select distinct group_id, group_name from finops.dim_application",
    "REFERENCE__APPLICATIONS__QUERY": (
        "select application_id, application_name, group_id from finops.dim_application union"
        " select 'APP-' || number, 'Application ' || number, 'team-001' from generate_series(0, 4999) as number"
    ),
}


def run(short: bool) -> Iterator[Result]:  # noqa: FBT001 as every bench
    """Bring the aggregates up to date with a month, on 3 months of history and on 30; reprocess one on top of 24."""
    applications = 280 if short else 2800
    brief, _ = _refreshed(Scale(applications, 3, PRODUCTS))
    long, floor = _refreshed(Scale(applications, 30, PRODUCTS))
    work = f"aggregates of a month of {applications * PRODUCTS:,} relevés, 30 months of history"
    yield Result(work, floor, long, (Goal("s", long.wall, 5), Goal("30 ÷ 3 months", long.wall / brief.wall, 1.1)))
    lines = 20_000 if short else 200_000
    floor, project = _reprocessed(Scale(lines // 2 // PRODUCTS, 24, PRODUCTS), lines)
    goal = Goal("wall ÷ SQL", project.wall / floor.wall, 2)
    yield Result(f"reprocess a month of {lines // 2:,} relevés, 24 months of history", floor, project, (goal,))


def _refreshed(scale: Scale) -> tuple[Cost, Cost]:
    with database(*SERVER):
        build()
        fill(scale)
        psql(PUBLISHED)
        psql(REFRESH)
        project, floor = zip(*[(psql(REFRESH), psql(MONTH)) for _ in range(ROUNDS)], strict=True)
        return middle(project), middle(floor)


def _reprocessed(scale: Scale, lines: int) -> tuple[Cost, Cost]:
    with database(*SERVER), TemporaryDirectory() as log:
        build()
        fill(scale)
        with psycopg.connect(autocommit=True) as connection:
            connection.execute(LANDED.format(lines=lines).encode())
        os.environ.update(COMPANY)
        return measured(Path(log))
