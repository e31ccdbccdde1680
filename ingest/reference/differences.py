"""What differs between the reference data at its places and what is in use, and what the next run would do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal, NamedTuple

from psycopg.rows import class_row

from finops.ingest.database import Connection, exists
from finops.ingest.reference.load import Table, in_use, store
from finops.ingest.reference.tables import TABLES, ReferenceRow

BEFORE = """
    create temporary table references_before on commit drop as
    select source, period, reference_digest from finops_intermediate.int_scope_references
"""
# Figures change where a digest does, or where a rate has come that was waited for; groups, where an owner does.
AFTER = """
    with due as (
        select source, period, 'figures' as what, false as was_waited_for
        from finops_intermediate.int_scope_references as now
        full join references_before as before using (source, period)
        where now.reference_digest is distinct from before.reference_digest
        union all
        select source, period, 'figures' as what, true as was_waited_for
        from finops_intermediate.int_scopes
        where has_late_rate
        union all
        select distinct 'every source' as source, costs.period, 'owners' as what, true as was_waited_for
        from finops.mv_cost_app_month as costs
        left join finops_intermediate.int_application_owners as owners
            on
                costs.application_id = owners.application_id
                and finops.owned_in_month(costs.period, owners.valid_from, owners.valid_to)
        where costs.group_id <> coalesce(owners.group_id, 'unallocated')
    )

    select
        source,
        to_char(period, 'YYYY-MM') as month,
        what,
        bool_or(was_waited_for or period = any(finops.open_periods(%(today)s))) as is_next
    from due
    group by source, period, what
    order by source, period, what
"""


class Change(NamedTuple):
    """A row that is added, removed or changed; `who` and `when` as its place says, where it does."""

    table: str
    what: Literal["added", "removed", "changed"]
    key: str
    values: str
    who: str | None
    when: str | None


class Touched(NamedTuple):
    """A source and month that change: with the next nightly (`is_next`), or when somebody reprocesses the month."""

    source: str
    month: str
    what: str
    is_next: bool


def changes(connection: Connection, tables: Sequence[Table]) -> Iterator[Change]:
    """Compare the rows that were read with those in use, by their keys."""
    for table in tables:
        model = TABLES[table.name]
        before = {}
        for values in in_use(connection, table.name):
            row = model.model_construct(None, **dict(zip(model.model_fields, values, strict=True)))
            before[row.identity()] = row
        cells = {line.number: line.cells for line in table.content.lines}
        for entry in table.entries:
            was, said = before.pop(entry.row.identity(), None), cells.get(entry.line, {})
            if was is not None and was.values() == entry.row.values():
                continue
            shown = _values(entry.row) if was is None else _changed(was, entry.row)
            who = said.get("changed_by", table.content.changed_by)
            when = said.get("changed_at", table.content.changed_at)
            yield Change(table.name, "added" if was is None else "changed", _key(entry.row), shown, who, when)
        for was in before.values():
            yield Change(table.name, "removed", _key(was), _values(was), None, None)


def touched(connection: Connection, tables: Sequence[Table], today: date) -> list[Touched]:
    """Return what the next run would find changed, by its own views, in a transaction that is rolled back."""
    if not exists(connection, "finops_intermediate.int_scopes"):
        return []
    with connection.transaction(force_rollback=True):
        connection.execute(BEFORE)
        store(connection, "00000000-0000-0000-0000-000000000000", tables)
        cursor = connection.cursor(row_factory=class_row(Touched))
        return cursor.execute(AFTER, {"today": today}).fetchall()


def _key(row: ReferenceRow) -> str:
    return " ".join(str(value) for name in row.key if (value := getattr(row, name)) is not None)


def _values(row: ReferenceRow) -> str:
    named = ((name, getattr(row, name)) for name in type(row).model_fields if name not in row.key)
    return ", ".join(f"{name} {value}" for name, value in named if value is not None)


def _changed(was: ReferenceRow, row: ReferenceRow) -> str:
    pairs = ((name, getattr(was, name), getattr(row, name)) for name in type(row).model_fields)
    return ", ".join(f"{name} {_shown(old)} → {_shown(new)}" for name, old, new in pairs if old != new)


def _shown(value: object) -> str:
    return "empty" if value is None else str(value)
