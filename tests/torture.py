"""Nightlies that are killed, cut off and lied to, each followed by a plain one that has to put everything right.

Two databases are fed by the same made-up sources. In one, nightlies are disturbed; in its twin, they are not. After
some disturbances one plain nightly runs in both, and everything that people read has to be the same, row for row.
Meanwhile readers poll every relation of docs/database.md: none may fail or wait.

    make torture ARGS="--kills 500"
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import click
import psycopg
from psycopg import sql
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from finops.demo import cmdb, postgres
from finops.demo.postgres import Embedded
from tests.conftest import REFERENCE, build_template, variables
from tests.e2e.finops import FINOPS, charge, serving, write_bill
from tests.e2e.proxy import LOST, Wire, wire
from tests.e2e.readers import Readers

AS_OF = date(2026, 10, 4)
NIGHTLY = [FINOPS, "nightly", "--period", "2026-09..2026-10", "--as-of", str(AS_OF)]
LONGEST_NIGHTLY = 6.0  # seconds: kills are spread over it, and come after its end at times
SOURCES = """
[sources.http.{name}]
path = "{name}"
measure = "{measure}"
data_selector = "$[*]"
record_id = "{{id}}"
application = "application"
params = {{ day = "{{day}}" }}

[[sources.http.{name}.lines]]
product = "{product}"
quantity = "amount"
unit = "{unit}"
"""
CMDB: Mapping[str, Mapping[str, object]] = {  # a size where None stands
    "vms": {"vcpu": None, "ram_gib": 16},
    "disks": {"tier": "ssd", "size_gib": None},
    "legacy_storage": {"kind": "nas", "used_gib": None},
}
SEEN: Mapping[str, LiteralString] = {
    "relevés": "select id, source, application_id, product_id, family, charge_category, period, usage_quantity,"
    " total_cost, estimated_cost, line_count, daily_cost from finops.fact_releve order by id",
    "rejects": "select source, period, usage_date, record_id, reason, quantity from finops.rejected_usage"
    " order by 1, 2, 3, 4",
    "costs": "select * from finops.owned_releves order by period, application_id, source, product_id, total_cost",
    "groups": "select * from finops.mv_cost_group_period order by period, group_id",
    "days": "select source, period, measured_days, estimated_days, missing_days, complete_date"
    " from finops.mv_source_month order by period, source",
    "lines": "select source, sum(total_cost), count(*) from finops.releve_lines where period = '2026-10-01'"
    " group by source order by source",
}
AIMED: Mapping[str, LiteralString] = {
    "while extracting": "select 1 from finops.etl_extractions where status = 'RUNNING'",
    "while copying": "select 1 from pg_stat_activity where query ~ '^COPY'",
    "while consolidating": "select 1 from finops.etl_steps where status = 'RUNNING' and step = 'consolidate'",
    "while publishing": "select 1 from pg_stat_activity where query ~ 'update finops.etl_reconciliations as scope'",
    "while refreshing": "select 1 from pg_stat_activity where query ~ 'finops.refresh_aggregates'",
}


@dataclass
class Outcome:
    """What was done to the nightlies, and what came of it."""

    disturbances: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    different: list[str] = field(default_factory=list)
    failed_nightlies: list[str] = field(default_factory=list)
    readers: str = ""
    reader_errors: int = 0
    longest_wait: float = 0.0

    @property
    def survived(self) -> bool:
        """Whether one plain nightly put everything right each time, and no reader noticed."""
        return not self.different and not self.failed_nightlies and not self.reader_errors

    def __str__(self) -> str:
        done = ", ".join(f"{count} {what}" for what, count in sorted(self.disturbances.items()))
        lines = [
            f"{self.disturbances.total()} disturbances in {self.rounds} rounds: {done}",
            self.readers,
            *self.failed_nightlies,
            *self.different,
        ]
        return "\n".join(lines)


@dataclass
class Company:
    """The made-up sources; they change from round to round, and fail where they are told to."""

    folder: Path
    chance: random.Random
    uri: str
    cmdb: MongoDatabase[dict[str, Any]]
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
        for name, fields in CMDB.items():
            self.cmdb[name].delete_many({})
            self.cmdb[name].insert_many(list(self._dumps(fields)))

    def _dumps(self, fields: Mapping[str, object]) -> Iterator[dict[str, object]]:
        """A dump of each day but one."""
        for days_ago in (0, 1, 2, 4, 5, 6, 7):
            day = datetime.combine(AS_OF - timedelta(days=days_ago), datetime.min.time(), UTC)
            for number, who in enumerate(("ERP", "SHOP-WEB", "ERP", "GHOST")):
                size = self.chance.randint(10, 12)
                sizes = {field: size if value is None else value for field, value in fields.items()}
                yield {"snapshot_date": day, "name": f"n{number}", "application": who, **sizes}

    def fail_mongo(self, mode: object, **failure: object) -> None:
        """Let MongoDB's reads fail, by its own fail points."""
        data = {"failCommands": ["find", "getMore"], **failure}
        self.cmdb.client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

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
        self.outcome = Outcome()
        self.names = {name: f"torture_{name}" for name in ("disturbed", "twin")}
        self.readers = Readers(lambda: self._connect(self.names["disturbed"]))
        self._sources = {
            "SOURCES__FOCUS__NIMBUS__URL": str(company.folder / "nimbus"),
            "SOURCES__CMDB__URI": company.uri,
            "SOURCES__CMDB__SNAPSHOT_FIELD": "snapshot_date",
            "SOURCES__CMDB__BATCH_SIZE": "10",
            "SOURCES__HTTP__SEATS__URL": url,
            "SOURCES__HTTP__QUERIES__URL": url,
            "INGEST__HTTP_ATTEMPTS": "1",
            "INGEST__LOOKBACK_DAYS": "8",
        }
        (company.folder / ".dlt").mkdir()
        shutil.copytree(REFERENCE, company.folder / "reference")
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
        with self.readers.reading():
            while self.outcome.disturbances.total() < kills:
                self.company.change()
                for _ in range(a_round):
                    self._disturb()
                self._plain("disturbed")
                self._plain("twin")
                self._compare()
                self.outcome.rounds += 1
                say(f"{self.outcome.disturbances.total()} disturbed, {self.outcome.rounds} rounds")
        self.outcome.readers = str(self.readers)
        self.outcome.reader_errors = self.readers.errors.total()
        self.outcome.longest_wait = self.readers.longest_wait[0]
        return self.outcome

    def _connect(self, name: str) -> psycopg.Connection[tuple[Any, ...]]:
        where = f"host='{self.server.socket_folder}' port={self.server.port} user={self.server.user} dbname={name}"
        return psycopg.connect(where, autocommit=True)

    def _environment(self, name: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "SOURCES__"))}
        own = {**variables(self.server, self.names[name]), **self._sources}
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
        self.readers.is_down.set()
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
        self.readers.is_down.clear()
        return "crashes of PostgreSQL"

    def _lose_commits(self, _child: subprocess.Popen[str]) -> str:
        self.wire.lose[:] = [self.chance.choice(LOST) for _ in range(3)]
        return "COMMITs lost, or their answers"

    def _fail_source(self, child: subprocess.Popen[str]) -> str:
        failures = (self._fail_service, self._cut_bill, self._fail_mongo, self._cut_dump)
        return self.chance.choice(failures)(child)

    def _fail_service(self, _child: subprocess.Popen[str]) -> str:
        self.company.failing = True
        return "a service that breaks off"

    def _cut_bill(self, child: subprocess.Popen[str]) -> str:
        bill = self.company.folder / "nimbus" / "2026-10.csv"
        whole = bill.read_bytes()
        bill.write_bytes(whole[: self.chance.randint(0, len(whole))])
        self._let_end(child)
        bill.write_bytes(whole)
        return "a bill cut short"

    def _fail_mongo(self, child: subprocess.Popen[str]) -> str:
        how = self.chance.choice(({"closeConnection": True}, {"errorCode": 13}, {"errorCode": 11600}))
        self.company.fail_mongo({"times": self.chance.randint(1, 20)}, **how)
        self._let_end(child)
        self.company.fail_mongo("off")
        return "MongoDB fails"

    def _cut_dump(self, child: subprocess.Popen[str]) -> str:
        """A dump that is still being written."""
        dump = self.company.cmdb["disks"]
        gone = list(dump.find({"name": {"$in": ["n0", "n1", "n2"][: self.chance.randint(1, 3)]}}))
        dump.delete_many({"_id": {"$in": [document["_id"] for document in gone]}})
        self._let_end(child)
        dump.insert_many(gone)
        return "a dump half written"

    def _let_end(self, child: subprocess.Popen[str]) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=60)

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
def torture(server: Embedded, template: str, seed: int) -> Iterator[Torture]:
    """The whole set-up, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="finops-torture-") as folder, wire(server) as made:
        chance = random.Random(seed)  # noqa: S311 made-up sources and faults
        (Path(folder) / "mongo").mkdir()
        with cmdb.serve(Path(folder) / "mongo") as uri, MongoClient[dict[str, Any]](uri) as client:
            company = Company(Path(folder), chance, uri, client["cmdb"])
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
