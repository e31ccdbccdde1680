"""What a run publishes, and what it leaves alone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import LiteralString

import pytest

from tests.e2e.finops import Database, charge, finops, last_run, releves, scalar, total, write_bill


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of FOCUS exports, configured as the source focus.nimbus."""
    folder = tmp_path / "bills"
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(folder))
    write_bill(folder, "09.csv", [charge("1.10", "2026-09-01"), charge("2.20", "2026-09-30", application="ERP")])
    write_bill(folder, "10.csv", [charge("4.40", "2026-10-02")])
    return folder


def nightly(period: str) -> int:
    """A nightly of November 2026."""
    return finops("nightly", "--period", period, "--as-of", "2026-11-20")


@pytest.mark.usefixtures("bills")
def test_what_is_published_stays_the_same_however_often_it_is_worked_out(database: Database) -> None:
    assert nightly("2026-09..2026-10") == 0
    first = releves(database)
    assert len(first) == 3
    for view in ("app_month", "app_quarter", "family_period", "domain_period", "group_period"):
        aggregated = scalar(database, f"select sum(total_cost) from finops.mv_cost_{view}")  # noqa: S608 five names
        assert aggregated == Decimal("7.70"), view
    assert nightly("2026-09..2026-10") == 0
    assert releves(database) == first

    untouched = "select * from finops.fact_releve where period <> '2026-09-01' order by id"
    before = database.execute(untouched).fetchall()
    written = "select xmin::text::bigint, period from finops.agg_group_product_month where period <> '2026-09-01'"
    aggregates = database.execute(written).fetchall()
    assert finops("reprocess", "--period", "2026-09", "--reason", "a price came late") == 0
    assert (releves(database), database.execute(untouched).fetchall()) == (first, before)
    assert (database.execute(written).fetchall(), len(aggregates)) == (aggregates, 1)
    run = last_run(database)
    assert (run["kind"], run["reason"], run["status"]) == ("reprocess", "a price came late", "SUCCESS")
    assert scalar(database, "select count(*) from finops.fact_releve where run_id = %s", run["run_id"]) == 2


@pytest.mark.usefixtures("bills")
def test_any_figure_leads_to_its_raw_records_rate_and_run_and_what_is_superseded_is_purged(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        nightly("2026-09")
    traced = database.execute(
        "select raw.record_id, raw.effective_cost, lines.fx_rate, runs.status from finops.fact_releve as releves"
        " join finops.releve_lines as lines on lines.releve_id = releves.id and lines.period = '2026-09-01'"
        " join raw_public_cloud.focus as raw on raw.run_id = lines.extraction_run_id"
        "   and raw.window_date = lines.window_date and raw.record_id = lines.record_id"
        " join finops.etl_runs as runs on runs.run_id = releves.run_id"
        " where releves.application_id = 'ERP'"
    ).fetchall()
    assert traced == [("09.csv#2", Decimal("2.20"), Decimal(1), "SUCCESS")]
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == 4
    monkeypatch.setenv("INGEST__KEEP_SUPERSEDED_DAYS", "0")
    nightly("2026-09")
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == 2
    assert total(database) == Decimal("3.30")


def test_a_correction_of_a_closed_month_is_picked_up_by_the_next_nightly(bills: Path, database: Database) -> None:
    nightly("2026-09..2026-10")
    write_bill(bills, "09.csv", [charge("1.15", "2026-09-01"), charge("2.20", "2026-09-30", application="ERP")])
    assert nightly("2026-10") == 0
    assert total(database) == Decimal("7.75")


def test_a_bill_delivered_again_with_other_tags_and_the_same_totals_is_published_again(
    bills: Path, database: Database
) -> None:
    by_application = "select application_id, sum(total_cost) from finops.fact_releve group by 1 order by 1"
    lines = [("40", "PAYMENTS"), ("60", "ERP")]
    write_bill(bills, "09.csv", [charge(cost, "2026-09-01", application=application) for cost, application in lines])
    assert nightly("2026-09") == 0
    lines = [("40", "ERP"), ("60", "PAYMENTS")]
    write_bill(bills, "09.csv", [charge(cost, "2026-09-01", application=application) for cost, application in lines])
    assert nightly("2026-10") == 0
    september = by_application.replace("group by", "where period = '2026-09-01' group by")
    assert database.execute(september.encode()).fetchall() == [("ERP", Decimal(40)), ("PAYMENTS", Decimal(60))]


def test_a_scope_that_is_empty_now_is_emptied(bills: Path, database: Database) -> None:
    write_bill(bills, "10.csv", [charge("4.40", "2026-10-02"), charge("5", "2026-09-30", billed_in="2026-10")])
    nightly("2026-10")
    assert releves(database, "2026-09")
    write_bill(bills, "10.csv", [charge("4.40", "2026-10-02"), charge("5", "2026-10-30")])
    assert nightly("2026-10") == 1  # a month that is not open goes to nothing: refused until somebody accepts it
    assert releves(database, "2026-09")
    assert finops("nightly", "--no-extract", "--accept-shrink", "--as-of", "2026-11-20") == 0
    assert releves(database, "2026-09") == []
    assert total(database) == Decimal("9.40")


def test_each_line_of_a_bill_counts_or_is_rejected_to_the_letter(bills: Path, database: Database) -> None:
    no_number = charge("7", "2026-10-03").replace("7,7,7,7,", '"1.234,5","1.234,5",7,7,', 1)
    no_rate = charge("100.5", "2026-10-03", currency="XXX")
    write_bill(bills, "10.csv", [*[charge("4.40", "2026-10-02")] * 3, no_rate, no_number])
    assert nightly("2026-10") == 0
    # an identical line counts as often as it is billed
    assert total(database) == Decimal("13.20")
    rejected = database.execute(
        "select record_id, reason, amount, currency, detail from finops.rejected_usage order by record_id"
    ).fetchall()
    assert rejected == [
        (
            "10.csv#4",
            "NO_FX_RATE",
            Decimal("100.5"),
            "XXX",
            "add the rate of XXX for 2026-10 to the reference table fx_rates",
        ),
        ("10.csv#5", "UNPARSABLE", None, "EUR", "effective_cost '1.234,5'"),
    ]


@pytest.mark.parametrize(
    "damage",
    [
        "delete from raw_public_cloud.focus where record_id = '09.csv#2'",
        "update raw_public_cloud.focus set effective_cost = 2.21 where record_id = '09.csv#2'",
    ],
    ids=["a line is lost", "an amount is another"],
)
def test_a_scope_that_does_not_reconcile_keeps_its_relevés_and_fails_the_run(
    bills: Path, database: Database, capfd: pytest.CaptureFixture[str], damage: LiteralString
) -> None:
    write_bill(bills, "09.csv", [charge("1.10", "2026-09-01"), charge("2.20", "2026-09-30")])
    nightly("2026-09..2026-10")
    before = database.execute("select * from finops.fact_releve order by id").fetchall()
    database.execute(damage)
    assert finops("reprocess", "--period", "2026-09", "--reason", "a test") == 1
    assert database.execute("select * from finops.fact_releve order by id").fetchall() == before
    assert last_run(database)["status"] == "FAILED"
    assert "focus.nimbus 2026-09 does not reconcile" in capfd.readouterr().err


@pytest.mark.usefixtures("bills")
def test_what_a_load_left_half_done_is_never_seen(database: Database) -> None:
    nightly("2026-10")
    run_id = "11111111-1111-1111-1111-111111111111"
    database.execute(
        "insert into finops.etl_runs (run_id, kind, periods, started_by) values (%s, 'nightly', '{}', 'x')", (run_id,)
    )
    database.execute(
        "insert into finops.etl_extractions (run_id, domain, source, measure, window_date, window_end, status)"
        " values (%s, 'public_cloud', 'focus.nimbus', 'billed', '2026-10-01', '2026-11-01', 'FAILED')",
        (run_id,),
    )
    database.execute(
        "insert into raw_public_cloud.focus (record_id, source, window_date, run_id, loaded_at, effective_cost)"
        " values ('half', 'focus.nimbus', '2026-10-01', %s, now(), 999)",
        (run_id,),
    )
    assert finops("reprocess", "--period", "2026-10", "--reason", "a test") == 0
    assert total(database) == Decimal("4.40")
