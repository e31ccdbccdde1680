"""A made-up company at scale: relevés by SQL, then the project's own aggregates, refreshed from them.

Relevés are not worked out but written: every application consumes every product in every month, at one of 16 sets of
daily costs. Everything that the API reads (aggregates, their indexes, the views and the role) is made by dbt itself.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import psycopg
from dbt.cli.main import dbtRunner
from psycopg import sql
from psycopg.rows import dict_row

from finops.ingest.config.rules import Rules
from finops.ingest.database import prepare
from finops.ingest.pipeline import configured

ROOT = Path(__file__).resolve().parents[1]
APPLICATIONS_OF_A_GROUP = 25
LAST_PERIOD = "2026-10-01"

# Of a server that is thrown away: it need not survive a crash.
CARELESS = ("fsync = off", "full_page_writes = off", "max_wal_size = '8GB'")
# Groups are as many as rows: sorting is twice as fast as hashing, and dividing it among processes makes it slower.
SESSION = (
    "set synchronous_commit = off",
    "set jit = off",
    "set enable_hashagg = off",
    "set max_parallel_workers_per_gather = 0",
    "set work_mem = '1GB'",
    "set maintenance_work_mem = '1GB'",
)
FILL = (
    """
    delete from finops.dim_application
    """,
    """
    insert into finops.dim_application (application_id, application_name, group_id, group_name)
    select format('APP-%%s', lpad(number::text, 5, '0')), format('Application %%s', number),
        format('team-%%s', lpad(((number - 1) / {size} + 1)::text, 3, '0')),
        format('Team %%s', (number - 1) / {size} + 1)
    from generate_series(1, %(applications)s) as number
    """,
    """
    delete from finops.dim_application_owner
    """,
    """
    delete from finops.dim_group
    """,
    """
    insert into finops.dim_group (group_id, group_name, group_path, is_active)
    select distinct group_id, group_name, array['company', group_id], true from finops.dim_application
    union all
    select 'company', 'Company', array['company'], true
    """,
    """
    insert into finops.dim_application_owner (application_id, group_id, valid_from)
    select application_id, group_id, date '0001-01-01' from finops.dim_application
    """,
    """
    delete from finops.dim_product
    """,
    """
    insert into finops.dim_product (product_id, product_name, family, domain, unit)
    select format('product-%%s', lpad(number::text, 2, '0')), format('Product %%s', number),
        format('Family %%s', number %% 8),
        (array['open_legacy', 'private_cloud', 'public_cloud', 'native'])[number %% 4 + 1], 'GiB-month'
    from generate_series(1, %(products)s) as number
    """,
    """
    create temporary table figures as
    select variant, product_id, cast(month as date) as period, sum(cost) as total_cost,
        array_agg(cost order by day) as daily_cost
    from generate_series(0, 15) as variant
    cross join finops.dim_product
    cross join generate_series(
        date '{last}' - make_interval(months => %(months)s - 1), date '{last}', interval '1 month'
    ) as month
    cross join lateral (
        select day, round((variant + 1) * (hashtext(product_id) %% 1000 + 1100 + 7 * day) / 977.0, 10) as cost
        from generate_series(1, cast(month + interval '1 month' as date) - cast(month as date)) as day
    ) as days
    group by variant, product_id, month
    """,
    """
    insert into finops.fact_releve (
        id, run_id, application_id, product_id, family, domain, charge_category, period, usage_quantity, usage_unit,
        unit_cost, total_cost, currency, source_cost, source_currency, source, is_estimated, estimated_cost,
        estimated_reasons, line_count, daily_cost, created_at
    )
    select gen_random_uuid(), cast(%(run)s as uuid), application_id, product_id, family, domain, 'Usage', period, 1,
        unit, total_cost, total_cost, 'EUR', total_cost, 'EUR', 'bench.' || domain, false, 0, '{{}}', 30, daily_cost,
        now()
    from (
        select application_id, (row_number() over (order by application_id)) %% 16 as variant
        from finops.dim_application
    ) as applications
    join figures using (variant)
    join finops.dim_product using (product_id)
    order by period, application_id
    """,
    """
    create index on finops.fact_releve (application_id, period)
    """,
    """
    analyze finops.fact_releve, finops.dim_application, finops.dim_application_owner, finops.dim_product
    """,
)


class NotEmptyError(click.ClickException):
    """A database that holds something is not ours to fill."""


@dataclass(frozen=True)
class Scale:
    """How much there is: every application consumes every product in every month."""

    applications: int
    months: int
    products: int

    @property
    def rows(self) -> int:
        """Of the largest aggregate."""
        return self.applications * self.months * self.products


def build() -> None:
    """Everything that the loader and dbt make, in the database of libpq's variables, and nothing in it."""
    with psycopg.connect(autocommit=True, row_factory=dict_row) as connection:
        prepare(connection)
        configured.store(connection, [], Rules())
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "profiles.yml.example", Path(folder) / "profiles.yml")
        places = ["--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", folder]
        kinds = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
        built = dbtRunner().invoke(["--quiet", "build", *kinds, *places])
    if not built.success:
        raise RuntimeError(str(built.exception or "dbt could not build the project"))


def fill(scale: Scale) -> float:
    """Write relevés, and refresh the aggregates; the seconds that it took.

    Raises:
        NotEmptyError: when there are relevés already.
    """
    started = time.perf_counter()
    with psycopg.connect(autocommit=True) as connection:
        if connection.execute("select from finops.fact_releve limit 1").fetchone() is not None:
            raise NotEmptyError("there are relevés in this database: give an empty one")
        for statement in SESSION:
            connection.execute(statement)
        run = connection.execute(
            "insert into finops.etl_runs (run_id, kind, end_time, status, periods, started_by)"
            " values (gen_random_uuid(), 'adhoc', clock_timestamp(), 'SUCCESS', '{}', 'bench') returning run_id"
        ).fetchone()
        if not run:
            raise RuntimeError("no run")
        connection.execute("alter table finops.fact_releve set unlogged")
        _drop_indexes(connection)
        values = {**vars(scale), "run": run[0]}
        with connection.transaction():
            for statement in FILL:
                text = statement.format(size=APPLICATIONS_OF_A_GROUP, last=LAST_PERIOD)
                connection.execute(text.encode(), values if "%(" in text else None)
        _refresh(connection, run[0])
    return time.perf_counter() - started


def _drop_indexes(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Of the relevés: the one that is needed is created when they are there, in a third of the time."""
    found = connection.execute(
        "select indexname from pg_indexes where schemaname = 'finops' and tablename = 'fact_releve'"
    ).fetchall()
    for (name,) in found:
        connection.execute(sql.SQL("drop index finops.{}").format(sql.Identifier(str(name))))


def _refresh(connection: psycopg.Connection[tuple[object, ...]], run: object) -> None:
    """As a publication does, of every month."""
    connection.execute(
        "select finops.refresh_aggregates(%s, array(select distinct period from finops.fact_releve))", [run]
    )
    connection.execute("vacuum analyze")
