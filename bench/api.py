"""How fast the API answers, beside two floors in the same run: its SQL through the driver alone, and a constant.

    python -m bench.api

Starts a PostgreSQL of its own in a temporary folder (25 GB at its largest; TMPDIR says where), fills it, and starts
`finops-api serve` with a token and without a rate limit. `python -m bench.api --help` has smaller scales.

The SQL alone is every statement of the same question, in the same role and kind of transaction, as the same pool would
send it, on one connection of psycopg. Answers are measured one at a time, then from 16 callers who never wait (the most
requests a second), then at 80 % of that, from callers who do not wait for each other.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
import psutil
import psycopg
import uvloop
from psycopg.rows import DictRow, dict_row
from rich.console import Console
from rich.table import Table

from bench.aggregates import APPLICATIONS_OF_A_GROUP, LAST_PERIOD, Scale, build, fill
from bench.load import Target, at_rate, saturate
from finops.api.auth import tokens
from finops.api.backstage.cost_insights.intervals import Intervals, parse
from finops.api.backstage.queries import GROUP, GROUP_DAYS_BY_APPLICATION, GROUP_DAYS_BY_FAMILY, TOTAL_DAYS
from finops.api.costs.filters import SCOPES
from finops.api.costs.query import Comparison, CostQuery
from finops.api.database import DATA_VERSION
from finops.api.months import shifted
from finops.demo import postgres

LAST = date.fromisoformat(LAST_PERIOD)
YEAR = (shifted(LAST, -11), LAST)
SHARE = 0.8  # of the most requests a second
MAX_RATIO = 3.0
MAX_SPREAD = 10.0
MAX_GROWTH = 1.1
ROUNDS = 5
Connection = psycopg.Connection[DictRow]


Statement = tuple[bytes, dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """What is asked of the API, about one of many, and the SQL behind it."""

    name: str
    path: str
    things: Sequence[str]
    statements: Callable[[str], Sequence[Statement]]
    prepare: bool | None = None

    def paths(self) -> tuple[str, ...]:
        """One for each thing."""
        return tuple(self.path.format(thing) for thing in self.things)

    def run(self, connection: Connection, thing: str) -> None:
        """As the API does."""
        with connection.transaction():
            connection.execute("select set_config('finops.groups', %s, true)", ["*"])
            for statement, values in self.statements(thing):
                connection.execute(statement, values, prepare=self.prepare).fetchall()


def of_costs(query: CostQuery, scope: str = "", value: str = "") -> list[Statement]:
    """What /v1 asks of the database."""
    exists: list[Statement] = [(SCOPES[scope].encode(), {"value": value})] if scope else []
    return [(DATA_VERSION.encode(), {}), *exists, (query.page().encode(), query.parameters)]


def of_cost_insights(intervals: Intervals, *queries: str, group: str | None = None) -> list[Statement]:
    """What Cost Insights asks of the database."""
    values = {**intervals.parameters, "group": group}
    return [(query.encode(), values) for query in queries]


def questions(scale: Scale) -> list[Question]:
    """What Backstage's pages ask most."""
    names = [f"APP-{number:05}" for number in range(1, scale.applications + 1)]
    teams = [f"team-{number:03}" for number in range(1, (scale.applications - 1) // APPLICATIONS_OF_A_GROUP + 2)]
    span = f"from={YEAR[0]:%Y-%m}&to={YEAR[1]:%Y-%m}"
    whole = (shifted(LAST, 1 - scale.months), LAST)
    before = Comparison(shifted(whole[0], -1), shifted(whole[1], -1), 1)
    days = f"R2/P90D/{shifted(LAST, 1)}"
    return [
        Question(
            "an application's year, by product",
            f"/v1/applications/{{}}/costs?{span}",
            names[:: max(1, len(names) // 500)],
            lambda name: of_costs(
                CostQuery(*YEAR, ["product"], {"application": [name]}, order="-cost", limit=101), "application", name
            ),
        ),
        Question(
            f"a group's {scale.months} months",
            f"/v1/groups/{{}}/history?from={whole[0]:%Y-%m}&to={whole[1]:%Y-%m}",
            teams,
            lambda team: of_costs(CostQuery(*whole, ["month"], {"group": [team]}, before), "group", team),
        ),
        Question(
            "a group's top 10 applications, a year",
            f"/v1/groups/{{}}/costs?group_by=application&top=10&{span}",
            teams,
            lambda team: of_costs(
                CostQuery(*YEAR, ["application"], {"group": [team]}, order="-cost", top=10, limit=101), "group", team
            ),
            prepare=False,
        ),
        Question(
            "the company's top 10 products, a year",
            f"/v1/costs?top=10&{span}",
            [""],
            lambda _: of_costs(CostQuery(*YEAR, ["product"], order="-cost", top=10, limit=101)),
        ),
        Question(
            "the company's top 10 applications, a month",
            f"/v1/costs?group_by=application&top=10&from={LAST:%Y-%m}&to={LAST:%Y-%m}",
            [""],
            lambda _: of_costs(CostQuery(LAST, LAST, ["application"], order="-cost", top=10, limit=101)),
            prepare=False,
        ),
        Question(
            "Cost Insights: a group's 180 days",
            f"/api/cost-insights/group-daily-cost?group={{}}&intervals={days}",
            teams,
            lambda team: of_cost_insights(
                parse(days), GROUP, GROUP_DAYS_BY_FAMILY, GROUP_DAYS_BY_APPLICATION, group=team
            ),
        ),
        Question(
            "Cost Insights: the company's 180 days",
            f"/api/cost-insights/metrics/totalCost?intervals={days}",
            [""],
            lambda _: of_cost_insights(parse(days), TOTAL_DAYS),
        ),
    ]


@dataclass(frozen=True)
class Server:
    """The running API."""

    url: str
    token: str
    process: psutil.Process

    def target(self, *paths: str) -> Target:
        """These paths of it."""
        return Target(self.url, self.token, paths)

    def mib(self) -> float:
        """Its memory."""
        return float(self.process.memory_info().rss / (1 << 20))


@contextmanager
def serve() -> Iterator[Server]:
    """`finops-api serve`, on the database of libpq's variables."""
    with tempfile.TemporaryDirectory() as folder:
        token, entry = tokens.create("bench", date(2099, 1, 1), "*")
        (Path(folder) / "tokens.toml").write_text(entry, encoding="utf-8")
        environment = {
            **os.environ,
            "FINOPS_API_TOKENS_FILE": f"{folder}/tokens.toml",
            "FINOPS_API_RATE_LIMIT": "",
        }
        command = [str(Path(sys.executable).with_name("finops-api")), "serve", "--port", "0"]
        log = Path(folder) / "log"
        with log.open("w") as output, subprocess.Popen(command, env=environment, stderr=output) as process:
            try:
                while not (found := re.search(r"running on (http://[0-9.:]+)", log.read_text(encoding="utf-8"))):
                    if process.poll() is not None:
                        raise RuntimeError(log.read_text(encoding="utf-8"))
                    time.sleep(0.1)
                yield Server(found[1], token, psutil.Process(process.pid))
            finally:
                process.terminate()


def alone(question: Question, connection: Connection, seconds: float) -> list[float]:
    """Seconds of the SQL alone, of as many as fit."""
    latencies: list[float] = []
    over = time.perf_counter() + seconds
    while (started := time.perf_counter()) < over:
        question.run(connection, question.things[len(latencies) % len(question.things)])
        latencies.append(time.perf_counter() - started)
    return latencies


def measure(question: Question, server: Server, connection: Connection, seconds: float) -> list[str]:
    """A row of the table, and what of it counts; the floor and the API take turns, so that neither has the calm."""
    sql, api = [], []
    target = server.target(*question.paths())
    uvloop.run(saturate(target, seconds / ROUNDS))  # caches, prepared statements
    for _ in range(ROUNDS):
        sql += alone(question, connection, seconds / ROUNDS)
        api += uvloop.run(saturate(target, seconds / ROUNDS, callers=1))
    ratio = median(api) / median(sql)
    cells = [f"{milliseconds(median(sql))}", f"{milliseconds(median(api))}", f"{ratio:.2f}"]
    return [question.name, *cells, *under_load(target, seconds)]


def under_load(target: Target, seconds: float) -> list[str]:
    """The most requests a second; the median, the 99th percentile and their ratio at 80 % of them.

    Each round finds its own most: what a shared machine gives changes while this runs.
    """
    counts, latencies = [], []
    for _ in range(ROUNDS):
        counts.append(len(uvloop.run(saturate(target, seconds / ROUNDS))))
        rate = counts[-1] / (seconds / ROUNDS) * SHARE
        latencies += uvloop.run(at_rate(target, rate, seconds / ROUNDS))
    p50, p99 = median(latencies), percentile99(latencies)
    return [f"{sum(counts) / seconds:,.0f}", milliseconds(p50), milliseconds(p99), f"{p99 / p50:.1f}"]


def percentile99(latencies: Sequence[float]) -> float:
    """The 99th percentile; the longest, where there are few."""
    return quantiles(latencies, n=100, method="inclusive")[98] if len(latencies) > 1 else latencies[0]


def milliseconds(seconds: float) -> str:
    """To two decimals."""
    return f"{seconds * 1000:.2f}"


def memory(server: Server, paths: Sequence[str], requests: int) -> list[float]:
    """MiB of the server after each tenth of so many requests, of all kinds in any order."""
    chance = random.Random(1)  # noqa: S311 - the same order every time
    found = []
    for _ in range(10):
        left = requests // 10
        while left > 0:
            mixed = chance.sample(paths, len(paths))
            left -= len(uvloop.run(saturate(server.target(*mixed), min(1.0, left / 100))))
        found.append(server.mib())
    return found


def report(scale: Scale, seconds: float, requests: int) -> None:
    """Measure all, and print it."""
    console = Console(width=150)
    asked = questions(scale)
    title = (
        f"{scale.applications:,} applications × {scale.months} months × {scale.products} products = {scale.rows:,} rows"
    )
    table = Table("milliseconds", "SQL alone", "API", "ratio", "most/s", "p50 at 80 %", "p99", "p99 ÷ p50", title=title)
    options = "-c role=finops_api -c search_path=finops_api -c timezone=UTC"
    with serve() as server, psycopg.connect(options=options, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        constant = server.target("/healthz")
        once = uvloop.run(saturate(constant, seconds, callers=1))
        rows: list[list[str]] = [
            ["a constant (/healthz)", "", milliseconds(median(once)), "", *under_load(constant, seconds)]
        ]
        rows += [measure(question, server, connection, seconds) for question in asked]
        for row in rows:
            table.add_row(*row)
        console.print(table)
        paths = [path for question in asked[:2] for path in question.paths()]
        found = memory(server, [*paths, "/v1/applications", "/healthz"], requests)
    year: Any = dict(zip(("name", "sql", "api", "ratio", "most", "p50", "p99", "spread"), rows[1], strict=True))
    console.print(
        f"{verdict(float(year['ratio']) <= MAX_RATIO)}: an application's year, API ÷ SQL alone at the median:"
        f" {year['ratio']}, at most {MAX_RATIO:.0f}"
    )
    console.print(
        f"{verdict(float(year['spread']) < MAX_SPREAD)}: an application's year, p99 ÷ p50 at {SHARE:.0%} of the most:"
        f" {year['spread']}, less than {MAX_SPREAD:.0f}"
    )
    console.print(
        f"{verdict(found[-1] <= found[0] * MAX_GROWTH)}: memory in MiB after each tenth of {requests:,} requests:"
        f" {', '.join(f'{mib:.0f}' for mib in found)}"
    )


def verdict(kept: bool) -> str:  # noqa: FBT001
    """As printed."""
    return "kept" if kept else "MISSED"


@click.command()
@click.option("--applications", default=5000, show_default=True)
@click.option("--months", default=36, show_default=True)
@click.option("--products", default=60, show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="That each figure is measured for.")
@click.option("--requests", default=36_000, show_default=True, help="Of the memory's test: ten a second for an hour.")
@click.option("--here", is_flag=True, help="In the database of libpq's variables: built by dbt, and without relevés.")
def main(applications: int, months: int, products: int, seconds: float, requests: int, here: bool) -> None:  # noqa: FBT001, PLR0913, PLR0917
    """Measure the API on a made-up company of this size."""
    scale = Scale(applications, months, products)
    with ExitStack() as stack:
        if not here:
            folder = Path(tempfile.mkdtemp(prefix="finops-bench-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            os.environ.update(stack.enter_context(postgres.server(folder / "data")).environment())
            build()
        click.echo(f"filled in {fill(scale, careless=not here):.0f} s", err=True)
        report(scale, seconds, requests)


if __name__ == "__main__":
    main()
