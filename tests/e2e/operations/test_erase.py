"""What has landed of a person is erased, and what is published stands as it stood."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest

from finops.demo.postgres import Embedded
from finops.ingest.config.masking import hashed
from tests.e2e.finops import Database, charge, finops, releves, scalar, serving, total, write_bill

MONTH = ("--period", "2026-09", "--as-of", "2026-09-20")
JANE, MAIL, KEY = "Jane Doe", "jane.doe@example.com", "a key of sixteen characters"
LINE = {"product": "vm.vcpu", "quantity": "cpus", "unit": "vCPU-month"}


def machine(name: str, **more: Any) -> dict[str, Any]:
    """A machine as its service lists it."""
    return {"name": name, "app": "ERP", "cpus": 4, "contact": {"name": JANE, "mail": MAIL}, **more}


MACHINES = [
    machine("a", owner_name=JANE, note=f"owner_name={JANE}; room=7", tags=[{"Key": "OwnerName", "Value": JANE}]),
    machine("b", owner_name="John", config=json.dumps({"owner": {"name": "jane doe"}})),
    machine("c", cpus="many", note=f"ask {MAIL} or {MAIL.upper()}"),  # is rejected
    machine(f"of {MAIL}"),
]


ADMINISTRATOR = [""]


@pytest.fixture(autouse=True)
def administrator(server: Embedded) -> None:
    """Who erases: a nightly's login may not."""
    ADMINISTRATOR[:] = [server.user]


def erase(*arguments: str) -> int:
    """Run the command as the administrator."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGUSER", ADMINISTRATOR[0])
        return finops(*arguments)


@pytest.fixture
def landed(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """A month of machines and of a bill, published."""
    write_bill(tmp_path / "bills", "2026-09.csv", [charge("4", "2026-09-02"), charge("1", "2026-09-03")])
    text = (tmp_path / "bills" / "2026-09.csv").read_text()
    note = '"{""application"": ""SHOP-WEB"", ""OwnerName"": ""' + JANE + '""}"'
    (tmp_path / "bills" / "2026-09.csv").write_text(text.replace('"{""application"": ""SHOP-WEB""}"', note))
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    monkeypatch.setenv("INGEST__MASK_KEY", KEY)
    with serving({"/machines": MACHINES}) as url:
        declaration = {"url": url, "path": "machines", "data_selector": "$[*]", "record_id": "{name}"}
        declaration |= {"application": "app", "measure": "inventory", "domain": "open_legacy", "resource_name": "name"}
        monkeypatch.setenv("SOURCES__HTTP__HOSTS", json.dumps({**declaration, "lines": [LINE]}))
        assert finops("nightly", *MONTH) == 0
        yield database


def figures(database: Database) -> list[Any]:
    """All that a published month stands on, as figures."""
    queries = """
        select * from finops.etl_reconciliations order by publication;
        select releve_id, count(*), sum(quantity), sum(total_cost) from finops.releve_lines
        where period = '2026-09-01' group by 1 order by 1;
        select source, application_id, reason, quantity, amount from finops.rejected_usage order by 1, 2, 3, 4;
        select source, window_date, count(*) from raw_open_legacy.declared group by 1, 2 order by 1, 2
    """
    return [releves(database), *(database.execute(query).fetchall() for query in queries.split(";"))]


def raw(database: Database) -> str:
    """Every row of every table that a person may stand in."""
    query = """
        select format('%I.%I', table_schema, table_name) from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema ~ '^raw_|^finops$|^finops_intermediate$'
    """
    relations = [relation for (relation,) in database.execute(query).fetchall()]
    rows = (database.execute(f"select held::text from {relation} as held").fetchall() for relation in relations)  # noqa: S608
    return "\n".join(row for found in rows for (row,) in found)


def consolidated(database: Database) -> str:
    """How the last consolidation ended."""
    return str(scalar(database, "select status from finops.etl_steps where step = 'consolidate' order by step_id desc"))


def test_a_person_is_erased_and_every_figure_stays(landed: Database, capfd: pytest.CaptureFixture[str]) -> None:
    before, sum_before = figures(landed), total(landed)
    assert erase("erase", "--subject", MAIL, "--dry-run") == 0
    assert MAIL in raw(landed)
    assert erase("erase", "--subject", MAIL, "--yes") == 0
    assert erase("erase", "--subject", "jane  doe", "--hash", "--yes") == 0
    held = raw(landed)
    assert MAIL not in held.lower()
    assert JANE.lower() not in held.lower()
    assert figures(landed) == before
    entered = landed.execute(
        "select what, action, relation, column_name, source, row_count from finops.etl_erasures"
        " where relation ~ 'raw_' order by erased_at, column_name"
    ).fetchall()
    declared = ("raw_native.declared", "raw_open_legacy.declared")
    assert {(what, action) for what, action, *_ in entered} == {("subject", "drop"), ("subject", "hash")}
    assert ("raw_public_cloud.focus", "tags", "focus.nimbus", 2) in [tuple(row[2:]) for row in entered]
    assert {row[2] for row in entered if row[3] == "payload"} <= set(declared)
    assert "values erased" in capfd.readouterr().out
    finops("nightly", "--no-extract", *MONTH)
    assert consolidated(landed) == "SKIPPED"
    assert finops("reprocess", *MONTH, "--reason", "after an erasure") == 0
    assert total(landed) == sum_before


def test_a_field_is_erased_by_the_rules_of_masking(landed: Database, capfd: pytest.CaptureFixture[str]) -> None:
    before = figures(landed)
    assert erase("erase", "--field", "owner_name", "--yes") == 0
    held = raw(landed)
    assert JANE in held  # of the contact
    for written in (
        f"owner_name={JANE}",
        '"owner_name":"Jane',
        '"Value":"Jane',
        '\\"name\\":\\"jane',
        '"OwnerName":"Jane',
    ):
        assert written not in held
    assert figures(landed) == before
    assert "ingest.mask has no rule for owner_name" in capfd.readouterr().out
    assert erase("erase", "--field", "contact.name", "--source", "focus.nimbus", "--yes") == 0
    assert JANE in raw(landed)
    assert erase("erase", "--field", "contact.name", "--yes") == 0
    assert JANE not in raw(landed)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--subject", "erp"), "'ERP' is the code of an application"),
        (("--field", "cpus"), "the costs are counted with it"),
        (("--field", "app"), "it names the application"),
        (("--field", "name", "--hash"), "identities of its records"),
        (("--field", "EffectiveCost"), "the costs are counted with it"),
        (("--subject", "ab"), "less than 3 characters"),
        ((), "say --field NAME or --subject TEXT"),
    ],
)
def test_what_relevés_stand_on_is_not_erased(
    landed: Database, options: tuple[str, ...], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    held = raw(landed)
    assert erase("erase", *options, "--yes") > 0
    assert why in capfd.readouterr().err
    assert raw(landed) == held


def test_an_application_that_is_a_person_gets_a_pseudonym(landed: Database, capfd: pytest.CaptureFixture[str]) -> None:
    before = total(landed)
    assert erase("erase", "--subject", "ERP", "--hash", "--yes") == 0
    assert "Next: finops reprocess --period 2026-09..2026-09" in capfd.readouterr().out
    assert finops("reprocess", *MONTH, "--reason", "erasure") == 0
    assert total(landed) == before
    assert scalar(landed, "select count(*) from finops.fact_releve where application_id = 'ERP'") == 0


SUBJECTS = "select subject, total_cost from finops.unallocated_usage"
GAPS = "select subject, amount from finops.agg_gap_month where reason = 'UNALLOCATED'"


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (("--subject", JANE), "resource laptop of ***"),
        (("--subject", JANE, "--source", "focus.nimbus"), None),
        (("--field", "OwnerName"), None),
        (("--field", "room"), "resource laptop of Jane Doe"),  # nothing in the bill has it
    ],
)
def test_what_unallocated_cost_is_named_by_is_erased_too(
    landed: Database, options: tuple[str, ...], kept: str | None
) -> None:
    landed.execute("update finops.fact_releve set application_id = 'UNALLOCATED' where source = 'focus.nimbus'")
    landed.execute(
        "insert into finops.unallocated_usage select run_id, source, period, %s, total_cost, line_count"
        " from finops.fact_releve where source = 'focus.nimbus'",
        (f"resource laptop of {JANE}",),
    )
    landed.execute("select finops.replace_months('agg_gap_month', '{2026-09-01}')")
    assert erase("erase", *options, "--yes") == 0
    assert landed.execute(SUBJECTS).fetchall() == ([(kept, 5)] if kept else [])
    unlisted = "not listed yet: finops reprocess of the month shows what"
    assert landed.execute(GAPS).fetchall() == [(kept or unlisted, 5)]
    entered = "select row_count from finops.etl_erasures where relation = 'finops.unallocated_usage'"
    assert landed.execute(entered).fetchall() == ([] if kept and JANE in kept else [(1,)])


def test_nothing_is_erased_while_a_run_writes(bare: Database, capfd: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(user=ADMINISTRATOR[0], autocommit=True) as other:
        other.execute("select pg_advisory_lock(7061746)")
        assert erase("erase", "--subject", MAIL, "--yes") == 1
    assert "another run is writing" in capfd.readouterr().err
    assert MAIL in raw(bare)


def test_nothing_is_erased_without_a_yes(bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(click.Abort):
        erase("erase", "--subject", MAIL)
    assert MAIL in raw(bare)


RUN = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def bare(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The loader's tables, with rows that name a person where a text may stand, and no model."""
    monkeypatch.setenv("INGEST__MASK_KEY", KEY)
    database.execute(
        "insert into finops.etl_runs (run_id, kind, periods, started_by, error) values (%s, 'nightly', '{}', 'x', %s)",
        (RUN, f"refused: {MAIL}"),
    )
    database.execute(
        "insert into finops.etl_steps (run_id, step, error) values (%s, 'extract', %s)", (RUN, f"no {MAIL}")
    )
    return database


def put(database: Database, record_id: str, payload: Any, source: str = "cmdb.vm") -> None:
    """A raw record, and a reject of it."""
    database.execute(
        "insert into raw_open_legacy.cmdb_vm values (%s, %s, '2026-09-01', %s, now(), %s)",
        (record_id, source, RUN, json.dumps(payload)),
    )
    database.execute(
        "insert into finops.rejected_usage (run_id, domain, source, period, usage_date, extraction_run_id, window_date,"
        " record_id, application_id, reason, detail) values (%s, 'a', %s, '2026-09-01', '2026-09-01', %s, '2026-09-01',"
        " %s, 'ERP', 'UNPARSABLE', %s)",
        (RUN, source, RUN, record_id, f"capacity '{MAIL}'"),
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"mail": MAIL},
        {"mail": MAIL.upper()},
        {"a": [{"b": f"see <{MAIL}>."}]},
        {MAIL: 1},
        {"a": json.dumps({"mail": MAIL})},
        {"a": json.dumps({"mail": MAIL}).replace("@", "\\u0040")},
        {"a": json.dumps([json.dumps({MAIL: 1})])},
        {"a": f"mailto:{MAIL}?subject=x"},
    ],
    ids=repr,
)
def test_a_person_is_found_wherever_a_value_stands(bare: Database, payload: Any) -> None:
    put(bare, f"of {MAIL}", payload)
    put(bare, f"of {MAIL.upper()}", {"note": f"not{MAIL}, nor susan{MAIL}e"})
    assert erase("erase", "--subject", MAIL, "--yes") == 0
    held = scalar(bare, "select string_agg(payload::text, '' order by record_id) from raw_open_legacy.cmdb_vm")
    assert MAIL in held  # a part of a longer word is another person
    assert MAIL not in held.replace(f"not{MAIL}", "").replace(f"susan{MAIL}e", "").replace("\\u0040", "@").lower()
    identities = "select array_agg(record_id order by record_id) from {}"
    for relation in ("raw_open_legacy.cmdb_vm", "finops.rejected_usage"):
        assert scalar(bare, identities.format(relation)) == ["of ***", "of ***#2"]
    texts = "select error from finops.etl_runs union all select error from finops.etl_steps"
    assert bare.execute(texts).fetchall() == [("refused: ***",), ("no ***",)]
    assert scalar(bare, "select string_agg(distinct detail, '') from finops.rejected_usage") == "capacity '***'"
    assert scalar(bare, "select count(*) from finops.etl_erasures where relation = 'raw_open_legacy.cmdb_vm'") == 2
    rows = bare.execute("select * from finops.etl_erasures").fetchall()
    assert MAIL not in repr(rows)


def test_a_field_is_erased_in_its_normal_form_and_its_number_stays(bare: Database) -> None:
    put(bare, "1", {"OwnerName": JANE, "cpus": 4.50, "big": 10**25, "tags": [{"key": "owner name", "value": JANE}]})
    put(bare, "2", {"owner": "kept", "cpus": 1})
    assert erase("erase", "--field", "owner_name", "--hash", "--yes") == 0
    pseudonym = hashed(JANE, KEY.encode())
    held = [payload for (payload,) in bare.execute("select payload from raw_open_legacy.cmdb_vm order by record_id")]
    tags = [{"key": "owner name", "value": pseudonym}]
    assert held == [
        {"OwnerName": pseudonym, "cpus": 4.50, "big": 10**25, "tags": tags},
        {"owner": "kept", "cpus": 1},
    ]
    entered = "select what, field, action, relation, column_name, source, row_count from finops.etl_erasures"
    line = ("field", "owner_name", "hash", "raw_open_legacy.cmdb_vm", "payload", "cmdb.vm", 1)
    assert bare.execute(entered).fetchall() == [line]
    assert erase("erase", "--field", "owner_name", "--hash", "--yes") == 0
    assert len(bare.execute(entered).fetchall()) == 1


def test_a_person_is_erased_in_a_field_of_a_source_alone(bare: Database) -> None:
    put(bare, "1", {"contact": {"mail": MAIL}, "note": MAIL})
    put(bare, "2", {"contact": MAIL}, source="cmdb.other")
    assert erase("erase", "--subject", MAIL, "--field", "contact", "--source", "cmdb.vm", "--yes") == 0
    held = [payload for (payload,) in bare.execute("select payload from raw_open_legacy.cmdb_vm order by record_id")]
    assert held == [{"contact": {"mail": "***"}, "note": MAIL}, {"contact": MAIL}]


def test_a_hash_without_a_key_is_refused(
    bare: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("INGEST__MASK_KEY")
    put(bare, "1", {"mail": MAIL})
    for options in (("--subject", MAIL), ("--field", "mail")):
        assert erase("erase", *options, "--hash", "--yes") == 2
        assert "mask_key is not set" in capfd.readouterr().err
    assert MAIL in raw(bare)


def test_who_lands_and_publishes_erases_nothing(bare: Database, capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("erase", "--subject", MAIL, "--yes") == 1
    assert "only who may act as finops_owner erases" in capfd.readouterr().err
    assert MAIL in raw(bare)
