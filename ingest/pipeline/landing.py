"""Land what is read of a source, each row once, though a COMMIT may go unanswered (load.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from finops.ingest.errors import SourceError
from finops.ingest.pipeline.ledger import Outcome, forget_rows, landed_rows
from finops.ingest.pipeline.load import Batches, land
from finops.ingest.pipeline.runs import Run
from finops.ingest.sources.kinds import Source, Window

ATTEMPTS = 2


def land_whole(
    run: Run,
    source: Source,
    windows: Sequence[Window],
    read: Callable[[], Batches],
    outcomes: Callable[[], Sequence[Outcome]],
) -> Sequence[Outcome]:
    """Land what is read, within an `extraction` of its windows; return what was counted at the source (`outcomes`).

    What is missing because a COMMIT did not arrive is read and landed again.

    Raises:
        SourceError: when that happens again.
    """
    for _ in range(ATTEMPTS):
        land(source, run.run_id, read(), run.connection)
        found = outcomes()
        expected = {outcome.window.start: outcome.records for outcome in found if outcome.records}
        landed = landed_rows(run, source, windows)
        if landed == expected:
            return found
        forget_rows(run, source, windows)
    raise SourceError(
        f"{source.name}: {sum(landed.values())} rows landed where {sum(expected.values())} were read, "
        f"{ATTEMPTS} times: connections to PostgreSQL break off at COMMIT; nothing of it counts, and "
        "the next nightly reads it again"
    )
