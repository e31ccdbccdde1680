"""Answers with data: JSON or CSV, an ETag of the data and of the caller, 304 where nothing changed.

The ETag is weak: the same answer may be compressed or not. It is made of the refresh that the aggregates come from, the
run that they are as of, and the caller's identity, so that a cache never gives one caller's answer to another.

PostgreSQL itself writes CSV (COPY) to a file, in memory while it is small, and the connection goes back to the pool
before the first byte is sent: a caller who reads slowly holds a file, and no connection. A text that a spreadsheet
would take for a formula gets an apostrophe before it: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http import HTTPStatus
from typing import IO, Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from psycopg import AsyncClientCursor, AsyncCursor
from psycopg.rows import TupleRow
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from finops.api.database import Connection, Reader, ReaderDep, data_version
from finops.api.http.negotiation import CSV, JSON, matches, media_type
from finops.api.http.problems import invalid
from finops.api.months import DataVersion

CSV_WITH_HEADER = f"{CSV}; header=present"
IN_MEMORY = 1 << 20  # bytes of a CSV that are not worth a file
CHUNK = 1 << 16
TEXT = 25  # PostgreSQL's type: pg_type.oid
# Where a cell begins like a formula, or what a spreadsheet with another separator would take for one.
FORMULA = r"(^|[;\r\n])(?=\s*[-=+@\uff1d\uff0b\uff0d\uff20])"
REVISION = 1  # of the form of answers: a new one makes every cached answer stale


@dataclass(frozen=True)
class DataRequest:
    """A request for data; `headers` are those of its answer, once the version of the data is known."""

    request: Request
    reader: Reader
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self.request.url.path

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[tuple[Connection, DataVersion]]:
        """A transaction, and the version of its data.

        Raises:
            HTTPException: 304 where the caller has this answer already.
            ProblemError: 503 where nothing was published yet.
        """
        async with self.reader.transaction() as connection:
            version = await data_version(connection)
            self.request.state.data_version = version.version
            self.request.app.state.metrics.record_freshness(version.as_of)
            self._tag(version.version, version.as_of)
            yield connection, version

    def json(self, body: BaseModel, cursor: str | None = None) -> Response:
        """The answer without what has no value, and a Link (RFC 8288) to the page of the cursor.

        Raises:
            HTTPException: 304 where it has no other ETag than its own, and the caller has it already.
        """
        if cursor is not None:
            url = self.request.url.include_query_params(cursor=cursor)
            self.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        content = body.model_dump_json(by_alias=True, exclude_none=True)
        self._tag_content(hashlib.sha256(content.encode()))
        return Response(content, headers=self.headers, media_type=JSON)

    async def csv(self, connection: Connection, query: str, parameters: Mapping[str, Any]) -> Response:
        """All rows of a query as CSV.

        Raises:
            ProblemError: 422 where they are more than the setting `csv_lines`.
            HTTPException: 304 where it has no other ETag than its own, and the caller has it already.
        """
        digest = hashlib.sha256()
        file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it was sent
        try:
            statement = AsyncClientCursor(connection).mogrify(query.encode(), parameters)
            ceiling: int = self.request.app.state.csv_lines
            async with connection.cursor() as cursor:
                limited = f"{await _cells(cursor, statement)} limit {ceiling + 1}"
                async with cursor.copy(f"copy ({limited}) to stdout (format csv, header)".encode()) as copy:
                    async for block in copy:
                        file.write(block)
                        digest.update(block)
                _check_lines(cursor.rowcount, ceiling)
            self._tag_content(digest)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return StreamingResponse(_chunks(file), headers=self._download, media_type=CSV_WITH_HEADER)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
        """The same of rows that were worked out here, few enough to be written in memory."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
        return Response(file.getvalue(), headers=self._download, media_type=CSV_WITH_HEADER)

    @property
    def _download(self) -> dict[str, str]:
        """The headers of a CSV: a file to save, named by what it holds, and not a page to show."""
        kind = self.path.rpartition("/")[2]
        return {**self.headers, "Content-Disposition": f'attachment; filename="{kind}.csv"'}

    def _tag_content(self, digest: hashlib._Hash) -> None:
        """Tag an answer that no version of the data told apart, by what it says."""
        if "ETag" not in self.headers:
            self._tag(digest.hexdigest())

    def _tag(self, *version: object) -> None:
        """Tag the answer, by the version of what it says, the caller and the request."""
        identity = self.reader.identity
        url = self.request.url
        parts = [REVISION, *version, identity.name, identity.setting]
        content = json.dumps([*parts, url.path, url.query, self.media_type], default=str)
        tag = f'W/"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
        self.headers.update({"ETag": tag, "Vary": "Accept, Authorization", "Cache-Control": "private, no-cache"})
        if matches(self.request.headers.get("if-none-match", ""), tag):
            raise HTTPException(HTTPStatus.NOT_MODIFIED, headers=self.headers)


async def data_request(request: Request, reader: ReaderDep) -> DataRequest:
    """The dependency of every route that answers with data."""
    return DataRequest(request, replace(reader, audited=None), media_type(request.headers.get("accept", "")))


async def json_request(request: Request, reader: ReaderDep) -> DataRequest:
    """The same, of a route that has no CSV."""
    return DataRequest(request, replace(reader, audited=None), media_type(request.headers.get("accept", ""), (JSON,)))


DataRequestDep = Annotated[DataRequest, Depends(data_request)]
JsonRequestDep = Annotated[DataRequest, Depends(json_request)]


def _cell(value: object) -> object:
    """A value as PostgreSQL writes it, and as `_cells` has it."""
    match value:
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case str():
            return re.sub(FORMULA, r"\1'", value)
        case _:
            return value


async def _cells(cursor: AsyncCursor[TupleRow], statement: str) -> str:
    """The rows of a statement, with no text that is a formula."""
    rows = f"from ({statement}) as answer"
    await cursor.execute(f"select * {rows} limit 0".encode())
    cells = (
        rf"""regexp_replace("{column.name}", '{FORMULA}', '\1''', 'g') as "{column.name}" """
        if column.type_code == TEXT
        else f'"{column.name}"'
        for column in cursor.description or ()
    )
    return f"select {', '.join(cells)} {rows}"


def _check_lines(count: int, ceiling: int) -> None:
    if count > ceiling:
        raise invalid("group_by", f"more than {ceiling:,} lines: filter, or group by less")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
