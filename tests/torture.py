"""Nightlies that are killed, cut off and lied to, each followed by a plain one that has to put everything right.

Two databases are fed by the same made-up sources. In one, nightlies are disturbed; in its twin, they are not. After
some disturbances one plain nightly runs in both, and everything that people read has to be the same, row for row.
Meanwhile readers poll every relation of the README: none may fail or wait.

    make torture ARGS="--kills 500"
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, LiteralString

import click
import psycopg
from psycopg import sql

from demo import postgres
from demo.postgres import Embedded
from tests.conftest import ROOT, build_template
from tests.e2e.finops import FINOPS, charge, serving, write_bill
from tests.e2e.proxy import Wire, wire

AS_OF = date(2026, 10, 4)
NIGHTLY = [FINOPS, "nightly", "--period", "2026-09..2026-10", "--as-of", str(AS_OF)]
LONGEST_NIGHTLY = 6.0  # seconds: kills are spread over it, and come after its end at times
MAX_WAIT = 0.2  # seconds that a reader may wait
SOURCES = """
[sources.http.{name}]
path = "{name}"
measure = "{measure}"
records = "$[*]"
record_id = "{{id}}"
application = "application"
params = {{ day = "{{day}}" }}

[[sources.http.{name}.lines]]
product = "{product}"
quantity = "amount"
unit = "{unit}"
"""
SEEN: Mapping[str, LiteralString] = {
    "relevés": "select id, source, application_id, product_id, family, charge_category, period, usage_quantity,"
    " total_cost, estimated_cost, line_count, daily_cost from finops.fact_releve order by id",
    "rejects": "select source, period, usage_date, record_id, reason, quantity from finops.rejected_usage"
    " order by 1, 2, 3, 4",
    "costs": "select * from finops.mv_cost_app_month order by period, application_id, source, product_id",
    "groups": "select * from finops.mv_cost_group_period order by period, group_id",
    "days": "select source, period, measured_days, estimated_days, missing_days, complete_date"
    " from finops.mv_source_month order by period, source",
    "lines": "select source, sum(total_cost), count(*) from finops.releve_lines where period = '2026-10-01'"
    " group by source order by source",
}
RELATIONS = re.findall(r"`((?:mv|dim|fact|etl)_\w+|rejected_usage|set_apart_charges|cost_coverage|spread_days)`", (
    ROOT / "README.md").read_text(encoding="utf-8"))  # fmt: skip
AIMED: Mapping[str, LiteralString] = {
    "while extracting": "select 1 from finops.etl_extractions where status = 'RUNNING'",
    "while copying": "select 1 from pg_stat_activity where query ~ '^COPY'",
    "while consolidating": "select 1 from finops.etl_steps where status = 'RUNNING' and step = 'consolidate'",
    "while publishing": "select 1 from pg_stat_activity where query ~ 'update finops.etl_reconciliations as scope'",
    "while refreshing": "select 1 from pg_stat_activity where query ~ 'refresh materialized view concurrently'",
}


@dataclass
class Outcome:
    """What was done to the nightlies, and what came of it."""

    disturbances: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    different: list[str] = field(default_factory=list)
    failed_nightlies: list[str] = field(default_factory=list)
    reads: int = 0
    reader_errors: Counter[str] = field(default_factory=Counter)
    longest_wait: tuple[float, str] = (0.0, "")

    @property
    def survived(self) -> bool:
        """Whether one plain nightly put everything right each time, and no reader noticed."""
        return not self.different and not self.failed_nightlies and not self.reader_errors

    def __str__(self) -> str:
        wait, where = self.longest_wait
        done = ", ".join(f"{count} {what}" for what, count in sorted(self.disturbances.items()))
        relations, errors = len(set(RELATIONS)) + 2, self.reader_errors.total()
        lines = [
            f"{self.disturbances.total()} disturbances in {self.rounds} rounds: {done}",
            f"{self.reads:,} reads of {relations} relations, {errors} errors, longest {wait * 1000:.0f} ms ({where})",
            *self.failed_nightlies,
            *self.different,
            *(f"a reader of {what}: {count} times" for what, count in self.reader_errors.items()),
        ]
        return "\n".join(lines)


@dataclass
class Company:
    """The made-up sources; they change from round to round, and fail where they are told to."""

    folder: Path
    chance: random.Random
    sizes: dict[str, int] = field(default_factory=dict)
    failing: bool = False

    def change(self) -> None:
        """Another bill, another size of what is in place: each within what a nightly takes without being asked."""
        for month in ("2026-09", "2026-10"):
            last = 28 if month == "2026-09" else AS_OF.day
            lines = []
            for who in ("ERP", "SHOP-WEB", "GHOST", None):
                day = f"{month}-{self.chance.randint(1, last):02}"
                lines.append(charge(str(100 + self.chance.randint(0, 9)), day, application=who))
            write_bill(self.folder / "nimbus", f"{month}.csv", lines)
        for days_ago in range(8):
            self.sizes[str(AS_OF - timedelta(days=days_ago))] = self.chance.randint(10, 12)

    def answer(self, query: dict[str, list[str]]) -> Any:
        """Two records a day; nothing of 1 October, so that a day stands on the one before."""
        if self.failing:
            raise ConnectionError("the service was told to fail")
        day = query["day"][0]
        if day == "2026-10-01" or day not in self.sizes:
            return []
        return [{"id": who, "application": who, "amount": self.sizes[day]} for who in ("ERP", "X")]


class Torture:
    """A company, two databases, and one who disturbs."""

    def __init__(self, server: Embedded, template: str, way: Wire, company: Company, url: str) -> None:
        self.server, self.wire, self.company = server, way, company
        self.chance = company.chance
        self.crashes = False  # of PostgreSQL itself: only where nobody else uses it
        self._is_down = threading.Event()
        self.outcome = Outcome()
        self.names = {name: f"torture_{name}" for name in ("disturbed", "twin")}
        self._sources = {
            "SOURCES__FOCUS__NIMBUS__URL": str(company.folder / "nimbus"),
            "SOURCES__HTTP__SEATS__URL": url,
            "SOURCES__HTTP__QUERIES__URL": url,
            "INGEST__HTTP_ATTEMPTS": "1",
            "INGEST__LOOKBACK_DAYS": "8",
        }
        (company.folder / ".dlt").mkdir()
        declared = [
            SOURCES.format(name="seats", measure="inventory", product="disk.ssd_gib", unit="GiB-month"),
            SOURCES.format(name="queries", measure="metered", product="cube.query", unit="query"),
        ]
        (company.folder / ".dlt" / "config.toml").write_text("".join(declared), encoding="utf-8")
        with self._connect("postgres") as admin:
            for name in self.names.values():
                copy = sql.SQL("create database {} template {}")
                admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
                admin.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
            # a sequence that is copied with its database falls back at a crash before the next checkpoint
            admin.execute("checkpoint")

    def run(self, kills: int, a_round: int, say: Callable[[str], None]) -> Outcome:
        """Disturb so many nightlies, with a plain one and a comparison after each `a_round` of them."""
        self.company.change()
        self._plain("disturbed")
        self._plain("twin")
        with self._readers():
            while self.outcome.disturbances.total() < kills:
                self.company.change()
                for _ in range(a_round):
                    self._disturb()
                self._plain("disturbed")
                self._plain("twin")
                self._compare()
                self.outcome.rounds += 1
                say(f"{self.outcome.disturbances.total()} disturbed, {self.outcome.rounds} rounds")
        return self.outcome

    def _connect(self, name: str) -> psycopg.Connection[tuple[Any, ...]]:
        where = f"host='{self.server.socket_folder}' port={self.server.port} user={self.server.user} dbname={name}"
        return psycopg.connect(where, autocommit=True)

    def _environment(self, name: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "SOURCES__"))}
        own = {**self.server.environment(), "PGDATABASE": self.names[name], **self._sources}
        own["DBT_TARGET_PATH"] = str(self.company.folder / f"target-{name}")
        if name == "disturbed":
            own["PGHOST"] = str(self.wire.folder)
        return {**inherited, **own}

    def _start(self, name: str) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return] # two pipes
            NIGHTLY, cwd=self.company.folder, env=self._environment(name), text=True, **pipes
        )

    def _plain(self, name: str) -> None:
        """One nightly, as the CronJob has it."""
        child = self._start(name)
        said, _ = child.communicate(timeout=300)
        if child.returncode:
            self.outcome.failed_nightlies.append(f"round {self.outcome.rounds}: {name}: {said[-400:]}")

    def _disturb(self) -> None:
        faults = [
            *[self._kill] * 4,
            *[self._terminate] * 2,
            *[self._kill_at] * 4,
            self._cut,
            self._lose_commits,
            self._fail_source,
            self._two_at_once,
            self._clock_back,
            *([self._crash] if self.crashes else []),
        ]
        child = self._start("disturbed")
        what = self.chance.choice(faults)(child)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=60)
        child.kill()
        child.communicate()
        self.company.failing = False
        self.wire.lose.clear()
        self.outcome.disturbances[what] += 1

    def _kill(self, child: subprocess.Popen[str]) -> str:
        time.sleep(self.chance.uniform(0, LONGEST_NIGHTLY))
        child.kill()
        return "kills -9 at a random moment"

    def _terminate(self, child: subprocess.Popen[str]) -> str:
        time.sleep(self.chance.uniform(0.5, LONGEST_NIGHTLY))
        child.terminate()
        return "SIGTERM at a random moment"

    def _kill_at(self, child: subprocess.Popen[str]) -> str:
        moment, query = self.chance.choice(list(AIMED.items()))
        with self._connect(self.names["disturbed"]) as connection:
            while child.poll() is None and not connection.execute(query).fetchone():
                time.sleep(0.005)
        late = child.poll() is not None
        child.kill()
        return f"kills -9 {moment}" + (" (came too late)" if late else "")

    def _cut(self, _child: subprocess.Popen[str]) -> str:
        time.sleep(self.chance.uniform(0.5, LONGEST_NIGHTLY))
        self.wire.cut()
        return "connections cut"

    def _crash(self, _child: subprocess.Popen[str]) -> str:
        """Kill a server process: PostgreSQL ends all others, and recovers."""
        time.sleep(self.chance.uniform(0.5, LONGEST_NIGHTLY))
        self._is_down.set()
        with self._connect("postgres") as admin:
            found = admin.execute("select pid from pg_stat_activity where datname = %s", (self.names["disturbed"],))
            victims = [pid for (pid,) in found.fetchall()]
        if victims:
            os.kill(self.chance.choice(victims), signal.SIGKILL)
            time.sleep(2)  # until PostgreSQL has noticed, and has ended the others
        for _ in range(600):
            with contextlib.suppress(psycopg.Error), self._connect("postgres"):
                break
            time.sleep(0.1)
        self._is_down.clear()
        return "crashes of PostgreSQL"

    def _lose_commits(self, _child: subprocess.Popen[str]) -> str:
        self.wire.lose[:] = [self.chance.random() < 0.5 for _ in range(6)]
        return "acknowledgements of COMMIT lost"

    def _fail_source(self, _child: subprocess.Popen[str]) -> str:
        if self.chance.random() < 0.5:
            self.company.failing = True
            return "a service that breaks off"
        bill = self.company.folder / "nimbus" / "2026-10.csv"
        whole = bill.read_bytes()
        bill.write_bytes(whole[: self.chance.randint(0, len(whole))])
        with contextlib.suppress(subprocess.TimeoutExpired):
            _child.wait(timeout=60)
        bill.write_bytes(whole)
        return "a bill cut short"

    def _two_at_once(self, _child: subprocess.Popen[str]) -> str:
        second = self._start("disturbed")
        second.communicate(timeout=120)
        return "two nightlies at once"

    def _clock_back(self, child: subprocess.Popen[str]) -> str:
        """As after the database's clock stepped back: all that was noted has a time to come."""
        child.kill()
        child.communicate()
        with self._connect(self.names["disturbed"]) as connection:
            connection.execute("update finops.etl_extractions set ended_at = ended_at + interval '1 hour'")
            connection.execute("update finops.etl_reconciliations set decided_at = decided_at + interval '1 hour'")
            connection.execute(
                "update finops.etl_runs set start_time = start_time + interval '1 hour',"
                " end_time = end_time + interval '1 hour'"
            )
        return "the clock an hour back"

    def _compare(self) -> None:
        with self._connect(self.names["disturbed"]) as disturbed, self._connect(self.names["twin"]) as twin:
            for what, query in SEEN.items():
                found, expected = (connection.execute(query).fetchall() for connection in (disturbed, twin))
                if found != expected:
                    missing = [row for row in expected if row not in found][:2]
                    extra = [row for row in found if row not in expected][:2]
                    self.outcome.different.append(
                        f"round {self.outcome.rounds}: {what} differ: {len(found)} rows, expected {len(expected)};"
                        f" missing {missing}; extra {extra}"
                    )

    @contextmanager
    def _readers(self) -> Iterator[None]:
        over = threading.Event()
        reader = threading.Thread(target=self._read, args=(over,))
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()

    def _read(self, over: threading.Event) -> None:
        """Poll every relation in turn, and note who waits and what fails."""
        polled = sql.SQL("select * from finops.{} limit 1")
        queries = {name: polled.format(sql.Identifier(name)) for name in RELATIONS}
        line = sql.SQL("select from finops.releve_lines where period = {} limit 1")
        queries["releve_lines"] = line.format(sql.Literal("2026-10-01"))
        queries["source_periods"] = sql.SQL("select * from finops_api.{} limit 1").format(
            sql.Identifier("source_periods")
        )
        connection = self._connect(self.names["disturbed"])
        while not over.is_set():
            for name, query in queries.items():
                started = time.monotonic()
                try:
                    connection.execute(query)
                except psycopg.Error as error:
                    if connection.closed:
                        connection = self._connect_again(over)
                        continue
                    self.outcome.reader_errors[f"{name}: {type(error).__name__}"] += 1
                waited = time.monotonic() - started
                self.outcome.reads += 1
                self.outcome.longest_wait = max(self.outcome.longest_wait, (waited, name))
            time.sleep(0.1)
        connection.close()

    def _connect_again(self, over: threading.Event) -> psycopg.Connection[tuple[Any, ...]]:
        """After a crash of PostgreSQL, which is no fault of a nightly; without one, it is an error."""
        if not self._is_down.wait(1):
            self.outcome.reader_errors["a connection that was lost"] += 1
        while not over.is_set():
            with contextlib.suppress(psycopg.Error):
                return self._connect(self.names["disturbed"])
            time.sleep(0.1)
        return self._connect("postgres")


@contextmanager
def torture(server: Embedded, template: str, seed: int) -> Iterator[Torture]:
    """The whole set-up, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="finops-torture-") as folder, wire(server) as made:
        company = Company(Path(folder), random.Random(seed))  # noqa: S311 made-up sources and faults
        with serving({"/seats": company.answer, "/queries": company.answer}) as url:
            yield Torture(server, template, made, company, url)


@click.command()
@click.option("--kills", default=50, show_default=True, type=click.IntRange(1), help="How many nightlies to disturb.")
@click.option("--seed", default=1, show_default=True, help="Another one disturbs at other moments.")
def main(kills: int, seed: int) -> None:
    """Disturb nightlies on a PostgreSQL of its own; exit 1 where a plain one does not put everything right."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="finops-pg-") as folder, postgres.server(Path(folder) / "data") as server:
        template = build_template(server, Path(folder))
        with torture(server, template, seed) as set_up:
            set_up.crashes = True
            outcome = set_up.run(kills, 10, lambda text: click.echo(text, err=True))
    click.echo(f"{outcome}\nin {time.monotonic() - started:,.0f} s")
    if not outcome.survived:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
