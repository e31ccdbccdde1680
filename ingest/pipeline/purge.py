"""Stage 4: delete raw rows that nothing stands on any more (finops.purgeable, in ingest/schema/functions.sql)."""

from __future__ import annotations

from collections import defaultdict

from psycopg.rows import scalar_row

from finops.ingest.pipeline.runs import Run
from finops.ingest.sources.kinds import raw_table_of


def purge(run: Run, keep_days: int) -> int:
    """Delete superseded raw versions of more than `keep_days` days ago; return how many rows that was."""
    found = run.connection.execute(
        "select extraction_id, source, domain from finops.purgeable(%s, %s)", (run.run_id, keep_days)
    ).fetchall()
    by_table = defaultdict(list)
    for old in found:
        by_table[".".join(raw_table_of(str(old["source"]), str(old["domain"])))].append(old["extraction_id"])
    cursor = run.connection.cursor(row_factory=scalar_row)
    return sum(
        cursor.execute("select finops.purge(%s, %s, %s, %s)", (run.run_id, keep_days, extractions, table)).fetchone()
        or 0
        for table, extractions in by_table.items()
    )
