"""The audit trail: who asked for which costs, when, and which version of the data answered.

One record per request of a caller to a route with costs, whatever the answer: a 404 or a 422 as well. Requests without
a known caller (401) and those above the rate limit (429), which are refused unread, are in the access log alone.
Records hold no amounts.

Records go to the logger `finops.audit`, or to `finops.api_audit` as the role `finops_audit`, which may only insert: in
batches, behind the answers, so that none of them waits. What the table does not take is logged, at shutdown, too. Only
a killed process loses some, those of the last second.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import psycopg
from psycopg.conninfo import make_conninfo
from starlette.types import Scope

from finops.api.auth.caller import EVERYTHING, Identity
from finops.api.settings import Settings

LOG = logging.getLogger("finops.audit")
PREFIXES = ("/v1/", "/api/")  # of routes with costs
UNRECORDED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
MAX_WAITING = 10_000  # records: more are logged at once
MAX_BATCH = 1000
PAUSE = 1.0  # seconds in which a batch grows
MAX_LAST = 10.0  # seconds that the last records may take at shutdown
OPTIONS = "-c role=finops_audit -c statement_timeout=5s -c lock_timeout=2s -c timezone=UTC"
INSERT = """
    insert into finops.api_audit
    select * from jsonb_populate_recordset(cast(null as finops.api_audit), cast(%s as jsonb))
"""
Record = Mapping[str, Any]


class Audit:
    """Keeps records of requests where the setting `audit` says."""

    def __init__(self, settings: Settings) -> None:
        self.is_on = bool(settings.audit)
        self._queue: asyncio.Queue[Record | None] | None = None
        self._to_table = settings.audit == "table"

    def record(self, scope: Scope, status: int) -> None:
        """Record a request that was answered."""
        route = getattr(scope.get("route"), "path_format", "")
        identity = scope.get("state", {}).get("identity")
        if not self.is_on or identity is None or status in UNRECORDED or not route.startswith(PREFIXES):
            return
        made = _record(scope, route, identity, status)
        try:
            if self._queue is None:
                _log(made)
            else:
                self._queue.put_nowait(made)
        except asyncio.QueueFull:
            _log(made)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write to the table meanwhile, where it is to be; at the end, all that waits."""
        if not self._to_table:
            yield
            return
        queue = self._queue = asyncio.Queue(MAX_WAITING)
        writer = asyncio.create_task(_write(queue))
        try:
            yield
        finally:
            self._queue = None  # what is recorded from now on is logged
            with suppress(TimeoutError):
                async with asyncio.timeout(MAX_LAST):
                    await queue.put(None)
                    await writer
            while not queue.empty():
                _log(queue.get_nowait())


def _record(scope: Scope, route: str, identity: Identity, status: int) -> Record:
    query = scope["query_string"].decode("ascii", "backslashreplace")
    asked = parse_qs(query, max_num_fields=None)
    named = scope.get("path_params", {})
    return {
        "id": str(uuid.uuid4()),
        "asked_at": datetime.now(UTC).isoformat(),
        "caller": identity.name,
        "keys": [EVERYTHING] if identity.groups == EVERYTHING else sorted(identity.groups),
        "method": scope["method"],
        "route": route,
        "path": scope["raw_path"].decode("ascii", "backslashreplace"),
        "query": query,
        "groups": _texts(named.get("group_id"), *asked.get("group", [])),
        "applications": _texts(named.get("application_id"), *asked.get("application", []), *asked.get("project", [])),
        "status": status,
        "data_version": scope["state"].get("data_version"),
        "request_id": next(
            (value.decode("latin-1")[:200] for name, value in scope["headers"] if name == b"x-request-id"), None
        ),
    }


def _texts(*values: str | None) -> list[str]:
    """Those that are given; a NUL is in no text of PostgreSQL."""
    return [value.replace("\0", "\ufffd") for value in values if value]


def _log(record: Record | None) -> None:
    if record is not None:
        LOG.info("audit", extra=record)


async def _write(queue: asyncio.Queue[Record | None]) -> None:
    """Write batches, until a None; a batch that the table does not take is logged."""
    connection: psycopg.AsyncConnection | None = None
    is_over = False
    while not is_over:
        batch = [await queue.get()]
        if batch != [None]:
            await _grow(queue, batch)
        is_over = None in batch
        records = [record for record in batch if record is not None]
        if not records:
            continue
        try:
            if connection is None or connection.closed:
                connection = await _connect()
            await connection.execute(INSERT, [json.dumps(records)])
        except (psycopg.Error, OSError, asyncio.CancelledError) as error:
            LOG.error("finops.api_audit can't be written, so its records are here: %s", error)  # noqa: TRY400
            for record in records:
                _log(record)
            if isinstance(error, asyncio.CancelledError):
                raise
            if connection is not None:
                await connection.close()
                connection = None
    if connection is not None:
        await connection.close()


async def _grow(queue: asyncio.Queue[Record | None], batch: list[Record | None]) -> None:
    """Take what comes within a moment; a None ends it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PAUSE):
            while len(batch) < MAX_BATCH and batch[-1] is not None:
                batch.append(await queue.get())


async def _connect() -> psycopg.AsyncConnection:
    where = make_conninfo(application_name="finops-api-audit", connect_timeout=5, options=OPTIONS)
    return await psycopg.AsyncConnection.connect(where, autocommit=True)
