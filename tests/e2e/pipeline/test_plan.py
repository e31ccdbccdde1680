"""What a run reads follows from the period that it works out, not from how much history lies beside it."""

from __future__ import annotations

import pytest

from tests.e2e.finops import Database, finops, scalar

# 24 months of disks, namespaces and a bill, as extractions would have landed them.
TWO_YEARS = """
    insert into finops.etl_runs (run_id, kind, periods, as_of, started_by, status)
    values ('00000000-0000-0000-0000-000000000001', 'nightly', '{}', '2026-09-01', 'test', 'SUCCESS');

    create temporary table windows as
    select cast(runs.run_id as text) as run_id, cast(month as date) as month, cast(month as date) + number as day
    from finops.etl_runs as runs,
        generate_series(timestamp '2024-09-01', timestamp '2026-08-01', interval '1 month') as months (month),
        generate_series(0, 27) as number;

    insert into raw_open_legacy.cmdb_disk
    select 'disk-' || number, 'cmdb.disk', day, run_id, now(),
        '{"application": "ERP", "tier": "ssd", "size_gib": 10}'
    from windows, generate_series(1, 20) as number;

    insert into raw_private_cloud.kubernetes_allocation
    select 'namespace-' || number, 'kubernetes.allocation', day, run_id, now(), json_build_object(
        'name', 'shop-web', 'window', json_build_object('start', day), 'cpuCoreHours', 1, 'ramByteHours', 1
    )
    from windows, generate_series(1, 20) as number;

    insert into raw_public_cloud.focus (
        record_id, source, window_date, run_id, loaded_at, effective_cost, charge_period_start, billing_currency
    )
    select
        day || '#' || number, 'focus.nimbus', month, run_id, now(), 1, cast(day as timestamp) at time zone 'UTC', 'EUR'
    from windows, generate_series(1, 20) as number;

    insert into finops.etl_extractions (
        run_id, domain, source, measure, window_date, window_end, ended_at, status, record_count, periods,
        control_totals
    )
    select distinct
        cast(run_id as uuid), domain, source, measure, first_date, end_date, now(), 'COMPLETE', record_count,
        array[month],
        jsonb_build_object(
            to_char(month, 'YYYY-MM'), jsonb_build_object('records', record_count, 'EffectiveCost', record_count)
        )
    from windows
    cross join lateral (
        values
        ('open_legacy', 'cmdb.disk', 'inventory', day, day + 1, 20),
        ('private_cloud', 'kubernetes.allocation', 'metered', day, day + 1, 20),
        ('public_cloud', 'focus.nimbus', 'billed', month, cast(month + interval '1 month' as date), 20 * 28)
    ) as landed (domain, source, measure, first_date, end_date, record_count);

    analyze;
"""
ROWS_READ = "select seq_tup_read + idx_tup_fetch from pg_stat_all_tables where relid = %s::regclass"
RAW_TABLES = ("raw_open_legacy.cmdb_disk", "raw_private_cloud.kubernetes_allocation", "raw_public_cloud.focus")


@pytest.fixture
def rows_read_before(database: Database) -> dict[str, int]:
    """How many rows of each raw table had been read once two years of them were there."""
    database.execute(TWO_YEARS.encode())
    return {table: scalar(database, ROWS_READ, table) for table in RAW_TABLES}


def test_a_month_of_24_is_worked_out_from_that_month_s_raw_rows_alone(
    database: Database, rows_read_before: dict[str, int]
) -> None:
    assert finops("reprocess", "--period", "2025-06", "--reason", "how much is read") == 0
    # a disk's 28 dumps stand for 30 days
    assert scalar(database, "select sum(line_count) from finops.fact_releve") == 30 * 20 + 28 * 20 * 3 + 28 * 20
    read = {table: scalar(database, ROWS_READ, table) - before for table, before in rows_read_before.items()}
    # twice at most: what another source's window of the same day finds is read, too, and left out
    assert {table: rows for table, rows in read.items() if not 28 * 20 <= rows <= 2 * 30 * 20} == {}
