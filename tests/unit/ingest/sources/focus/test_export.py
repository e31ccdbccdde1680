import csv
import gzip
import io
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.ingest.config.masking import Masks
from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.focus.totals import Totals, control_totals
from finops.ingest.sources.kinds import focus_source
from tests.unit.limits import configured

AUGUST, SEPTEMBER, OCTOBER = date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)
EXACT = Context(prec=400)
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")

Line = Mapping[str, str]


def line(**changes: str) -> dict[str, str]:
    """A line of a bill, with these cells changed."""
    return {
        "BilledCost": "1.25",
        "EffectiveCost": "1.00",
        "BillingCurrency": "EUR",
        "BillingPeriodStart": "2026-09-01T00:00:00Z",
        "ChargePeriodStart": "2026-09-03T00:00:00Z",
        "ProviderName": "AWS",
        "ServiceName": "Amazon Simple Storage Service",
    } | changes


def csv_text(lines: Sequence[Line]) -> str:
    """The lines as a CSV text with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def write(path: Path, *lines: Line) -> Path:
    """A CSV file of these lines, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_text(lines).encode())
    return path


OF_BILLS = Masks.of({}).root("focus.aws")


def export(url: object, *periods: str, **options: object) -> Export:
    """The export at this address, for these months."""
    bills = configured(focus_source("aws"), url=str(url), **options)
    return Export(bills, [Period.parse(period) for period in periods or ("2026-09",)], OF_BILLS)


def names(found: Export) -> list[str]:
    """The names of the files that count."""
    return [file.name for file in found.count().files]


def rows(found: Export, *wanted: date) -> list[dict[str, Any]]:
    """The landed rows of the wanted windows, with their window."""
    return [
        {"window": window.as_py(), **row}
        for windows, table in found.batches(found.count(), wanted or (SEPTEMBER,))
        for window, row in zip(windows, table.to_pylist(), strict=True)
    ]


def refusal(url: object) -> str:
    """The error when this export is read."""
    with pytest.raises(SourceError) as failure:
        export(url).count()
    return str(failure.value)


def independent(lines: Iterable[Line]) -> Totals:
    """What the bill says, by Python's csv and decimals alone."""
    totals: Totals = {}
    for row in lines:
        window, charged = (date.fromisoformat(row[f"{kind}PeriodStart"][:8] + "01") for kind in ("Billing", "Charge"))
        entry = totals.setdefault(window, {}).setdefault(charged, {"records": Decimal(0)})
        entry["records"] += 1
        for name in COSTS:
            if name in row:
                entry[name] = EXACT.add(entry.get(name, Decimal(0)), Decimal(row[name] or "0"))
    return totals


def sums(totals: Totals) -> Totals:
    """The totals without the digests of what the lines say."""
    return {
        window: {month: {name: entry[name] for name in entry if name != "content"} for month, entry in months.items()}
        for window, months in totals.items()
    }


# What the bill says


def test_the_count_equals_an_independent_sum(tmp_path: Path) -> None:
    chance = random.Random(20260901)  # noqa: S311 made-up amounts
    lines = [
        line(
            BilledCost=f"{chance.randint(-(10**9), 10**9)}.{chance.randint(0, 10**digits)}",
            EffectiveCost=f"{chance.uniform(-1, 1):.{digits}e}",
            ListCost="" if digits % 3 else "0.10",
            BillingPeriodStart=f"2026-{8 + digits % 2:02}-01T00:00:00Z",
            ChargePeriodStart=f"2026-{7 + digits % 3:02}-{1 + digits:02}T00:00:00Z",
        )
        for digits in range(19)
        for _ in range(12)
    ]
    write(tmp_path / "a.csv", *lines[:100])
    write(tmp_path / "b.csv", *lines[100:])
    assert sums(export(tmp_path).count().totals) == independent(lines)


def test_amounts_too_wide_for_a_column_are_counted_whole(tmp_path: Path) -> None:
    wide = "123456789012.1234567890123456789012345"
    write(tmp_path / "a.csv", line(BilledCost=wide), line(BilledCost="-0.0000000000000000000000001"))
    assert export(tmp_path).count().totals[SEPTEMBER][SEPTEMBER]["BilledCost"] == Decimal(
        "123456789012.1234567890123456789012344"
    )


def test_a_sum_too_wide_for_a_column_is_counted_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", *[line(BilledCost="999999999999999999.99999999999999999999")] * 3)
    found = export(tmp_path).count().totals[SEPTEMBER][SEPTEMBER]["BilledCost"]
    assert found == Decimal("2999999999999999999.99999999999999999997")


def test_a_cost_that_is_no_number_counts_as_a_record_without_an_amount(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line(BilledCost="1,234.5"), line(BilledCost="2"), line(BilledCost="NULL"))
    found = sums(export(tmp_path).count().totals)[SEPTEMBER][SEPTEMBER]
    assert found == {"records": Decimal(3), "BilledCost": Decimal(2), "EffectiveCost": Decimal(3)}


def test_a_file_of_a_header_alone_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text([line()]).splitlines()[0] + "\n")
    assert (export(tmp_path).count().totals, rows(export(tmp_path))) == ({}, [])


def test_control_totals_are_plain_decimals_by_month() -> None:
    window = {
        OCTOBER: {"records": Decimal(1), "BilledCost": Decimal("1E+3")},
        SEPTEMBER: {"BilledCost": Decimal("1E-7")},
    }
    assert control_totals(window) == {
        "2026-09": {"BilledCost": "0.0000001"},
        "2026-10": {"BilledCost": "1000", "records": "1"},
    }


# Windows and identities


def test_a_line_s_window_is_its_billing_period(tmp_path: Path) -> None:
    charged_in_august = line(ChargePeriodStart="2026-08-31T23:00:00Z")
    write(tmp_path / "a.csv", charged_in_august)
    assert {window: list(months) for window, months in export(tmp_path).count().totals.items()} == {SEPTEMBER: [AUGUST]}


@pytest.mark.parametrize(
    "start",
    [
        "2026-09-01T00:00:00+02:00",  # a European provider's own midnight
        "2026-08-31T16:00:00Z",  # Huawei Cloud's
        "2026-09-01T07:00:00Z",  # California's
        "2026-09-01 00:00:00",
    ],
)
def test_a_billing_period_is_the_month_of_its_provider_and_a_charge_s_month_begins_in_utc(
    tmp_path: Path, start: str
) -> None:
    write(tmp_path / "a.csv", line(BillingPeriodStart=start, ChargePeriodStart="2026-09-01T00:00:00+02:00"))
    assert {window: list(months) for window, months in export(tmp_path).count().totals.items()} == {SEPTEMBER: [AUGUST]}


def test_a_line_without_a_billing_period_goes_by_its_charge(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line(BillingPeriodStart="NULL", ChargePeriodStart="2026-08-31"))
    assert list(export(tmp_path).count().totals) == [AUGUST]


def test_a_line_without_a_readable_charge_counts_in_its_window(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line(ChargePeriodStart="soon"))
    assert list(export(tmp_path).count().totals[SEPTEMBER]) == [SEPTEMBER]


def test_the_period_in_the_address_is_the_window_whatever_the_lines_say(tmp_path: Path) -> None:
    write(tmp_path / "period=2026-09" / "a.csv", line(BillingPeriodStart="2026-08-01"))
    assert list(export(tmp_path / "period={period}").count().totals) == [SEPTEMBER]


def test_only_the_folders_of_the_ordered_months_are_read(tmp_path: Path) -> None:
    for month in ("2026-08", "2026-09", "2026-10"):
        write(tmp_path / month / "a.csv", line(ServiceName=month))
    found = export(f"{tmp_path}/{{period}}", "2026-09", "2026-10")
    assert names(found) == ["2026-09/a.csv", "2026-10/a.csv"]


def test_the_period_may_be_in_the_file_s_name(tmp_path: Path) -> None:
    write(tmp_path / "focus_2026-08.csv", line())
    write(tmp_path / "focus_2026-09.csv", line())
    assert list(export(tmp_path / "focus_{period}.csv").count().totals) == [SEPTEMBER]


def test_only_wanted_windows_land(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line(ServiceName="old", BillingPeriodStart="2026-08-01"), line(ServiceName="new"))
    assert [(row["window"], row["service_name"]) for row in rows(export(tmp_path))] == [(SEPTEMBER, "new")]


def test_a_file_without_a_wanted_line_is_not_read_again(tmp_path: Path) -> None:
    old = write(tmp_path / "08.csv", line(ServiceName="old", BillingPeriodStart="2026-08-01"))
    write(tmp_path / "09.csv", line(ServiceName="new"))
    found = export(tmp_path)
    bill = found.count()
    old.unlink()
    assert [table["service_name"].to_pylist() for _, table in found.batches(bill, [SEPTEMBER])] == [["new"]]


def test_a_record_is_named_by_its_file_and_line(tmp_path: Path) -> None:
    write(tmp_path / "part" / "b.csv", line(), line(BillingPeriodStart="2026-08-01"), line())
    write(tmp_path / "a.csv", line(ServiceName="other"))
    assert [row["record_id"] for row in rows(export(tmp_path))] == ["a.csv#1", "part/b.csv#1", "part/b.csv#3"]


def test_a_record_of_a_partition_is_named_by_its_month_too(tmp_path: Path) -> None:
    write(tmp_path / "2026-09" / "a.csv", line())
    assert [row["record_id"] for row in rows(export(f"{tmp_path}/{{period}}/"))] == ["2026-09/a.csv#1"]


def test_lines_are_numbered_through_the_batches_of_a_file(tmp_path: Path) -> None:
    table = pa.table({name: pa.repeat(cell, 45_000) for name, cell in line().items()})
    pq.write_table(table, tmp_path / "a.parquet")
    assert [row["record_id"] for row in rows(export(tmp_path))] == [f"a.parquet#{row}" for row in range(1, 45_001)]


# The same bill in every format

BILL = (
    line(
        BilledCost="20.52022672899",
        EffectiveCost="-0.1",
        ListCost="12345678901234567.1234567891",
        Tags='{"application": "shop"}',
        x_Note='a,b\n"c"',
    ),
    line(
        BilledCost="0", EffectiveCost="0", ListCost="", Tags="{}", x_Note="é", ChargePeriodStart="2026-09-30T23:59:59Z"
    ),
)


def parquet_bill(path: Path) -> None:
    """The bill with the types that providers write: decimals, instants, a map."""
    amounts = {name: pa.array([Decimal(row[name] or "0") for row in BILL], pa.decimal128(38, 15)) for name in COSTS[:3]}
    amounts["ListCost"] = pa.array([Decimal(BILL[0]["ListCost"]), None], pa.decimal128(38, 15))
    times = {
        name: pa.array([datetime.fromisoformat(row[name]) for row in BILL], pa.timestamp("us", "UTC"))
        for name in ("BillingPeriodStart", "ChargePeriodStart")
    }
    map_of_tags = pa.array([list(json.loads(row["Tags"]).items()) for row in BILL], pa.map_(pa.string(), pa.string()))
    plain = {name: pa.array([row[name] for row in BILL]) for name in BILL[0]}
    pq.write_table(pa.table(plain | amounts | times | {"Tags": map_of_tags}), path)


def write_bill(path: Path) -> None:
    """The bill in the format of the file's name."""
    if path.suffix == ".parquet":
        parquet_bill(path)
    else:
        data = csv_text(BILL).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("name", ["bill.csv.gz", "bill.parquet"])
def test_every_format_lands_the_same_rows_as_csv(tmp_path: Path, name: str) -> None:
    landed = []
    for file in ("bill.csv", name):
        write_bill(tmp_path / file)
        landed.append([row | {"record_id": ""} for row in rows(export(tmp_path / file))])
    assert landed[0] == landed[1]


@pytest.mark.parametrize("name", ["bill.csv", "bill.csv.gz", "bill.parquet"])
def test_every_format_is_counted_to_the_last_decimal(tmp_path: Path, name: str) -> None:
    write_bill(tmp_path / name)
    assert sums(export(tmp_path / name).count().totals) == independent(BILL)


def test_a_bill_is_the_same_in_every_format(tmp_path: Path) -> None:
    counts = []
    for name in ("bill.csv", "bill.csv.gz", "bill.parquet"):
        write_bill(tmp_path / name)
        counts.append(export(tmp_path / name).count().totals)
    assert counts[0] == counts[1] == counts[2]


def test_a_bill_is_the_same_in_any_order_of_lines_and_files(tmp_path: Path) -> None:
    lines = [line(BilledCost=str(cost)) for cost in (1, 2, 2, 3)]
    write(tmp_path / "one" / "a.csv", *lines)
    write(tmp_path / "two" / "a.csv", lines[3], lines[1])
    write(tmp_path / "two" / "b.csv", lines[0], lines[2])
    assert export(tmp_path / "one").count().totals == export(tmp_path / "two").count().totals


@pytest.mark.parametrize(
    "cells",
    [
        {"Tags": '{"application": "ERP"}'},
        {"ServiceName": "Amazon EC2"},
        {"ChargePeriodStart": "2026-09-04"},
        {"x_Note": "seen"},
    ],
)
def test_a_bill_with_the_same_sums_and_other_content_is_another(tmp_path: Path, cells: Line) -> None:
    blank = line(x_Note="", Tags="")
    write(tmp_path / "one" / "a.csv", blank, blank)
    write(tmp_path / "two" / "a.csv", blank, {**blank, **cells})
    before, now = (export(tmp_path / name).count().totals for name in ("one", "two"))
    assert sums(before) == sums(now)
    assert before != now


@pytest.mark.parametrize("name", ["bill.csv", "bill.csv.gz", "bill.parquet"])
def test_every_format_lands_with_the_same_types(tmp_path: Path, name: str) -> None:
    write_bill(tmp_path / name)
    found = export(tmp_path / name)
    (_, table), *_ = found.batches(found.count(), (SEPTEMBER,))
    types = [str(table.schema.field(column).type) for column in ("list_cost", "charge_period_start", "tags")]
    assert types == ["decimal128(38, 20)", "timestamp[us, tz=UTC]", "string"]


def test_a_row_has_what_its_line_says(tmp_path: Path) -> None:
    write_bill(tmp_path / "bill.csv")
    assert rows(export(tmp_path))[0] == {
        "window": SEPTEMBER,
        "record_id": "bill.csv#1",
        "billed_cost": Decimal("20.52022672899"),
        "effective_cost": Decimal("-0.1"),
        "list_cost": Decimal("12345678901234567.1234567891"),
        "billing_period_start": datetime(2026, 9, 1, tzinfo=UTC),
        "charge_period_start": datetime(2026, 9, 3, tzinfo=UTC),
        "billing_currency": "EUR",
        "provider_name": "AWS",
        "service_name": "Amazon Simple Storage Service",
        "tags": '{"application":"shop"}',
        "other_columns": '{"x_Note":"a,b\\n\\"c\\""}',
    }


def test_a_misfit_lands_beside_its_null(tmp_path: Path) -> None:
    wide = "123456789012.1234567890123456789012345"
    write(tmp_path / "a.csv", line(BilledCost=wide))
    landed = rows(export(tmp_path))[0]
    assert (landed["billed_cost"], landed["other_columns"]) == (None, f'{{"BilledCost":"{wide}"}}')


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text([line()]), encoding="utf-8-sig")
    assert rows(export(tmp_path))[0]["billed_cost"] == Decimal("1.25")


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line())
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "b.csv.tmp").write_text("half")
    assert names(export(tmp_path)) == ["a.csv"]


def test_a_file_address_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line())
    assert [row["record_id"] for row in rows(export(tmp_path.as_uri()))] == ["a.csv#1"]


# What goes wrong


def test_a_folder_without_exports_is_an_error_that_names_its_setting(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"focus.aws: no file of costs ending in .csv, .csv.gz, .parquet at {tmp_path}: check sources.focus.aws.url"
    )


def test_a_folder_that_is_not_there_is_an_error_that_names_its_setting(tmp_path: Path) -> None:
    said = refusal(tmp_path / "nowhere")
    assert (str(tmp_path / "nowhere") in said, "check sources.focus.aws.url" in said) == (True, True)


def test_an_unknown_kind_of_address_names_its_setting() -> None:
    assert "check sources.focus.aws.url" in refusal("nonsense://bucket/x")


def cut(path: Path) -> Path:
    """The same file, as it is when its copy was interrupted."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


@pytest.mark.parametrize("name", ["bill.csv.gz", "bill.parquet"])
def test_half_a_file_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    write_bill(tmp_path / name)
    cut(tmp_path / name)
    assert refusal(tmp_path).startswith(f"focus.aws: {name} is damaged or not a FOCUS file")


def test_a_large_truncated_gzip_is_never_counted_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(csv_text([line(ServiceName=f"service {row}") for row in range(20_000)]).encode()))
    cut(path)
    assert "a.csv.gz is damaged" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"BilledCost,EffectiveCost\n1\n",
        csv_text([line(ServiceName="caf\u00e9")]).encode("latin-1"),
        csv_text([line()]).encode("utf-16"),
        b"\x00\x01\x02",
    ],
    ids=["empty", "ragged", "latin-1", "utf-16", "binary"],
)
def test_a_file_that_is_no_csv_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert refusal(tmp_path).startswith("focus.aws: a.csv ")


def test_a_header_that_names_a_column_twice_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    cells = [*line().items(), ("x_Note", "a"), ("x_Note", "b")]
    (tmp_path / "a.csv").write_text("\n".join(",".join(part) for part in zip(*cells, strict=True)) + "\n")
    assert "a.csv" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["BilledCost", "EffectiveCost", "BillingPeriodStart", "ChargePeriodStart"])
def test_a_missing_column_of_the_count_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.csv", {key: cell for key, cell in line().items() if key != name})
    assert f"a.csv has no column {name}, which FOCUS requires" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["BillingCurrency", "ProviderName", "ServiceName"])
def test_a_missing_column_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.csv", {key: cell for key, cell in line().items() if key != name})
    assert f"a.csv has no column {name}, which FOCUS requires" in refusal(tmp_path)


def test_a_missing_column_of_parquet_is_an_error_that_names_it(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({name: [cell] for name, cell in line().items() if name != "BilledCost"}), tmp_path / "a.parquet"
    )
    assert "a.parquet has no column BilledCost" in refusal(tmp_path)


def test_a_line_without_any_month_is_an_error_that_names_it(tmp_path: Path) -> None:
    lost = line(BillingPeriodStart="", ChargePeriodStart="soon")
    write(tmp_path / "a.csv", line(), line(), lost)
    assert "a.csv line 3 has no readable BillingPeriodStart nor ChargePeriodStart" in refusal(tmp_path)


# A real bill


def real_bill(real_input: Path) -> Path:
    """The sample of the FOCUS data set."""
    return real_input / "focus" / "focus_sample.csv"


def test_the_real_bill_is_counted_to_the_last_decimal(real_input: Path) -> None:
    found = [month for window in export(real_bill(real_input)).count().totals.values() for month in window.values()]
    sums = [sum(month[name] for month in found) for name in ("records", "BilledCost", "EffectiveCost")]
    assert sums == [1000, Decimal("20.52022672899"), Decimal("14.97651418586")]


def test_the_real_bill_lands_to_the_last_decimal(real_input: Path) -> None:
    found = export(real_bill(real_input))
    landed = rows(found, *found.count().totals)
    sums = [sum(row[name] for row in landed) for name in ("billed_cost", "effective_cost")]
    assert (len(landed), *sums) == (1000, Decimal("20.52022672899"), Decimal("14.97651418586"))
