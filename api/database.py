"""PostgreSQL: a pool, and transactions that can only read what their caller may see.

A `Reader` is the only way to a connection, and belongs to a caller: the first statement of each transaction says which
groups it may see, signed, and the views of dbt_project/models/api show those; a session that says nothing is shown
nothing. A transaction is read-only, and one snapshot: the aggregates are refreshed together, so everything in an answer
belongs together.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import psycopg
from fastapi import Depends, Request
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool
from starlette.datastructures import State

from finops.api.auth import claims
from finops.api.auth.caller import Identity
from finops.api.http.problems import NOTHING_PUBLISHED, unavailable
from finops.api.months import DataVersion
from finops.api.settings import Settings

WAITING_PER_CONNECTION = 20  # requests that may wait for each connection before the next are turned away
IDLE_IN_TRANSACTION = 30_000  # milliseconds
WORK_MEM = "32MB"  # by default, a group's days by application are sorted on disk
KEEPALIVE = 60  # seconds of silence: a firewall drops an idle connection, and a caller would get a 503 for it
RECONNECT = 2  # seconds after which a lost connection is given up, so that the next request makes a new one at once
DATA_VERSION = "select version, refreshed_at, as_of, first_period, last_period from finops_api.data_version"
# One login may own everything, in a database where nobody may make a role, and who loads need not be a reader.
TAKE_ON = """
    select set_config('role', rolname, false) from pg_roles where rolname = %s and pg_has_role(oid, 'set')
"""
T = TypeVar("T")


class Connection(psycopg.AsyncConnection[TupleRow]):
    """A connection that reads rows of a type."""

    async def rows(
        self, kind: type[T], query: str, parameters: Mapping[str, Any] | None = None, *, prepare: bool | None = None
    ) -> list[T]:
        """All rows of a query, each made into a `kind` from its columns by name."""
        async with self.cursor(row_factory=class_row(kind)) as cursor:
            await cursor.execute(query.encode(), parameters, prepare=prepare)
            return await cursor.fetchall()


@dataclass(frozen=True)
class Reader:
    """Reads as one caller, whose claims `key` signs; without one, as what the session may see.

    The audit trail finds the version of the data in the state of a request, here `audited`.
    """

    pool: AsyncConnectionPool[Connection]
    identity: Identity
    key: bytes | None
    audited: State | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A read-only snapshot of what the caller may see.

        Raises:
            psycopg.Error, PoolTimeout: which http/problems.py turns into a 503.
        """
        async with self.pool.connection() as connection:
            if self.key is not None:
                claim = claims.sign(self.identity, self.key)
                await connection.execute("select set_config('finops.claims', %s, true)", [claim])
            if self.audited is not None:
                [version] = await connection.rows(DataVersion, DATA_VERSION)
                self.audited.data_version = version.version
            yield connection


def create_pool(settings: Settings, *, as_login: bool = False) -> AsyncConnectionPool[Connection]:
    """A pool that is not open yet; `as_login`, its sessions show what its login may see, and need no role."""

    async def configure(connection: Connection) -> None:
        if as_login:
            await connection.execute(TAKE_ON, [settings.role])
            await connection.commit()
        await _configure(connection)

    return AsyncConnectionPool(
        make_conninfo(
            application_name="finops-api",
            connect_timeout=5,
            keepalives_idle=KEEPALIVE,
            **_ssl_mode(),
            options=session_options(settings, as_login=as_login),
        ),
        connection_class=Connection,
        min_size=min(2, settings.pool_size),
        max_size=settings.pool_size,
        max_waiting=settings.pool_size * WAITING_PER_CONNECTION,
        timeout=settings.pool_timeout,
        reconnect_timeout=RECONNECT,
        configure=configure,
        open=False,
        name="finops-api",
    )


def _ssl_mode() -> dict[str, str]:
    """Where nobody says it, a server on another machine has to prove who it is, as for the loader."""
    host = os.environ.get("PGHOST", "")
    is_here = host in ("", "localhost", "127.0.0.1", "::1") or host.startswith(("/", "@"))
    return {} if is_here or os.environ.get("PGSSLMODE") else {"sslmode": "verify-full"}


def session_options(settings: Settings, *, as_login: bool = False) -> str:
    """Options of every session, after those of PGOPTIONS."""
    options = {
        "finops.claims": "" if as_login else "none",
        "role": settings.role if not as_login else "none",
        "default_transaction_read_only": "on",
        "statement_timeout": str(round(settings.statement_timeout * 1000)),
        "lock_timeout": str(round(settings.statement_timeout * 1000)),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION),
        "work_mem": WORK_MEM,
        "max_parallel_workers_per_gather": "0",  # starting them takes longer than an answer
        "search_path": "finops_api",
        "timezone": "UTC",
    }
    return " ".join(
        [os.environ.get("PGOPTIONS", ""), *(f"-c {name}={value}" for name, value in options.items())]
    ).strip()


async def _configure(connection: Connection) -> None:
    """One snapshot a transaction."""
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)


async def data_version(connection: Connection) -> DataVersion:
    """The version of the data in this snapshot.

    Raises:
        ProblemError: 503 where nothing was published yet.
    """
    [version] = await connection.rows(DataVersion, DATA_VERSION)
    if version.version is None:
        raise unavailable(NOTHING_PUBLISHED)
    return version


async def reader(request: Request) -> Reader:
    """The reader of an authenticated caller; async, since FastAPI runs a plain function in a thread."""
    state = request.app.state
    return Reader(state.pool, request.state.identity, state.claims_key, request.state if state.is_audited else None)


ReaderDep = Annotated[Reader, Depends(reader)]
