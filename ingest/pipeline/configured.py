"""Tell dbt what it has to know of the configuration: the tables of schema/configured.sql, written by each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from finops.ingest.database import Connection
from finops.ingest.sources.declared import DeclaredSource


def store(connection: Connection, declared: Sequence[DeclaredSource], taxes: Mapping[str, str]) -> None:
    """Replace what is stored of these sources; a source that is no longer configured keeps what was stored last.

    Of declared sources that is how their records become usage lines; of `taxes`, which sources keep their tax `apart`.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "delete from finops.etl_declared_lines where source = any(%s)", ([found.source.name for found in declared],)
        )
        cursor.executemany(
            "insert into finops.etl_declared_lines (source, line_number, application_path, date_path,"
            " sub_account_path, resource_path, resource_name_path, product_path, unit_path, quantity_path, product_id,"
            " unit, factor) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [row for found in declared for row in _line_rows(found)],
        )
        cursor.execute("delete from finops.etl_tax_apart where source = any(%s)", (list(taxes),))
        cursor.executemany(
            "insert into finops.etl_tax_apart (source) values (%s)",
            [(source,) for source, choice in taxes.items() if choice == "apart"],
        )


def _line_rows(found: DeclaredSource) -> list[tuple[object, ...]]:
    paths = found.declaration
    shared = _as_lists(paths.application, paths.date, paths.sub_account, paths.resource, paths.resource_name)
    return [
        (
            found.source.name,
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
