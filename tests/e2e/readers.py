"""People who read every relation of docs/database.md, over and over, while a run goes on."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests.conftest import ROOT

MAX_WAIT = 0.2  # seconds that a reader may wait
PUBLISHED = "rejected_usage|unallocated_usage|set_apart_charges|cost_coverage|coverage_gaps|spread_days|releve_lines"
NAMED = rf"`((?:mv|dim|fact|etl)_\w+|{PUBLISHED})`"
API = ("source_periods", "data_version", "visible_app_costs", "visible_group_costs")


@dataclass
class Readers:
    """What they saw.

    Attributes:
        connect: a new connection for looking.
        is_down: PostgreSQL itself was stopped, which is not a fault of a run.
    """

    connect: Callable[[], psycopg.Connection[tuple[Any, ...]]]
    is_down: threading.Event = field(default_factory=threading.Event)
    reads: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    longest_wait: tuple[float, str] = (0.0, "")

    def __str__(self) -> str:
        wait, where = self.longest_wait
        errors = "".join(f"\n{error}: {count} times" for error, count in self.errors.items())
        relations = len(queries())
        return (
            f"{self.reads:,} reads of {relations} relations, {self.errors.total()} errors, "
            f"longest {wait * 1000:.0f} ms ({where}){errors}"
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read for as long as the block lasts."""
        over = threading.Event()
        reader = threading.Thread(target=self._read, args=(over,))
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()

    def _read(self, over: threading.Event) -> None:
        connection = self.connect()
        while not over.is_set():
            for name, query in queries().items():
                started = time.monotonic()
                try:
                    connection.execute(query)
                except psycopg.Error as error:
                    if connection.closed:
                        connection = self._connect_again(over)
                        continue
                    self.errors[f"{name}: {type(error).__name__}: {error}"] += 1
                self.reads += 1
                self.longest_wait = max(self.longest_wait, (time.monotonic() - started, name))
            time.sleep(0.02)
        connection.close()

    def _connect_again(self, over: threading.Event) -> psycopg.Connection[tuple[Any, ...]]:
        if not self.is_down.wait(1):
            self.errors["a connection that was lost"] += 1
        while not over.is_set():
            with contextlib.suppress(psycopg.Error):
                return self.connect()
            time.sleep(0.1)
        return self.connect()


def queries() -> Mapping[str, sql.Composed]:
    """A short query of every relation that docs/database.md names, and of those that the API reads."""
    named = set(re.findall(NAMED, (ROOT / "docs" / "database.md").read_text(encoding="utf-8")))
    found = [("finops", name) for name in sorted(named)] + [("finops_api", name) for name in API]
    return {
        name: sql.SQL("select * from {} {} limit 1").format(
            sql.Identifier(schema, name),
            # of one month, as people ask: over all of history it is slow by itself
            sql.SQL("where period = '2026-10-01'" if name == "releve_lines" else ""),
        )
        for schema, name in found
    }
