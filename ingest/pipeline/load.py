"""Load batches into the raw tables: the only module that uses ADBC, whose binary COPY takes Arrow as it is.

A load is one transaction. Its rows are harmless if their run fails afterwards: no line of the ledger names them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from finops.ingest.database import Connection, conninfo, current_role
from finops.ingest.errors import SourceError, first_line
from finops.ingest.sources.documents import Record
from finops.ingest.sources.kinds import Source

BATCH_ROWS = 5_000
BATCH_BYTES = 8 * 1024 * 1024
# A socket takes as much at once: PostgreSQL works on one piece while the next is encoded.
PIECE_BYTES = 96 * 1024

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
    """Append the batches to the source's raw table, all of them or none.

    Whether a COMMIT that was not acknowledged has succeeded is not known here: the caller counts the rows. On
    `connection`, this waits until the server has ended that transaction.

    Raises:
        SourceError: when PostgreSQL does not take them.
        FinopsError: what the source itself raised while it was read.
    """
    tables = (raw_table(source, run_id, windows, table) for windows, table in batches if table.num_rows)
    if (first := next(tables, None)) is None:
        return
    schema, name = source.raw_table
    try:
        with dbapi.connect(conninfo()) as loading, loading.cursor() as cursor:
            cursor.execute(f'set role "{current_role(connection)}"')
            # a COPY each: Arrow would make a text of an exception, or of a signal, that arises inside a longer stream
            for table in itertools.chain([first], tables):
                pieces = table.to_reader(max_chunksize=max(1, table.num_rows * PIECE_BYTES // table.nbytes))
                cursor.adbc_ingest(name, pieces, mode="append", db_schema_name=schema)
            try:
                loading.commit()
            except dbapi.OperationalError:
                _wait_for_other_loads(source, connection)
    except dbapi.Error as error:
        raise SourceError(f"{source.name}: could not be landed: {_reason(error)}") from error


def _wait_for_other_loads(source: Source, connection: Connection) -> None:
    with connection.transaction():
        connection.execute("select finops.wait_for_loads(%s)", (".".join(source.raw_table),))


def _reason(error: dbapi.Error) -> str:
    """What PostgreSQL or the driver says, in a line, without the place in the driver."""
    line = first_line(error)
    return line.rpartition("ERROR:  ")[2].rpartition("[libpq] ")[2]


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
