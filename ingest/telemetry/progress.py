"""What a person sees while a run goes on: bars on a terminal, one structured line an event otherwise.

A password in a driver's message never reaches a log: every value is redacted first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from finops.ingest.config.redaction import redact


@dataclass(frozen=True)
class SourceProgress:
    """A source on its way; `advance` adds rows, `skipped` says what of it does not count, and why."""

    advance: Callable[[int], None]
    skipped: Callable[[str, str], None]


class Progress:
    """Structured lines: `time=… event=… key=value`."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = secrets

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: str, **values: object) -> None:
        """One line for one fact."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        said = {key: redact(str(value), self._secrets) for key, value in values.items() if value is not None}
        fields = " ".join(f"{key}={_quoted(value)}" for key, value in said.items())
        # one write a line: two threads' lines would else run into each other
        print(f"time={now} event={event} {fields}".rstrip() + "\n", end="", file=sys.stderr, flush=True)  # noqa: T201

    @contextmanager
    def source(self, name: str) -> Iterator[SourceProgress]:
        """A source while it is extracted."""
        rows = [0]
        start = time.monotonic()

        def advance(count: int) -> None:
            rows[0] += count

        yield SourceProgress(advance, partial(self._passed_over, name))
        self.event("extracted", source=name, rows=rows[0], seconds=f"{time.monotonic() - start:.1f}")

    def _passed_over(self, name: str, what: str, why: str) -> None:
        self.event("skipped", source=name, what=what, why=why)

    def failed(self, name: str, error: str) -> None:
        """A source, or a step, that failed."""
        self.event("failed", what=name, error=error)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """A stage with a known number of parts, such as the models that dbt builds: call with (done, total)."""
        start = time.monotonic()
        yield lambda _done, _total: None
        self.event("done", stage=name, seconds=f"{time.monotonic() - start:.1f}")


class TerminalProgress(Progress):
    """The same on a terminal, as it moves."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__(secrets)
        self._console = Console(stderr=True)
        self._bars = RichProgress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=self._console,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def event(self, event: str, **values: object) -> None:
        """One line for one fact, above the bars."""
        text = "  ".join(f"{key} {value}" for key, value in values.items() if value is not None)
        self._console.print(f"[bold]{escape(event)}[/]  {escape(redact(text, self._secrets))}", highlight=False)

    @contextmanager
    def source(self, name: str) -> Iterator[SourceProgress]:
        """A source while it is extracted."""
        task = self._bars.add_task(f"extract {name}", total=None, count="")
        rows = [0]

        def advance(count: int) -> None:
            rows[0] += count
            self._bars.update(task, count=f"{rows[0]:,} records")

        yield SourceProgress(advance, partial(self._passed_over, name))
        self._finish(task)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """A stage with a known number of parts."""
        task = self._bars.add_task(name, total=None, count="")

        def advance(done: int, total: int) -> None:
            self._bars.update(task, completed=done, total=total, count=f"{done}/{total}")

        yield advance
        self._finish(task)

    def failed(self, name: str, error: str) -> None:
        """A source, or a step, that failed."""
        self._console.print(f"[red]✗ {escape(name)}[/]  {escape(redact(error, self._secrets))}", highlight=False)

    def _finish(self, task: TaskID) -> None:
        self._bars.update(task, total=1, completed=1)


def progress_for(secrets: Sequence[str]) -> Progress:
    """Bars where a person looks at them, lines where a log collects them."""
    return TerminalProgress(secrets) if sys.stderr.isatty() else Progress(secrets)


def _quoted(value: str) -> str:
    text = " ".join(value.split())
    return f'"{text.replace(chr(34), chr(39))}"' if not text or any(sign in text for sign in ' ="') else text
