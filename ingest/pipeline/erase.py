"""Erase what has landed: a field, or what is about a person, in raw and wherever else it stands as a text.

A table is rewritten in one transaction, by the rules by which records are masked (sources/masked.py). What is published
stands on the rewritten records as it stood on them before: windows, runs and records stay, so no digest of what landed
changes, and the lines behind each published (source, month) are counted before and after. Where they would be others,
as where an application rule reads what is to be erased, nothing of that table is rewritten.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from psycopg.rows import class_row, tuple_row

from finops.ingest.database import OWNER, TRANSFORMER, Connection, act_as, exists
from finops.ingest.errors import FinopsError
from finops.ingest.pipeline.runs import started_by
from finops.ingest.sources.erased import Erasure

# What is not looked into: what decides who may see what, the record of who asked and who erased, settings, and what
# holds no text but keys, which are checked first.
_LEFT_ALONE = frozenset(
    {"api_audit", "claim_keys", "reader_groups", "fact_releve", "etl_settings", "etl_declared_lines"}
)
_LEFT_ALONE |= {"etl_schema", "etl_project", "etl_reference", "etl_tax_apart", "etl_scope_lookups", "etl_scope_days"}
_LEFT_ALONE |= {"etl_erasures", "etl_reconciliations"}
_RAW_KEYS = frozenset(("source", "run_id"))
# Keys, codes and words of the module's own; `record_id` follows that of the raw table.
_KEYS = _RAW_KEYS | {
    "application_id",
    "application_code",
    "group_id",
    "product_id",
    "family",
    "domain",
    "measure",
    "code_key",
}
_KEYS |= {"status", "reason", "kind", "step", "unit", "currency", "source_currency", "charge_category", "record_id"}
_KEYS |= {"extraction_run_id", "entity_ref", "owner_ref", "system_ref", "parent_ref", "started_by", "invoice_id"}
_KEYS |= {"measure", "code_key"}
_FOLLOWERS = (sql.Identifier("finops", "rejected_usage"), sql.Identifier("finops", "set_apart_charges"))
_COLUMNS = """
    select
        nspname::text as schema, relname::text as name, pg_get_userbyid(relowner)::text as owner,
        array_agg(attname::text order by attnum) as columns,
        coalesce(array_agg(attname::text) filter (where typname in ('json', 'jsonb')), '{}') as documents
    from pg_attribute
    inner join pg_class on attrelid = pg_class.oid
    inner join pg_namespace on relnamespace = pg_namespace.oid
    inner join pg_type on atttypid = pg_type.oid
    where
        relkind = 'r' and attnum > 0 and not attisdropped and typname in ('text', 'varchar', 'json', 'jsonb')
        and (starts_with(nspname, 'raw_') or nspname in ('finops', 'finops_intermediate'))
        and (not starts_with(relname, 'agg_') or relname = 'agg_gap_month') and not starts_with(relname, '_dlt')
    group by nspname, relname, relowner
    order by not starts_with(nspname, 'raw_'), 1, 2
"""
_LINES = """
    select
        application_id, product_id, family, charge_category, unit, source_currency, reject_reason, set_apart_reason,
        is_duplicate, is_estimated, count(*), sum(quantity), sum(source_cost), sum(total_cost), sum(billed_cost)
    from finops_intermediate.int_usage_valued
    where source = %s and period = %s
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""
_SCOPES = "select period from finops.etl_published where source = %s and landed_windows && %s order by period"
_WINDOWS = """
    select distinct concat_ws(' ', run_id, window_date) from {} as held
    where source = %s and {}
"""


@dataclass(frozen=True)
class _Table:
    """A table with texts, its owner, and which of its columns are JSON."""

    schema: str
    name: str
    owner: str
    columns: Sequence[str]
    documents: Sequence[str]

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, for a query."""
        return sql.Identifier(self.schema, self.name)

    @property
    def is_raw(self) -> bool:
        """Whether it holds what a source said, by source."""
        return self.schema.startswith("raw_")

    def texts(self) -> list[str]:
        """The columns that are looked into."""
        return [name for name in self.columns if name not in (_RAW_KEYS if self.is_raw else _KEYS)]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


def erase(
    connection: Connection, erasure: Erasure, say: Callable[[str], None], *, dry_run: bool = False
) -> tuple[int, list[str]]:
    """Rewrite each table that holds what is to be erased; the caller holds the lock of a run that publishes.

    Returns how many values of rows that was, and the months that a reprocess has to bring under the pseudonym.

    Raises:
        FinopsError: when a relevé stands on what is to be erased; what was rewritten before stays so.
    """
    if not exists(connection, "finops.etl_erasures"):
        raise FinopsError("the database is of an earlier version: let a nightly, or `finops init-db`, upgrade it first")
    _refuse_keys(connection, erasure)
    work = _Work(connection, erasure, say, dry_run)
    for table in _tables(connection, erasure):
        for source in _sources(connection, table, erasure):
            work.rewrite(table, source)
    work.finish()
    return work.rows, sorted(work.waiting)


def _refuse_keys(connection: Connection, erasure: Erasure) -> None:
    """Refuse a subject that is a group's key, or an application's without a pseudonym.

    Raises:
        FinopsError: names the key, and what to do.
    """
    for column, name in {"group_id": "mv_group_tree", "application_id": "fact_releve"}.items():
        if erasure.subject is None or not exists(connection, f"finops.{name}"):
            continue
        query = sql.SQL("select distinct {} from finops.{}").format(sql.Identifier(column), sql.Identifier(name))
        with connection.transaction():
            act_as(connection, TRANSFORMER)
            values = connection.cursor(row_factory=tuple_row).execute(query).fetchall()
        found = [value for (value,) in values if erasure.is_in(value)]
        if found and column == "group_id":
            raise FinopsError(
                f"'{found[0]}' is the key of a group, whose costs are published under it: give its applications "
                "another owner in the catalog or in reference data, reprocess the months, and erase it then"
            )
        if found and erasure.action != "hash":
            raise FinopsError(
                f"'{found[0]}' is the code of an application, whose costs are published under it: use --hash, which "
                "keeps them apart under a pseudonym"
            )


def _tables(connection: Connection, erasure: Erasure) -> Iterator[_Table]:
    for table in connection.cursor(row_factory=class_row(_Table)).execute(_COLUMNS).fetchall():
        in_models = table.name in ("int_catalog_history", "etl_invoice_details")
        if table.name not in _LEFT_ALONE and (table.is_raw or in_models or erasure.subject is not None):
            yield table


def _sources(connection: Connection, table: _Table, erasure: Erasure) -> list[str | None]:
    """The sources whose rows a raw table holds; None for another table, which a named source leaves alone."""
    if not table.is_raw:
        return [] if erasure.source else [None]
    query = sql.SQL("select distinct source from {} order by 1").format(table.identifier)
    found = connection.cursor(row_factory=tuple_row).execute(query).fetchall()
    return [source for (source,) in found if erasure.source in (None, source)]


@dataclass
class _Work:
    """One erasure while it goes on."""

    connection: Connection
    erasure: Erasure
    say: Callable[[str], None]
    dry_run: bool
    rows: int = 0
    waiting: set[str] = field(default_factory=set)
    changed: dict[str, _Table] = field(default_factory=dict)
    erasure_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def rewrite(self, table: _Table, source: str | None) -> None:
        """Rewrite a table's rows of a source in one transaction, and enter what was done."""
        with self.connection.transaction(force_rollback=self.dry_run):
            act_as(self.connection, table.owner)
            self.connection.execute(sql.SQL("lock table {} in share row exclusive mode").format(table.identifier))
            changes = {name: found for name in table.texts() if (found := self._changes(table, source, name))}
            if not changes:
                return
            scopes = self._scopes(table, source, changes)
            before = self._lines(source, scopes)
            act_as(self.connection, table.owner)
            counts = {name: self._update(table, source, name, found) for name, found in changes.items()}
            self._compare(source, scopes, before)
            act_as(self.connection, OWNER)
            self._enter(str(table), source, counts)
            if scopes and (self.erasure.field or self.erasure.source):
                self._forget_subjects(source, scopes)
        self.changed[str(table)] = table
        self.rows += sum(counts.values())
        for name, count in counts.items():
            self.say(f"{table}.{name}{f' of {source}' if source else ''}: {count:,} rows")

    def _changes(self, table: _Table, source: str | None, column: str) -> dict[str, str]:
        """What is in a column now, and what is to be, for each value that changes."""
        is_document = column in table.documents
        make = self.erasure.document_of if is_document else self.erasure.text_of
        change, found = make(source or "", column), dict[str, str]()
        query = sql.SQL("select distinct {}::text from {} where {} is not null and {}").format(
            sql.Identifier(column), table.identifier, sql.Identifier(column), _of(source)
        )
        with self.connection.cursor("erased_values", row_factory=tuple_row) as cursor:
            cursor.itersize = 5_000
            for (value,) in cursor.execute(query, [source] if source else []):
                if (after := change(value)) != value:
                    found[value] = after
        if column == "record_id":  # records that were two stay two
            taken: dict[str, int] = {}
            for value, after in sorted(found.items()):
                taken[after] = taken.get(after, 0) + 1
                found[value] = after if taken[after] == 1 else f"{after}#{taken[after]}"
        return found

    def _update(self, table: _Table, source: str | None, column: str, changes: Mapping[str, str]) -> int:
        self.connection.execute("drop table if exists pg_temp.erasing")
        self.connection.execute("create temporary table erasing (was text, becomes text) on commit drop")
        with self.connection.cursor().copy("copy pg_temp.erasing from stdin") as copy:
            for change in changes.items():
                copy.write_row(change)
        self.connection.execute("analyze pg_temp.erasing")
        relations = [table.identifier, *(_FOLLOWERS if column == "record_id" and table.is_raw else ())]
        counts = []
        for relation in relations:
            cast = sql.SQL("::json" if column in table.documents else "")
            query = sql.SQL(
                "update {} as held set {} = becomes{} from pg_temp.erasing where {}::text = was and {}"
            ).format(
                relation,
                sql.Identifier(column),
                cast,
                sql.Identifier("held", column),
                _of(source),
            )
            counts.append(self.connection.execute(query, [source] if source else []).rowcount)
        return counts[0]

    def _scopes(self, table: _Table, source: str | None, changes: Mapping[str, Mapping[str, str]]) -> list[object]:
        """The published months that stand on the rows that change."""
        if source is None or not exists(self.connection, "finops_intermediate.int_usage_valued"):
            return []
        windows = set[str]()
        for column, found in changes.items():
            query = sql.SQL(_WINDOWS).format(
                table.identifier, sql.SQL("{}::text = any(%s)").format(sql.Identifier("held", column))
            )
            cursor = self.connection.cursor(row_factory=tuple_row).execute(query, [source, list(found)])
            windows.update(window for (window,) in cursor)
        cursor = self.connection.cursor(row_factory=tuple_row).execute(_SCOPES, [source, list(windows)])
        return [period for (period,) in cursor]

    def _lines(self, source: str | None, scopes: Sequence[object]) -> dict[object, list[tuple[object, ...]]]:
        """What the lines behind each month add up to, by all that a relevé has them by."""
        act_as(self.connection, TRANSFORMER)
        cursor = self.connection.cursor(row_factory=tuple_row)
        return {period: sorted(cursor.execute(_LINES, [source, period]), key=str) for period in scopes}

    def _compare(
        self, source: str | None, scopes: Sequence[object], before: Mapping[object, list[tuple[object, ...]]]
    ) -> None:
        after = self._lines(source, scopes)
        for period in scopes:
            if before[period] == after[period]:
                continue
            if self.erasure.action == "hash" and self._counted(before[period]) == self._counted(after[period]):
                self.waiting.add(f"{period:%Y-%m}")
                continue
            raise FinopsError(
                f"{source} {period:%Y-%m}: its relevés stand on what is to be erased: an application, a product or a "
                "quantity would be another. Nothing of this table was erased. Use --hash, or change the application "
                "rules or the mapping of the source, reprocess the month, and erase then"
            )

    @staticmethod
    def _counted(lines: Iterable[tuple[object, ...]]) -> tuple[object, ...]:
        """The lines' number, and their sums by everything but the application."""
        totals: dict[object, list[Any]] = {}
        for _, *grain_and_sums in lines:
            grain, sums = tuple(grain_and_sums[:9]), grain_and_sums[9:]
            known = totals.setdefault(grain, [None] * len(sums))
            totals[grain] = [
                was if value is None else value if was is None else was + value
                for was, value in zip(known, sums, strict=True)
            ]
        return tuple(sorted(((grain, tuple(sums)) for grain, sums in totals.items()), key=str))

    def _forget_subjects(self, source: str | None, scopes: Sequence[object]) -> None:
        """Delete what the unallocated cost of these months is named by, in which no field can be told from another.

        A reprocess names it again, by what is left in raw.
        """
        act_as(self.connection, TRANSFORMER)
        query = "delete from finops.unallocated_usage where source = %s and period = any(%s)"
        if count := self.connection.execute(query, [source, list(scopes)]).rowcount:
            if exists(self.connection, "finops.agg_gap_month"):
                self.connection.execute("select finops.replace_months('agg_gap_month', %s::date[])", [list(scopes)])
            act_as(self.connection, OWNER)
            self._enter("finops.unallocated_usage", source, {"subject": count})
            self.say(f"finops.unallocated_usage of {source}: {count:,} rows, until its months are reprocessed")

    def _enter(self, relation: str, source: str | None, counts: Mapping[str, int]) -> None:
        query = (
            "insert into finops.etl_erasures (erasure_id, erased_by, what, field, action, relation, column_name,"
            " source, row_count) values (%s, session_user || ' (' || %s || ')', %s, %s, %s, %s, %s, %s, %s)"
        )
        what = "field" if self.erasure.subject is None else "subject"
        by = (self.erasure_id, started_by(), what, self.erasure.field, self.erasure.action, relation)
        with self.connection.cursor() as cursor:
            cursor.executemany(query, [(*by, name, source, count) for name, count in counts.items()])

    def finish(self) -> None:
        """Bring the aggregates with names up to date, and free the space in which the erased values still stand."""
        if self.dry_run:
            return
        if any(relation.startswith("finops.dim_") for relation in self.changed):
            query = (
                "select matviewname, matviewowner from pg_matviews where schemaname = 'finops'"
                r" order by definition like '%mv\_%'"
            )
            for view in self.connection.execute(query).fetchall():
                with self.connection.transaction():
                    act_as(self.connection, str(view["matviewowner"]))
                    name = sql.Identifier("finops", str(view["matviewname"]))
                    self.connection.execute(sql.SQL("refresh materialized view concurrently {}").format(name))
        for table in self.changed.values():
            self.connection.execute(sql.SQL("vacuum {}").format(table.identifier))


def _of(source: str | None) -> sql.Composable:
    return sql.SQL("source = %s") if source else sql.SQL("true")
