"""How long the API takes to answer, beside its SQL alone: `python -m bench answers`.

The SQL alone is every statement of the same question, in the same role and kind of transaction, as the same pool would
send it, on one connection of psycopg.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

import psutil
import psycopg
import uvloop
from psycopg.rows import DictRow, dict_row

from bench.aggregates import APPLICATIONS_OF_A_GROUP, CARELESS, LAST_PERIOD, Scale, build, fill
from bench.load import saturate
from bench.measure import Cost, Goal, Result, database
from bench.server import KEY, Server, serve
from finops.api.auth.caller import EVERYTHING, Identity
from finops.api.auth.claims import sign
from finops.api.backstage.cost_insights.intervals import Intervals, parse
from finops.api.backstage.queries import GROUP, GROUP_DAYS_BY_APPLICATION, GROUP_DAYS_BY_FAMILY, TOTAL_DAYS
from finops.api.costs.days import DayQuery
from finops.api.costs.filters import SCOPES
from finops.api.costs.query import Comparison, CostQuery
from finops.api.costs.series import SeriesQuery
from finops.api.database import DATA_VERSION, session_options
from finops.api.months import shifted
from finops.api.settings import Settings

LAST = date.fromisoformat(LAST_PERIOD)
YEAR = (shifted(LAST, -11), LAST)
MONTH_BEFORE = Comparison(shifted(LAST, -1), shifted(LAST, -1), 1)
ROUNDS = 5
SECONDS = 10.0
FIVE_MILLION = Scale(applications=2334, months=36, products=60)
HALF_A_MILLION = Scale(applications=234, months=36, products=60)
CALLER = Identity("bench", EVERYTHING)
Connection = psycopg.Connection[DictRow]
Statement = tuple[bytes, dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """What is asked of the API, about one of many, and the SQL behind it; at most so many ms, or times its SQL."""

    name: str
    path: str
    things: Sequence[str]
    statements: Callable[[str], Sequence[Statement]]
    prepare: bool | None = None
    max_ms: float | None = None
    max_ratio: float | None = None

    def paths(self) -> tuple[str, ...]:
        """One for each thing."""
        return tuple(self.path.format(thing) for thing in self.things)

    def run(self, connection: Connection, thing: str) -> None:
        """As the API does."""
        with connection.transaction():
            connection.execute("select set_config('finops.claims', %s, true)", [sign(CALLER, KEY.encode())])
            for statement, values in self.statements(thing):
                connection.execute(statement, values, prepare=self.prepare).fetchall()


def of_costs(query: CostQuery, scope: str = "", value: str = "") -> list[Statement]:
    """What /v1 asks of the database."""
    exists: list[Statement] = [(SCOPES[scope].encode(), {"value": value})] if scope else []
    return [(DATA_VERSION.encode(), {}), *exists, (query.page().encode(), query.parameters)]


def of_series(dimension: str) -> list[Statement]:
    """What /v1/series asks of the database, of the company's 13 months."""
    first = shifted(LAST, -12)
    before = Comparison(shifted(first, -1), MONTH_BEFORE.last, 1)
    cells = SeriesQuery(first, LAST, [dimension, "month"], top=8)
    return [*of_costs(CostQuery(first, LAST, ["month"], base=before)), (cells.cells().encode(), cells.parameters)]


def of_days(dimension: str) -> list[Statement]:
    """What /v1/days asks of the database, of the company's last month."""
    query = CostQuery(LAST, LAST, [dimension], order="-cost", top=8)
    days = DayQuery(query, [f"APP-{number:05}" for number in range(1, 9)])
    return [
        *of_costs(query),
        *((text.encode(), days.parameters) for text in (days.parts(), days.whole(), days.sources())),
    ]


def of_cost_insights(intervals: Intervals, *queries: str, group: str | None = None) -> list[Statement]:
    """What Cost Insights asks of the database."""
    values = {**intervals.parameters, "group": group, "groups": [group]}
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
            "the company by application, a year",
            f"/v1/costs?group_by=application&{span}",
            [""],
            lambda _: of_costs(CostQuery(*YEAR, ["application"], order="-cost", limit=101)),
            prepare=False,
            max_ms=20,
        ),
        Question(
            "the company's top 10 applications, a month",
            f"/v1/costs?group_by=application&top=10&from={LAST:%Y-%m}&to={LAST:%Y-%m}",
            [""],
            lambda _: of_costs(CostQuery(LAST, LAST, ["application"], order="-cost", top=10, limit=101)),
            prepare=False,
        ),
        Question(
            "the page: the company's 13 months by domain",
            f"/v1/series?from={shifted(LAST, -12):%Y-%m}&to={LAST:%Y-%m}",
            [""],
            lambda _: of_series("domain"),
            max_ms=200,
        ),
        Question(
            "the page: the top 10 applications of a month",
            f"/v1/costs?group_by=application&top=10&compare=previous&from={LAST:%Y-%m}&to={LAST:%Y-%m}",
            [""],
            lambda _: of_costs(CostQuery(LAST, LAST, ["application"], base=MONTH_BEFORE, order="-cost", top=10)),
            prepare=False,
            max_ms=200,
        ),
        Question(
            "the page: the company's month by day",
            f"/v1/days?month={LAST:%Y-%m}&group_by=application",
            [""],
            lambda _: of_days("application"),
            prepare=False,
            max_ms=200,
        ),
        Question(
            "Cost Insights: a group's 180 days",
            f"/api/cost-insights/group-daily-cost?group={{}}&intervals={days}",
            teams,
            lambda team: of_cost_insights(
                parse(days), GROUP, GROUP_DAYS_BY_FAMILY, GROUP_DAYS_BY_APPLICATION, group=team
            ),
            max_ratio=2,
        ),
        Question(
            "Cost Insights: the company's 180 days",
            f"/api/cost-insights/metrics/totalCost?intervals={days}",
            [""],
            lambda _: of_cost_insights(parse(days), TOTAL_DAYS),
        ),
    ]


def alone(question: Question, connection: Connection, seconds: float) -> list[float]:
    """Seconds of the SQL alone, of as many as fit."""
    latencies: list[float] = []
    over = time.perf_counter() + seconds
    while (started := time.perf_counter()) < over:
        question.run(connection, question.things[len(latencies) % len(question.things)])
        latencies.append(time.perf_counter() - started)
    return latencies


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection as the API's pool has them."""
    with psycopg.connect(options=session_options(Settings()), row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def in_turns(question: Question, server: Server, connection: Connection, seconds: float) -> tuple[Cost, Cost]:
    """The SQL alone and the API, an answer of each; they take turns, so that neither has the calm."""
    target = server.target(*question.paths())
    uvloop.run(saturate(target, seconds / ROUNDS, callers=1))  # caches, prepared statements
    sql, api = [], []
    sql_cpu = api_cpu = 0.0
    for _ in range(ROUNDS):
        started = time.process_time()
        sql += alone(question, connection, seconds / ROUNDS)
        sql_cpu += time.process_time() - started
        before = server.cpu()
        api += uvloop.run(saturate(target, seconds / ROUNDS, callers=1))
        api_cpu += server.cpu() - before
    here = psutil.Process().memory_info().rss / (1 << 20)
    return Cost(median(sql), sql_cpu / len(sql), here), Cost(median(api), api_cpu / len(api), server.mib())


def run(short: bool) -> Iterator[Result]:  # noqa: FBT001 as every bench has it
    """The questions that have a goal, on five million relevés."""
    scale = HALF_A_MILLION if short else FIVE_MILLION
    with database(*CARELESS):
        build()
        fill(scale)
        with serve() as server, reading() as connection:
            for question in questions(scale):
                if question.max_ms or question.max_ratio:
                    sql, api = in_turns(question, server, connection, SECONDS / 10 if short else SECONDS)
                    yield Result(f"{question.name}, {scale.rows:,} relevés", sql, api, [*goals(question, sql, api)])


def goals(question: Question, sql: Cost, api: Cost) -> Iterator[Goal]:
    """What it is held to."""
    if question.max_ms:
        yield Goal("API, ms", api.wall * 1000, question.max_ms)
    if question.max_ratio:
        yield Goal("API ÷ SQL", api.wall / sql.wall, question.max_ratio)
