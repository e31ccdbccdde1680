"""What a run published, and what it did not publish and why: dbt enters both in `etl_reconciliations`."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.rows import scalar_row

from finops.ingest.database import TRANSFORMER, act_as
from finops.ingest.pipeline.runs import Run

DOES_NOT_ADD_UP = (
    "{source} {month} does not reconcile and keeps its previous relevés: {records_landed} records landed, "
    "{records_released} in relevés + {records_rejected} rejected + {records_set_apart} set apart + "
    "{records_duplicate} duplicates; amount {amount_landed} landed, {amount_released} in relevés + "
    "{amount_rejected} rejected + {amount_set_apart} set apart"
)
CHANGES_TOO_MUCH = (
    "{source} {month} keeps its previous relevés: {refusal}. Look why, then accept it with "
    '`finops reprocess --period {month} --source {source} --reason "…"`'
)


CAN_NOT_BE_PUBLISHED = (
    "{source} {month} can't be published and keeps its previous relevés: {refusal}. What else is due is published, and "
    "the next nightly tries this again: correct the record in the source, or see docs/runbook.md"
)


def refresh(run: Run) -> None:
    """Do what a run owes that builds nothing: days are missing that were none last night, months wait that did not."""
    with run.connection.transaction():
        act_as(run.connection, TRANSFORMER)
        run.connection.execute("select finops.refresh_aggregates(%s)", (run.run_id,))
    with run.connection.transaction():
        act_as(run.connection, TRANSFORMER)
        run.connection.execute("set local lock_timeout = '1s'")
        run.connection.execute("select finops.drop_replaced()")
    run.connection.execute("select finops.note_outcome(%s)", (run.run_id,))


def has_scopes(run: Run) -> bool:
    """Return whether dbt found a (source, month) to publish for this run."""
    query = "select exists (select from finops.etl_reconciliations where run_id = %s)"
    return bool(run.connection.cursor(row_factory=scalar_row).execute(query, (run.run_id,)).fetchone())


def released_lines(run: Run) -> int:
    """Count the usage lines that the run has put into relevés."""
    cursor = run.connection.cursor(row_factory=scalar_row)
    return int(cursor.execute("select finops.released_lines(%s)", (run.run_id,)).fetchone() or 0)


def held_back(run: Run) -> list[str]:
    """Describe the scopes that this run did not publish: they do not add up, or would change by too much."""
    rows = run.connection.execute(
        "select *, to_char(period, 'YYYY-MM') as month from finops.etl_reconciliations"
        " where run_id = %s and status in ('BLOCKED', 'REFUSED') order by source, period",
        (run.run_id,),
    )
    return [_reason(row).format_map(row) for row in rows]


def _reason(row: Mapping[str, object]) -> str:
    if row["status"] == "REFUSED":
        return CHANGES_TOO_MUCH
    return CAN_NOT_BE_PUBLISHED if row["refusal"] else DOES_NOT_ADD_UP


def due(run: Run) -> list[str]:
    """List the scopes that the run has to publish, as '<source> <first day of the month>'."""
    query = "select concat_ws(' ', source, period) from finops.due_scopes(%s) order by period, source"
    return run.connection.cursor(row_factory=scalar_row).execute(query, (run.run_id,)).fetchall()


def block(run: Run, scope: str, error: str) -> None:
    """Enter that a scope can't be published, with the error and, where one can't be valued, the record."""
    source, period = scope.split(" ")
    known = {"run": run.run_id, "source": source, "period": period, "error": error}
    with run.connection.transaction():
        act_as(run.connection, TRANSFORMER)
        run.connection.execute(
            "insert into finops.etl_reconciliations (run_id, source, period) values (%(run)s, %(source)s, %(period)s)"
            " on conflict do nothing",
            known,
        )
        run.connection.execute(
            "update finops.etl_reconciliations set status = 'BLOCKED', decided_at = clock_timestamp(), refusal ="
            " concat_ws('; its record is ', %(error)s::text, finops.failing_record(%(source)s, %(period)s))"
            " where run_id = %(run)s and source = %(source)s and period = %(period)s and status <> 'PUBLISHED'",
            known,
        )
