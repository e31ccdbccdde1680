"""Landing in the raw schemas: the only module that runs a dlt pipeline.

Arrow tables become Parquet files on disk, and those go into PostgreSQL by COPY. Each load has a working directory of
its own: a package that failed would otherwise stay pending, and make the next run ignore its data. Rows that a failed
load left behind are harmless: the ledger does not name them.
"""

from __future__ import annotations

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
from finops.ingest.sources.catalog import Source
from finops.ingest.sources.documents import Record

BATCH_ROWS = 5_000
BATCH_BYTES = 8 * 1024 * 1024

RAW = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("window_date", pa.date32(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("loaded_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
DOCUMENT = RAW.append(pa.field("payload", pa.string(), nullable=False))


def document_tables(source: Source, run_id: str, records: Iterable[Record]) -> Iterator[pa.Table]:
    """Records as Arrow tables for landing, bounded in rows and in bytes whatever the size of a document."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.payload)
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield _documents(source, run_id, batch)
            batch, size = [], 0
    if batch:
        yield _documents(source, run_id, batch)


def _documents(source: Source, run_id: str, batch: list[Record]) -> pa.Table:
    columns = {
        "record_id": pa.array([record.record_id for record in batch]),
        "payload": pa.array([record.payload for record in batch]),
    }
    return with_lineage_columns(
        source, run_id, pa.array([record.window_date for record in batch], pa.date32()), pa.table(columns)
    )


def with_lineage_columns(source: Source, run_id: str, window_dates: pa.Array, table: pa.Table) -> pa.Table:
    """The table with what every raw row carries: source, window, run, and when it was loaded."""
    rows = table.num_rows
    stamps = {
        "source": pa.repeat(source.name, rows),
        "window_date": window_dates,
        "run_id": pa.repeat(run_id, rows),
        "loaded_at": pa.repeat(pa.scalar(datetime.now(UTC), RAW.field("loaded_at").type), rows),
    }
    for name, column in stamps.items():
        table = table.append_column(RAW.field(name), column)
    names = [*RAW.names, *(name for name in table.column_names if name not in RAW.names)]
    table = table.select(names)
    fields = [table.schema.field(name).with_nullable(name not in ("record_id", "payload", *stamps)) for name in names]
    return table.cast(pa.schema(fields))


def land(source: Source, tables: Iterable[pa.Table], connection: Connection) -> None:
    """Append the tables to the source's raw table; the connection is for a lock alone.

    Raises:
        SourceError: when PostgreSQL does not take them.
        FinopsError: what the source itself raised while it was read.
    """
    dlt.config["runtime.dlthub_telemetry"] = False
    dlt.config["runtime.intercept_signals"] = False  # dlt would forget one that comes while it loads its last file
    dlt.config["load.workers"] = 2
    # the memory of a load grows with the size of a file, not with their number
    dlt.config["data_writer.file_max_items"] = 100_000
    dlt.config["data_writer.file_max_bytes"] = 64 * 1024 * 1024
    resource = dlt.resource(iter(tables), name=source.table, columns=_json_hints(source))
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


def _make_own_tables(pipeline: dlt.Pipeline, connection: Connection) -> None:
    """Let dlt make the tables that it keeps beside the raw ones, where it never did, one process at a time.

    It looks whether they exist, then makes them: of two processes that first land in a schema at once, one would fail.
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
    """Libpq's variables, once more: dlt hands a URI to libpq, where a socket folder can't be the host part."""
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
