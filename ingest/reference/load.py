"""Bring the reference data that the models read up to date: read, check, land what changed, replace the tables.

What is landed is append-only, as of every source: the source `reference.tables`, a version of all tables at a time, and
never purged. The tables in `finops_reference` are replaced in one transaction, which keeps no reader waiting.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import orjson
from psycopg import sql
from psycopg.errors import InvalidRegularExpression
from psycopg.rows import scalar_row, tuple_row

from finops.ingest.config import settings
from finops.ingest.config.masking import NOTHING
from finops.ingest.config.reference import ReferencePlace
from finops.ingest.database import Connection, exists
from finops.ingest.pipeline.landing import land_whole
from finops.ingest.pipeline.ledger import Outcome, extraction, settle
from finops.ingest.pipeline.load import document_batches
from finops.ingest.pipeline.runs import Run, RunRequest
from finops.ingest.reference.checks import Entry, Knowledge, RefusedError, check
from finops.ingest.reference.reading import Content, mask, read_all
from finops.ingest.reference.tables import BUILT_IN, TABLES
from finops.ingest.sources.documents import Record, encode
from finops.ingest.sources.kinds import Source, Window
from finops.ingest.telemetry.progress import Progress

SOURCE = Source("reference.tables", "reference", "reference", "reference")
CATALOG = "finops_intermediate.int_catalog_claims"
Row = tuple[object, ...]


class Table(NamedTuple):
    """A table of reference data: what was read, and what became of it."""

    content: Content
    entries: Sequence[Entry]

    @property
    def name(self) -> str:
        """The table's name."""
        return self.content.table

    @property
    def rows(self) -> list[Row]:
        """Its rows, as PostgreSQL takes them."""
        return [entry.row.values() for entry in self.entries]

    @property
    def digest(self) -> str:
        """A digest of the place and its rows as they were read, whatever their order."""
        texts = sorted(orjson.dumps(line.cells, option=orjson.OPT_SORT_KEYS) for line in self.content.lines)
        return hashlib.sha256(b"\n".join([self.content.place.encode(), *texts])).hexdigest()


def load(run: Run, request: RunRequest, progress: Progress) -> bool:
    """Load the reference data as a step of the run; return whether it is what the sources say.

    Where it is refused, what was accepted last stays, and the run has a failure that says what is wrong.
    """
    failures_before = len(run.failures)
    with run.step("reference") as step:
        tables = read(settings.reference(), run.connection)
        for table in tables:
            if table.content.is_missing:
                progress.event("empty", table=table.name, why=f"{table.content.place} does not exist")
        if not request.accept_shrink:
            _refuse_shrunk(run.connection, tables)
        step.rows = sum(len(table.entries) for table in tables)
        landed = _digests(run.connection)
        if any(landed.get(table.name) != table.digest for table in tables):
            _land(run, request.as_of, tables)
        changed = store(run.connection, run.run_id, tables)
        progress.event("reference data", rows=step.rows, changed=", ".join(changed) or None)
    for failure in run.failures[failures_before:]:
        progress.event("failed", "error", what="reference data", error=failure)
    return len(run.failures) == failures_before


def was_accepted(connection: Connection) -> bool:
    """Return whether reference data was ever accepted: then there is an application, be it UNALLOCATED alone."""
    cursor = connection.cursor(row_factory=scalar_row)
    return bool(cursor.execute("select exists (select from finops_reference.applications)").fetchone())


def read(places: Mapping[str, ReferencePlace], connection: Connection | None) -> list[Table]:
    """Read and check every table.

    Raises:
        RefusedError: names everything that is wrong with them.
        ConfigurationError: when a rule masks what a table is read for.
    """
    contents = read_all(places)
    root = settings.extraction().masks.root(SOURCE.name)
    for content in contents:
        mask(content, root[content.table])
    entries = check(contents, _knowledge(connection))
    return [Table(content, entries[content.table]) for content in contents]


def _knowledge(connection: Connection | None) -> Knowledge:
    domains = settings.rules().domains
    has_catalog = any(configured.source.name == "backstage.catalog" for configured in settings.sources())
    if connection is None:
        return Knowledge(domains, None if has_catalog else ())
    cursor = connection.cursor(row_factory=scalar_row)
    codes: list[str] = []
    if exists(connection, CATALOG):
        codes = cursor.execute(
            "select distinct application_code from finops_intermediate.int_catalog_claims"
        ).fetchall()

    def is_regex(pattern: str) -> bool:
        try:
            cursor.execute("select '' ~ %s", (pattern,))
        except InvalidRegularExpression:
            return False
        return True

    return Knowledge(domains, codes or (None if has_catalog else ()), is_regex)


def in_use(connection: Connection, table: str) -> list[Row]:
    """The rows of a table as the models read them."""
    query = sql.SQL("select {} from {}").format(_columns(table), sql.Identifier("finops_reference", table))
    return connection.cursor(row_factory=tuple_row).execute(query).fetchall()


def store(connection: Connection, run_id: str, tables: Sequence[Table]) -> list[str]:
    """Replace the rows of the tables that have changed, all of them or none; return their names."""
    with connection.transaction(), connection.cursor() as cursor:
        changed = [table for table in tables if Counter(in_use(connection, table.name)) != Counter(table.rows)]
        for table in changed:
            relation = sql.Identifier("finops_reference", table.name)
            cursor.execute(sql.SQL("delete from {}").format(relation))
            with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(relation, _columns(table.name))) as copy:
                for row in table.rows:
                    copy.write_row(row)
            cursor.execute("select finops.analyze_reference(%s)", (table.name,))
        cursor.executemany(
            "insert into finops.etl_reference (table_name, place, row_count, digest, run_id)"
            " values (%s, %s, %s, %s, %s)"
            " on conflict (table_name) do update"
            " set place = excluded.place, row_count = excluded.row_count, digest = excluded.digest,"
            " run_id = excluded.run_id where etl_reference.digest <> excluded.digest",
            [(table.name, table.content.place, len(table.entries), table.digest, run_id) for table in tables],
        )
    return [table.name for table in changed]


def _columns(table: str) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, TABLES[table].model_fields))


def _digests(connection: Connection) -> dict[object, object]:
    rows = connection.execute("select table_name, digest from finops.etl_reference")
    return {row["table_name"]: row["digest"] for row in rows}


def _refuse_shrunk(connection: Connection, tables: Sequence[Table]) -> None:
    """Refuse a table that came back empty, or much smaller, as of every source.

    Raises:
        RefusedError: names the tables.
    """
    max_shrink = settings.extraction().max_shrink
    refused = []
    for table in tables:
        built_in = BUILT_IN[table.name].identity() if table.name in BUILT_IN else None
        before = len(in_use(connection, table.name)) - (built_in is not None)
        now = len(table.content.lines)
        if before > 0 and now < before * (1 - max_shrink):
            found = "does not exist" if table.content.is_missing else f"has {now} rows"
            refused.append(
                f"{table.content.place} {found} where {before} rows are in use, more than {max_shrink:.0%} fewer"
            )
    if refused:
        raise RefusedError([f"{problem}: if this is right, run again with --accept-shrink" for problem in refused])


def _land(run: Run, as_of: date, tables: Sequence[Table]) -> None:
    """Land a version of all tables, a document a row.

    Raises:
        SourceError: when PostgreSQL does not take all of them.
    """
    window = Window(as_of, as_of + timedelta(days=1))
    with extraction(run, SOURCE, [window]):
        outcomes = [Outcome(window, sum(len(table.content.lines) for table in tables))]
        land_whole(run, SOURCE, [window], lambda: document_batches(_documents(tables, as_of)), lambda: outcomes)
        settle(run, SOURCE, outcomes, refusal=None, accepts_empty=True)


def _documents(tables: Sequence[Table], window_date: date) -> Iterator[Record]:
    for table in tables:
        content = table.content
        for line in content.lines:
            document = {
                "table": table.name,
                "place": content.place,
                "line": line.number,
                "row": dict(line.cells),
                "changed_by": line.cells.get("changed_by", content.changed_by),
                "changed_at": line.cells.get("changed_at", content.changed_at),
            }
            yield Record(f"{table.name}:{line.number}", window_date, encode(document, NOTHING))
