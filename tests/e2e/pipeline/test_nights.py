"""Whatever the order in which days and bills arrive, a nightly leaves what a reprocess of everything would.

Many made-up sources have nights of their own at once: each is one random sequence. What lands goes through the ledger's
own code, and is published by real nightlies. `FINOPS_SEQUENCES=1000` runs as many.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString

import pytest

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.database import connect
from finops.ingest.periods import Period, parse_range
from finops.ingest.pipeline.guard import accept_or_refuse
from finops.ingest.pipeline.ledger import Outcome, extraction
from finops.ingest.pipeline.runs import Run, RunRequest, open_run
from finops.ingest.sources.kinds import HttpSource, Source, Window, focus_source
from tests.e2e.finops import Database, finops, last_run, scalar

SEQUENCES = int(os.environ.get("FINOPS_SEQUENCES", "30"))
NIGHTS = 3
SEED = int(os.environ.get("FINOPS_SEED", "20261002"))
FIRST = date(2026, 9, 24)
ONE_DAY = timedelta(days=1)
MONTHS = parse_range("2026-08..2026-11")
ANY_SIZE = ExtractionSettings(max_shrink=Decimal(1))

PUBLISHED: dict[str, LiteralString] = {
    "relevés": "select id, source, application_id, product_id, family, charge_category, period, usage_quantity,"
    " total_cost, estimated_cost, estimated_reasons, is_estimated, line_count, daily_cost"
    " from finops.fact_releve order by id",
    "rejects": "select source, period, usage_date, record_id, reason, detail, quantity from finops.rejected_usage"
    " order by source, period, usage_date, record_id",
    "unallocated": "select source, period, subject, total_cost, line_count from finops.unallocated_usage"
    " order by 1, 2, 3",
    "gaps": "select * from finops.agg_gap_month order by period, source, reason, group_id, subject",
    "publications": "select source, period, measured_days, estimated_days, landed_digest from finops.etl_published"
    " where landed_digest <> '' order by source, period",
    "days": "select * from finops.mv_source_month order by source, period",
    "costs": "select * from finops.owned_releves order by period, application_id, source, product_id",
}

# What the bills say, month of charge by month, and what is published of them.
BILLED = (
    "select sum((totals.value ->> 'EffectiveCost')::numeric) from finops.etl_accepted"
    " cross join jsonb_each(control_totals) as totals where measure = 'billed'"
)
RELEASED = "select sum(total_cost) from finops.fact_releve where domain = 'public_cloud'"


@dataclass(frozen=True)
class Feed:
    """A made-up source: an inventory, a meter or bills."""

    source: Source

    def windows(self, chance: random.Random) -> list[Window]:
        """What arrives in a night: any days, late ones included, or any bills."""
        if self.source.measure == "billed":
            months = chance.sample(MONTHS[1:3], chance.randint(1, 2))
            return [Window(month.first, month.next.first) for month in months]
        days = [FIRST + timedelta(days=chance.randint(0, 13)) for _ in range(chance.randint(1, 4))]
        return [Window(day, day + ONE_DAY) for day in sorted(set(days))]

    def land(self, run: Run, chance: random.Random, window: Window) -> Outcome:
        """Write the records of a window, and say what they are."""
        count = chance.choice((0, 1, 1, 2))
        counted: Counter[str] = Counter()
        costs: Counter[str] = Counter()
        for number in range(count):
            amount = chance.choice(("1", "2.5", "31", "n/a"))
            if self.source.measure != "billed":
                payload = {"application": chance.choice(("ERP", "SHOP-WEB", "GHOST")), "amount": amount}
                run.connection.execute(
                    "insert into raw_native.declared select %s, %s, %s, %s, now(), %s",
                    (str(number), self.source.name, window.start, run.run_id, json.dumps(payload)),
                )
                counted[str(Period.of(window.start))] += 1
                continue
            charged = window.start - timedelta(days=chance.choice((0, 0, 3, 20)) if window.start.day == 1 else 0)
            cost = amount.replace("n/a", "-7")
            run.connection.execute(
                "insert into raw_public_cloud.focus (record_id, source, window_date, run_id, loaded_at, effective_cost,"
                " billing_currency, charge_period_start, charge_category, provider_name, service_name,"
                " service_category) values (%s, %s, %s, %s, now(), %s, 'EUR', %s, 'Usage', 'Nimbus', %s, 'Compute')",
                (str(number), self.source.name, window.start, run.run_id, cost, charged, chance.choice("ab")),
            )
            counted[str(Period.of(charged))] += 1
            costs[str(Period.of(charged))] += int(float(cost) * 10)
        billed = self.source.measure == "billed"
        totals = {
            month: {"records": str(records)} | ({"EffectiveCost": str(costs[month] / 10)} if billed else {})
            for month, records in counted.items()
        }
        return Outcome(window, count, totals)


def feeds(number: int) -> list[Feed]:
    """The three sources of a sequence."""
    inventory = HttpSource(f"http.i{number}", "x", "native", "inventory", path="x", data_selector="$[*]")
    meter = HttpSource(f"http.m{number}", "x", "native", "metered", path="x", data_selector="$[*]")
    return [Feed(inventory), Feed(meter), Feed(focus_source(f"b{number}"))]


@pytest.fixture
def company(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Feed]:
    """As many sources as there are sequences, declared to dbt; a nightly only needs one that is configured."""
    monkeypatch.setenv("SOURCES__FOCUS__NONE__URL", str(tmp_path))
    found = [feed for number in range(SEQUENCES) for feed in feeds(number)]
    for feed in found:
        if feed.source.measure != "billed":
            unit, product = (
                ("GiB-month", "disk.ssd_gib") if feed.source.measure == "inventory" else ("query", "cube.query")
            )
            database.execute(
                "insert into finops.etl_declared_lines (source, line_number, application_path, quantity_path,"
                " product_id, unit, factor) values (%s, 1, '{application}', '{amount}', %s, %s, 1)",
                (feed.source.name, product, unit),
            )
    return found


@contextmanager
def landing(as_of: date) -> Iterator[Run]:
    """A run that only extracts."""
    with (
        connect() as connection,
        open_run(connection, "adhoc", RunRequest(MONTHS, as_of, sources=["x"]), "extract") as run,
    ):
        yield run


def night(company: Sequence[Feed], chance: random.Random, as_of: date) -> None:
    """What arrives of each source: nothing, half of it before it breaks off, or all."""
    with landing(as_of) as run:
        for feed in company:
            fate = chance.choice(("down", "breaks off", "lands", "lands", "lands"))
            if fate == "down":
                continue
            windows = feed.windows(chance)
            with suppress(ConnectionError), extraction(run, feed.source, windows):
                outcomes = [feed.land(run, chance, window) for window in windows]
                if fate == "breaks off":
                    raise ConnectionError
                accept_or_refuse(run, feed.source, outcomes, ANY_SIZE, accept_shrink=True)
            with run.step("extract", feed.source.name):
                pass


def published(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that readers see, but for when and by which run it was published."""
    return {name: database.execute(query).fetchall() for name, query in PUBLISHED.items()}


def test_after_any_nights_one_more_nightly_is_a_reprocess_of_everything(
    company: list[Feed], database: Database
) -> None:
    chance = random.Random(SEED)  # noqa: S311 made-up nights
    for number in range(NIGHTS):
        as_of = FIRST + timedelta(days=6 + 3 * number)
        night(company, chance, as_of)
        if number < NIGHTS - 1:
            assert finops("nightly", "--no-extract", "--accept-shrink", "--as-of", str(as_of)) == 0
    assert finops("nightly", "--no-extract", "--accept-shrink", "--as-of", str(as_of)) == 0
    after_a_nightly = published(database)
    assert len(after_a_nightly["relevés"]) > SEQUENCES
    assert scalar(database, BILLED) == scalar(database, RELEASED)
    months = f"{MONTHS[0]}..{MONTHS[-1]}"
    assert finops("reprocess", "--period", months, "--reason", "a test", "--as-of", str(as_of)) == 0
    assert after_a_nightly == published(database)
    # and what is published as it stands is not published again
    assert finops("nightly", "--no-extract", "--accept-shrink", "--as-of", str(as_of)) == 0
    again = "select count(*) from finops.etl_reconciliations where run_id = %s"
    assert scalar(database, again, last_run(database)["run_id"]) == 0
