"""The doctor's look into the exports of bills: which months they hold, and what those cost.

It reads the lines as the nightly does, but takes no digest of them and stops after some seconds: a big export is told
in part, and said to be.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from finops.ingest.config import settings as configuration
from finops.ingest.doctor.finding import BAD, DOUBT, GOOD, Finding, counted
from finops.ingest.doctor.reference import Rates
from finops.ingest.exact import EXACT
from finops.ingest.periods import Period, listed, to_read
from finops.ingest.sources.focus.batches import Batch
from finops.ingest.sources.focus.columns import number, texts
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.focus.files import ExportFile
from finops.ingest.sources.kinds import ConfiguredSource

SECONDS_TO_READ = 20
MONTHS_SHOWN = 3
CENT = Decimal("0.01")


@dataclass
class Held:
    """What was read of an export: its lines by billing month, and their cost by month and currency."""

    files: int = 0
    lines: Counter[date] = field(default_factory=Counter)
    costs: defaultdict[date, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, batch: Batch, cost_column: str) -> None:
        """Count the lines of a batch and add up their costs, exactly."""
        windows = batch.windows.to_pylist()
        self.lines.update(windows)
        names = batch.table.column_names
        if cost_column in names and "BillingCurrency" in names:
            costs, currencies = (texts(batch.table[name].combine_chunks()) for name in (cost_column, "BillingCurrency"))
            for window, cost, currency in zip(windows, costs.to_pylist(), currencies.to_pylist(), strict=True):
                if cost and (value := number(cost)) is not None:
                    of_month = self.costs[window]
                    of_month[currency or "?"] = EXACT.add(of_month.get(currency or "?", Decimal(0)), value)


def examine(
    configured: ConfiguredSource, open_months: Sequence[Period], known: Collection[date], rates: Rates | None
) -> tuple[list[Finding], int]:
    """Say which months an export holds, and what they cost; return how many lines a nightly would read, too.

    `known` are the months that count already, by their first day. A currency that lacks a rate is a warning.

    Raises:
        SourceError: when the export can't be listed, no file of it counts, or one can't be read.
    """
    name = configured.source.name
    export = Export(configured, open_months)
    dated = export.dated_months()
    is_elsewhere = bool(dated) and not set(dated) & set(open_months)
    files = [] if is_elsewhere else export.chosen()
    held = _read(export, files)
    months = {Period(first) for first in held.lines} | set(dated)
    found = f"{counted(len(files), 'file')} at {export.url}, " if files else f"{export.url} "
    found += f"of {listed(months)}" if months else "without a line"
    if held.files < len(files):
        found += f" as far as {held.files} of them say"
    details = list(_shown(held))
    unread = {month for month in months if month.first not in known}
    if held.files == len(files) and not months & set(open_months):
        remedy = f"{to_read(unread)}; " if unread else ""
        remedy += f"a nightly without --period reads {listed(open_months)}, which is not there yet"
        sign = DOUBT if months else BAD
        return [Finding(sign, name, found, remedy, details), *_without_rate(name, held, rates)], 0
    if earlier := {month for month in unread if month < open_months[0]}:
        details.append(f"not read yet: {to_read(earlier)}")
    sign = GOOD if months else DOUBT
    findings = [Finding(sign, name, found, f"check sources.{configured.source.service}.url", details)]
    return [*findings, *_without_rate(name, held, rates)], sum(held.lines[month.first] for month in open_months)


def _without_rate(name: str, held: Held, rates: Rates | None) -> Iterator[Finding]:
    """Report the currencies of a bill that would be rejected, and in which months."""
    lacking: defaultdict[str, set[Period]] = defaultdict(set)
    for first, costs in held.costs.items():
        for currency in costs:
            if rates and rates.lacks(currency, first):
                lacking[currency].add(Period(first))
    for currency, months in sorted(lacking.items()):
        found = f"no rate from {currency} to {rates.reporting_currency if rates else ''} for {listed(months)}"
        yield Finding(DOUBT, name, found, "add it to the reference table fx_rates: those lines are rejected")


def _read(export: Export, files: Sequence[ExportFile]) -> Held:
    """Read the lines of the files, the last by name first, for as long as there is time."""
    held, end = Held(), time.monotonic() + SECONDS_TO_READ
    cost_column = configuration.rules().focus_cost_column.title().replace("_", "")
    for file in reversed(files):
        with closing(export.lines(file)) as batches:
            for batch in batches:
                held.add(batch, cost_column)
                if time.monotonic() > end:
                    return held
        held.files += 1
    return held


def _shown(held: Held) -> Iterator[str]:
    """The latest months, each with its lines and its cost by currency."""
    for first in sorted(held.lines)[-MONTHS_SHOWN:]:
        costs = ", ".join(f"{cost:,.2f} {currency}" for currency, cost in sorted(held.costs[first].items()))
        yield f"{Period(first)}  {counted(held.lines[first], 'line')}  {costs}"
