"""A text that is longer than the mart takes costs its own line, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.finops import Database, charge, finops, last_run, scalar, serving, total, write_bill
from tests.e2e.sources.catalog import CATALOG, Catalog, entity

pytestmark = pytest.mark.hostile

LONGEST = "é" * 255
TOO_LONG = ("x" * 256, "漢" * 171, "\U0001f980" * 6000)  # by one character, by three bytes, by far


def nightly(*options: str) -> int:
    """A nightly of October 2026, on the last day that it is open."""
    return finops("nightly", "--period", "2026-10", "--as-of", "2026-11-05", *options)


def bill(*lines: str) -> None:
    """The bill of focus.nimbus, with tax that is set apart."""
    write_bill(Path("bills"), "10.csv", lines)


def rejects(database: Database) -> list[tuple[Any, ...]]:
    """The reason and the detail of each reject, without what it shows of the text."""
    return database.execute(
        "select reason, split_part(detail, ':', 1), amount from finops.rejected_usage"
        " order by split_part(record_id, '#', 2)::int"
    ).fetchall()


@pytest.fixture(autouse=True)
def _bills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(Path("bills").resolve()))
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__TAX", "apart")


def test_a_line_with_a_text_that_is_too_long_is_rejected_with_its_amount(database: Database) -> None:
    good = charge("1.10", "2026-10-02")
    columns = {
        "Requests": "unit",
        "Nimbus": "provider_name",
        "Integration": "service_category",
        "Queue": "service_name",
        "Usage": "charge_category",
        "EUR": "billing_currency",
    }
    bad = [good.replace(word, text) for word in columns for text in TOO_LONG]
    bill(good, *bad, good.replace("Queue", LONGEST).replace("Nimbus", LONGEST).replace("Integration", LONGEST))
    assert nightly() == 0
    assert total(database) == Decimal("2.20")
    sizes = ("256 characters in 256 bytes", "171 characters in 513 bytes", "6000 characters in 24000 bytes")
    said = [
        ("TEXT_TOO_LONG", f"{column} has {size}, more than 255 or 510", Decimal("1.10"))
        for column in columns.values()
        for size in sizes
    ]
    assert rejects(database) == said
    for relation in ("rejected_usage", "fact_releve", "etl_scope_lookups", "agg_rejected_month", "mv_group_product"):
        held = f"select to_jsonb(held) - 'detail' from finops.{relation} as held"  # noqa: S608 one of five names
        texts = [text for (row,) in database.execute(held.encode()).fetchall() for text in row.values()]
        assert max(len(text.encode()) for text in texts if isinstance(text, str)) <= 510, relation
    # each of a kind is one of its own in the aggregate of rejects
    assert scalar(database, "select count(*) from finops.agg_rejected_month where family is not null") >= len(TOO_LONG)
    assert scalar(database, "select sum(rejected_line_count) from finops.agg_rejected_month") == len(bad)


def test_a_code_that_is_too_long_is_one_that_nobody_knows(database: Database) -> None:
    bill(charge("1.10", "2026-10-02", application="x" * 6000), charge("2.20", "2026-10-02", application=TOO_LONG[2]))
    assert nightly() == 0
    assert database.execute("select application_id, total_cost from finops.fact_releve").fetchall() == [
        ("UNALLOCATED", Decimal("3.30"))
    ]
    assert scalar(database, "select count(*) from finops.rejected_usage") == 0


def test_what_is_set_apart_is_cut_as_well(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    tax = charge("1.10", "2026-10-02").replace("Usage", "Tax")
    Path("bills").mkdir()
    header = "InvoiceId," + Path(write_bill(Path("bills"), "10.csv", [])).read_text().strip()
    lines = [f"{text},{tax}" for text in TOO_LONG]
    Path("bills", "10.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    monkeypatch.setenv("INGEST__MAX_SHRINK", "1")
    assert nightly() == 0
    invoices = database.execute("select invoice_id, total_cost from finops.set_apart_charges").fetchall()
    assert [(len(invoice), cost) for invoice, cost in invoices] == [(133, Decimal("1.10"))] * 3
    assert len(set(invoices)) == 3


def test_the_catalog_may_hold_texts_of_any_length(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * 6000
    entities = [
        entity("Group", long, title=TOO_LONG[2], parent=TOO_LONG[2], children=[long, TOO_LONG[1]]),
        entity("Component", "new-shop", title=long, owner=long, system=long),
        entity("System", TOO_LONG[2], owner=f"group:default/{long}"),
        entity("Component", "other", code=long, owner=TOO_LONG[1], namespace=long),
    ]
    bill(charge("1.10", "2026-10-02", application="NEW-SHOP"), charge("2.20", "2026-10-02", application="OTHER"))
    catalog = Catalog()
    catalog.held["2026-01-01"] = entities
    with serving({CATALOG: catalog.answer}) as url:
        monkeypatch.setenv("SOURCES__BACKSTAGE__URL", url)
        monkeypatch.setenv("SOURCES__BACKSTAGE__PARAMS", '{"at": "{day}", "limit": 2}')
        assert nightly() == 0, last_run(database)["error"]
    owner, cost = database.execute(
        "select group_id, total_cost from finops.mv_cost_app_month where application_id = 'new-shop'"
    ).fetchall()[0]
    assert (owner.startswith("x" * 80), len(owner) <= 255, cost) == (True, True, Decimal("1.10"))
    # by either spelling of its reference it is one group
    assert scalar(database, "select count(*) from finops.dim_group where group_id = %s", owner) == 1
