from collections.abc import Iterator
from datetime import UTC, date, datetime

import pyarrow as pa

from finops.ingest.pipeline.load import BATCH_BYTES, BATCH_ROWS, document_batches, raw_table
from finops.ingest.sources.catalog import CMDB_VM
from finops.ingest.sources.documents import Record
from finops.ingest.sources.kinds import focus_source

DAY = date(2026, 9, 1)
RUN = "0b6f7c1e-0000-4000-8000-000000000001"


def record(name: object, payload: str = "{}", day: date = DAY) -> Record:
    """A record with this name."""
    return Record(str(name), day, payload)


def tables(*records: Record) -> list[pa.Table]:
    """The tables of these records."""
    return [raw_table(CMDB_VM, RUN, windows, table) for windows, table in document_batches(records)]


def test_no_records_are_no_table() -> None:
    assert tables() == []


def test_a_table_has_no_more_rows_than_the_limit() -> None:
    found = tables(*[record(number) for number in range(2 * BATCH_ROWS + 1)])
    assert [table.num_rows for table in found] == [BATCH_ROWS, BATCH_ROWS, 1]


def test_a_full_table_is_not_followed_by_an_empty_one() -> None:
    assert [table.num_rows for table in tables(*[record(number) for number in range(BATCH_ROWS)])] == [BATCH_ROWS]


def test_a_table_ends_when_its_bytes_reach_the_limit() -> None:
    half = '"' + "x" * (BATCH_BYTES // 2) + '"'
    assert [table.num_rows for table in tables(*[record(number, half) for number in range(5)])] == [2, 2, 1]


def test_a_document_larger_than_the_limit_lands_alone_and_whole() -> None:
    large = '"' + "x" * (BATCH_BYTES + 1) + '"'
    found = tables(record(1, large), record(2))
    assert [table["payload"].to_pylist() for table in found] == [[large], ["{}"]]


def test_records_keep_their_order_across_tables() -> None:
    found = tables(*[record(number) for number in range(BATCH_ROWS + 3)])
    names = [name for table in found for name in table["record_id"].to_pylist()]
    assert names == [str(number) for number in range(BATCH_ROWS + 3)]


def test_records_are_taken_a_table_at_a_time() -> None:
    taken: list[int] = []

    def endless() -> Iterator[Record]:
        while True:
            taken.append(1)
            yield record(len(taken))

    next(document_batches(endless()))
    assert len(taken) == BATCH_ROWS


def test_a_row_says_where_it_comes_from() -> None:
    row = tables(record("vm-7", '{"vcpu": 2}', date(2026, 9, 7)))[0].drop_columns("loaded_at").to_pylist()[0]
    assert row == {
        "record_id": "vm-7",
        "source": "cmdb.vm",
        "window_date": date(2026, 9, 7),
        "run_id": RUN,
        "payload": '{"vcpu": 2}',
    }


def test_a_row_says_when_it_was_loaded() -> None:
    before = datetime.now(UTC)
    loaded_at = tables(record(1))[0]["loaded_at"][0].as_py()
    assert before <= loaded_at <= datetime.now(UTC)


def test_a_table_of_documents_has_the_raw_columns_in_order() -> None:
    assert [(field.name, str(field.type), field.nullable) for field in tables(record(1))[0].schema] == [
        ("record_id", "string", False),
        ("source", "string", False),
        ("window_date", "date32[day]", False),
        ("run_id", "string", False),
        ("loaded_at", "timestamp[us, tz=UTC]", False),
        ("payload", "string", False),
    ]


def test_the_columns_of_a_bill_follow_the_stamps_and_may_be_null() -> None:
    bill = pa.table({"billed_cost": pa.array([None], pa.decimal128(38, 20)), "record_id": ["a.csv#1"]})
    found = raw_table(focus_source("aws"), RUN, pa.array([DAY]), bill).schema
    assert [(field.name, field.nullable) for field in found] == [
        ("record_id", False),
        ("source", False),
        ("window_date", False),
        ("run_id", False),
        ("loaded_at", False),
        ("billed_cost", True),
    ]
