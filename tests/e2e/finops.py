"""The command line as a test uses it, and the made-up sources that a test gives it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import psycopg

from finops.ingest.cli import cli

Database = psycopg.Connection[tuple[Any, ...]]

FINOPS = str(Path(sys.executable).with_name("finops"))

HEADER = (
    "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,"
    "ChargeCategory,ConsumedQuantity,ConsumedUnit,ProviderName,ServiceName,ServiceCategory,SubAccountId,ResourceId,Tags"
)


def finops(*arguments: str) -> int:
    """Run `finops …` in this process; its exit code."""
    try:
        code = cli.main(list(arguments), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return code if isinstance(code, int) else 0


def charge(  # noqa: PLR0913 one keyword a column that a test varies
    cost: str,
    day: str,
    *,
    application: str | None = "SHOP-WEB",
    service: str = "Queue",
    currency: str = "EUR",
    billed_in: str | None = None,
    quantity: str = "1",
) -> str:
    """A line of a FOCUS export."""
    tags = "" if application is None else json.dumps({"application": application}).replace('"', '""')
    month = billed_in or day[:7]
    return (
        f"{cost},{cost},{cost},{cost},{currency},{month}-01 00:00:00,{day} 00:00:00,Usage,{quantity},Requests,Nimbus,"
        f'{service},Integration,account-1,resource-1,"{tags}"'
    )


def write_bill(folder: Path, name: str, lines: Sequence[str]) -> Path:
    """A FOCUS export as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    return path


def releves(database: Database, period: str | None = None) -> list[tuple[Any, ...]]:
    """Every relevé as published, without the run and the time of its publication."""
    return database.execute(
        "select id, source, application_id, product_id, family, domain, period, usage_quantity, usage_unit, unit_cost,"
        " total_cost, currency, source_cost, source_currency, is_estimated, line_count, daily_cost"
        " from finops.fact_releve where %s::text is null or to_char(period, 'YYYY-MM') = %s order by id",
        (period, period),
    ).fetchall()


def scalar(database: Database, query: str, *parameters: object) -> Any:
    """The one value of a query."""
    row = database.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def last_run(database: Database) -> dict[str, Any]:
    """The last run, as a dictionary."""
    with database.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute("select * from finops.etl_runs order by start_time desc limit 1").fetchone()
    assert row is not None
    return row


def total(database: Database) -> Decimal:
    """The cost of everything published."""
    return Decimal(scalar(database, "select coalesce(sum(total_cost), 0) from finops.fact_releve"))


def wait_until(database: Database, query: str) -> None:
    """Wait for a condition in the database, up to a minute."""
    for _ in range(600):
        if scalar(database, query):
            return
        time.sleep(0.1)
    raise AssertionError(query)


def days(first: str, last: str) -> Iterator[date]:
    """Every day from the first to the last."""
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        yield day
        day += timedelta(days=1)


@contextmanager
def serving(answers: Mapping[str, Any]) -> Iterator[str]:
    """A real HTTP server: JSON by path, or its bytes; a value may be a function of the query, or of what is posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            answer = answers.get(url.path)
            posted = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = json.loads(posted) if posted else parse_qs(url.query)
            body = answer(asked) if callable(answer) else answer
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 the parent's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
