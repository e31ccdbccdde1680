"""Which files of an export count: manifests as AWS and Azure write them, and folders without."""

import gzip
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.ingest.sources.focus.export import Export
from tests.unit.ingest.sources.focus.test_export import SEPTEMBER, cut, export, line, names, refusal, rows, write
from tests.unit.ingest.sources.focus.test_versions import of_version, without

SCOPE = "/subscriptions/0000/providers/Microsoft.CostManagement/exports/daily"


def billed(found: Export) -> Decimal:
    """What the bill says, all windows together."""
    return sum(
        (month["BilledCost"] for window in found.count().totals.values() for month in window.values()), Decimal(0)
    )


def cost(amount: str, **cells: str) -> dict[str, str]:
    """A line of this amount."""
    return line(BilledCost=amount, **cells)


def aws(root: Path, files: Sequence[str], run: str = "", period: str = "2026-09") -> Path:
    """A manifest of AWS Data Exports for these files of the period's data folder."""
    place = f"BILLING_PERIOD={period}{'/' if run else ''}{run}"
    path = root / "metadata" / place / "focus-Manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    uris = [f"s3://company-billing/exports/focus/data/{place}/{file}" for file in files]
    path.write_text(json.dumps({"executionId": run, "columns": [], "dataFiles": uris}))
    return path


def azure(  # noqa: PLR0913 one keyword a fact that a test varies
    run: Path,
    files: Sequence[Path],
    submitted: str,
    *,
    start: str = "2026-09-01",
    end: str = "2026-09-30",
    stated: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """A manifest of Azure Cost Management in a run's folder: the shape of Microsoft's own example."""
    blobs = [
        {
            "blobName": f"costs/{path.relative_to(run.parents[2])}",
            "byteCount": path.stat().st_size if path.exists() else 1,
        }
        | dict(stated or {})
        for path in files
    ]
    document = {
        "manifestVersion": "2024-04-01",
        "blobCount": len(blobs),
        "exportConfig": {"exportName": "daily", "resourceId": SCOPE, "type": "FocusCost"} | dict(config or {}),
        "deliveryConfig": {"fileFormat": "Csv", "compressionMode": "None", "rootFolderPath": "costs"},
        "runInfo": {
            "submittedTime": f"{submitted}T06:49:06.5756051Z",
            "startDate": f"{start}T00:00:00",
            "endDate": f"{end}T00:00:00Z",
        },
        "blobs": blobs,
    }
    run.mkdir(parents=True, exist_ok=True)
    (run / "manifest.json").write_text(json.dumps(document))
    return run / "manifest.json"


@pytest.fixture
def azure_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run of one part of this amount, and its manifest; the part."""

    def write_run(run: str, amount: str, submitted: str, **options: Any) -> Path:
        folder = tmp_path / "daily" / "20260901-20260930" / run
        part = write(folder / "part_0_0001.csv", options.pop("cells", cost(amount)))
        azure(folder, [part], submitted, **options)
        return part

    return write_run


# Without a manifest


@pytest.mark.parametrize(
    "hidden", ["_SUCCESS.csv", ".a.csv", "_temporary/a.csv", ".tmp/deep/a.csv", "deep/_delta_log/a.csv"]
)
def test_hidden_files_and_folders_hold_no_data(tmp_path: Path, hidden: str) -> None:
    write(tmp_path / "a.csv", line())
    write(tmp_path / hidden, cost("9"))
    assert names(export(tmp_path)) == ["a.csv"]


def test_the_configured_folder_may_itself_begin_like_a_hidden_one(tmp_path: Path) -> None:
    write(tmp_path / "_exports" / "2026-09" / "a.csv", line())
    assert names(export(f"{tmp_path}/_exports/{{period}}")) == ["2026-09/a.csv"]


def test_a_file_of_no_byte_is_no_data(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line())
    (tmp_path / "b.csv.gz").touch()
    assert names(export(tmp_path)) == ["a.csv"]


def test_files_of_no_byte_alone_are_an_error_that_names_one(tmp_path: Path) -> None:
    (tmp_path / "b.parquet").touch()
    assert refusal(tmp_path) == "focus.aws: b.parquet is empty, and there is no other export: export it again"


def test_every_partition_and_every_format_of_an_export_counts(tmp_path: Path) -> None:
    write(tmp_path / "billing_period=2026-09" / "a.csv", cost("1"))
    packed = write(tmp_path / "billing_period=2026-09" / "b.csv", cost("2"))
    packed.with_suffix(".csv.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    table = pa.table({name: [cell] for name, cell in cost("4").items()})
    pq.write_table(table, tmp_path / "billing_period=2026-09" / "c.snappy.parquet", compression="snappy")
    write(tmp_path / "billing_period=2026-10" / "a.csv", cost("8", BillingPeriodStart="2026-10-01"))
    assert billed(export(tmp_path)) == Decimal(15)


def test_two_files_of_one_content_are_an_error_that_names_both(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line())
    write(tmp_path / "deep" / "copy of a.csv", line())
    assert refusal(tmp_path) == (
        "focus.aws: all lines of a.csv are in deep/copy of a.csv, too, and would count twice: keep one of the two, or "
        "put them into one file if both are due"
    )


def test_the_same_file_packed_and_unpacked_is_an_error(tmp_path: Path) -> None:
    packed = write(tmp_path / "x.csv", line())
    packed.with_suffix(".csv.gz").write_bytes(gzip.compress(packed.read_bytes()))
    assert "all lines of x.csv are in x.csv.gz, too" in refusal(tmp_path)


def test_a_month_to_date_file_beside_a_later_one_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "09-20.csv", cost("5"), cost("5"), cost("1"))
    write(tmp_path / "09-10.csv", cost("5"))
    assert "all lines of 09-10.csv are in 09-20.csv, too" in refusal(tmp_path)


def test_a_month_to_date_file_beside_a_later_one_with_changes_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "09-20.csv", cost("5"), cost("6"), cost("7.5"), cost("8"))
    write(tmp_path / "09-10.csv", cost("5"), cost("6"), cost("7"))
    assert "2 of 3 lines of 09-10.csv are in 09-20.csv, too" in refusal(tmp_path)


def test_files_that_share_no_more_than_half_of_their_lines_all_count(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", cost("5"), cost("1"))
    write(tmp_path / "b.csv", cost("5"), cost("5"), cost("5"))
    assert billed(export(tmp_path)) == Decimal(21)


def test_two_files_of_one_size_are_no_copies(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", cost("1"))
    write(tmp_path / "b.csv", cost("2"))
    assert billed(export(tmp_path)) == Decimal(3)


def test_two_files_of_one_header_and_no_line_are_no_copies(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(",".join(line()) + "\n")
    assert export(tmp_path).count().totals == {}


# AWS


def test_of_an_aws_export_the_files_of_the_manifest_count(tmp_path: Path) -> None:
    data = tmp_path / "data" / "BILLING_PERIOD=2026-09"
    write(data / "focus-00001.csv", cost("1"))
    write(data / "focus-00002.csv", cost("2"))
    write(data / "left-over-00003.csv", cost("4"))
    aws(tmp_path, ["focus-00001.csv", "focus-00002.csv"])
    assert billed(export(tmp_path)) == Decimal(3)


@pytest.mark.parametrize("url", ["", "data", "data/BILLING_PERIOD={period}"])
def test_the_newest_run_of_an_aws_export_counts_wherever_the_address_points(tmp_path: Path, url: str) -> None:
    for run, amount in (("20260911T030405-bbbb", "2"), ("20260910T030405-aaaa", "1")):
        write(tmp_path / "data" / "BILLING_PERIOD=2026-09" / run / "focus-00001.csv", cost(amount))
        aws(tmp_path, ["focus-00001.csv"], run)
    write(tmp_path / "data" / "BILLING_PERIOD=2026-09" / "20260912T030405-cccc" / "focus-00001.csv", cost("4"))
    assert billed(export(f"{tmp_path}/{url}")) == Decimal(2)


def test_each_billing_period_has_a_newest_manifest_of_its_own(tmp_path: Path) -> None:
    for period, run, amount in (("2026-08", "20260910T030405-a", "1"), ("2026-09", "20260901T030405-b", "2")):
        cells = cost(amount, BillingPeriodStart=f"{period}-01")
        write(tmp_path / "data" / f"BILLING_PERIOD={period}" / run / "focus-00001.csv", cells)
        aws(tmp_path, ["focus-00001.csv"], run, period)
    assert billed(export(tmp_path)) == Decimal(3)


def test_an_aws_run_whose_file_is_missing_leaves_its_place_to_the_one_before(tmp_path: Path) -> None:
    run = "20260910T030405-aaaa"
    write(tmp_path / "data" / "BILLING_PERIOD=2026-09" / run / "focus-00001.csv", cost("1"))
    aws(tmp_path, ["focus-00001.csv"], run)
    newest = aws(tmp_path, ["focus-00001.csv"], "20260911T030405-bbbb")
    found = export(tmp_path)
    assert billed(found) == Decimal(1)
    assert list(found.count().skipped) == [str(newest)]


def test_an_aws_run_whose_file_is_damaged_leaves_its_place_to_the_one_before(tmp_path: Path) -> None:
    for run, amount in (("20260910T030405-aaaa", "1"), ("20260911T030405-bbbb", "2")):
        path = tmp_path / "data" / "BILLING_PERIOD=2026-09" / run / "focus-00001.csv"
        packed = write(path, *[cost(amount, ServiceName=str(row)) for row in range(500)]).with_suffix(".csv.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        aws(tmp_path, ["focus-00001.csv.gz"], run)
    cut(packed)
    found = export(tmp_path)
    assert billed(found) == Decimal(500)
    assert [row["billed_cost"] for row in rows(found)] == [Decimal(1)] * 500


def test_a_run_whose_header_is_damaged_leaves_its_place_to_the_one_before(tmp_path: Path) -> None:
    for run, amount in (("20260910T030405-aaaa", "1"), ("20260911T030405-bbbb", "2")):
        path = write(tmp_path / "data" / "BILLING_PERIOD=2026-09" / run / "focus-00001.csv", cost(amount))
        aws(tmp_path, ["focus-00001.csv"], run)
    path.write_bytes(b"\xff")
    assert billed(export(tmp_path)) == Decimal(1)


def test_the_manifest_of_two_that_was_written_last_wins_where_no_run_is_named(tmp_path: Path) -> None:
    for name, amount, written in (("old", "1", 1_000), ("new", "2", 2_000)):
        write(tmp_path / name / "a.csv", cost(amount))
        manifest = tmp_path / "metadata" / name / "focus-Manifest.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"dataFiles": [f"s3://b/{name}/a.csv"]}))
        os.utime(manifest, (written, written))
    assert names(export(tmp_path)) == ["new/a.csv"]


# Azure


def test_of_the_runs_of_an_azure_export_the_newest_counts(tmp_path: Path, azure_run: Callable[..., Path]) -> None:
    azure_run("b-run", "1", "2026-09-10")
    azure_run("a-run", "2", "2026-09-11")
    write(tmp_path / "daily" / "20260901-20260930" / "c-unfinished" / "part_0_0001.csv", cost("4"))
    assert billed(export(tmp_path)) == Decimal(2)


@pytest.mark.parametrize("stated", [{"byteCount": 7}, {"dataRowCount": 7}, {"blobName": "costs/daily/x/gone.csv"}])
def test_an_azure_run_that_is_not_what_its_manifest_says_leaves_its_place(
    tmp_path: Path, azure_run: Callable[..., Path], stated: dict[str, Any]
) -> None:
    azure_run("a-run", "1", "2026-09-10", stated={"dataRowCount": 1})
    azure_run("b-run", "2", "2026-09-11", stated=stated)
    assert billed(export(tmp_path)) == Decimal(1)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"byteCount": 7}, "part_0_0001.csv has 192 bytes, and "),
        ({"dataRowCount": 7}, "part_0_0001.csv has 1 lines, and "),
        ({"blobName": "costs/daily/x/gone.csv"}, "names costs/daily/x/gone.csv, which is not there"),
    ],
)
def test_with_no_complete_set_the_month_and_the_reason_are_said(
    tmp_path: Path, azure_run: Callable[..., Path], stated: dict[str, Any], said: str
) -> None:
    azure_run("a-run", "1", "2026-09-10", stated=stated)
    text = refusal(tmp_path)
    assert text.startswith("focus.aws: no complete set of 2026-09: ")
    assert said in text
    assert text.endswith("; export it again")


def test_an_incomplete_set_of_a_month_that_nobody_asked_for_stops_nothing(
    tmp_path: Path, azure_run: Callable[..., Path]
) -> None:
    azure_run("a-run", "1", "2026-09-10", start="2025-01-01", end="2025-01-31", stated={"byteCount": 7})
    azure_run("b-run", "2", "2026-09-11")
    assert billed(export(tmp_path)) == Decimal(2)


def test_the_size_before_compression_is_no_fault_where_the_lines_are_right(
    tmp_path: Path, azure_run: Callable[..., Path]
) -> None:
    part = azure_run("a-run", "2", "2026-09-11")
    packed = part.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(part.read_bytes()))
    azure(part.parent, [packed], "2026-09-11", stated={"byteCount": part.stat().st_size, "dataRowCount": 1})
    part.unlink()
    assert billed(export(tmp_path)) == Decimal(2)


def test_a_daily_and_a_monthly_export_of_one_scope_count_once(tmp_path: Path) -> None:
    for name, amount, submitted in (("daily", "1", "2026-09-30"), ("monthly", "2", "2026-10-02")):
        run = tmp_path / name / "20260901-20260930" / "run"
        resource = SCOPE.replace("daily", name)
        config = {"exportName": name, "resourceId": resource}
        azure(run, [write(run / "part_0_0001.csv", cost(amount))], submitted, config=config)
    assert names(export(tmp_path)) == ["monthly/20260901-20260930/run/part_0_0001.csv"]


def test_exports_of_two_scopes_both_count(tmp_path: Path) -> None:
    for name, amount in (("one", "1"), ("two", "2")):
        run = tmp_path / name / "20260901-20260930" / "run"
        resource = SCOPE.replace("0000", name)
        config = {"exportName": name, "resourceId": resource}
        azure(run, [write(run / "part_0_0001.csv", cost(amount))], "2026-09-30", config=config)
    assert billed(export(tmp_path)) == Decimal(3)


def test_an_azure_export_of_something_else_is_left_alone(tmp_path: Path, azure_run: Callable[..., Path]) -> None:
    azure_run("a-run", "2", "2026-09-11")
    run = tmp_path / "prices" / "20260901-20260930" / "run"
    config = {"exportName": "prices", "resourceId": f"{SCOPE}2", "type": "PriceSheet"}
    run.mkdir(parents=True)
    (run / "part_0_0001.csv").write_text("MeterID\n1\n")
    azure(run, [run / "part_0_0001.csv"], "2026-09-30", config=config)
    assert billed(export(tmp_path)) == Decimal(2)


def test_files_outside_of_the_exports_with_manifests_count_as_they_are(
    tmp_path: Path, azure_run: Callable[..., Path]
) -> None:
    azure_run("a-run", "2", "2026-09-11")
    write(tmp_path / "by hand" / "a.csv", cost("1"))
    assert billed(export(tmp_path)) == Decimal(3)


def test_a_run_of_two_months_is_superseded_by_runs_of_both(tmp_path: Path, azure_run: Callable[..., Path]) -> None:
    azure_run("a-run", "1", "2026-09-10", start="2026-08-01")
    azure_run("b-run", "2", "2026-09-11")
    azure_run("c-run", "4", "2026-09-11", start="2026-08-01", end="2026-09-01")
    assert billed(export(tmp_path)) == Decimal(6)


def test_a_run_that_is_superseded_in_part_is_an_error_that_names_it(
    tmp_path: Path, azure_run: Callable[..., Path]
) -> None:
    azure_run("a-run", "1", "2026-09-10", start="2026-08-01")
    azure_run("b-run", "2", "2026-09-11")
    assert "a-run/manifest.json is about 2026-09 and other months" in refusal(tmp_path)


def test_the_version_that_a_manifest_states_is_held_to_its_columns(
    tmp_path: Path, azure_run: Callable[..., Path]
) -> None:
    cells = without(of_version("1.2"), "PricingUnit")
    azure_run("a-run", "", "2026-09-11", cells=cells, config={"dataVersion": "1.2-preview"})
    assert "has no column PricingUnit, which FOCUS 1.2 requires" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content", ['{"dataFiles": ["s3://', '{"blobs": [1]}', '{"dataFiles": 7}', '{"blobs": [], "runInfo": 7}']
)
def test_a_manifest_that_can_not_be_understood_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    write(tmp_path / "a.csv", line())
    (tmp_path / "manifest.json").write_text(content)
    assert refusal(tmp_path).startswith(f"focus.aws: {tmp_path}/manifest.json is not a manifest (")


def test_json_that_is_no_manifest_of_an_export_says_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line())
    (tmp_path / "manifest.json").write_text('{"name": "a web application"}')
    assert names(export(tmp_path)) == ["a.csv"]


# Buckets


@pytest.mark.parametrize(
    ("address", "library", "extra"),
    [
        ("s3://b/x", "s3fs", "s3"),
        ("az://b/x", "adlfs", "az"),
        ("abfs://b/x", "adlfs", "az"),
        ("gs://b/x", "gcsfs", "gs"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, address: str, library: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    known = importlib.import_module("fsspec.registry")._registry  # noqa: SLF001 what was imported already
    monkeypatch.delitem(known, address.partition(":")[0], raising=False)
    text = refusal(address)
    assert library in text
    assert re.search(rf"pip install 'finops_module-[\d.]+-py3-none-any\.whl\[{extra}\]'", text)


# Bad input


def test_half_a_parquet_page_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({name: [cell] * 5_000 for name, cell in line().items()}), path, use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[100:400] = bytes(300)
    path.write_bytes(data)
    assert refusal(path).startswith("focus.aws: a.parquet is damaged")


def test_a_text_of_parquet_that_is_none_is_damage(tmp_path: Path) -> None:
    texts = pa.array([b"caf\xe9"]).view(pa.string())
    pq.write_table(
        pa.table({name: [cell] for name, cell in line().items()} | {"ServiceName": texts}), tmp_path / "a.parquet"
    )
    assert refusal(tmp_path).startswith("focus.aws: a.parquet is damaged")


def test_a_cost_of_a_type_that_is_no_number_is_one_line(tmp_path: Path) -> None:
    cells = {name: [cell] for name, cell in line().items()} | {"BilledCost": [[1, 2]]}
    pq.write_table(pa.table(cells), tmp_path / "a.parquet")
    assert refusal(tmp_path).startswith("focus.aws: a.parquet is damaged or not a FOCUS file: ")


def test_a_nul_in_a_text_an_amount_or_a_tag_loses_no_line(tmp_path: Path) -> None:
    cells = line(BilledCost="1\0", ServiceName="a\0b", Tags='{"k": "a\\u0000b"}', x_Note="\0")
    (tmp_path / "a.csv").write_text(
        ",".join(cells) + "\n" + ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells.values())
    )
    landed = rows(export(tmp_path))[0]
    assert landed["billed_cost"] is None
    assert "\0" not in json.dumps(landed, default=str, ensure_ascii=False)
    assert "u0000" not in landed["other_columns"] + landed["tags"]


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "1969-12-31", "2201-01-01", "9999-12-31"]
)
def test_a_charge_of_another_age_counts_in_its_bill_and_is_kept_to_the_letter(tmp_path: Path, moment: str) -> None:
    write(tmp_path / "a.csv", line(ChargePeriodStart=moment), line())
    found = export(tmp_path)
    assert [list(months) for months in found.count().totals.values()] == [[SEPTEMBER]]
    landed = rows(found)[0]
    assert (landed["charge_period_start"], landed["other_columns"]) == (None, f'{{"ChargePeriodStart":"{moment}"}}')


def test_a_bill_of_another_age_goes_by_its_charge(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line(BillingPeriodStart="0001-01-01T00:00:00Z"))
    assert list(export(tmp_path).count().totals) == [SEPTEMBER]
