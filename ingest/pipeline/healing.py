"""After a publication that failed: publish what can be, and name the (source, month) that can't.

All scopes of a run are published in one transaction, with all aggregates. So one record that PostgreSQL refuses, for a
reason that nobody foresaw, would keep every source from being published, night after night. Halves are tried, and
halves of those that fail: in all about three times the work of one publication. The next nightly tries all of it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from finops.ingest.pipeline import dbt as transform
from finops.ingest.pipeline import publications
from finops.ingest.pipeline.dbt import Advance, BuildError
from finops.ingest.pipeline.runs import Run

MAX_BLOCKED = 20  # of more, the cause is not a record: the night ends, and the rest waits


def heal(run: Run, error: BuildError, advance: Advance) -> BuildError | None:
    """Publish what can be published after this error, and return the error that is left of the build, if one is.

    The scopes that can't be published are entered as BLOCKED.

    Raises:
        BuildError: nothing at all can be published.
    """
    if error.published or not error.is_of_data or "lock timeout" in str(error):
        raise error
    scopes = publications.due(run)
    _nothing(run, error, advance)
    for number, (scope, why) in enumerate(_failing(run, scopes, advance), start=1):
        publications.block(run, scope, why)
        if number == MAX_BLOCKED:
            break
    try:
        transform.build(run.connection, run.run_id, advance, scopes=())
    except BuildError as left:
        # the blocked scopes fail a test, and have their own message
        return None if left.published else left
    return None


def _nothing(run: Run, error: BuildError, advance: Advance) -> None:
    """Refresh the aggregates without any scope.

    Raises:
        BuildError: the first error, as its cause is in no scope.
    """
    try:
        transform.publish(run.connection, run.run_id, (), advance)
    except BuildError as again:
        if not again.published:
            raise error from again


def _failing(run: Run, scopes: Sequence[str], advance: Advance) -> Iterator[tuple[str, str]]:
    """Publish the scopes, in parts if need be; yield those that can't be, with the error of each."""
    if not scopes:
        return
    try:
        transform.publish(run.connection, run.run_id, scopes, advance)
    except BuildError as error:
        if error.published:
            return  # a test's verdict on what is held back
        if len(scopes) == 1:
            yield scopes[0], str(error)
            return
        middle = len(scopes) // 2
        yield from _failing(run, scopes[:middle], advance)
        yield from _failing(run, scopes[middle:], advance)
