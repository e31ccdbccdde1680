"""The same records over HTTP, from files of each format and from databases: the same relevés, to the last decimal."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.finops import Database, finops, serving

# day, application, tickets, the cost of what a partner answered: exact in a binary file, too, which has 15 digits
TICKETS = [
    ("2026-10-01", "SHOP-WEB", "12.1", "1.10"),
    ("2026-10-01", "PAYMENTS", "0.000000000001", "-0.30"),
    ("2026-10-01", "nobody", "3", "1234567890.12345"),
    ("2026-10-02", "SHOP-WEB", "0.1", "0.70"),
    ("2026-10-02", "SHOP-WEB", "0.1", "0.70"),  # one more, of another number
]
COLUMNS = ["number", "day", "app", "tickets", "answered"]
RECORDS = [dict(zip(COLUMNS, (f"T-{number}", *ticket), strict=True)) for number, ticket in enumerate(TICKETS)]
MAPPING = """
record_id = "{number}"
application = "app"
date = "day"
[[sources.%(kind)s.lines]]
product = "helpdesk.ticket"
quantity = "tickets"
unit = "ticket"
[[sources.%(kind)s.lines]]
product = "helpdesk.ticket"
unit = "ticket"
cost = "answered"
currency = "USD"
"""


def of(day: str) -> list[dict[str, str]]:
    """The records of a day or a month."""
    return [record for record in RECORDS if record["day"].startswith(day)]


def tickets(query: dict[str, list[str]]) -> Any:
    """The help desk's own answer."""
    return {"items": of(query["day"][0])}


def typed(record: dict[str, str]) -> tuple[Any, ...]:
    """A record with its numbers as numbers of a binary format."""
    return (record["number"], record["day"], record["app"], Decimal(record["tickets"]), Decimal(record["answered"]))


def write_files(folder: Path) -> None:
    """The records as a CSV of the month, JSON lines and Parquet of the day, and one workbook of all time."""
    older = {"number": "T-0", "day": "31/08/2026", "app": "ERP", "tickets": "7", "answered": "7"}
    with (folder / "tickets-2026-10.csv").open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.DictWriter(file, COLUMNS, delimiter=";")
        lines.writeheader()
        lines.writerows(RECORDS)
    for day in ("2026-10-01", "2026-10-02"):
        with gzip.open(folder / f"{day.replace('-', '')}.jsonl.gz", "wt", encoding="utf-8") as file:
            for record in of(day):
                said = json.dumps({key: record[key] for key in ("number", "day", "app")})
                file.write(f'{said[:-1]}, "tickets": {record["tickets"]}, "answered": {record["answered"]}}}\n')
        rows = list(zip(*map(typed, of(day)), strict=True))
        pq.write_table(pa.table(dict(zip(COLUMNS, rows, strict=True))), folder / f"tickets-{day}.parquet")
    workbook = openpyxl.Workbook()
    workbook.active.append(COLUMNS)
    for record in [older, *RECORDS]:
        number, day, app, tickets, answered = (record[key] for key in COLUMNS)
        workbook.active.append([number, day, app, float(tickets), float(answered)])
    workbook.save(folder / "tickets.xlsx")


@pytest.fixture
def inputs(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One help desk, read in seven ways."""
    write_files(tmp_path)
    with closing(sqlite3.connect(tmp_path / "helpdesk.db")) as sqlite, sqlite:
        sqlite.execute("create table tickets (number text, day date, app text, tickets numeric, answered numeric)")
        sqlite.executemany("insert into tickets values (?, ?, ?, ?, ?)", [tuple(record.values()) for record in RECORDS])
    database.execute("create table tickets (number text, at timestamptz, app text, tickets numeric, answered numeric)")
    with database.cursor() as cursor:
        cursor.executemany("insert into tickets values (%s, %s, %s, %s, %s)", list(map(typed, RECORDS)))
    server = f"postgresql+psycopg2://{database.info.user}@/{database.info.dbname}?host={database.info.host}"
    query = "select number, at::date as day, app, tickets, answered from tickets where at >= :start and at < :end"
    with serving({"/day": tickets}) as url:
        addresses = {
            "http.helpdesk": f'url = "{url}"\npath = "day"\ndata_selector = "items[*]"\nparams = {{ day = "{{day}}" }}',
            "file.csv": f'url = "{tmp_path}/tickets-{{month}}.csv"',
            "file.jsonl": 'url = "{day:%Y%m%d}.jsonl.gz"',
            "file.parquet": f'url = "file://{tmp_path}/*.parquet"',
            "file.xlsx": f'url = "{tmp_path}/tickets.xlsx"',
            "sql.sqlite": f'connection = "sqlite:///{tmp_path}/helpdesk.db"\ntable = "tickets"',
            "sql.postgresql": f'connection = "{server}&port={database.info.port}"\nquery = "{query}"',
        }
        sections = [f"[sources.{kind}]\n{at}{MAPPING % {'kind': kind}}" for kind, at in addresses.items()]
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / "config.toml").write_text("\n".join(sections), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        yield


@pytest.mark.usefixtures("inputs")
def test_the_same_records_make_the_same_relevés_whatever_they_are_read_from(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    code = finops("nightly", "--period", "2026-10", "--as-of", "2026-10-03")
    assert code == 0, capsys.readouterr().err
    found: dict[str, list[tuple[Any, ...]]] = {}
    for source, *figures in database.execute(
        "select source, application_id, domain, usage_quantity, usage_unit, source_currency, source_cost, total_cost,"
        " daily_cost, line_count from finops.fact_releve order by 1, 2, 6"
    ):
        found.setdefault(source, []).append(tuple(figures))
    assert len(found) == 7
    expected = found.pop("http.helpdesk")
    assert [(row[0], row[4], row[5]) for row in expected] == [
        ("PAYMENTS", "EUR", Decimal("0.0000000000006")),
        ("PAYMENTS", "USD", Decimal("-0.3")),
        ("SHOP-WEB", "EUR", Decimal("7.38")),
        ("SHOP-WEB", "USD", Decimal("2.5")),
        ("UNALLOCATED", "EUR", Decimal("1.8")),
        ("UNALLOCATED", "USD", Decimal("1234567890.12345")),
    ]
    for source, figures in found.items():
        assert figures == expected, source
    said = database.execute("select source, error from finops.etl_steps where step = 'extract' and status = 'SKIPPED'")
    (left_out,) = (text for source, text in said if source == "file.xlsx")
    assert left_out == (
        "1 records are dated 2026-08-31 to 2026-08-31, in months that no run has read: "
        "`finops nightly --period 2026-08..2026-08` reads them"
    )
    unsettled = database.execute("select * from finops.etl_reconciliations where status <> 'PUBLISHED'").fetchall()
    assert unsettled == []


INVOICES = """\
number;date;app;product;amount;currency
I-1;2026-09-14;SHOP-WEB;helpdesk.ticket;100.00;EUR
I-2;2026-09-15;SHOP-WEB;helpdesk.ticket;-30.05;EUR
I-3;2026-09-15;PAYMENTS;helpdesk.ticket;1.000000000000000000001;usd
I-4;2026-09-16;PAYMENTS;no.such.product;5;EUR
I-5;2026-09-17;PAYMENTS;helpdesk.ticket;7;XYZ
I-6;2026-09-18;PAYMENTS;helpdesk.ticket;1,5;EUR
I-7;2026-09-18;PAYMENTS;helpdesk.ticket;2;
I-8;2026-08-31;PAYMENTS;helpdesk.ticket;9;EUR
"""
CONFIG = """
[sources.file.invoices]
url = "invoices.csv"
date = "date"
record_id = "{number}"
application = "app"
domain = "native"
[[sources.file.invoices.lines]]
product_field = "product"
unit = "ticket"
cost = "amount"
currency_field = "currency"

[[sources.fixed.contracts.amounts]]
name = "support"
application = "ERP"
product = "helpdesk.ticket"
amount = 1000.01
currency = "EUR"
valid_from = 2026-01-01
valid_to = 2026-09-16

[[sources.fixed.contracts.amounts]]
name = "team"
application = "PAYMENTS"
product = "helpdesk.ticket"
amount = "100"
currency = "EUR"
valid_from = 2026-08-01

[sources.fixed.contracts]
unit = "ticket"
"""


@pytest.fixture
def invoices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Invoices in a file, and two contracts."""
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "invoices.csv").write_text(INVOICES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def costs(database: Database, source: str) -> list[tuple[Any, ...]]:
    """What was published of a source, by application and currency."""
    return database.execute(
        "select application_id, source_currency, usage_quantity, source_cost, total_cost from finops.fact_releve"
        " where source = %s order by 1, 2",
        (source,),
    ).fetchall()


@pytest.mark.usefixtures("invoices")
def test_an_invoice_s_amount_is_its_cost_and_what_can_t_be_valued_is_kept_with_its_amount(database: Database) -> None:
    assert finops("nightly", "--period", "2026-09", "--as-of", "2026-10-08", "--source", "file.invoices") == 0
    (payments, shop) = costs(database, "file.invoices")
    assert payments[:4] == ("PAYMENTS", "USD", 1, Decimal("1.000000000000000000001"))
    assert shop == ("SHOP-WEB", "EUR", 2, Decimal("69.95"), Decimal("69.95"))
    rejected = database.execute(
        "select record_id, reason, detail, amount, currency from finops.rejected_usage order by record_id"
    ).fetchall()
    assert rejected == [
        ("I-4", "NO_PRODUCT", "add no.such.product to the reference table products", Decimal(5), "EUR"),
        ("I-5", "NO_FX_RATE", "add the rate of XYZ for 2026-09 to the reference table fx_rates", Decimal(7), "XYZ"),
        ("I-6", "UNPARSABLE", "cost '1,5'", None, "EUR"),
        ("I-7", "UNPARSABLE", "its currency is missing", Decimal(2), None),
    ]
    figures = database.execute(
        "select status, records_landed, records_released, records_rejected, amount_landed, amount_released,"
        " amount_rejected from finops.etl_reconciliations"
    ).fetchall()
    landed, released = Decimal("84.950000000000000000001"), Decimal("70.950000000000000000001")
    assert figures == [("PUBLISHED", 7, 3, 4, landed, released, Decimal(14))]


@pytest.mark.usefixtures("invoices")
def test_an_invoice_that_comes_late_counts_in_its_open_month_and_is_said_of_another(
    database: Database, invoices: Path
) -> None:
    nightly = ("nightly", "--source", "file.invoices")
    assert finops(*nightly, "--period", "2026-08", "--as-of", "2026-09-20") == 0
    assert finops(*nightly, "--as-of", "2026-09-20") == 0
    with (invoices / "invoices.csv").open("a", encoding="utf-8") as file:
        file.write("I-9;2026-09-01;ERP;helpdesk.ticket;3;EUR\nI-10;2026-08-30;ERP;helpdesk.ticket;4;EUR\n")
        file.write("I-11;2026-12-01;ERP;helpdesk.ticket;4;EUR\n")
    assert finops(*nightly, "--as-of", "2026-09-21") == 0
    assert ("ERP", "EUR", 1, 3, 3) in costs(database, "file.invoices")
    said = database.execute(
        "select error from finops.etl_steps where step = 'extract' and status = 'SKIPPED' order by step_id desc limit 2"
    ).fetchall()
    assert sorted(text for (text,) in said) == [
        "1 records are dated 2026-12-01 to 2026-12-01: they count once their day is over",
        ("2026-08 has 2 records, and 1 count: `finops reprocess --period 2026-08 --refetch --reason …` reads it again"),
    ]


@pytest.mark.usefixtures("invoices")
def test_a_full_month_of_a_contract_is_its_amount_and_a_part_of_one_its_days(
    database: Database, invoices: Path
) -> None:
    fixed = ("--source", "fixed.contracts")
    assert finops("nightly", "--period", "2026-08..2026-09", "--as-of", "2026-10-08", *fixed) == 0
    months = database.execute(
        "select to_char(period, 'MM'), application_id, trim_scale(usage_quantity), trim_scale(total_cost)"
        " from finops.fact_releve order by 1, 2"
    ).fetchall()
    assert months == [
        ("08", "ERP", 1, Decimal("1000.01")),
        ("08", "PAYMENTS", 1, 100),
        ("09", "ERP", Decimal("0.499999999995"), 15 * round(Decimal("1000.01") / 30, 12)),
        ("09", "PAYMENTS", 1, 100),
    ]
    config = invoices / ".dlt" / "config.toml"
    config.write_text(config.read_text().replace('amount = "100"', 'amount = "130"'))
    assert finops("nightly", "--as-of", "2026-10-03", *fixed) == 0  # September is open still, and August is not
    changed = database.execute(
        "select to_char(period, 'MM'), trim_scale(total_cost) from finops.fact_releve where application_id = 'PAYMENTS'"
        " order by 1"
    ).fetchall()
    assert changed[:2] == [("08", 100), ("09", 130)]
