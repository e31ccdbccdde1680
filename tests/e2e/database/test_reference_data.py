"""Reference data that changes: what follows by itself, what waits, and what a command by hand sees of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.dbt import dbt, project_copy
from tests.e2e.finops import Database, charge, finops, last_run, releves, scalar, total, write_bill

AS_OF = "2026-11-20"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project with reference data of its own, and a bill in dollars of October and November."""
    copy = project_copy(tmp_path)
    monkeypatch.setenv("INGEST__DBT_PROJECT", str(copy))
    rates(copy, {"2026-10": "0.80", "2026-11": "0.90"})
    for month in ("2026-10", "2026-11"):
        lines = [charge("10", f"{month}-02", currency="USD"), charge("1", f"{month}-03", application="GHOST")]
        write_bill(tmp_path / "bills", f"{month}.csv", lines)
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    return copy


def rates(project: Path, by_month: dict[str, str]) -> None:
    """The rates of the dollar, and no others."""
    lines = [f"{month}-01,USD,EUR,{rate}" for month, rate in by_month.items()]
    text = "\n".join(["period,from_currency,to_currency,rate", *lines, ""])
    (project / "seeds" / "fx_rates.csv").write_text(text, encoding="utf-8")


def nightly(period: str = "2026-10..2026-11") -> int:
    """A nightly of 20 November 2026: November is open, October is not."""
    return finops("nightly", "--period", period, "--as-of", AS_OF)


def by_month(database: Database) -> dict[str, Decimal]:
    """What each month costs."""
    query = "select to_char(period, 'YYYY-MM'), sum(total_cost) from finops.fact_releve group by 1"
    return dict(database.execute(query).fetchall())


def by_hand(project: Path, *select: str) -> str:
    """The user's own command, on October; what went wrong."""
    only = ("--exclude-resource-type", "unit_test")
    return dbt("build", "--select", *select, *only, project=project, variables="period: 2026-10").error


def test_a_change_makes_open_months_due_and_earlier_ones_wait(
    project: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    assert by_month(database) == {"2026-10": Decimal(9), "2026-11": Decimal(10)}
    with (project / "seeds" / "application_aliases.csv").open("a", encoding="utf-8") as aliases:
        aliases.write("GHOST,ERP\n")
    rates(project, {"2026-09": "7", "2026-10": "0.85", "2026-11": "0.95"})
    assert nightly("2026-11") == 0
    assert by_month(database) == {"2026-10": Decimal(9), "2026-11": Decimal("10.50")}
    of_erp = "select to_char(period, 'YYYY-MM') from finops.fact_releve where application_id = 'ERP'"
    assert database.execute(of_erp).fetchall() == [("2026-11",)]
    assert last_run(database)["waiting_scopes"] == ["focus.nimbus 2026-10"]
    assert "stay as they are until somebody reprocesses them: 2026-10: focus.nimbus" in capfd.readouterr().out
    assert finops("reprocess", "--period", "2026-10", "--reason", "the rate was wrong") == 0
    assert by_month(database) == {"2026-10": Decimal("9.50"), "2026-11": Decimal("10.50")}
    assert last_run(database)["waiting_scopes"] == []


def test_the_user_s_own_command_does_not_pass_over_a_changed_file(project: Path, database: Database) -> None:
    assert nightly() == 0
    rates(project, {"2026-10": "0.85", "2026-11": "0.90"})
    before = releves(database)
    assert (
        "fx_rates.csv has changed since the reference data was loaded: run `dbt build --select +fact_releve"
        " --vars 'period: 2026-10'`, which loads and checks it first"
    ) in by_hand(project, "fact_releve")
    assert releves(database) == before
    assert by_hand(project, "+fact_releve") == ""
    reprocessed = releves(database)
    assert by_month(database)["2026-10"] == Decimal("9.50")
    assert by_hand(project, "fact_releve") == ""
    assert finops("reprocess", "--period", "2026-10", "--reason", "a test") == 0
    assert releves(database) == reprocessed


def test_a_month_without_a_rate_takes_the_last_one_until_its_own_is_there(
    project: Path, database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Path("finops.toml")
    settings.write_text('fx_missing = "last"')
    rates(project, {"2026-09": "0.80"})
    assert nightly("2026-10") == 2
    assert "finops.fx_missing 'last' is not known: write one of reject, latest" in capfd.readouterr().err
    settings.write_text('fx_missing = "latest"')
    assert nightly("2026-10") == 0
    estimated = (
        "select total_cost, estimated_cost, estimated_reasons from finops.fact_releve where source_currency = 'USD'"
    )
    assert database.execute(estimated).fetchall() == [(Decimal(8), Decimal(8), ["MISSING_FX_RATE"])]
    rates(project, {"2026-09": "0.80", "2026-10": "0.85"})
    (tmp_path / "bills" / "2026-11.csv").unlink()
    # October is not open any more: the rate that it waited for makes it due all the same
    assert finops("nightly", "--no-extract", "--as-of", AS_OF) == 0
    assert database.execute(estimated).fetchall() == [(Decimal("8.50"), 0, [])]
    assert total(database) == Decimal("9.50")
    assert scalar(database, "select count(*) from finops.rejected_usage") == 0
