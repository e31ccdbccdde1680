"""What a run publishes, and what it leaves alone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

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
def test_two_nightlies_in_a_row_leave_the_same_relevés(database: Database) -> None:
    assert nightly("2026-09..2026-10") == 0
    first = releves(database)
    assert nightly("2026-09..2026-10") == 0
    assert len(first) == 3
    assert releves(database) == first


@pytest.mark.usefixtures("bills")
def test_reprocessing_a_period_leaves_the_rows_of_the_others_alone(database: Database) -> None:
    nightly("2026-09..2026-10")
    untouched = "select * from finops.fact_releve where period <> '2026-09-01' order by id"
    before, september = database.execute(untouched).fetchall(), releves(database, "2026-09")
    assert finops("reprocess", "--period", "2026-09", "--reason", "a test") == 0
    assert database.execute(untouched).fetchall() == before
    assert releves(database, "2026-09") == september
    republished = scalar(
        database, "select count(*) from finops.fact_releve where run_id = %s", last_run(database)["run_id"]
    )
    assert republished == 2


@pytest.mark.usefixtures("bills")
def test_a_reprocess_is_recorded_with_its_kind_and_reason(database: Database) -> None:
    nightly("2026-09")
    finops("reprocess", "--period", "2026-09", "--reason", "a price came late")
    run = last_run(database)
    assert (run["kind"], run["reason"], run["status"]) == ("reprocess", "a price came late", "SUCCESS")


@pytest.mark.usefixtures("bills")
def test_every_aggregate_agrees_with_the_fact_after_a_run(database: Database) -> None:
    nightly("2026-09..2026-10")
    for view in ("app_month", "app_quarter", "family_period", "domain_period", "group_period"):
        aggregated = scalar(database, f"select sum(total_cost) from finops.mv_cost_{view}")  # noqa: S608 five names
        assert aggregated == Decimal("7.70"), view


def test_a_line_billed_later_belongs_to_the_month_of_its_charge(bills: Path, database: Database) -> None:
    write_bill(bills, "10.csv", [charge("4.40", "2026-10-02"), charge("-0.10", "2026-09-30", billed_in="2026-10")])
    assert nightly("2026-10") == 0
    assert scalar(database, "select sum(total_cost) from finops.fact_releve where period = '2026-09-01'") == Decimal(
        "-0.10"
    )


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


def test_an_identical_line_of_a_bill_counts_as_often_as_it_is_billed(bills: Path, database: Database) -> None:
    write_bill(bills, "10.csv", [charge("4.40", "2026-10-02")] * 3)
    nightly("2026-10")
    assert scalar(database, "select sum(total_cost) from finops.fact_releve where period = '2026-10-01'") == Decimal(
        "13.20"
    )


def test_a_line_that_cannot_be_converted_is_rejected_with_its_amount(bills: Path, database: Database) -> None:
    write_bill(bills, "10.csv", [charge("4.40", "2026-10-02"), charge("100.5", "2026-10-03", currency="XXX")])
    assert nightly("2026-10") == 0
    rejected = database.execute(
        "select reason, amount, currency, record_id, detail from finops.rejected_usage"
    ).fetchall()
    assert rejected == [
        ("NO_FX_RATE", Decimal("100.5"), "XXX", "10.csv#2", "add the rate of XXX for 2026-10 to fx_rates.csv")
    ]


def test_an_amount_that_is_no_number_is_rejected_to_the_letter(bills: Path, database: Database) -> None:
    quoted = charge("7", "2026-10-03").replace("7,7,7,7,", '"1.234,5","1.234,5",7,7,', 1)
    write_bill(bills, "10.csv", [charge("4.40", "2026-10-02"), quoted])
    assert nightly("2026-10") == 0
    rejected = database.execute("select reason, amount, detail from finops.rejected_usage").fetchall()
    assert rejected == [("UNPARSABLE", None, "effective_cost '1.234,5'")]


def test_a_scope_that_does_not_reconcile_keeps_its_relevés_and_fails_the_run(
    bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    write_bill(bills, "09.csv", [charge("1.10", "2026-09-01"), charge("2.20", "2026-09-30")])
    nightly("2026-09..2026-10")
    before = database.execute("select * from finops.fact_releve order by id").fetchall()
    database.execute("delete from raw_public_cloud.focus where record_id = '09.csv#2'")
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


@pytest.mark.usefixtures("bills")
def test_any_figure_leads_to_its_raw_records_rate_and_run(database: Database) -> None:
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


@pytest.mark.usefixtures("bills")
def test_a_superseded_version_is_purged_after_its_days(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    nightly("2026-09")
    nightly("2026-09")
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == 4
    monkeypatch.setenv("INGEST__KEEP_SUPERSEDED_DAYS", "0")
    nightly("2026-09")
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == 2
    assert total(database) == Decimal("3.30")
