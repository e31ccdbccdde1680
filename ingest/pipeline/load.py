"""Load batches into the raw tables: the only module that runs a dlt pipeline.

Batches become Parquet files on disk, which are copied into PostgreSQL. Each load has its own working directory:
otherwise a failed package would stay pending, and the next run would ignore its own data. Rows that a failed load left
behind are harmless: no line of the ledger names them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import dlt
import pyarrow as pa
from dlt.common.exceptions import DltException
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from finops.ingest.database import Connection
from finops.ingest.errors import FinopsError, SourceError
from finops.ingest.pipeline.workdir import working_folder
from finops.ingest.sources.documents import Record
from finops.ingest.sources.kinds import Source

BATCH_ROWS = 5_000
BATCH_BYTES = 8 * 1024 * 1024

# Some rows of a source: the window of each, by its first day, and their columns, `record_id` among them.
Batches = Iterator[tuple[pa.Array, pa.Table]]


def document_batches(records: Iterable[Record]) -> Batches:
    """Return records as batches for landing, bounded in rows and in bytes whatever the size of a document."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.payload)
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield _documents(batch)
            batch, size = [], 0
    if batch:
        yield _documents(batch)


def _documents(batch: list[Record]) -> tuple[pa.Array, pa.Table]:
    columns = {
        "record_id": pa.array([record.record_id for record in batch]),
        "payload": pa.array([record.payload for record in batch]),
    }
    return pa.array([record.window_date for record in batch], pa.date32()), pa.table(columns)


def land(source: Source, run_id: str, batches: Batches, connection: Connection) -> None:
    """Append the batches to the source's raw table; the connection is for a lock alone.

    Raises:
        SourceError: when PostgreSQL does not take them.
        FinopsError: what the source itself raised while it was read.
    """
    tables = (raw_table(source, run_id, windows, table) for windows, table in batches if table.num_rows)
    if (first := next(tables, None)) is None:
        return  # dlt can't load nothing
    dlt.config["runtime.dlthub_telemetry"] = False
    dlt.config["runtime.intercept_signals"] = False  # dlt would drop one that arrives while it loads its last file
    dlt.config["load.workers"] = 2
    # the memory of a load grows with the size of a file, not with the number of files
    dlt.config["data_writer.file_max_items"] = 100_000
    dlt.config["data_writer.file_max_bytes"] = 64 * 1024 * 1024
    resource = dlt.resource(itertools.chain([first], tables), name=source.table, columns=_json_hints(source))
    with working_folder() as directory:
        pipeline = dlt.pipeline(
            pipeline_name=f"finops_{source.domain}",
            destination=dlt.destinations.postgres(_credentials()),
            dataset_name=f"raw_{source.domain}",
            pipelines_dir=directory,
        )
        pipeline.config.restore_from_destination = False
        try:
            pipeline.extract(resource, write_disposition="append", loader_file_format="parquet")
            pipeline.normalize()
            _make_own_tables(pipeline, connection)
            pipeline.load()
        except DltException as error:
            raise _cause(source, error) from error


def raw_table(source: Source, run_id: str, windows: pa.Array, table: pa.Table) -> pa.Table:
    """Return the rows with what every raw row carries: source, window, run, and when it was loaded."""
    stamps = {
        "source": pa.repeat(source.name, table.num_rows),
        "window_date": windows,
        "run_id": pa.repeat(run_id, table.num_rows),
        "loaded_at": pa.repeat(pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC")), table.num_rows),
    }
    columns = {"record_id": table["record_id"], **stamps, **{name: table[name] for name in table.column_names}}
    required = {*stamps, "record_id", "payload"}
    fields = [pa.field(name, column.type, nullable=name not in required) for name, column in columns.items()]
    return pa.table(columns, pa.schema(fields))


def _make_own_tables(pipeline: dlt.Pipeline, connection: Connection) -> None:
    """Let dlt create its own tables beside the raw ones if they are missing, one process at a time.

    dlt checks whether they exist, then creates them: of two processes that do so at once, one would fail.
    """
    made = connection.execute("select to_regclass(%s) as made", (f"{pipeline.dataset_name}._dlt_version",)).fetchone()
    if made and made["made"]:
        return
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(7061748)")
        pipeline.sync_schema()


def _json_hints(source: Source) -> dict[str, TColumnSchema]:
    names = ("tags", "other_columns") if source.measure == "billed" else ("payload",)
    return {name: {"data_type": "json"} for name in names}


def _cause(source: Source, error: BaseException) -> FinopsError:
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
        if isinstance(cause, KeyboardInterrupt):
            raise cause
        if isinstance(cause, FinopsError):
            return cause
    return SourceError(f"{source.name}: could not be landed: {str(cause).strip().splitlines()[0]}")


def _credentials() -> PostgresCredentials:
    """The connection of libpq's variables for dlt, which builds a URI: a socket folder can't be its host part."""
    credentials = PostgresCredentials()
    host = os.environ["PGHOST"]
    credentials.host = "localhost" if host.startswith("/") else host
    credentials.port = int(os.environ.get("PGPORT") or 5432)
    credentials.database = os.environ["PGDATABASE"]
    credentials.username = os.environ["PGUSER"]
    credentials.password = os.environ.get("PGPASSWORD") or "unused"
    credentials.query = {"sslmode": os.environ.get("PGSSLMODE") or "prefer"}
    if host.startswith("/"):
        credentials.query["host"] = host
    return credentials
