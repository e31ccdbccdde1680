"""Valuing the lines of a month's bill and making its relevés, without application rules and with 420 of them.

The floor is the SQL of the same publication, as dbt's log has it, run again by psql. Half of the lines have no
application code, so that rules are asked for theirs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.rows import dict_row

from bench.measure import Cost, Goal, Result, command, database, middle
from finops.demo import postgres
from finops.ingest.database import prepare

ROUNDS = 3
FINOPS = str(Path(sys.executable).with_name("finops"))
REPROCESS = (FINOPS, "reprocess", "--period", "2026-09", "--reason", "bench")
RUN = "00000000-0000-0000-0000-000000000001"
LANDED = f"""
    insert into finops.etl_runs (run_id, kind, periods, as_of, started_by, status, end_time)
    values ('{RUN}', 'nightly', array[date '2026-09-01'], '2026-09-30', 'bench', 'SUCCESS', now());

    insert into raw_public_cloud.focus (
        record_id, source, window_date, run_id, loaded_at, effective_cost, billed_cost, list_cost, consumed_quantity,
        consumed_unit, billing_period_start, charge_period_start, charge_category, billing_currency, provider_name,
        service_name, service_category, sub_account_id, resource_id, resource_name, tags
    )
    select
        'bill.csv:' || line, 'focus.bench', '2026-09-01', '{RUN}', now(), cost.amount, cost.amount, cost.amount, 1.5,
        'Hours', '2026-09-01 00:00Z', timestamptz '2026-09-01 00:00Z' + make_interval(days => line % 30), 'Usage',
        'EUR', 'Nimbus', 'Service ' || line % 40, 'Compute', 'account-' || line % 90, 'resource-' || line % 5000,
        'name-' || line % 3000,
        case
            when line % 2 = 0
                then json_build_object('application', 'APP-' || line / 40 % 5000, 'environment', 'production')
            else json_build_object('environment', 'production')
        end
    from generate_series(1, {{lines}}) as line
    cross join lateral (select line % 977 + line % 1000003 / 10000000000.0 as amount) as cost;

    insert into finops.etl_extractions (
        run_id, domain, source, measure, window_date, window_end, ended_at, status, record_count, periods,
        control_totals
    )
    select
        '{RUN}', 'public_cloud', 'focus.bench', 'billed', '2026-09-01', '2026-10-01', now(), 'COMPLETE', count(*),
        array[date '2026-09-01'],
        jsonb_build_object(
            '2026-09', jsonb_build_object('records', count(*), 'EffectiveCost', sum(effective_cost)::text)
        )
    from raw_public_cloud.focus;

    analyze raw_public_cloud.focus;
"""
APPLICATIONS = """
    select 'APP-' || number as application_id, 'Application ' || number as application_name, 'unallocated' as group_id
    from generate_series(0, 4999) as number
"""
RULES = """
    select kind.match_type || number as rule_id, kind.source, kind.field, kind.match_type, kind.pattern,
        'APP-' || number as application_id, kind.priority, date '2024-01-01' as valid_from
    from generate_series(0, 139) as number
    cross join lateral (
        values
        (null, 'sub_account_id', 'exact', 'account-' || number, 90),
        ('focus', 'resource_id', 'prefix', 'resource-' || number || '7', 50),
        ('focus.bench', 'resource_name', 'regex', '^name-[0-9]*' || number || '$', 10)
    ) as kind (source, field, match_type, pattern, priority)
"""


def run(short: bool) -> Iterator[Result]:  # noqa: FBT001 as every bench
    """Reprocess the month, again and again, each time beside its SQL alone."""
    lines = 100_000 if short else 1_000_000
    with database("fsync = off", "full_page_writes = off", "max_wal_size = '8GB'"), TemporaryDirectory() as log:
        with psycopg.connect(autocommit=True, row_factory=dict_row) as connection:
            prepare(connection)
        with psycopg.connect(autocommit=True) as connection:
            connection.execute(LANDED.format(lines=lines).encode())
        os.environ["REFERENCE__APPLICATIONS__QUERY"] = APPLICATIONS
        command(REPROCESS)  # makes the views, and loads the reference data
        floor, without = measured(Path(log))
        goal = Goal("wall ÷ SQL", without.wall / floor.wall, 1.2)
        yield Result(f"consolidate {lines:,} lines", floor, without, [goal])
        os.environ["REFERENCE__APPLICATION_RULES__QUERY"] = RULES
        command(REPROCESS)  # loads them
        floor, ruled = measured(Path(log))
        goals = (
            Goal("wall ÷ SQL", ruled.wall / floor.wall, 1.2),
            Goal("÷ no rules", ruled.wall / without.wall, 1.1),
        )
        yield Result(f"consolidate {lines:,} lines, 420 rules", floor, ruled, goals)


def measured(log: Path) -> tuple[Cost, Cost]:
    """The medians of the publication's SQL in psql, and of a whole reprocess."""
    logged = {"DBT_LOG_PATH": str(log), "DBT_LOG_FORMAT_FILE": "json", "DBT_LOG_LEVEL_FILE": "debug"}
    command(REPROCESS, logged)
    script = log / "publication.sql"
    script.write_text(";\n".join(_publication(log / "dbt.log")), encoding="utf-8")
    psql = (str(postgres.psql_path()), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-f", str(script))
    floors, projects = zip(*[(command(psql), command(REPROCESS)) for _ in range(ROUNDS)], strict=True)
    return middle(floors), middle(projects)


def _publication(log: Path) -> Iterator[str]:
    """The statements of fact_releve's one transaction, from a log that is then removed."""
    for line in log.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        node = event["data"].get("node_info", {}).get("unique_id")
        if event["info"]["name"] == "SQLQuery" and node == "model.finops.fact_releve":
            statement = event["data"]["sql"].strip().rstrip(";")
            if statement not in ("BEGIN", "COMMIT"):
                yield statement
    log.unlink()
