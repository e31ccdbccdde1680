"""Values of Parquet that Python has no word for, in each column that is read: they land, or are one clear error."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.kinds import focus_source
from finops.ingest.sources.rows import files
from tests import bombs
from tests.unit.ingest.sources.rows.declaring import FIRST, of_files
from tests.unit.limits import LIMITS, configured

pytestmark = pytest.mark.hostile

FAR = pa.array([2**62], pa.timestamp("us"))
DAY = pa.array([2**31 - 1], pa.date32())
OFFSETS = pa.array([0, 1], pa.int32())
ODD = {
    "an instant": FAR,
    "nanoseconds": pa.array([-(2**62)], pa.timestamp("ns")),
    "an instant in a structure": pa.StructArray.from_arrays([FAR], ["at"]),
    "instants": pa.ListArray.from_arrays(OFFSETS, FAR),
    "instants by name": pa.MapArray.from_arrays(OFFSETS, pa.array(["at"]), FAR),
    "a day": DAY,
    "days": pa.ListArray.from_arrays(OFFSETS, DAY),
    "durations": pa.ListArray.from_arrays(OFFSETS, pa.array([2**62], pa.duration("s"))),
    "a wide decimal": pa.array([Decimal("1" * 70)], pa.decimal256(76, 0)),
    "half a float": pa.array([1.5], pa.float16()),
    "no number": pa.array([float("nan")]),
    "bytes": pa.array([b"\xff\xfe"]),
    "lists of bytes": pa.ListArray.from_arrays(OFFSETS, pa.array([b"\xff"])),
    "sixteen bytes": pa.array([b"\xff" * 16], pa.binary(16)),
    "names that are numbers": pa.MapArray.from_arrays([0, 2], pa.array([1, 2]), pa.array([b"\xff", None])),
    "lists of lists": pa.array([[[["x", None]], None]]),
    "nothing": pa.nulls(1),
    "a NUL": pa.array(["a\0b"]),
}


@pytest.mark.parametrize("name", ["Tags", "BilledCost", "ChargePeriodStart", "ServiceName", "x_Odd"])
@pytest.mark.parametrize("odd", ODD)
def test_a_value_of_a_bill_lands_or_is_one_clear_error(tmp_path: Path, name: str, odd: str) -> None:
    columns = {**bombs.columns(1), "ServiceName": pa.array(["Queue"]), name: ODD[odd]}
    pq.write_table(pa.table(columns), tmp_path / "bill.parquet")
    export = Export(configured(focus_source("nimbus"), url=str(tmp_path)), [Period.parse("2026-10")])
    try:
        bill = export.count()
        landed = [table.num_rows for _, table in export.batches(bill, [*bill.totals])]
        said = ""
    except SourceError as error:
        said = str(error)
    assert landed == [1] if not said else re.match("focus.nimbus: bill.parquet is damaged or not a FOCUS file", said)
    assert said.isprintable()


@pytest.mark.parametrize("odd", ODD)
def test_a_value_of_a_row_lands(tmp_path: Path, odd: str) -> None:
    pq.write_table(pa.table({"size": ODD[odd]}), tmp_path / "rows.parquet")
    line = {"product": "p", "quantity": "size", "unit": "u"}
    source = of_files(tmp_path / "rows.parquet", measure="inventory", date=None, lines=[line])
    assert len(list(files.records(source, LIMITS, [FIRST]))) == 1
