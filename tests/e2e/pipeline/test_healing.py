"""A (source, month) that can't be published, for a reason that nobody foresaw, keeps no other from being published."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import LiteralString

import pytest

from tests.e2e.finops import Database, charge, finops, last_run, scalar, write_bill

pytestmark = pytest.mark.hostile

SOURCES = ("cirrus", "nimbus", "stratus")
OF_AUTUMN = ("--period", "2026-09..2026-10", "--as-of", "2026-11-05")
GOOD = {f"focus.{source} {month}": Decimal(3) for source in SOURCES for month in ("2026-09", "2026-10")}


@pytest.fixture(autouse=True)
def _bills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sources of two months."""
    for source in SOURCES:
        for month in ("09", "10"):
            write(source, month, "3")
        monkeypatch.setenv(f"SOURCES__FOCUS__{source.upper()}__URL", str(Path(source).resolve()))


def write(source: str, month: str, cost: str, *, currency: str = "EUR") -> None:
    """A bill of one line."""
    write_bill(Path(source), f"{month}.csv", [charge(cost, f"2026-{month}-02", currency=currency)])


def published(database: Database) -> dict[str, Decimal]:
    """What the aggregate says that each source costs a month."""
    rows = database.execute(
        "select source || to_char(period, ' YYYY-MM'), sum(total_cost) from finops.agg_group_product_month group by 1"
    ).fetchall()
    relevés = database.execute(
        "select source || to_char(period, ' YYYY-MM'), sum(total_cost) from finops.fact_releve group by 1"
    ).fetchall()
    assert sorted(rows) == sorted(relevés)
    return dict(rows)


def without(*scopes: str) -> dict[str, Decimal]:
    """What is published when these are not."""
    return {scope: cost for scope, cost in GOOD.items() if scope not in scopes}


@pytest.mark.parametrize("relation", ["agg_group_product_month", "rejected_usage"])
def test_what_a_table_refuses_is_blocked_alone_and_named(
    database: Database, capfd: pytest.CaptureFixture[str], relation: LiteralString
) -> None:
    write("nimbus", "10", "3", currency="XXX" if relation == "rejected_usage" else "EUR")
    bad = "source = 'focus.nimbus' and period = '2026-10-01'"
    database.execute(f"alter table finops.{relation} add constraint broken check (not ({bad}))")
    assert finops("nightly", *OF_AUTUMN) == 1
    assert published(database) == without("focus.nimbus 2026-10")
    said = last_run(database)["error"]
    assert said.startswith("focus.nimbus 2026-10 can't be published and keeps its previous relevés: dbt: fact_releve: ")
    assert ("violates check constraint" in said, said.count("can't be published")) == (True, 1)
    assert said in capfd.readouterr().err
    assert scalar(database, f"select status from finops.etl_reconciliations where {bad}") == "BLOCKED"  # noqa: S608

    database.execute(f"alter table finops.{relation} drop constraint broken")
    assert finops("nightly", *OF_AUTUMN) == 0
    assert published(database) == (GOOD if relation != "rejected_usage" else without("focus.nimbus 2026-10"))


def test_the_record_that_can_not_be_valued_is_named(database: Database) -> None:
    with Path("reference", "fx_rates.csv").open("a") as rates:
        rates.write("2026-09-01,XXX,EUR,20\n")
    write_bill(
        Path("nimbus"),
        "09.csv",
        [charge("3", "2026-09-02", currency="XXX" if line == 700 else "EUR") for line in range(1000)],
    )
    assert finops("extract", *OF_AUTUMN, "--source", "focus.nimbus") == 0
    # as no loader lands it: at the edge of what numeric holds, and beyond it × 20
    edge = "update raw_public_cloud.focus set effective_cost = '1e131071' where billing_currency = 'XXX'"
    record = scalar(database, f"{edge} returning record_id")
    assert finops("nightly", *OF_AUTUMN, "--source", "focus.cirrus", "--source", "focus.stratus") == 1
    assert published(database) == without("focus.nimbus 2026-09")
    assert f"value overflows numeric format; its record is {record}." in last_run(database)["error"]


def test_sources_of_reference_data_that_fail_leave_the_names_as_they_were(database: Database) -> None:
    database.execute("alter table finops.dim_product add constraint broken check (product_id <> 'vm.vcpu') not valid")
    with Path("reference", "products.csv").open("a") as products:
        products.write("new,New,Compute,native,piece\n")
    assert finops("nightly", *OF_AUTUMN) == 1
    assert published(database) == GOOD
    assert last_run(database)["error"].startswith("dbt: dim_product: ")
    assert scalar(database, "select count(*) from finops.dim_product where product_id = 'new'") == 0
    assert scalar(database, "select count(*) from finops.dim_product where product_id = 'vm.vcpu'") == 1


def test_what_is_in_no_scope_is_reported_once(database: Database) -> None:
    database.execute("create unique index broken on finops.etl_steps (run_id) where step = 'refresh'")
    database.execute("alter table finops.etl_steps add constraint broken check (step <> 'refresh')")
    assert finops("nightly", *OF_AUTUMN) == 1
    assert published(database) == {}
    assert last_run(database)["error"].startswith("dbt: fact_releve: ")
    assert scalar(database, "select count(*) from finops.etl_reconciliations") == 0
