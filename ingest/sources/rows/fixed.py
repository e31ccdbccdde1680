"""Fixed amounts: records that are made from the configuration, a day's inventory of what is due that month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.sources.documents import Record, encode
from finops.ingest.sources.kinds import ConfiguredSource, Probe, Window
from finops.ingest.sources.rows.declared import FixedDeclaration


def records(configured: ConfiguredSource, limits: ExtractionSettings, windows: list[Window]) -> Iterator[Record]:
    """Return a record for each amount that holds on the day of a window."""
    place = limits.masks.root(configured.source.name)
    for window in windows:
        for amount in _known(configured).amounts:
            if amount.holds_on(window.start):
                values = amount.model_dump(exclude={"valid_from", "valid_to"})
                yield Record(amount.name, window.start, encode(values, place))


def probe(configured: ConfiguredSource, window: Window) -> Probe:
    """Say what is due on the day of a window."""
    due = [amount for amount in _known(configured).amounts if amount.holds_on(window.start)]
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for amount in due:
        sums[amount.currency] += amount.amount
    said = " and ".join(f"{total} {currency}" for currency, total in sorted(sums.items()))
    return Probe(f"amounts on {window.start}: {len(due)}{f', {said} a month' if due else ''}", is_empty=not due)


def _known(configured: ConfiguredSource) -> FixedDeclaration:
    if not isinstance(configured.options, FixedDeclaration):
        raise TypeError(f"{configured.source.name} has no amounts")
    return configured.options
