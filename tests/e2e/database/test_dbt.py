"""dbt's own tests: unit tests of the rules, and data tests that hold after a second run too."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.e2e.dbt import dbt
from tests.e2e.finops import Database, charge, finops, write_bill


@pytest.mark.usefixtures("database")
def test_every_rule_holds_on_the_numbers_worked_out_by_hand() -> None:
    statuses = dbt("test", "--select", "test_type:unit").statuses
    assert len(statuses) > 15
    assert {name: status for name, status in statuses.items() if status != "pass"} == {}


def test_data_tests_hold_after_a_second_run(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bill(tmp_path / "bills", "10.csv", [charge("1", "2026-10-02"), charge("-0.25", "2026-10-03")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    for _ in range(2):
        assert finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20") == 0
    statuses = dbt("test", "--select", "test_type:data").statuses
    assert len(statuses) > 15
    assert {name: status for name, status in statuses.items() if status != "pass"} == {}
    assert database.execute("select count(*) from finops.fact_releve").fetchall() == [(1,)]


def test_dbt_test_by_hand_looks_at_all_that_was_ever_published(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    for month in ("2026-09", "2026-10"):
        lines = [charge("1", f"{month}-02"), charge("1", f"{month}-02", application=None)]
        write_bill(tmp_path / "bills", f"{month}.csv", lines)
        assert finops("nightly", "--period", month, "--as-of", "2026-11-20") == 0
    september = date(2026, 9, 1)
    database.execute("update finops.fact_releve set total_cost = 2, domain = 'x' where period = %s", (september,))
    database.execute("update finops.etl_reconciliations set amount_landed = 3 where period = %s", (september,))
    statuses = dbt("test", "--select", "fact_releve", "--exclude-resource-type", "unit_test").statuses
    found = {"aggregates_agree", "daily_costs_sum_to_the_total", "domains_are_known", "scopes_reconcile"}
    found |= {"gaps_sum_to_the_unallocated_cost"}
    assert statuses == dict.fromkeys(found, "fail")
