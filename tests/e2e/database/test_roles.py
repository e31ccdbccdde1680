"""What each role may do, by trying all that it may not; and how an ordinary administrator sets a database up."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from finops.demo import postgres
from finops.demo.postgres import Embedded
from tests.conftest import LOADER_LOGIN
from tests.e2e.finops import Database, charge, finops, last_run, releves, total, write_bill

NIGHTLY = ("nightly", "--period", "2026-10", "--as-of", "2026-11-20")
RUN_ID = "11111111-1111-1111-1111-111111111111"
LOADER, TRANSFORMER = "finops_loader", "finops_transformer"
# How things stand now, which each run replaces: everything else is on record.
MAY_CHANGE = {
    LOADER: {
        "finops.etl_settings",
        "finops.etl_tax_apart",
        "finops.etl_declared_lines",
        "finops.etl_billing_periods",
        "finops.etl_invoice_details",
        "finops.etl_reference",
    },
    TRANSFORMER: {
        "finops.etl_scope_days",
        "finops.etl_scope_lookups",
        "finops.rejected_usage",
        "finops.set_apart_charges",
        "finops.unallocated_usage",
    },
}
MAY_DELETE = {
    LOADER: MAY_CHANGE[LOADER] | {"finops.etl_project"},
    TRANSFORMER: MAY_CHANGE[TRANSFORMER] | {"finops.etl_project"},
}
TABLES = """
    select format('%I.%I', nspname, relname), pg_get_userbyid(relowner),
        array(select attname::text from pg_attribute where attrelid = pg_class.oid and attnum > 0 and not attisdropped)
    from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
    where relkind = 'r' and (starts_with(nspname, 'finops') or starts_with(nspname, 'raw_')) order by 1
"""
LEDGER = "select (select count(*) from finops.etl_extractions), count(*) from finops.etl_reconciliations"
RECORD = """
    select (select array_agg(runs::text) from finops.etl_runs as runs),
        (select array_agg(windows::text) from finops.etl_extractions as windows),
        (select array_agg(scopes::text) from finops.etl_reconciliations as scopes),
        (select count(*) from raw_public_cloud.focus)
"""
OWNERS = """
    select distinct kind, pg_get_userbyid(owner) from (
        select 'schema' as kind, nspowner as owner from pg_namespace
        where starts_with(nspname, 'finops') or starts_with(nspname, 'raw_')
        union all
        select case when relname ~ '^etl_' then 'etl' when relname ~ '^(fact|mv|dim|int|stg|visible)_' then 'dbt' end,
            relowner
        from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
        where relkind in ('r', 'v', 'm') and nspname ~ '^finops'
        union all
        select 'function', proowner from pg_proc where pronamespace = 'finops'::regnamespace
    ) as things where kind is not null order by 1, 2
"""


@pytest.fixture(autouse=True)
def _bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bill(tmp_path / "bills", "10.csv", [charge("5.5", "2026-10-02"), charge("2", "2026-10-03")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))


@contextmanager
def acting_as(role: str) -> Iterator[Database]:
    """A session of the loader's login as one of its roles."""
    with psycopg.connect(autocommit=True, user=LOADER_LOGIN) as session:
        session.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        yield session


def is_refused(session: Database, statement: str) -> bool:
    """Whether PostgreSQL refuses the statement for want of a right; nothing is left of one that it takes."""
    try:
        with session.transaction(force_rollback=True):
            session.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("role", [LOADER, TRANSFORMER])
def test_what_is_on_record_can_not_be_rewritten(database: Database, role: str) -> None:
    assert finops(*NIGHTLY) == 0
    lines = "select min((select count(*) from finops.etl_steps)), count(*) from finops.etl_runs"
    assert min(*database.execute(lines).fetchall()[0], *database.execute(LEDGER).fetchall()[0]) > 0
    taken = []
    with acting_as(role) as session:
        for name, owner, columns in database.execute(TABLES).fetchall():
            if owner == role:
                continue
            statements = [
                f"truncate {name} cascade",
                f"drop table {name} cascade",
                f"alter table {name} disable trigger all",
            ]
            may_delete = name in MAY_DELETE[role] or (role == LOADER and name.startswith("finops_reference."))
            statements += [] if may_delete else [f"delete from {name}"]  # noqa: S608
            statements += [] if name in MAY_CHANGE[role] else [f'update {name} set "{c}" = default' for c in columns]  # noqa: S608
            taken += [statement for statement in statements if not is_refused(session, statement)]
    assert taken == []
    assert len(database.execute(TABLES).fetchall()) > 40


@pytest.mark.usefixtures("database")
def test_only_the_transformer_writes_relevés_and_only_the_loader_raw_rows() -> None:
    assert finops(*NIGHTLY) == 0
    raw = (
        "insert into raw_public_cloud.focus (record_id, source, window_date, run_id, loaded_at)"
        " values ('x', 'focus.nimbus', '2026-10-01', 'x', now())"
    )
    rate = "insert into finops_reference.fx_rates values ('2026-10-01', 'USD', 'EUR', 1)"
    with acting_as(LOADER) as loader, acting_as(TRANSFORMER) as transformer:
        for statement in ("delete from finops.fact_releve", "update finops.fact_releve set total_cost = 0"):
            assert (is_refused(loader, statement), is_refused(transformer, statement)) == (True, False)
        for statement in (raw, rate):
            assert (is_refused(loader, statement), is_refused(transformer, statement)) == (False, True)
        for secret in (
            "select from finops.claim_keys",
            "select from finops.reader_groups",
            "select from finops.api_audit",
        ):
            assert (is_refused(loader, secret), is_refused(transformer, secret)) == (True, True)
        for made in (
            "create schema mine",
            "create table finops_staging.mine ()",
            "create role mine",
            "create table raw_native.mine ()",
        ):
            assert is_refused(loader, made)


def test_a_function_of_the_owner_changes_no_more_than_it_is_for(database: Database) -> None:
    assert finops(*NIGHTLY) == 0
    run_id = last_run(database)["run_id"]
    [(extraction,)] = database.execute(
        "select extraction_id from finops.etl_extractions where source like 'focus%'"
    ).fetchall()
    before = database.execute(RECORD).fetchall()
    calls = [
        f"finops.fail_dead_runs('{RUN_ID}')",
        f"finops.resume_run('{run_id}', 'nobody', '{{}}')",
        f"finops.forget_rows('{run_id}', 'focus.nimbus', '{{2026-10-01}}', 'raw_public_cloud.focus')",
        f"finops.forget_windows('{run_id}', 'focus.nimbus', '{{2026-10-01}}', 'finops.etl_runs')",
        f"finops.purge('{run_id}', 0, '{{{extraction}}}', 'finops.etl_runs')",
        "finops.wait_for_loads('finops.etl_runs')",
    ]
    harmless = [
        f"finops.purge('{run_id}', 0, '{{{extraction}}}', 'raw_public_cloud.focus')",
        f"finops.close_run('{run_id}', 'forged')",
        f"finops.enter_outcome('{run_id}', '{{forged}}')",
    ]
    with acting_as(LOADER) as loader, acting_as(TRANSFORMER) as transformer:
        for call in calls:
            with pytest.raises(psycopg.errors.RaiseException):
                loader.execute(f"select {call}".encode())
            assert "fail_dead_runs" in call or is_refused(transformer, f"select {call}")
        for call in harmless:
            loader.execute(f"select {call}".encode())
        forged = f"finops.enter_reference_digest('{run_id}', 'focus.nimbus', '2026-10-01', 'forged')"
        transformer.execute(f"select {forged}".encode())
        assert database.execute(RECORD).fetchall() == before
        # a run that failed may be resumed by who holds the lock; what it has published stays
        database.execute("update finops.etl_runs set status = 'FAILED'")
        loader.execute("select pg_advisory_lock(7061746)")
        loader.execute(f"select finops.resume_run('{run_id}', 'nobody', '{{}}')".encode())
        with pytest.raises(psycopg.errors.RaiseException, match="stands on them"):
            loader.execute(f"select {calls[2]}".encode())


def test_what_a_resumed_run_publishes_again_is_a_row_of_its_own(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST__RUN_ID", RUN_ID)
    monkeypatch.setenv("SOURCES__FOCUS__STRATUS__URL", str(tmp_path / "later"))
    again = ("reprocess", "--period", "2026-10", "--as-of", "2026-11-20", "--reason", "a test", "--refetch")
    assert finops(*again) == 1
    scopes = (
        "select attempt, status, held::text from finops.etl_reconciliations as held"
        " where source = 'focus.nimbus' order by attempt"
    )
    [first] = database.execute(scopes).fetchall()
    assert first[:2] == (1, "PUBLISHED")
    write_bill(tmp_path / "later", "10.csv", [charge("1", "2026-10-02")])
    assert finops(*again) == 0
    found = database.execute(scopes).fetchall()
    assert found[0] == first
    assert [row[:2] for row in found] == [(1, "PUBLISHED"), (2, "PUBLISHED")]
    assert (total(database), last_run(database)["volume_processed"]) == (Decimal("8.5"), 3)


@pytest.fixture(scope="module")
def elsewhere(server: Embedded, template: str) -> Iterator[Embedded]:
    """Another server: its database, of one login, belongs to an administrator who may create roles, no superuser."""
    folder = Path(tempfile.mkdtemp(prefix="finops-pg-"))
    pg_dump = [str(postgres.binaries() / "pg_dump"), "--no-owner", "--no-acl", template]
    dump = subprocess.run(pg_dump, env={**os.environ, **server.environment()}, stdout=subprocess.PIPE, check=True)
    try:
        with postgres.server(folder / "data") as own:
            where = f"host='{own.socket_folder}' port={own.port} dbname=finops"
            with psycopg.connect(where, user=own.user, autocommit=True) as superuser:
                superuser.execute("create role dba login createrole; alter database finops owner to dba")
            with psycopg.connect(where, user="dba", autocommit=True) as dba:
                dba.execute("create role one_login login; grant create on database finops to one_login")
            psql = [str(postgres.psql_path()), "--quiet", "--set=ON_ERROR_STOP=1"]
            environment = {**os.environ, **own.environment(), "PGUSER": "one_login"}
            subprocess.run(psql, env=environment, input=dump.stdout, stdout=subprocess.DEVNULL, check=True)
            yield own
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_database_of_one_login_is_adopted_and_upgraded_by_an_administrator_who_is_no_superuser(
    database: Database,
    elsewhere: Embedded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert database.info.user  # its reference data is here
    for name, value in elsewhere.environment().items():
        monkeypatch.setenv(name, value)
    with psycopg.connect(autocommit=True) as looking:
        monkeypatch.setenv("PGUSER", "one_login")
        assert finops(*NIGHTLY) == 0
        assert {owner for _, owner in looking.execute(OWNERS)} == {"one_login"}
        before = releves(looking)
        monkeypatch.setenv("PGUSER", "dba")
        assert finops("init-db") == 0
        said = capfd.readouterr().out
        assert "login one_login" in said
        assert looking.execute(OWNERS).fetchall() == [
            ("dbt", TRANSFORMER),
            ("etl", "finops_owner"),
            ("function", "finops_owner"),
            ("schema", "finops_owner"),
        ]
        assert finops("init-db") == 0
        assert "created" not in capfd.readouterr().out
        monkeypatch.setenv("PGUSER", "one_login")
        assert (finops(*NIGHTLY), releves(looking)) == (0, before)
        write_bill(tmp_path / "bills", "10.csv", [charge("5.5", "2026-10-02"), charge("2.5", "2026-10-03")])
        assert finops(*NIGHTLY) == 0
        assert total(looking) == Decimal(8)
        # a new version: only who owns the tables may change them
        looking.execute("update finops.etl_schema set version = 'older'")
        assert finops(*NIGHTLY) == 1
        assert "as an administrator, run `finops init-db`" in capfd.readouterr().err
        monkeypatch.setenv("PGUSER", "dba")
        assert finops("init-db") == 0
        monkeypatch.setenv("PGUSER", "one_login")
        assert finops(*NIGHTLY) == 0


def test_an_administrator_who_may_not_is_told_what_is_missing(
    database: Database, guarded_role: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGUSER", guarded_role)
    monkeypatch.setenv("PGPASSWORD", "right-horse")
    assert finops("init-db") == 1
    said = capfd.readouterr().err
    assert f"{guarded_role} may not set {database.info.dbname} up" in said
    assert "createrole that owns the database" in said
    monkeypatch.setenv("PGUSER", database.info.user)
    assert finops("init-db", "--loader-login", "nobody-here") == 1
    assert "there is no login nobody-here: create it (create role" in capfd.readouterr().err
