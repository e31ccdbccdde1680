"""What documents of a source say before anything lands: the nightly's own SQL reads them, and nothing is kept.

The models of the dbt project that read the CMDB are rendered by Jinja alone, over relations and functions of the
session, in a transaction that is rolled back.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import cast

import simplejson
from jinja2 import Environment, FunctionLoader
from rich.table import Table

from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.redaction import escaped
from finops.ingest.config.rules import Rules
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.settings import Settings
from finops.ingest.database import SCHEMA, Connection, connect
from finops.ingest.errors import ConfigurationError
from finops.ingest.periods import open_periods, today
from finops.ingest.pipeline.runs import RunRequest
from finops.ingest.pipeline.windows import plan_windows
from finops.ingest.reports.tables import cell, plain, wide_console
from finops.ingest.sources.documents import Record
from finops.ingest.sources.kinds import ConfiguredSource, HttpSource

SHOWN_LINES = 40
STAGING, CAPACITY = "models/staging/cmdb/stg_cmdb__{}.sql", "models/intermediate/inventory/int_cmdb_{}.sql"
USAGE = "models/intermediate/inventory/int_inventory_usage.sql"
# The column of the staging model that holds each value, where it has another name.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "vm": {"name": "vm_name", "application": "application_code", "cluster": "cluster_name", "ram": "ram_gib"},
    "disk": {"name": "disk_name", "application": "application_code", "vm": "vm_name", "size": "size_gib"},
    "legacy_storage": {"name": "volume_name", "application": "application_code", "used": "used_gib"},
}
DOCUMENTS = """
    create temporary table sample_documents (
        record_id text, source text, run_id text, window_date date, payload json
    ) on commit drop;
    create temporary view sample_days as
    select distinct
        'open_legacy' as domain, source, cast(date_trunc('month', window_date) as date) as period,
        window_date as usage_date, false as is_estimated, run_id as extraction_run_id, window_date
    from sample_documents
"""
# In the place of the other inventories; the last has the columns of a declared one.
NONE = """(
    select *, cast(1 as bigint) as line_number, false as has_own_cost, cast(null as numeric) as cost,
        cast(null as text) as cost_currency, cast(null as text) as cost_text
    from sample_capacity where false
) as none"""
LINES = """
    select capacity.record_id, capacity.product_ref, capacity.capacity, capacity.unit,
        usage.defect || ': ' || usage.defect_detail as defect
    from sample_capacity as capacity
    join sample_usage as usage using (source, usage_date, record_id, product_ref)
    order by capacity.record_id, capacity.product_ref desc
"""


@dataclass(frozen=True)
class Sampled:
    """What the nightly would make of documents: by record, its row in staging, and the lines that it becomes."""

    read: Mapping[str, Mapping[str, object]]
    lines: Mapping[str, Sequence[Mapping[str, object]]]


def show(settings: Settings, rules: Rules, project: Path, source: str, limit: int) -> None:
    """Print documents of a source as they would land; of the CMDB, also what each field becomes.

    Raises:
        ConfigurationError: when the source is not configured, or is a bill; when no database is configured.
        SourceError: when the source can't be read.
    """
    configured = _configured(settings, source)
    records = _records(configured, settings.limits, limit)
    console = wide_console()
    if not records:
        console.print(f"{source} holds no document: check its filter and collections")
        return
    options, problems = configured.options, Counter[str]()
    sampled = interpret(options, rules, project, source, records) if isinstance(options, Cmdb) else None
    for record in records:
        console.print(f"\n[bold]{plain(record.record_id)}[/] of {record.window_date}")
        console.print(_document(record), markup=False, soft_wrap=True)
        if sampled and isinstance(options, Cmdb):
            console.print(_fields(options, source, record, sampled.read[record.record_id]))
            for line in sampled.lines[record.record_id]:
                console.print(_line(line))
                problems.update([f"{line['product_ref']}: {line['defect']}"] if line["defect"] else [])
    console.print(f"\n[bold]{len(records)} document{'s' * (len(records) > 1)} of {source}; nothing was landed[/]")
    for problem, count in problems.most_common():
        console.print(f"[red]{count} ×[/] {plain(problem)}")
    if sampled and not problems:
        console.print("[green]every capacity can be read[/]")


def _configured(settings: Settings, source: str) -> ConfiguredSource:
    known = {found.source.name: found for found in settings.sources if isinstance(found.options, Cmdb)}
    known |= {found.source.name: found for found in settings.sources if isinstance(found.source, HttpSource)}
    if source not in known:
        names = ", ".join(known) or "none is"
        raise ConfigurationError(f"'{source}' is not configured, or has no documents; these have: {names}")
    return known[source]


def _records(configured: ConfiguredSource, limits: ExtractionSettings, limit: int) -> list[Record]:
    """The first documents, secrets masked as in the nightly."""
    if isinstance(configured.options, Cmdb):
        from finops.ingest.sources import mongo  # noqa: PLC0415 as in extract.py

        return list(mongo.sample(configured, limits, limit))
    from finops.ingest.sources.rest.records import records  # noqa: PLC0415

    windows = plan_windows(configured, {}, limits, RunRequest(open_periods(today()), today()))
    return list(islice(records(configured, limits, windows[-1:]), limit))


def interpret(options: Cmdb, rules: Rules, project: Path, source: str, records: Sequence[Record]) -> Sampled:
    """Read documents of the CMDB as the nightly would, and forget them.

    Raises:
        ConfigurationError: when no database is configured.
    """
    try:
        connection = connect()
    except ConfigurationError as error:
        raise ConfigurationError(f"the nightly's own SQL reads the sample, and needs a database: {error}") from error
    with connection, connection.transaction(force_rollback=True):
        _create_relations(connection, options, rules, project, source.partition(".")[2])
        rows = [(record.record_id, source, "sample", record.window_date, record.payload) for record in records]
        with connection.cursor() as cursor:
            cursor.executemany("insert into sample_documents values (%s, %s, %s, %s, %s)", rows)
        read = {str(row["record_id"]): row for row in connection.execute("select * from sample_staging")}
        lines: dict[str, list[Mapping[str, object]]] = {record_id: [] for record_id in read}
        for line in connection.execute(LINES):
            lines[str(line["record_id"])].append(line)
    return Sampled(read, lines)


def _create_relations(connection: Connection, options: Cmdb, rules: Rules, project: Path, kind: str) -> None:
    """The documents' table, and the project's models as temporary views over it."""
    settings = json.dumps({**json.loads(rules.model_dump_json()), "cmdb": options.mapping()}).replace("'", "''")
    loader = FunctionLoader(lambda name: _temporary((project / name).read_text(encoding="utf-8")))
    environment = Environment(loader=loader, extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701 SQL
    relations = {"int_inventory_days": "sample_days", f"stg_cmdb__{kind}": "sample_staging"}
    relations |= {f"int_cmdb_{kind}": "sample_capacity"}
    words = {
        "setting": json.loads(settings).__getitem__,
        "source": lambda *_: "sample_documents",
        "ref": lambda name: relations.get(name, NONE),
        "cmdb_document": environment.get_template("macros/cmdb.sql").module.cmdb_document,  # type: ignore[attr-defined]
    }
    # of this version, whatever the database has, and whatever the login may change there
    connection.execute(_temporary((SCHEMA / "values.sql").read_text(encoding="utf-8")).encode())
    connection.execute(DOCUMENTS)
    for view, model in {"staging": STAGING, "capacity": CAPACITY, "usage": USAGE}.items():
        query = environment.get_template(model.format(kind)).render(words)
        connection.execute(f"create temporary view sample_{view} as {query}".encode())


def _temporary(statements: str) -> str:
    """The statements, with functions of the session instead of those of schema finops."""
    return re.sub(r"\bfinops\.(?=\w+\()", "pg_temp.", statements)


def _document(record: Record) -> str:
    """The document, a line a field; a long one is cut."""
    text = simplejson.dumps(simplejson.loads(record.payload, use_decimal=True), indent=2, ensure_ascii=False)
    lines = [escaped(line) for line in text.split("\n")]
    more = len(lines) - SHOWN_LINES
    return "\n".join([*lines[:SHOWN_LINES], f"… and {more} more lines"] if more > 0 else lines)


def _fields(options: Cmdb, source: str, record: Record, row: Mapping[str, object]) -> Table:
    """What each value of a record became, and from which field."""
    kind, document = source.partition(".")[2], json.loads(record.payload)
    table = Table("value", "became", "read from")
    paths = cast("Mapping[str, str]", row["field_paths"])
    for name, places in options.mapping()[kind].items():
        column = {"decommissioned": "decommission_date", **COLUMNS[kind]}.get(name, name)
        became, path = row[column], paths.get(name)
        written = row.get(f"{column}_text")
        if path is None:
            table.add_row(name, "", f"[dim]nothing in {plain(', '.join(_asked(places, document)))}[/]")
        elif became is None:
            table.add_row(name, f"[red]cannot be read{': ' + plain(written) if written else ''}[/]", plain(path))
        else:
            unit = " GiB" if column.endswith("_gib") else ""
            shown = became.normalize() if isinstance(became, Decimal) else became
            table.add_row(name, f"{cell(shown)}{unit}", plain(path))
    table.add_row("in service", "yes" if row["is_in_service"] else "[yellow]no[/]", "")
    return table


def _asked(places: Sequence[Mapping[str, object]], document: Mapping[str, object]) -> Iterator[str]:
    """The fields that were looked for; of one that is read whole as well, not each part."""
    paths = [cast("list[str]", place["path"]) for place in places]
    whole = {path[0] for path in paths if len(path) == 1}
    for path in paths:
        if len(path) == 1:
            yield f"{path[0]} (an object: name a field in it)" if isinstance(document.get(path[0]), dict) else path[0]
        elif path[0] not in whole:
            yield ".".join(path)


def _line(line: Mapping[str, object]) -> str:
    if line["defect"]:
        return f"  [red]{plain(line['product_ref'])}: {plain(line['defect'])}[/]"
    capacity = cell(cast("Decimal", line["capacity"]).normalize())
    return f"  {plain(line['product_ref'])}: {capacity} {plain(line['unit'])}"
