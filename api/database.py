"""PostgreSQL: a pool, and transactions that can only read what their caller may see.

A connection is had through a `Reader` alone, and a reader belongs to an identity: what it may see is said in the first
statement of each transaction, where the views of dbt_project/models/api look for it. The transaction is read-only, and
one snapshot: the aggregates are refreshed together, so all of one answer belongs together. The role, the timeouts and
the rest are options of the connection.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import psycopg
from fastapi import Depends, Request
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from finops.api.auth.authenticator import Caller
from finops.api.auth.caller import Identity
from finops.api.settings import Settings

Connection = psycopg.AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

WAITING_PER_CONNECTION = 20  # requests that may wait for each connection before the next are turned away
IDLE_IN_TRANSACTION = 30_000  # milliseconds
KEEPALIVE = 60  # seconds of silence: a firewall forgets a connection of the night, and a caller would get its 503
RECONNECT = 2  # seconds after which a lost connection is given up, so that the next request makes a new one at once


def create_pool(settings: Settings) -> Pool:
    """A pool that is not open yet."""
    return AsyncConnectionPool(
        make_conninfo(
            application_name="finops-api", connect_timeout=5, keepalives_idle=KEEPALIVE, options=_options(settings)
        ),
        kwargs={"row_factory": dict_row},
        connection_class=psycopg.AsyncConnection[DictRow],
        min_size=min(2, settings.pool_size),
        max_size=settings.pool_size,
        max_waiting=settings.pool_size * WAITING_PER_CONNECTION,
        timeout=settings.pool_timeout,
        reconnect_timeout=RECONNECT,
        configure=_configure,
        open=False,
        name="finops-api",
    )


def _options(settings: Settings) -> str:
    """What holds for a whole session, after whatever PGOPTIONS says."""
    options = {
        "role": settings.role,
        "default_transaction_read_only": "on",
        "statement_timeout": str(round(settings.statement_timeout * 1000)),
        "lock_timeout": str(round(settings.statement_timeout * 1000)),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION),
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


@dataclass(frozen=True)
class Reader:
    """The only way to a connection: as somebody."""

    pool: Pool
    identity: Identity

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A read-only snapshot of what the identity may see.

        Raises:
            psycopg.Error, PoolTimeout: what errors.py makes a 503 of.
        """
        async with self.pool.connection() as connection:
            await connection.execute("select set_config('finops.groups', %s, true)", [self.identity.setting])
            yield connection

    async def rows(self, query: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows of one query, in a transaction of its own."""
        async with self.transaction() as connection:
            cursor = await connection.execute(query.encode(), parameters)
            return await cursor.fetchall()


async def reader(request: Request, identity: Caller) -> Reader:
    """The dependency of every route that reads costs; async, since FastAPI gives a plain function a thread."""
    return Reader(request.app.state.pool, identity)


ReaderDep = Annotated[Reader, Depends(reader)]
