"""`finops coverage`, in figures that can be added up by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from finops.demo.postgres import Embedded
from tests.conftest import copy_database
from tests.e2e.finops import Database, charge, finops, write_bill


def test_coverage_adds_up_to_what_was_published_and_says_what_to_mend_first(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = [
        charge("70", "2026-10-01", application="ERP"),
        charge("20", "2026-10-02", application="GHOST"),
        charge("10", "2026-10-02", application=None),
        charge("100", "2026-10-03", currency="XXX"),  # which has no rate
    ]
    write_bill(tmp_path / "bills", "10.csv", lines)
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    assert finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20") == 0
    row = database.execute(
        "select total_cost, allocated_cost, unallocated_cost, rejected_line_count, unpriced_line_count"
        " from finops.cost_coverage where period = '2026-10-01'"
    ).fetchone()
    assert row == (Decimal(100), Decimal(70), Decimal(30), 1, 1)

    capfd.readouterr()
    assert finops("coverage") == 0
    shown = capfd.readouterr().out
    offenders = [line for line in shown.splitlines() if "UNALLOCATED" in line or "NO_FX_RATE" in line]
    expected = ("rate of XXX", "code GHOST", "account-1")
    assert [part in line for part, line in zip(expected, offenders, strict=True)] == [True] * 3
    assert "70.00 (70.0%)" in shown

    subjects = "select subject, total_cost, line_count from finops.unallocated_usage order by subject"
    kept = [("account account-1", Decimal(10), 1), ("code GHOST", Decimal(20), 1)]
    assert database.execute(subjects).fetchall() == kept
    for earlier_version in (
        "delete from finops.unallocated_usage",
        "update finops.unallocated_usage set run_id = '00000000-0000-0000-0000-000000000001'",
    ):
        database.execute(earlier_version.encode())
        assert finops("coverage") == 0
        [line] = [line for line in capfd.readouterr().out.splitlines() if "UNALLOCATED" in line]
        assert "not listed yet" in line
        assert "30.00 EUR" in line
        assert finops("reprocess", "--period", "2026-10", "--as-of", "2026-11-20", "--reason", "subjects") == 0
        assert database.execute(subjects).fetchall() == kept
        folded = "select subject, amount from finops.agg_gap_month where reason = 'UNALLOCATED' order by subject"
        assert database.execute(folded).fetchall() == [(subject, amount) for subject, amount, _ in kept]
        capfd.readouterr()

    assert finops("coverage", "--period", "2020-01") == 1
    assert "nothing was published for 2020-01 (there is 2026-10): `finops nightly --period 2020-01`" in (
        capfd.readouterr().err
    )


@pytest.mark.parametrize("of", [(), ("--period", "2026-09")])
def test_coverage_of_nothing_says_how_to_start(
    of: tuple[str, ...],
    server: Embedded,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    copy_database(server, "template1", "finops_fresh")
    for name in (database.info.dbname, "finops_fresh"):  # in the second, dbt has built nothing yet
        monkeypatch.setenv("PGDATABASE", name)
        assert finops("coverage", *of) == 1
        assert "finops nightly" in capfd.readouterr().err
