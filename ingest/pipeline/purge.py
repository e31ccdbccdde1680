"""Stage 4: delete raw rows that nothing stands on any more (finops.purgeable, in ingest/schema/functions.sql)."""

from __future__ import annotations

from psycopg import sql

from finops.ingest.pipeline.runs import Run
from finops.ingest.sources.kinds import raw_table_of

DELETE = "delete from {} where run_id = %(run_id)s and source = %(source)s and window_date = %(window_date)s"


def purge(run: Run, keep_days: int) -> int:
    """Delete superseded raw versions of more than `keep_days` days ago; return how many rows that was."""
    extractions = run.connection.execute(
        "select extraction_id, run_id::text, domain, source, measure, window_date from finops.purgeable(%s, %s)",
        (run.run_id, keep_days),
    ).fetchall()
    purged = 0
    for old in extractions:
        table = sql.Identifier(*raw_table_of(str(old["source"]), str(old["domain"])))
        with run.connection.transaction():
            deleted = run.connection.execute(sql.SQL(DELETE).format(table), old)
            purged += deleted.rowcount
            run.connection.execute(
                "update finops.etl_extractions set purged_at = now() where extraction_id = %(extraction_id)s", old
            )
    return purged
