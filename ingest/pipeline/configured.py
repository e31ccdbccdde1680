"""Tell dbt what it has to know of the configuration: the tables of schema/configured.sql, written by each run."""

from __future__ import annotations

from collections.abc import Sequence

from finops.ingest.config.services import FocusExport
from finops.ingest.database import Connection
from finops.ingest.sources.declared import Declaration
from finops.ingest.sources.kinds import ConfiguredSource


def store(connection: Connection, sources: Sequence[ConfiguredSource]) -> None:
    """Replace what is stored of these sources; a source that is no longer configured keeps what was stored last.

    Of declared sources that is how their records become usage lines; of bills, which keep their tax `apart`.
    """
    declared = {on.source.name: on.options for on in sources if isinstance(on.options, Declaration)}
    bills = {on.source.name: on.options for on in sources if isinstance(on.options, FocusExport)}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("delete from finops.etl_declared_lines where source = any(%s)", (list(declared),))
        cursor.executemany(
            "insert into finops.etl_declared_lines (source, line_number, application_path, date_path,"
            " sub_account_path, resource_path, resource_name_path, product_path, unit_path, quantity_path, product_id,"
            " unit, factor) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [row for name, declaration in declared.items() for row in _line_rows(name, declaration)],
        )
        cursor.execute("delete from finops.etl_tax_apart where source = any(%s)", (list(bills),))
        cursor.executemany(
            "insert into finops.etl_tax_apart (source) values (%s)",
            [(source,) for source, bill in bills.items() if bill.tax == "apart"],
        )


def _line_rows(source: str, paths: Declaration) -> list[tuple[object, ...]]:
    shared = _as_lists(paths.application, paths.date, paths.sub_account, paths.resource, paths.resource_name)
    return [
        (
            source,
            number,
            *shared,
            *_as_lists(line.product_field, line.unit_field, line.quantity),
            line.product,
            line.unit,
            line.factor,
        )
        for number, line in enumerate(paths.lines, start=1)
    ]


def _as_lists(*paths: tuple[str, ...] | None) -> list[list[str] | None]:
    return [list(path) if path else None for path in paths]
