"""What a provider states beside its costs: which billing periods are closed, and what its invoices say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from psycopg import sql
from psycopg.rows import scalar_row

from finops.ingest.periods import Period
from finops.ingest.pipeline.runs import Run
from finops.ingest.sources.focus.invoices import BillingPeriod, InvoiceDetail, Statements
from finops.ingest.sources.kinds import Source


def open_months(run: Run, source: Source) -> set[Period]:
    """Return the months whose bill still changes, as the provider says."""
    query = "select period from finops.etl_bill_status where source = %s and is_open"
    cursor = run.connection.cursor(row_factory=scalar_row)
    return {Period(first) for first in cursor.execute(query, (source.name,))}


def store(run: Run, source: Source, stated: Statements) -> None:
    """Replace what is stored of the billing periods that are stated; what is stored of others stays."""
    with run.connection.transaction():
        _replace(run, source, "etl_billing_periods", stated.periods)
        _replace(run, source, "etl_invoice_details", stated.details)


def _replace(run: Run, source: Source, table: str, records: Sequence[BillingPeriod | InvoiceDetail]) -> None:
    if not records:
        return
    rows = [{"source": source.name, "run_id": run.run_id, **asdict(record)} for record in records]
    with run.connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("delete from {} where source = %s and period = any(%s)").format(sql.Identifier("finops", table)),
            (source.name, [record.period for record in records]),
        )
        cursor.executemany(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier("finops", table),
                sql.SQL(", ").join(map(sql.Identifier, rows[0])),
                sql.SQL(", ").join(map(sql.Placeholder, rows[0])),
            ),
            rows,
        )
