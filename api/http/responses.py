"""An answer as HTTP has it: JSON or CSV, an ETag of the data and of who asks, 304 where nothing changed.

The ETag is weak: the same answer may be compressed or not. It is made of the refresh that the aggregates stand at, the
run that they are as of, and the identity, so that a cache never gives one caller's answer to another.

CSV is written by PostgreSQL itself (COPY) to a file, in memory while it is small, and the connection goes back to the
pool before the first byte is sent: however slowly a caller reads, it holds a file and not a connection.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from typing import IO, Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from psycopg import AsyncClientCursor
from psycopg.sql import Composed
from pydantic import BaseModel

from finops.api.catalogue.queries import DATA_VERSION
from finops.api.database import Connection, Reader, ReaderDep
from finops.api.http.problems import Fault, ProblemError, unavailable

JSON = "application/json"
CSV = "text/csv"
IN_MEMORY = 1 << 20  # bytes of a CSV that are not worth a file
CHUNK = 1 << 16
REVISION = 1  # of what answers look like: a new one makes every cached answer stale


@dataclass(frozen=True)
class DataVersion:
    """What the aggregates of this snapshot stand at."""

    version: int
    refreshed_at: datetime
    as_of: datetime | None
    first_period: date | None
    last_period: date | None


@dataclass(frozen=True)
class DataRequest:
    """A request and the answer that it wants."""

    request: Request
    reader: Reader
    media_type: str

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[tuple[Connection, DataVersion]]:
        """The data as it is now, and which it is.

        Raises:
            NotModifiedError: when the caller has this answer already.
            ProblemError: 503 where nothing was published yet.
        """
        async with self.reader.transaction() as connection:
            row = await (await connection.execute(DATA_VERSION)).fetchone()
            if row is None or row["version"] is None:
                raise unavailable("the database holds no aggregates yet: run `finops nightly` on it")
            version = DataVersion(**row)
            self.request.app.state.metrics.record_freshness(version.as_of)
            tag = self._tag(version)
            self.request.state.headers = {
                "ETag": tag,
                "Vary": "Accept, Authorization",
                "Cache-Control": "private, no-cache",
            }
            if _matches(self.request.headers.get("if-none-match", ""), tag):
                raise NotModifiedError
            yield connection, version

    def json(self, body: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
        """The answer; what has no value is left out."""
        content = body.model_dump_json(by_alias=True, exclude_none=True)
        return Response(content, headers={**self.request.state.headers, **(headers or {})}, media_type=JSON)

    def text(self, content: str) -> Response:
        """CSV that is written already."""
        return Response(content, headers=self.request.state.headers, media_type=f"{CSV}; header=present")

    async def csv(self, connection: Connection, query: bytes | Composed, parameters: Mapping[str, Any]) -> Response:
        """All rows of a query."""
        file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it was sent
        try:
            statement = AsyncClientCursor(connection).mogrify(query, parameters)
            ceiling: int = self.request.app.state.csv_lines
            limited = f"copy ({statement} limit {ceiling + 1}) to stdout (format csv, header)".encode()
            async with connection.cursor() as cursor:
                async with cursor.copy(limited) as copy:
                    async for block in copy:
                        file.write(block)
                _check_lines(cursor.rowcount, ceiling)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return StreamingResponse(_chunks(file), headers=self.request.state.headers, media_type=f"{CSV}; header=present")

    def _tag(self, version: DataVersion) -> str:
        identity = self.reader.identity
        url = self.request.url
        parts = [REVISION, version.version, version.as_of, identity.name, identity.setting]
        content = json.dumps([*parts, url.path, url.query, self.media_type], default=str)
        return f'W/"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'


class NotModifiedError(Exception):
    """The caller has this answer already: a 304, with the headers that were set."""


async def data_request(request: Request, reader: ReaderDep) -> DataRequest:
    """The dependency of every route that answers with data."""
    return DataRequest(request, reader, _negotiated(request.headers.get("accept", "")))


DataRequestDep = Annotated[DataRequest, Depends(data_request)]


async def not_modified(request: Request, _error: Exception) -> Response:
    """304 Not Modified."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=request.state.headers)


def _negotiated(accept: str) -> str:
    """JSON unless CSV is preferred; a 406 to who takes neither."""
    weights = {JSON: 0.0, CSV: 0.0}
    ranges = sorted((_range(part) for part in accept.split(",") if part.strip()), key=_specificity)
    for media, weight in ranges or [("*/*", 1.0)]:
        for name in weights:
            if media in ("*/*", f"{name.partition('/')[0]}/*", name):
                weights[name] = weight
    best = max(weights, key=lambda name: weights[name])
    if not weights[best]:
        raise ProblemError(HTTPStatus.NOT_ACCEPTABLE, f"there is {JSON} and {CSV} here: name one of them in Accept")
    return best


def _range(part: str) -> tuple[str, float]:
    media, *options = (piece.strip().lower() for piece in part.split(";"))
    for option in options:
        name, _, value = option.partition("=")
        if name.strip() == "q":
            try:
                return media, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return media, 0.0
    return media, 1.0


def _specificity(found: tuple[str, float]) -> int:
    """So that what names a type comes after what names all of them, and counts."""
    return 2 - found[0].count("*")


def _matches(if_none_match: str, tag: str) -> bool:
    """By weak comparison (RFC 9110, 8.8.3.2)."""
    listed = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return "*" in listed or tag.removeprefix("W/") in listed


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _check_lines(count: int, ceiling: int) -> None:
    if count > ceiling:
        detail = f"more than {ceiling:,} lines: filter, or group by less"
        fault = Fault(parameter="group_by", detail=detail)
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"group_by: {detail}", faults=[fault])
