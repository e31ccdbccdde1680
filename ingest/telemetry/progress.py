"""Report the progress of a run on stderr: JSON lines for a log; readable lines and progress bars on a terminal.

A line has the keys of the API's log (`time`, `level`, `logger`, `message`) and the event's own. Every text is redacted
and on one line: neither a password in a driver's message nor a line break in a file's name reaches a log.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from finops.ingest.config.redaction import escaped, redact
from finops.ingest.telemetry.lines import write_line

LOGGER = "finops.ingest"


@dataclass(frozen=True)
class SourceProgress:
    """The progress of one source: call `advance` with a number of rows, `skipped` with what is left out and why."""

    advance: Callable[[int], None]
    skipped: Callable[[str, str], None]


class Progress:
    """Writes the events of a run. As a context manager, it draws progress bars if stderr is a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._is_terminal = sys.stderr.isatty()
        self._bars = Bars(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def event(self, message: str, level: str = "info", /, **values: object) -> None:
        """Write one line for one fact; values that are None are left out."""
        known = {key: _value(value) for key, value in values.items() if value is not None}
        if self._is_terminal:
            heading = f"[red]✗ {escape(message)}[/]" if level == "error" else f"[bold]{escape(message)}[/]"
            fields = "  ".join(f"{key} {value}" for key, value in known.items())
            self._console.print(f"{heading}  {escape(escaped(fields))}", highlight=False)
            return
        write_line(level, LOGGER, message, **known)

    @contextmanager
    def source(self, name: str) -> Iterator[SourceProgress]:
        """Follow a source while it is extracted."""
        started, task, rows = time.monotonic(), self._bars.add_task(f"extract {name}", total=None, count=""), 0

        def advance(count: int) -> None:
            nonlocal rows
            rows += count
            self._bars.update(task, count=f"{rows:,} records")

        yield SourceProgress(advance, lambda what, why: self.event("skipped", source=name, what=what, why=why))
        self._end(task, started, "extracted", source=name, rows=rows)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Follow a stage with a known number of parts, such as the models that dbt builds: call with (done, total)."""
        started, task = time.monotonic(), self._bars.add_task(name, total=None, count="")
        yield lambda done, total: self._bars.update(task, completed=done, total=total, count=f"{done}/{total}")
        self._end(task, started, "done", stage=name)

    def _end(self, task: TaskID, started: float, message: str, **values: object) -> None:
        """Fill the bar; without bars, a line says how long it took."""
        self._bars.update(task, total=1, completed=1)
        if not self._is_terminal:
            self.event(message, **values, seconds=round(time.monotonic() - started, 1))


def _value(value: object) -> object:
    return value if isinstance(value, int | float) else redact(str(value))
