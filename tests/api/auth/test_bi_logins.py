"""A login a team reads the views from psql, with a password, and sees what `finops access` granted to it."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from finops.demo import postgres
from finops.demo.postgres import Embedded
from finops.ingest.access import SETTINGS
from tests.e2e.finops import Database, finops, scalar

PASSWORD = secrets.token_urlsafe()
GROUPS = "select string_agg(distinct group_id, ' ' order by group_id) from visible_app_costs"


@pytest.fixture
def bi_login(server: Embedded, costs: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A login in finops_api, which needs its password (scram-sha-256), as an administrator makes it, who goes on."""
    monkeypatch.setenv("PGUSER", server.user)
    name = f"bi_{costs.info.dbname}"
    login = sql.Identifier(name)
    hba = Path(scalar(costs, "show hba_file"))
    rules = hba.read_text()
    costs.execute(sql.SQL("create role {} login password {} in role finops_api").format(login, sql.Literal(PASSWORD)))
    hba.write_text(f"local all {name} scram-sha-256\n{rules}")
    costs.execute("select pg_reload_conf()")
    yield name
    hba.write_text(rules)
    costs.execute("select pg_reload_conf()")
    costs.execute(sql.SQL("drop owned by {0} cascade; drop role {0}").format(login))


def psql(login: str, statement: str, password: str = PASSWORD) -> tuple[str, str]:
    """What psql prints, and its errors."""
    done = subprocess.run(
        [str(postgres.psql_path()), "--no-psqlrc", "--tuples-only", "--no-align", "--command", statement],
        env={**os.environ, "PGUSER": login, "PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout.strip(), done.stderr


def test_a_login_sees_what_it_was_granted(bi_login: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "password authentication failed" in psql(bi_login, "select 1", "wrong")[1]
    assert psql(bi_login, "select count(*) from finops_api.visible_app_costs")[0] == "0"
    assert finops("access", "grant", bi_login, "Payments", "group:default/storefront") == 0
    assert f"{bi_login} sees Payments, group:default/storefront" in capsys.readouterr().out
    assert psql(bi_login, GROUPS) == ("payments storefront", "")
    assert finops("access", "list") == 0
    assert "payments, storefront" in capsys.readouterr().out
    assert finops("access", "revoke", bi_login) == 0
    assert psql(bi_login, GROUPS) == ("", "")
    assert finops("access", "grant", bi_login, "--everything") == 0
    assert psql(bi_login, "select count(distinct group_id) from visible_applications")[0] == "7"


def test_a_granted_group_shows_the_groups_below_it(costs: Database, bi_login: str) -> None:
    costs.execute("update finops.dim_group set group_path = array['Division', group_id] where group_id = 'payments'")
    costs.execute("refresh materialized view finops.mv_group_tree")
    assert finops("access", "grant", bi_login, "division") == 0
    assert psql(bi_login, GROUPS) == ("payments", "")


def test_a_granted_login_does_not_write(bi_login: str) -> None:
    assert finops("access", "grant", bi_login, "payments") == 0
    assert psql(bi_login, "create temp table mine (x int)")[1].startswith(
        "ERROR:  cannot execute CREATE TABLE in a read"
    )
    assert psql(bi_login, "show statement_timeout") == ("5min", "")
    assert "permission denied" in psql(bi_login, "select * from finops.fact_releve")[1]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        ("drop owned by {0} cascade; revoke finops_api from {0}", "may not read the views: grant finops_api to"),
        ("alter role {0} nologin", "there is no login"),
        ("alter role {0} superuser", "is a superuser, and sees every cost whatever is granted"),
        ("grant pg_read_all_data to {0}", "is in pg_read_all_data, and sees every cost"),
        ("grant select on finops.fact_releve to {0}", "may read finops.fact_releve itself, and sees every cost"),
    ],
)
def test_a_login_that_a_grant_would_not_bound_is_refused(
    costs: Database, bi_login: str, make: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    costs.execute(sql.SQL(make).format(sql.Identifier(bi_login)))
    assert finops("access", "grant", bi_login, "payments") == 1
    assert problem in capsys.readouterr().err
    assert scalar(costs, "select count(*) from finops.reader_groups") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["nobody", "payments"], 1, "there is no login nobody: create it"),
        (["{login}", "paymnts"], 1, "there is no group 'paymnts'"),
        (["{login}", "payments", "nobody"], 1, "there is no group 'nobody'"),
        (["{login}"], 2, "choose what it sees"),
        (["{login}", "payments", "--everything"], 2, "choose what it sees"),
        (["{login}", "*"], 2, "'*' is not a group: write --everything"),
    ],
)
def test_a_grant_of_nothing_is_refused(  # noqa: PLR0913, PLR0917 what is given, and what is said
    costs: Database, bi_login: str, arguments: list[str], code: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finops("access", "grant", *(argument.format(login=bi_login) for argument in arguments)) == code
    assert problem in capsys.readouterr().err
    assert scalar(costs, "select count(*) from finops.reader_groups") == 0


def test_whoever_may_not_change_a_login_says_what_to_run(
    costs: Database, bi_login: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    costs.execute("create role keeper login; grant usage on schema finops to keeper")
    costs.execute("grant all on finops.reader_groups to keeper; grant select on finops.mv_group_tree to keeper")
    try:
        monkeypatch.setenv("PGUSER", "keeper")
        assert finops("access", "grant", bi_login, "payments") == 0
        said = capsys.readouterr().out
        for setting in SETTINGS:
            assert f'alter role "{bi_login}" set {setting};' in said
        monkeypatch.setenv("PGUSER", bi_login)
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        assert finops("access", "grant", bi_login, "--everything") == 1
        assert "run this as the administrator of `finops init-db`" in capsys.readouterr().err
        assert psql(bi_login, GROUPS.replace("visible", "finops_api.visible")) == ("payments", "")
    finally:
        costs.execute("drop owned by keeper; drop role keeper")
    assert scalar(costs, "select count(*) from finops.reader_groups") == 1


def test_nothing_granted_is_said(bi_login: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert finops("access", "list") == 0
    assert "Nothing is granted" in capsys.readouterr().out
    assert finops("access", "revoke", bi_login) == 1
    assert f"nothing is granted to {bi_login}" in capsys.readouterr().err
