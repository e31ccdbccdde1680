"""Databases: values as the driver gives them, a session that only reads, and what is said of what goes wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import simplejson

from finops.ingest.config.redaction import secrets_of
from finops.ingest.errors import SourceError
from finops.ingest.sources.kinds import ConfiguredSource, Window
from finops.ingest.sources.rows import sql
from tests.unit.ingest.sources.rows.declaring import FIRST, SECOND, of_query
from tests.unit.limits import LIMITS

BY_DAY = "select app, tickets, :day as asked from usage where day >= :start and day < :end order by app"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite database."""
    with closing(sqlite3.connect(tmp_path / "usage.db")) as connection, connection:
        connection.execute("create table usage (day date, app text, tickets numeric)")
        rows = [("2026-10-01", "x", 0.1), ("2026-10-01", "x", 0.1), ("2026-10-02", "y", None)]
        connection.executemany("insert into usage values (?, ?, ?)", rows)
    return f"sqlite:///{tmp_path}/usage.db"


def read(configured: ConfiguredSource, *windows: Window) -> list[tuple[str, date, dict[str, Any]]]:
    """Each record: its identity, its day and its values."""
    return [
        (record.record_id, record.window_date, simplejson.loads(record.payload, use_decimal=True))
        for record in sql.records(configured, LIMITS, list(windows or (FIRST, SECOND)))
    ]


def refusal(configured: ConfiguredSource) -> str:
    """What is said of a database that can't be read."""
    with pytest.raises(SourceError) as error:
        read(configured)
    return str(error.value)


def test_the_rows_of_a_table_are_of_their_days_and_two_equal_ones_are_two(url: str) -> None:
    row = {"day": "2026-10-01", "app": "x", "tickets": Decimal("0.1")}
    assert read(of_query(url, table="usage")) == [
        ("usage#1", FIRST.start, row),
        ("usage#2", FIRST.start, row),
        ("usage#3", SECOND.start, {"day": "2026-10-02", "app": "y", "tickets": None}),
    ]


def test_a_query_is_asked_for_each_window(url: str) -> None:
    found = read(of_query(url, query=BY_DAY, date=None, record_id="{app}"))
    assert [(record_id, day, values["asked"]) for record_id, day, values in found] == [
        ("x", FIRST.start, "2026-10-01"),
        ("x", FIRST.start, "2026-10-01"),
        ("y", SECOND.start, "2026-10-02"),
    ]


def test_the_doctor_asks_for_one_row_and_shows_no_user(url: str) -> None:
    assert sql.probe(of_query(url, table="usage"), FIRST).found == f"a row at {url}"
    probe = sql.probe(of_query(url, query=BY_DAY, date=None), Window(date(2026, 11, 1), date(2026, 11, 2)))
    assert probe.found == f"no row of 2026-11-01 at {url}"
    assert probe.is_empty


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"table": "usages"}, "no such table: usages; check the name of the table and its schema"),
        ({"query": "delete from usage", "date": "day"}, "attempt to write a readonly database; a query may only read"),
        ({"query": "select day from usage"}, "the query has no column 'tickets': it has day"),
        ({"query": "select day, tickets, day from usage"}, "the query names day twice: give each column a name"),
        ({"query": "selct"}, 'near "selct": syntax error; check sources.sql.helpdesk.query'),
    ],
)
def test_a_query_that_is_refused_is_said_with_a_remedy(url: str, keys: dict[str, str], said: str) -> None:
    assert said in refusal(of_query(url, **keys))


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        (
            "nonsense",
            "sources.sql.helpdesk.connection is not an URL of SQLAlchemy: write such as postgresql+psycopg2://",
        ),
        (
            "mysql+pymysql://reader:s3cret@h/d",
            "mysql+pymysql:// needs a package that is not installed: pip install pymysql",
        ),
        ("snowflake://reader:s3cret@h/d", "pip install snowflake-sqlalchemy, or write the driver that is"),
        (
            "sqlite:////nowhere/usage.db",
            "unable to open database file; check sources.sql.helpdesk.connection, that the",
        ),
        ("postgresql://reader:s3cret@127.0.0.1:1/d", "check sources.sql.helpdesk.connection, that the server is up"),
    ],
)
def test_a_database_that_can_t_be_reached_is_said_with_a_remedy_and_without_its_password(
    connection: str, said: str
) -> None:
    message = refusal(of_query(connection, table="usage"))
    assert said in message
    assert message.startswith("sql.helpdesk")
    assert "s3cret" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "connection",
    [
        "postgresql://reader:s3cret@host/db",
        "postgresql://reader@host/db?password=s3cret&x=1",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BUID%3Dme%3BPWD%3Ds3cret%3BEncrypt%3Dyes",
        "snowflake://reader@host/db?token=s3cret",
    ],
)
def test_the_password_of_a_connection_is_a_secret_by_itself(connection: str) -> None:
    assert {"s3cret", connection} <= set(secrets_of({"connection": connection}))
