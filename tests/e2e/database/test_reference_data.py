"""Reference data that changes: what follows by itself, what waits, what is refused, and what a command by hand uses."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from finops.demo.postgres import Embedded
from tests.conftest import LOADER_LOGIN, connected, copy_database
from tests.e2e.dbt import dbt, edit
from tests.e2e.finops import Database, charge, finops, last_run, releves, scalar, total, write_bill

AS_OF = "2026-11-20"
PRICES, RATES = Path("reference", "prices.csv"), Path("reference", "fx_rates.csv")
LANDED = "select count(*) from finops.etl_extractions where source = 'reference.tables'"


@pytest.fixture(autouse=True)
def _bills(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bill in dollars of October and November, and few rates instead of the demo's."""
    assert database
    monkeypatch.setenv("INGEST__MAX_SHRINK", "1")
    rates({"2026-10": "0.80", "2026-11": "0.90"})
    for month in ("2026-10", "2026-11"):
        lines = [charge("10", f"{month}-02", currency="USD"), charge("1", f"{month}-03", application="GHOST")]
        write_bill(tmp_path / "bills", f"{month}.csv", lines)
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))


def rates(by_month: dict[str, str]) -> None:
    """The rates of the dollar, and no others."""
    lines = [f"{month}-01,USD,EUR,{rate}" for month, rate in by_month.items()]
    RATES.write_text("\n".join(["period,from_currency,to_currency,rate", *lines, ""]), encoding="utf-8")


def nightly(period: str = "2026-10..2026-11") -> int:
    """A nightly of 20 November 2026: November is open, October is not."""
    return finops("nightly", "--period", period, "--as-of", AS_OF)


def by_month(database: Database) -> dict[str, Decimal]:
    """What each month costs."""
    query = "select to_char(period, 'YYYY-MM'), sum(total_cost) from finops.fact_releve group by 1"
    return dict(database.execute(query).fetchall())


def by_hand(*select: str) -> str:
    """The user's own command, on October; what went wrong."""
    only = ("--exclude-resource-type", "unit_test")
    return dbt("build", "--select", *select, *only, variables="period: 2026-10").error


def test_a_change_makes_open_months_due_and_earlier_ones_wait(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    assert by_month(database) == {"2026-10": Decimal(9), "2026-11": Decimal(10)}
    with Path("reference", "application_aliases.csv").open("a", encoding="utf-8") as aliases:
        aliases.write("GHOST,ERP\n")
    rates({"2026-09": "7", "2026-10": "0.85", "2026-11": "0.95"})
    assert nightly("2026-11") == 0
    assert by_month(database) == {"2026-10": Decimal(9), "2026-11": Decimal("10.50")}
    of_erp = "select to_char(period, 'YYYY-MM') from finops.fact_releve where application_id = 'ERP'"
    assert database.execute(of_erp).fetchall() == [("2026-11",)]
    assert last_run(database)["waiting_scopes"] == ["focus.nimbus 2026-10"]
    assert "stay as they are until somebody reprocesses them: 2026-10: focus.nimbus" in capfd.readouterr().out
    assert finops("reprocess", "--period", "2026-10", "--reason", "the rate was wrong") == 0
    assert by_month(database) == {"2026-10": Decimal("9.50"), "2026-11": Decimal("10.50")}
    assert last_run(database)["waiting_scopes"] == []


def test_the_user_s_own_command_uses_what_was_loaded_last(database: Database) -> None:
    assert nightly() == 0
    before = releves(database)
    rates({"2026-10": "0.85", "2026-11": "0.90"})
    assert by_hand("fact_releve") == ""
    assert releves(database) == before
    assert finops("reprocess", "--period", "2026-10", "--reason", "a test") == 0
    assert by_month(database)["2026-10"] == Decimal("9.50")
    reprocessed = releves(database)
    assert by_hand("fact_releve") == ""
    assert releves(database) == reprocessed


def test_a_month_without_a_rate_takes_the_last_one_until_its_own_is_there(
    database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Path("finops.toml")
    settings.write_text('fx_missing = "last"')
    rates({"2026-09": "0.80"})
    assert nightly("2026-10") == 2
    assert "finops.fx_missing 'last' is not known: write one of reject, latest" in capfd.readouterr().err
    settings.write_text('fx_missing = "latest"')
    assert nightly("2026-10") == 0
    estimated = (
        "select total_cost, estimated_cost, estimated_reasons from finops.fact_releve where source_currency = 'USD'"
    )
    assert database.execute(estimated).fetchall() == [(Decimal(8), Decimal(8), ["MISSING_FX_RATE"])]
    rates({"2026-09": "0.80", "2026-10": "0.85"})
    (tmp_path / "bills" / "2026-11.csv").unlink()
    # October is not open any more: the rate that it waited for makes it due all the same
    assert finops("nightly", "--no-extract", "--as-of", AS_OF) == 0
    assert database.execute(estimated).fetchall() == [(Decimal("8.50"), 0, [])]
    assert total(database) == Decimal("9.50")
    assert scalar(database, "select count(*) from finops.rejected_usage") == 0


def test_what_is_refused_is_named_and_what_was_accepted_last_is_used(
    database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    rates({"2026-10": "0.85", "2026-11": "0,95"})
    with PRICES.open("a", encoding="utf-8") as prices:
        prices.write("vm.ram_gib,2.20,EUR,2026-01-01,\n")
    write_bill(tmp_path / "bills", "2026-11.csv", [charge("20", "2026-11-02", currency="USD")])
    capfd.readouterr()
    assert nightly() == 1
    said = capfd.readouterr().err.splitlines()[-2]
    assert said.startswith("Error: reference data is refused: reference/prices.csv line ")
    assert "reference/fx_rates.csv line 3: it has 5 values where there are 4 columns" in said
    assert by_month(database) == {"2026-10": Decimal(9), "2026-11": Decimal(18)}
    assert finops("reprocess", "--period", "2026-10", "--reason", "a test") == 1
    steps = "select array_agg(step) from finops.etl_steps where run_id = %s"
    assert scalar(database, steps, last_run(database)["run_id"]) == ["reference"]


def test_without_any_that_was_ever_accepted_nothing_is_published(
    server: Embedded, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    copy_database(server, "template1", "finops_fresh")
    monkeypatch.setenv("PGDATABASE", "finops_fresh")
    RATES.write_text("period,from_currency,to_currency,rate\n2026-10-02,USD,EUR,0.8\n")
    assert nightly() == 1
    assert "period '2026-10-02' is not the first day of a month: write 2026-10-01" in capfd.readouterr().err
    with connected(server, "finops_fresh") as fresh:
        assert scalar(fresh, "select count(*) from raw_public_cloud.focus") == 4
        assert scalar(fresh, "select to_regclass('finops.fact_releve') is null")


def test_each_change_is_landed_once_with_who_made_it(database: Database) -> None:
    assert nightly() == 0
    assert (scalar(database, LANDED), nightly(), scalar(database, LANDED)) == (1, 0, 1)
    PRICES.write_text(
        "product_id,unit_price,currency,valid_from,valid_to,changed_by,changed_at\n"
        "vm.vcpu,8.10,EUR,2026-01-01,,Ada,2026-11-19\n",
        encoding="utf-8",
    )
    assert nightly() == 0
    landed = "select payload from raw_reference.reference_tables where record_id = 'prices:2' order by loaded_at desc"
    row = {"product_id": "vm.vcpu", "unit_price": "8.10", "currency": "EUR", "valid_from": "2026-01-01"}
    assert scalar(database, landed) == {
        "table": "prices",
        "place": "reference/prices.csv",
        "line": 2,
        "row": row | {"changed_by": "Ada", "changed_at": "2026-11-19"},
        "changed_by": "Ada",
        "changed_at": "2026-11-19",
    }
    assert scalar(database, LANDED) == 2
    os.utime(PRICES)
    assert (nightly(), scalar(database, LANDED)) == (0, 2)


def test_a_table_that_shrank_is_refused_until_somebody_accepts_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    before = scalar(database, "select count(*) from finops_reference.prices")
    monkeypatch.delenv("INGEST__MAX_SHRINK")
    PRICES.unlink()
    assert nightly() == 1
    assert f"reference/prices.csv does not exist where {before} rows are in use" in capfd.readouterr().err
    assert scalar(database, "select count(*) from finops_reference.prices") == before
    assert finops("nightly", "--period", "2026-11", "--as-of", AS_OF, "--accept-shrink") == 0
    assert scalar(database, "select count(*) from finops_reference.prices") == 0


def test_unallocated_is_there_without_being_listed_and_can_be_named(database: Database) -> None:
    assert "UNALLOCATED" not in Path("reference", "applications.csv").read_text(encoding="utf-8")
    assert nightly() == 0
    name = "select application_name, group_id from finops.dim_application where application_id = 'UNALLOCATED'"
    assert database.execute(name).fetchall() == [("Unallocated", "unallocated")]
    with Path("reference", "applications.csv").open("a", encoding="utf-8") as applications:
        applications.write("UNALLOCATED,Nobody's,unallocated\n")
    assert nightly() == 0
    assert database.execute(name).fetchall() == [("Nobody's", "unallocated")]


def test_tables_and_queries_of_a_database_are_read_as_files_are(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    before = database.execute("select * from finops_reference.prices order by 1, 4").fetchall()
    database.execute("create schema erp")
    database.execute("create table erp.prices as select *, now() as changed_at from finops_reference.prices")
    database.execute("create table erp.rates as select * from finops_reference.fx_rates")
    database.execute(f"grant usage on schema erp to {LOADER_LOGIN}; grant all on erp.rates to {LOADER_LOGIN}")
    PRICES.unlink()
    RATES.unlink()
    monkeypatch.setenv("REFERENCE__PRICES__TABLE", "erp.prices")
    monkeypatch.setenv("REFERENCE__FX_RATES__QUERY", "select period, from_currency, to_currency, rate from erp.rates")
    monkeypatch.setenv(
        "REFERENCE__FX_RATES__CONNECTION", psycopg.conninfo.make_conninfo(database.info.dsn, user=LOADER_LOGIN)
    )
    assert finops("reference", "check") == 1
    said = capfd.readouterr().out
    assert f"permission denied for table prices; as its owner, grant {LOADER_LOGIN} the right to read it" in said
    database.execute(f"grant select on erp.prices to {LOADER_LOGIN}")
    assert nightly() == 0
    assert database.execute("select * from finops_reference.prices order by 1, 4").fetchall() == before
    places = "select array_agg(place order by place) from finops.etl_reference where place not like 'reference/%%'"
    assert scalar(database, places) == ["query of reference.fx_rates", "table erp.prices"]
    database.execute("update erp.prices set unit_price = -1 where product_id = 'vm.ram_gib'")
    monkeypatch.setenv("REFERENCE__FX_RATES__QUERY", "delete from erp.rates")
    assert nightly() == 1
    said = capfd.readouterr().err
    assert "unit_price '-1' is negative: a price is zero or more" in said
    assert "query of reference.fx_rates: PostgreSQL can't give it: cannot execute DELETE in a read-only" in said


def test_a_database_whose_tables_dbt_made_of_seeds_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nightly() == 0
    before = releves(database)
    database.execute("truncate finops.etl_reference")
    database.execute("create table finops.etl_seeds (seed text primary key, checksum text, content text)")
    database.execute("update finops.etl_schema set version = 'older'")
    written = "select max(xmin::text::bigint) from finops_reference.prices"
    was = scalar(database, written)
    monkeypatch.setenv("PGUSER", database.info.user)
    assert finops("init-db") == 0
    monkeypatch.setenv("PGUSER", LOADER_LOGIN)
    assert nightly() == 0
    assert (releves(database), scalar(database, written)) == (before, was)
    assert scalar(database, "select to_regclass('finops.etl_seeds') is null")


def test_the_diff_says_what_changed_and_which_months_it_touches(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    assert nightly() == 0
    capfd.readouterr()
    assert finops("reference", "diff") == 0
    assert capfd.readouterr().out == "No change: what is in use is what the places of the reference data say.\n"
    RATES.write_text(
        "period,from_currency,to_currency,rate,changed_by\n"
        "2026-10-01,USD,EUR,0.8,\n2026-11-01,USD,EUR,0.95,Ada\n2026-12-01,USD,EUR,0.96,Ada\n",
        encoding="utf-8",
    )
    edit(Path("reference", "applications.csv"), "SHOP-WEB,Online shop,storefront", "SHOP-WEB,Online shop,payments")
    before = releves(database)
    assert finops("reference", "diff") == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in capfd.readouterr().out.splitlines()]
    assert [row[:5] for row in rows if row[0] == "fx_rates"] == [
        ["fx_rates", "changed", "2026-11-01 USD EUR", "rate 0.90 → 0.95", "Ada"],
        ["fx_rates", "added", "2026-12-01 USD EUR", "rate 0.96", "Ada"],
    ]
    assert ["applications", "changed", "SHOP-WEB", "group_id storefront → payments"] in [row[:4] for row in rows]
    touched = [row for row in rows if row[0] in ("focus.nimbus", "every source")]
    assert [row[:3] for row in touched] == [
        ["every source", "2026-10", "owners"],
        ["every source", "2026-11", "owners"],
        ["focus.nimbus", "2026-11", "figures"],
    ]
    assert (releves(database), scalar(database, LANDED)) == (before, 1)
    assert nightly() == 0
    assert releves(database) != before


def test_a_rule_that_postgresql_can_not_compile_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with Path("reference", "application_rules.csv").open("a", encoding="utf-8") as rules:
        rules.write("broken,,resource_id,regex,(a,ERP,1,2026-01-01,\n")
    assert finops("reference", "check") == 1
    said = capfd.readouterr()
    assert "pattern '(a' is not a regular expression of PostgreSQL: correct it" in said.out
    assert said.err == "Error: reference data has 1 problem\n"


def test_an_alias_may_mean_what_the_catalog_alone_knows(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("reference", "application_aliases.csv").open("a", encoding="utf-8") as aliases:
        aliases.write("GHOST,HAUNTED\n")
    assert finops("reference", "check") == 1
    assert "application_id 'HAUNTED' is not in applications: add it to applications" in capfd.readouterr().out
    # no snapshot of the catalog has landed yet: what it knows is not known
    monkeypatch.setenv("SOURCES__BACKSTAGE__URL", "http://127.0.0.1:1")
    assert finops("reference", "check") == 0
