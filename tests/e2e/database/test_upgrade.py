"""A database of an older version: an ordinary run brings it up to date, and nobody who reads it notices."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.api.service import say_who_calls
from tests.conftest import API_LOGIN
from tests.e2e.dbt import PROJECT, dbt, edit, project_copy
from tests.e2e.finops import FINOPS, Database, charge, finops, scalar, write_bill
from tests.e2e.readers import MAX_WAIT, Readers

NIGHTLY = ("nightly", "--period", "2026-10", "--as-of", "2026-11-20")
OID = "select 'finops.mv_cost_app_month'::regclass::oid"
INDEXES = (
    "select count(*), count(*) filter (where indexdef like 'CREATE UNIQUE%%') from pg_indexes where tablename = %s"
)
COLUMNS = "select attname from pg_attribute where attrelid = 'finops.mv_cost_app_month'::regclass and attnum > 0"

# What an older version did not say, and what is said now.
WITHOUT_COUNT = (
    "as estimated_cost\n",
    "as estimated_cost,\n        cast(sum(releve_count) as bigint) as releve_count\n",
)

# What an older version said in places: a column under another name, one more, one less, another order of them.
OLDER = (
    (
        "intermediate/valuation/int_usage_valued.sql",
        "        usage_lines.unit_price as catalogue_price,\n",
        "        usage_lines.unit_price,\n",
    ),
    ("marts/releve_lines.sql", "catalogue_price as unit_price", "unit_price"),
    (
        "intermediate/ownership/int_applications.sql",
        "system_ref,\n        catalogued.entity_ref",
        "entity_ref,\n        catalogued.system_ref",
    ),
    ("aggregates/mv_cost_app_quarter.sql", *WITHOUT_COUNT),
    ("aggregates/agg_group_product_month.sql", "", "        sum(releves.usage_quantity) as usage_quantity,\n"),
    ("api/visible_group_costs.sql", "", "        'usage_quantity',\n"),
    (
        "api/visible_rejects.sql",
        "        'unpriced_line_count',\n        'rejected_line_count',\n",
        "        'rejected_line_count',\n        'unpriced_line_count',\n",
    ),
)


@pytest.fixture(autouse=True)
def _bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bill(
        tmp_path / "bills", "10.csv", [charge("5.5", "2026-10-02"), charge("2", "2026-10-03", application="ERP")]
    )
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))


def nightly() -> None:
    """A run as the CronJob has it."""
    assert finops(*NIGHTLY) == 0


def older(tmp_path: Path, was: str, is_now: str) -> Path:
    """A copy of the project in which mv_cost_app_month's query says something else."""
    project = project_copy(tmp_path)
    edit(project / "models" / "aggregates" / "mv_cost_app_month.sql", is_now, was)
    return project


def run(project: Path, *arguments: str) -> str:
    """Run dbt by hand; what went wrong."""
    return dbt("run", *arguments, project=project).error


def give(database: Database, view: str) -> None:
    """Let dbt's role move a view to what replaces the relation that it reads."""
    database.execute(f"alter view {view} owner to finops_transformer")
    database.execute("grant create on schema public to finops_transformer")


@contextmanager
def reading(query: str) -> Iterator[set[object]]:
    """What a reader of the API's views sees meanwhile, a transaction a reading, as the API has it."""
    seen: set[object] = set()
    done = threading.Event()

    def read() -> None:
        with psycopg.connect(user=API_LOGIN) as reader:
            reader.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            while not done.is_set():
                with reader.transaction():
                    say_who_calls(reader, "*")
                    reader.execute("set local lock_timeout = '2s'")
                    reader.execute("select version from finops_api.data_version")
                    seen.add(reader.execute(query.encode()).fetchone())

    def note() -> None:
        try:
            read()
        except psycopg.Error as error:
            seen.add(str(error))

    thread = threading.Thread(target=note)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_a_run_replaces_an_aggregate_whose_query_changed_and_its_readers_read_on(
    database: Database, tmp_path: Path
) -> None:
    nightly()
    project = older(tmp_path, *WITHOUT_COUNT)
    assert run(project, "--select", "mv_cost_app_month", "visible_app_costs") == ""
    assert ("releve_count",) not in database.execute(COLUMNS).fetchall()
    role = f"analyst_{database.info.dbname}"  # roles are the server's, not the database's
    database.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    try:
        database.execute(sql.SQL("grant select on finops.mv_cost_app_month to {}").format(sql.Identifier(role)))
        database.execute(
            "create view public.by_application as select application_id, total_cost from finops.mv_cost_app_month"
        )
        give(database, "public.by_application")
        with reading(
            "select sum(total_cost), count(distinct application_id) from finops_api.visible_app_costs"
        ) as seen:
            nightly()
        assert {str(one) for one in seen} == {"(Decimal('7.5'), 2)"}
        assert ("releve_count",) in database.execute(COLUMNS).fetchall()
        assert database.execute(INDEXES, ["mv_cost_app_month"]).fetchall() == [(3, 1)]
        assert scalar(database, "select sum(total_cost) from public.by_application") == scalar(
            database, "select sum(total_cost) from finops.mv_cost_app_month"
        )
        assert scalar(database, "select has_table_privilege(%s, 'finops.mv_cost_app_month', 'select')", role)
        assert scalar(database, "select count(*) from pg_matviews where matviewname like '%%\\_\\_dbt\\_%%'") == 0
    finally:
        database.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(role)))


def test_the_first_run_of_a_version_replaces_what_changed_and_no_reader_notices(
    database: Database, tmp_path: Path
) -> None:
    nightly()
    project = project_copy(tmp_path)
    for name, was, is_now in OLDER:
        edit(project / "models" / name, is_now, was)
    assert run(project) == ""
    assert scalar(database, "select count(*) from pg_class where relname like '%%\\_\\_replaced\\_%%'") == 0
    columns = "select attname from pg_attribute where attrelid = 'finops_intermediate.int_usage_valued'::regclass"
    assert ("catalogue_price",) in database.execute(columns).fetchall()
    database.execute("create view public.who as select application_id, application_name from finops.dim_application")
    give(database, "public.who")
    dsn = database.info.dsn
    readers = Readers(lambda: psycopg.connect(dsn, autocommit=True, prepare_threshold=None))
    with readers.reading():
        for _ in range(2):
            subprocess.run([FINOPS, *NIGHTLY], check=True)
    assert readers.errors == {}, str(readers)
    assert readers.longest_wait[0] < 10 * MAX_WAIT, str(readers)  # two suites at once are slow; see make torture
    assert ("catalogue_price",) not in database.execute(columns).fetchall()
    assert scalar(database, "select count(*) from pg_class where relname like '%%\\_\\_replaced\\_%%'") == 0
    assert scalar(database, "select sum(total_cost) from finops.releve_lines where period = '2026-10-01'") == 7.5
    assert scalar(database, "select count(*) from public.who") > 1


def test_a_report_that_takes_its_time_keeps_nobody_waiting_behind_a_new_version(
    database: Database, tmp_path: Path
) -> None:
    nightly()
    project = older(tmp_path, *WITHOUT_COUNT)
    with psycopg.connect(database.info.dsn) as report:
        report.execute("select * from finops_api.visible_app_costs, finops.mv_cost_app_month")
        ending = threading.Timer(4, report.commit)
        ending.start()
        dsn = database.info.dsn
        readers = Readers(lambda: psycopg.connect(dsn, autocommit=True, prepare_threshold=None))
        with readers.reading():
            assert run(project, "--select", "mv_cost_app_month", "visible_app_costs") == ""
        ending.join()
    assert readers.errors == {}, str(readers)
    assert readers.longest_wait[0] < 3, str(readers)  # the report kept the run waiting for four


def test_an_aggregate_is_made_anew_once_and_not_for_a_comment(database: Database, tmp_path: Path) -> None:
    built = scalar(database, OID)
    commented = older(tmp_path, was="as estimated_cost, -- some of it\n", is_now="as estimated_cost,\n")
    assert run(commented, "--select", "mv_cost_app_month") == ""
    assert scalar(database, OID) == built
    shutil.rmtree(commented)
    changed = older(
        tmp_path,
        was="        cast(sum(releve_count) as int) as releve_count\n",
        is_now="        cast(sum(releve_count) as bigint) as releve_count\n",
    )
    assert run(changed, "--select", "mv_cost_app_month") == ""
    replaced = scalar(database, OID)
    assert run(changed, "--select", "mv_cost_app_month") == ""
    assert (scalar(database, OID), replaced != built) == (replaced, True)


def test_an_aggregate_by_month_is_recreated_once_and_not_for_a_comment(database: Database, tmp_path: Path) -> None:
    nightly()
    file = Path("models") / "aggregates" / "agg_app_family_month.sql"
    oid = "select 'finops.agg_app_family_month'::regclass::oid"
    built = scalar(database, oid)
    project = project_copy(tmp_path)
    edit(project / file, "        sum(total_cost) as total_cost,\n", "        sum(total_cost) as total_cost, -- all\n")
    assert run(project, "--select", "agg_app_family_month") == ""
    assert scalar(database, oid) == built
    edit(project / file, "sum(total_cost) as total_cost", "sum(total_cost) * 2 as total_cost")
    for _ in range(2):
        assert run(project, "--select", "agg_app_family_month", "mv_cost_app_month") == ""
        assert scalar(database, "select sum(total_cost) from finops.agg_app_family_month") == 15
        assert scalar(database, "select sum(total_cost) from finops.mv_cost_app_month") == 15
    assert scalar(database, oid) != built
    assert database.execute(INDEXES, ["agg_app_family_month"]).fetchall() == [(2, 1)]
    nightly()
    assert scalar(database, "select sum(total_cost) from finops.mv_cost_app_month") == 7.5


def test_a_view_of_ours_that_can_not_stand_on_the_new_query_is_made_anew(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=finops,finops_api")  # as a role named finops has it
    project = older(
        tmp_path, was="cast(sum(total_cost) as text) as total_cost,", is_now="sum(total_cost) as total_cost,"
    )
    assert run(project, "--select", "mv_cost_app_month", "visible_app_months") == ""
    typed = "select atttypid::regtype::text from pg_attribute where attrelid = %s::regclass and attname = 'total_cost'"
    assert scalar(database, typed, "finops_api.visible_app_months") == "text"
    assert run(PROJECT, "--select", "mv_cost_app_month", "visible_app_months") == ""
    assert scalar(database, typed, "finops_api.visible_app_months") == "numeric"
    assert scalar(database, "select has_table_privilege('finops_api', 'finops_api.visible_app_months', 'select')")


def test_a_view_whose_model_has_another_name_now_is_dropped_at_the_end_of_the_run(database: Database) -> None:
    database.execute(
        "create view finops_intermediate.int_vm_capacity as select releve_count from finops.mv_cost_app_month"
    )
    give(database, "finops_intermediate.int_vm_capacity")
    database.execute("create view public.mine as select * from finops_intermediate.int_vm_capacity")
    there = "select to_regclass('finops_intermediate.int_vm_capacity') is not null"
    nightly()
    assert scalar(database, there), "somebody reads it"
    database.execute("drop view public.mine")
    nightly()
    assert not scalar(database, there)


def test_a_view_of_somebody_else_s_that_can_not_is_an_error_that_names_it(database: Database, tmp_path: Path) -> None:
    before = scalar(database, OID)
    database.execute("create view public.counts as select releve_count from finops.mv_cost_app_month")
    project = older(tmp_path, *WITHOUT_COUNT)
    message = run(project, "--select", "mv_cost_app_month")
    assert f"view public.counts reads mv_cost_app_month, and belongs to {database.info.user}" in message
    give(database, "public.counts")
    message = run(project, "--select", "mv_cost_app_month")
    assert "view public.counts reads mv_cost_app_month, and can't stand on its new query" in message
    assert "drop it, and make it again after this run" in message
    assert scalar(database, OID) == before


def test_a_column_that_the_contract_of_relevés_gained_is_added(database: Database, tmp_path: Path) -> None:
    project = project_copy(tmp_path)
    marts = project / "models" / "marts"
    for name, was, is_now in (
        ("fact_releve.sql", "now() as created_at", "now() as created_at,\n        cast('x' as text) as note"),
        ("_marts__models.yml", "      - {name: id,", "      - {name: note, data_type: text}\n      - {name: id,"),
    ):
        edit(marts / name, was, is_now)
    assert run(project, "--select", "fact_releve", "mv_cost_domain_period") == ""
    assert database.execute("select note from finops.fact_releve").fetchall() == []
    assert scalar(database, "select status from finops.etl_runs") == "SUCCESS"
