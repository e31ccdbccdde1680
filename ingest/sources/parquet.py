"""Parquet files, unpacked a few MiB at a time, whatever they say of themselves.

A page names each of its values once, and how often it comes: 4 KB of a file can be 80 GB of texts. So texts are read as
the file has them, by their numbers in a dictionary, measured, and unpacked in pieces. Arrow can't do so within lists
and structures: there, the values that a line may have are bounded by what the file's own footer says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finops.ingest.sources.budget import BATCH_BYTES, MAX_CELL, Budget
from finops.ingest.sources.focus.errors import ExportError

# Of one line: tags, labels, credits.
MAX_VALUES = 1_000
MAX_COLUMNS = 10_000
_WIDTH = 16  # bytes of the widest number


class ParquetTable:
    """The lines of one file.

    Attributes:
        names: of its columns.
    """

    def __init__(self, name: str, binary: Any, budget: Budget) -> None:  # noqa: ANN401 fsspec
        """Read the footer.

        Raises:
            ExportError: when it has more columns, or more values a line, than can be read.
        """
        self._name, self._budget = name, budget
        metadata = pq.read_metadata(binary)
        if metadata.num_columns > MAX_COLUMNS:
            raise ExportError(f"{name} has {metadata.num_columns:,} columns, more than {MAX_COLUMNS:,}: export fewer")
        self._check_lists(metadata)
        self._file = pq.ParquetFile(binary, metadata=metadata, read_dictionary=_texts(metadata))
        self.names: Sequence[str] = self._file.schema_arrow.names

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Read its lines, at most so many at a time.

        Raises:
            ExportError: for a cell that is too long.
            SourceError: when the source has more than it may have.
            pa.ArrowInvalid: for a text that is not UTF-8.
        """
        line = 1
        width = max(1, self._file.metadata.num_columns) * _WIDTH
        for found in self._file.iter_batches(batch_size=max(1, min(rows, BATCH_BYTES // width))):
            for piece in _pieces(found):
                check_cells(self._name, piece, line)
                unpacked = _unpacked(piece)
                self._budget.take(unpacked.num_rows, unpacked.nbytes)
                unpacked.validate(full=True)  # a text of Parquet may be none
                line += unpacked.num_rows
                yield unpacked

    def _check_lists(self, metadata: pq.FileMetaData) -> None:
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                if column.num_values > group.num_rows * MAX_VALUES:
                    raise ExportError(
                        f"{self._name} has {column.num_values:,} values of {column.path_in_schema} in "
                        f"{group.num_rows:,} lines, more than {MAX_VALUES:,} a line: correct the export"
                    )


def python_values(column: pa.Array) -> list[Any]:
    """Return the values of a column; a date that Python does not have is its text."""
    maps: Any = {"maps_as_pydicts": "lossy"}
    try:
        values: list[Any] = column.to_pylist(**maps)
    except (ValueError, OverflowError):
        values = pc.cast(column, _spelt(column.type)).to_pylist(**maps)
    return values


def _spelt(kind: pa.DataType) -> pa.DataType:
    """The type with texts for dates, instants and durations."""
    if pa.types.is_temporal(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_spelt(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_spelt(kind.key_type), _spelt(kind.item_type))
    return pa.list_(_spelt(kind.value_type)) if pa.types.is_nested(kind) else kind


def check_cells(name: str, batch: pa.RecordBatch | pa.Table, first_line: int) -> None:
    """Check that no text or list of some lines is longer than a cell may be.

    Raises:
        ExportError: names the line and the column.
    """
    for column_name in batch.schema.names:
        column = batch[column_name]
        if (lengths := _lengths(column)) is None or (longest := pc.max(lengths).as_py() or 0) <= MAX_CELL:
            continue
        line = first_line + pc.index(lengths, longest).as_py()
        raise ExportError(
            f"{name} line {line} has {longest:,} bytes of {column_name}, more than the {MAX_CELL:,} that a cell may "
            "have: correct the export, or leave the column out of it"
        )


def _lengths(column: pa.Array | pa.ChunkedArray) -> pa.Array | None:
    """The bytes of each text of a column; None where they are few, whatever they are, or are not known."""
    if pa.types.is_dictionary(column.type):
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if not _is_text(column.type.value_type) or column.dictionary.nbytes <= MAX_CELL:
            return None
        return pc.binary_length(column.dictionary).take(column.indices)
    return pc.binary_length(column) if _is_text(column.type) and column.nbytes > MAX_CELL else None


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    return any(is_such(kind) for is_such in tests)


def _texts(metadata: pq.FileMetaData) -> list[str]:
    """The columns of texts that are not in a list or a structure."""
    columns = map(metadata.schema.column, range(metadata.num_columns))
    return [
        column.path
        for column in columns
        if column.physical_type == "BYTE_ARRAY"
        and column.logical_type.type in ("NONE", "STRING", "JSON", "ENUM")
        and column.max_repetition_level == 0
        and column.path == column.name
    ]


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The lines of a batch in pieces that are not too large when they are unpacked, or have one line."""
    if batch.num_rows <= 1 or _size(batch) <= BATCH_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half))
    yield from _pieces(batch.slice(half))


def _size(batch: pa.RecordBatch) -> int:
    """The bytes of the texts, unpacked."""
    size = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
            longest = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
            if longest * len(column) > MAX_CELL:  # else it does not matter
                size += pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
    return size


def _unpacked(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
