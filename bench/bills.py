"""A FOCUS export of a month beside psql's COPY of the CSV into a table of texts: CSV, CSV.gz, Parquet, and CSV again.

Measured is `finops extract`, its start included, on a database that is set up. DuckDB is measured in the same run where
it is installed.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from bench.measure import Cost, Goal, Result, command, database, middle, psql, python
from finops.ingest.database import connect, prepare

LINES, SHORT_LINES, BLOCK = 1_000_000, 100_000, 50_000
RUNS = 3
MAX_RATIO, MAX_PEAK_MIB = 1.5, 600
COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
QUANTITIES = ("ConsumedQuantity", "PricingQuantity")
PRICES = ("ContractedUnitPrice", "ListUnitPrice")
INSTANTS = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
# How many different texts a column has, how long they are about, and which part of the lines has one.
TEXTS = {
    "AvailabilityZone": (40, 10, 0.1),
    "BillingAccountId": (3, 20, 1),
    "BillingAccountName": (3, 10, 1),
    "BillingCurrency": (1, 3, 1),
    "ChargeCategory": (3, 6, 1),
    "ChargeClass": (1, 10, 0.01),
    "ChargeDescription": (900, 50, 1),
    "ChargeFrequency": (3, 11, 1),
    "CommitmentDiscountCategory": (2, 6, 0.05),
    "CommitmentDiscountId": (30, 90, 0.05),
    "CommitmentDiscountName": (30, 12, 0.05),
    "CommitmentDiscountStatus": (2, 6, 0.05),
    "CommitmentDiscountType": (2, 12, 0.05),
    "ConsumedUnit": (34, 9, 1),
    "InvoiceIssuerName": (5, 25, 1),
    "PricingCategory": (4, 8, 1),
    "PricingUnit": (33, 9, 1),
    "ProviderName": (3, 9, 1),
    "PublisherName": (6, 25, 1),
    "RegionId": (26, 10, 1),
    "RegionName": (32, 18, 1),
    "ResourceId": (60_000, 75, 0.95),
    "ResourceName": (5_000, 40, 0.1),
    "ResourceType": (13, 20, 0.2),
    "ServiceCategory": (10, 14, 1),
    "ServiceName": (33, 26, 1),
    "SkuId": (900, 16, 1),
    "SkuPriceId": (900, 30, 1),
    "SubAccountId": (300, 12, 1),
    "SubAccountName": (300, 14, 1),
}
DECIMAL, INSTANT = pa.decimal128(30, 12), pa.timestamp("us", tz="UTC")

EXTRACT = [sys.executable, "-m", "finops.ingest.cli", "extract", "--as-of", "2026-09-30"]
FORGET = "truncate raw_public_cloud.focus; delete from finops.etl_extractions"
DUCKDB = """
import sys
import duckdb
from adbc_driver_postgresql import dbapi
lines = duckdb.sql(f"select * from read_csv('{sys.argv[1]}', all_varchar = true)").fetch_arrow_reader(20_000)
with dbapi.connect("application_name=bench") as connection, connection.cursor() as cursor:
    cursor.adbc_ingest("lines", lines, mode="append")
    connection.commit()
"""


def run(short: bool) -> Iterator[Result]:  # noqa: FBT001 the frame gives it
    """Measure each packing of the bill, and an unchanged one."""
    lines = SHORT_LINES if short else LINES
    with tempfile.TemporaryDirectory() as folder, database():
        with connect() as connection:
            prepare(connection)
        files = write(lines, Path(folder))
        for kind in files:
            yield _result(kind, lines, files)
        _extracted(files["csv"])
        again = middle([_extracted(files["csv"]) for _ in range(RUNS)])
        _check(lines)
        yield Result(
            f"FOCUS csv, {lines:,} lines, unchanged", None, again, [Goal("peak MiB", again.peak_mib, MAX_PEAK_MIB)]
        )


def _result(kind: str, lines: int, files: dict[str, Path]) -> Result:
    csv, file = files["csv"], files[kind]
    floors, landed, peers = [], [], []
    for _ in range(RUNS):
        floors.append(_copied(csv))
        psql(FORGET)
        landed.append(_extracted(file))
        if file == csv and importlib.util.find_spec("duckdb"):
            _empty_table(csv)
            peers.append(python(DUCKDB, str(csv)))
    _check(lines)
    psql(FORGET)
    floor, project = middle(floors), middle(landed)
    goals = [Goal("peak MiB", project.peak_mib, MAX_PEAK_MIB)]
    if file == csv:
        goals.insert(0, Goal("wall ×", project.wall / floor.wall, MAX_RATIO))
    if peers:
        goals.append(Goal("wall / DuckDB's", project.wall / median(peer.wall for peer in peers), 1))
    return Result(f"FOCUS {kind}, {lines:,} lines", floor, project, goals)


def _empty_table(csv: Path) -> None:
    with csv.open(encoding="utf-8") as file:
        columns = ", ".join(f"{name} text" for name in file.readline().strip().split(","))
    psql(f"drop table if exists lines; create table lines ({columns})")


def _copied(csv: Path) -> Cost:
    _empty_table(csv)
    return psql(f"\\copy lines from '{csv}' (format csv, header)")


def _check(lines: int) -> None:
    with connect() as connection:
        found = connection.execute("select count(*) as lines from raw_public_cloud.focus").fetchone()
    if found != {"lines": lines}:
        raise RuntimeError(f"{found} landed of {lines}")


def _extracted(file: Path) -> Cost:
    return command(EXTRACT, {"SOURCES__FOCUS__BENCH__URL": str(file.parent)})


def bill(lines: int) -> Iterator[pa.Table]:
    """Lines of September 2026 as a cloud writes them: 44 columns, of which one is not FOCUS's; money hardly repeats."""
    chance = random.Random(1)  # noqa: S311 - the same bill every time
    texts = {name: _words(chance, name, count, length) for name, (count, length, _) in TEXTS.items()}
    tags = pa.array(
        json.dumps({"application": f"APP-{number % 500}", "environment": "production", "team": f"team-{number % 90}"})
        for number in range(800)
    )
    for start in range(0, lines, BLOCK):
        rows = min(BLOCK, lines - start)
        hours = [chance.randrange(24 * 30) for _ in range(rows)]
        columns = {name: _some(chance, texts[name], rows, share) for name, (_, _, share) in TEXTS.items()}
        columns |= {name: _decimals(chance, rows, 10**9, 11) for name in COSTS}
        columns |= {name: _decimals(chance, rows, 10**9, 6) for name in QUANTITIES}
        columns |= {name: _some(chance, _decimals(chance, 300, 10**6, 8), rows, 1) for name in PRICES}
        columns["BillingPeriodStart"] = pa.repeat("2026-09-01 00:00:00", rows)
        columns["BillingPeriodEnd"] = pa.repeat("2026-10-01 00:00:00", rows)
        columns["ChargePeriodStart"] = pa.array(f"2026-09-{hour // 24 + 1:02} {hour % 24:02}:00:00" for hour in hours)
        columns["ChargePeriodEnd"] = pa.array(f"2026-09-{hour // 24 + 1:02} {hour % 24:02}:59:59" for hour in hours)
        columns["Tags"] = _some(chance, tags, rows, 0.7)
        columns["x_LineId"] = pa.array(str(start + row) for row in range(rows))
        yield pa.table({name: columns[name] for name in sorted(columns)})


def _words(chance: random.Random, name: str, count: int, length: int) -> pa.Array:
    if name == "BillingCurrency":
        return pa.array(["EUR"])
    filling = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz-/:. ", k=length))
    return pa.array(f"{filling}{number}"[-max(length, len(str(number))) :] for number in range(count))


def _some(chance: random.Random, values: pa.Array, rows: int, share: float) -> pa.Array:
    taken = [chance.randrange(len(values)) if chance.random() < share else None for _ in range(rows)]
    return values.take(pa.array(taken, pa.int32()))


def _decimals(chance: random.Random, rows: int, end: int, scale: int) -> pa.Array:
    numbers = (f"{chance.randrange(end):0{scale + 1}}" for _ in range(rows))
    return pa.array(f"{number[:-scale]}.{number[-scale:]}" for number in numbers)


def write(lines: int, folder: Path) -> dict[str, Path]:
    """Write the bill as CSV, CSV.gz and Parquet, each in a folder of its own."""
    files = {kind: folder / kind / f"bill.{kind}" for kind in ("csv", "csv.gz", "parquet")}
    for file in files.values():
        file.parent.mkdir()
    schema = None
    csv = parquet = None
    for table in bill(lines):
        typed = _typed(table)
        if csv is None or parquet is None:
            schema = typed.schema
            csv, parquet = pacsv.CSVWriter(files["csv"], table.schema), pq.ParquetWriter(files["parquet"], schema)
        csv.write_table(table)
        parquet.write_table(typed.cast(schema))
    for writer in filter(None, (csv, parquet)):
        writer.close()
    with files["csv"].open("rb") as plain, gzip.open(files["csv.gz"], "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)
    return files


def _typed(table: pa.Table) -> pa.Table:
    """The types of an export in Parquet: decimals, instants, and a map of tags, as AWS writes them."""
    for name in (*COSTS, *QUANTITIES, *PRICES):
        table = table.set_column(table.schema.get_field_index(name), name, pc.cast(table[name], DECIMAL))
    for name in INSTANTS:
        instants = pc.assume_timezone(pc.cast(table[name], pa.timestamp("us")), "UTC")
        table = table.set_column(table.schema.get_field_index(name), name, instants)
    maps = pa.array(
        (None if text is None else list(json.loads(text).items()) for text in table["Tags"].to_pylist()),
        pa.map_(pa.string(), pa.string()),
    )
    return table.set_column(table.schema.get_field_index("Tags"), "Tags", maps)
