"""How fast records land, and in how much memory: beside a floor, a plain COPY of the same rows, in the same run.

    python -m finops.demo run -- python bench/landing.py 1000000

Prints a table, and removes what it landed. Peak memory is of this whole process, after everything before that line.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.services import FocusExport
from finops.ingest.config.settings import Settings
from finops.ingest.database import connect, prepare
from finops.ingest.periods import Period
from finops.ingest.pipeline.extract import extract_all
from finops.ingest.pipeline.runs import RunRequest, open_run
from finops.ingest.pipeline.windows import ExtractRequest
from finops.ingest.sources.kinds import ConfiguredSource, focus_source
from finops.ingest.telemetry.progress import Progress

DAY = date(2026, 9, 1)
COLUMNS = [
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargeCategory",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ProviderName",
    "ServiceName",
    "ServiceCategory",
    "SubAccountId",
    "ResourceId",
    "Tags",
    "x_Extra",
]
LIMITS = ExtractionSettings(mask_fields=frozenset({"password"}))


def bill(path: Path, lines: int) -> None:
    """A FOCUS export of so many lines."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for line in range(lines):
            tags = json.dumps({"application": f"APP-{line % 500}", "environment": "production"})
            start = f"2026-09-{line % 30 + 1:02} 00:00:00"
            cost = f"{line % 977}.{line % 1000003:010}"
            provider = ("Nimbus", f"Service {line % 40}", "Compute", f"account-{line % 90}", f"resource-{line % 5000}")
            when = ("2026-09-01 00:00:00", start, "Usage", "1.5", "Hours")
            writer.writerow((cost, cost, "EUR", *when, *provider, tags, f"extra {line}"))


def copied(rows: Iterator[tuple[str, ...]], columns: int) -> None:
    """The floor: text COPY into an unindexed table."""
    with psycopg.connect(autocommit=True) as connection:
        names = ", ".join(f"c{number} text" for number in range(columns))
        connection.execute(f"create temporary table floor ({names})".encode())
        with connection.cursor().copy("copy floor from stdin") as copy:
            for row in rows:
                copy.write_row(row)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_mib() -> int:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(lines: int) -> None:
    """Land a bill beside its floor."""
    table = Table("what", "rows", "seconds", "floor", "ratio", "peak MiB so far")
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        prepare(connection)
        path = Path(folder) / "bill.csv"
        bill(path, lines)
        configured = ConfiguredSource(focus_source("bench"), FocusExport(url=folder))
        order = ExtractRequest([Period(DAY)], date(2026, 9, 30), accept_shrink=True)
        with open_run(connection, RunRequest("nightly", order.periods, order.as_of, "bench")) as run:
            landed = timed(lambda: extract_all(run, Settings((configured,), LIMITS), order, Progress()))
        peak = peak_mib()
        with path.open(newline="") as file:
            floor = timed(lambda: copied((tuple(row) for row in csv.reader(file)), len(COLUMNS)))
        table.add_row(
            "FOCUS lines (CSV)", f"{lines:,}", f"{landed:.1f}", f"{floor:.1f}", f"{landed / floor:.1f}", f"{peak}"
        )
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("delete from raw_public_cloud.focus where source = 'focus.bench'")
        connection.execute("delete from finops.etl_extractions where source = 'focus.bench'")
    Console().print(table)


if __name__ == "__main__":
    if "PGHOST" not in os.environ:
        sys.exit("no database: python -m finops.demo run -- python bench/landing.py 1000000")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
