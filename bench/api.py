"""How fast the API answers under load, beside two floors in the same run: its SQL alone, and a constant.

    python -m bench.api

Starts a PostgreSQL of its own in a temporary folder (25 GB at its largest; TMPDIR says where), fills it, and starts
`finops-api serve` with a token and without a rate limit. `python -m bench.api --help` has smaller scales.

Answers are measured one at a time (answers.py), then from 16 callers who never wait (the most requests a second), then
at 80 % of that, from callers who do not wait for each other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

import click
import uvloop
from rich.console import Console
from rich.table import Table

from bench.aggregates import CARELESS, Scale, build, fill
from bench.answers import ROUNDS, Connection, Question, in_turns, questions, reading
from bench.load import Target, at_rate, saturate
from bench.measure import database
from bench.server import Server, serve

SHARE = 0.8  # of the most requests a second
MAX_RATIO = 3.0
MAX_SPREAD = 10.0
MAX_GROWTH = 1.1


def measure(question: Question, server: Server, connection: Connection, seconds: float) -> list[str]:
    """A row of the table."""
    sql, api = in_turns(question, server, connection, seconds)
    cells = [milliseconds(sql.wall), milliseconds(api.wall), f"{api.wall / sql.wall:.2f}"]
    return [question.name, *cells, *under_load(server.target(*question.paths()), seconds)]


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
    with serve() as server, reading() as connection:
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
            stack.enter_context(database(*CARELESS))
            build()
        click.echo(f"filled in {fill(scale):.0f} s", err=True)
        report(scale, seconds, requests)


if __name__ == "__main__":
    main()
