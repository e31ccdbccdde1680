"""The guard at landing: a window that came back empty, or much smaller than the one that counts, is refused.

Quantities of inventories and meters, and months that are not open, are guarded when they are published: see
dbt_project/models/intermediate/reconciliation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.errors import SourceError
from finops.ingest.pipeline import ledger
from finops.ingest.pipeline.ledger import Accepted, Outcome, Totals
from finops.ingest.pipeline.runs import Run
from finops.ingest.sources.kinds import Source


def accept_or_refuse(  # noqa: PLR0913 what landed, and two words on what it may lack
    run: Run,
    source: Source,
    outcomes: Sequence[Outcome],
    limits: ExtractionSettings,
    *,
    accept_shrink: bool,
    has_others: bool = False,
) -> None:
    """Accept what was landed, or refuse it; all windows of a source stand or fall together.

    Where it `has_others`, records of other windows came with these: that these have none is known, and not suspicious.

    Raises:
        SourceError: when a window came back empty or much smaller than the one that counts, or all came back empty.
    """
    before = ledger.accepted(run.connection, source)
    refusal = None if accept_shrink else refusal_of(source, outcomes, before, limits, has_others=has_others)
    ledger.settle(run, source, outcomes, refusal=refusal, accepts_empty=accept_shrink)
    if refusal:
        raise SourceError(refusal)


def refusal_of(
    source: Source,
    outcomes: Sequence[Outcome],
    before: Mapping[date, Accepted],
    limits: ExtractionSettings,
    *,
    has_others: bool = False,
) -> str | None:
    """Return why these windows must not replace the ones that count, and what to do; None where nothing is wrong."""
    remedy = "what was published stays; if this is right, run again with --accept-shrink"
    for outcome in outcomes:
        day = _baseline(source, outcome, before)
        known = before.get(day)
        if known and outcome.records < known.record_count * (1 - limits.max_shrink):
            return (
                f"{source.name}: {outcome.window.start} came back with {outcome.records} records where "
                f"{known.record_count} are accepted of {day}, more than {limits.max_shrink:.0%} fewer: {remedy}"
            )
        if known and (fall := _fall(outcome.control_totals, known.control_totals, limits.max_shrink)):
            return f"{source.name}: {outcome.window.start} came back with {fall}: {remedy}"
    if not has_others and not any(outcome.records for outcome in outcomes):
        span = f"{outcomes[0].window.start} to {outcomes[-1].window.start}"
        return f"{source.name}: no record came back for {span}: {remedy}"
    return None


def _fall(now: Totals, before: Totals, max_shrink: Decimal) -> str | None:
    """Describe a cost of a bill that fell by more than the allowed share of its size; costs may be negative."""
    for name in ("EffectiveCost", "BilledCost"):
        was, found = (
            sum((Decimal(month.get(name, 0)) for month in totals.values()), Decimal(0)) for totals in (before, now)
        )
        if was and was - found > max_shrink * abs(was):
            return f"{name} {found} where {was} is accepted, more than {max_shrink:.0%} less"
    return None


def _baseline(source: Source, outcome: Outcome, before: Mapping[date, Accepted]) -> date:
    """Return the window to compare with: the same one as it counts now, or the snapshot before it.

    A catalog or a CMDB hardly changes from day to day: if half of it were missing, half of it would seem to have been
    deleted. A day without a dump of the CMDB is an ordinary gap, and not compared.
    """
    day = outcome.window.start
    if day in before or not (source.measure == "reference" or (source.measure == "inventory" and outcome.records)):
        return day
    return max((known for known in before if known < day), default=day)
