"""`finops records`: from a figure to its source records, as they landed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql
from rich.console import Console

from finops.ingest.database import Connection, connect_ready
from finops.ingest.errors import FinopsError
from finops.ingest.periods import Period, listed
from finops.ingest.reports.coverage import published
from finops.ingest.reports.tables import plain, table_of, wide_console
from finops.ingest.sources.kinds import raw_table_of

# A group's are those of all groups below it, too; the owner is that of each month, as everywhere.
SCOPES = """
    select period, source, domain, array_agg(distinct application_id) as applications
    from finops.owned_releves
    where period = any(%(months)s)
        and (%(application)s::text is null or application_id = %(application)s)
        and (%(group)s::text is null or group_id in (
            select group_id from finops.mv_group_tree where ancestor_key = lower(%(group)s)
        ))
        and (%(product)s::text is null or product_id = %(product)s)
        and (%(source)s::text is null or source = %(source)s)
    group by period, source, domain order by period, source, domain
"""
# A bill's columns are its record; all others land as documents.
BILL = "jsonb_strip_nulls(to_jsonb(raw) - '{record_id, source, window_date, run_id, loaded_at}'::text[])"
LINES = sql.SQL("""
    select lines.usage_date as date, lines.application_id as application, lines.product_id as product,
        lines.resource_name as resource, lines.quantity, lines.unit, lines.unit_price as price, lines.fx_rate as rate,
        lines.total_cost as cost, lines.currency, lines.record_id as record, {record}::text as "as it landed"
    from finops.releve_lines as lines
    left join {raw} as raw
        on lines.source = raw.source and lines.extraction_run_id = raw.run_id
            and lines.window_date = raw.window_date and lines.record_id = raw.record_id
    where lines.period = %(period)s and lines.source = %(source)s and lines.application_id = any(%(applications)s)
        and (%(product)s::text is null or lines.product_id = %(product)s)
    order by abs(lines.total_cost) desc, lines.usage_date, lines.application_id, lines.product_id, lines.record_id
    limit %(limit)s
""")


@dataclass(frozen=True)
class Wanted:
    """Whose records, and of what; None is any."""

    application: str | None = None
    group: str | None = None
    product: str | None = None
    source: str | None = None

    def __str__(self) -> str:
        given = ((name, value) for name, value in asdict(self).items() if value is not None)
        return ", ".join(f"{name} {value!r}" for name, value in given) or "anybody"


def show(periods: Sequence[Period], wanted: Wanted, limit: int) -> None:
    """Print the usage lines behind these relevés, each with its record, a table for each month and source.

    Raises:
        FinopsError: where there is no such relevé.
    """
    months = [period.first for period in periods]
    console = wide_console()
    with connect_ready() as connection:
        first, last = published(connection)
        scopes = connection.execute(SCOPES, {"months": months, **asdict(wanted)}).fetchall()
        if not scopes:
            there = "..".join(dict.fromkeys(map(str, (first, last))))
            remedy = f"write ids as the page and `/v1` do, and a month of {there}"
            raise FinopsError(f"there is no cost of {wanted} in {listed(periods)}: {remedy}")
        for scope in scopes:
            _print(connection, scope, wanted.product, limit, console)


def _print(connection: Connection, scope: Mapping[str, Any], product: str | None, limit: int, console: Console) -> None:
    """Print the lines of a month and source."""
    source, table = str(scope["source"]), raw_table_of(scope["source"], scope["domain"])
    record = sql.SQL(BILL if table[1] == "focus" else "raw.payload")
    query = LINES.format(record=record, raw=sql.Identifier(*table))
    lines = table_of(connection, query, {**scope, "product": product, "limit": limit})
    most = " that cost most: --limit shows more" if lines.row_count == limit else ""
    lines.title = f"{plain(source)}, {scope['period']:%Y-%m}: {lines.row_count} lines{most}"
    console.print(lines)
