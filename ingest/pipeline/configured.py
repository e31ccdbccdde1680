"""Tell dbt what it has to know of the configuration: the tables of schema/configured.sql, written by each run."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from finops.ingest.config.cmdb import Cmdb, mapping
from finops.ingest.config.rules import Rules
from finops.ingest.config.services import FocusExport
from finops.ingest.database import Connection
from finops.ingest.sources.kinds import ConfiguredSource
from finops.ingest.sources.rows.declared import mapping_of


def store(connection: Connection, sources: Sequence[ConfiguredSource], rules: Rules) -> None:
    """Store the rules, and for each source what dbt needs to know of it; a removed source keeps its last entry.

    A declared source: how its records become usage lines. The CMDB: which field is what. A bill: whether its tax is
    kept `apart`.
    """
    declared = {on.source.name: paths for on in sources if (paths := mapping_of(on.options))}
    bills = {on.source.name: on.options for on in sources if isinstance(on.options, FocusExport)}
    lines = [
        {
            "source": source,
            "line_number": number,
            "application_path": paths.application,
            "date_path": paths.date,
            "sub_account_path": paths.sub_account,
            "resource_path": paths.resource,
            "resource_name_path": paths.resource_name,
            "product_path": line.product_field,
            "unit_path": line.unit_field,
            "quantity_path": line.quantity,
            "product_id": line.product,
            "unit": line.unit,
            "factor": str(line.factor),
            "cost_path": line.cost,
            "currency_path": line.currency_field,
            "currency": line.currency,
        }
        for source, paths in declared.items()
        for number, line in enumerate(paths.lines, start=1)
    ]
    cmdb = next((on.options for on in sources if isinstance(on.options, Cmdb)), None)
    apart = [source for source, bill in bills.items() if bill.tax == "apart"]
    with connection.transaction():
        connection.execute("delete from finops.etl_settings where name <> 'cmdb'")
        connection.execute(
            "insert into finops.etl_settings (name, value) select key, value from jsonb_each(cast(%s as jsonb))",
            (rules.model_dump_json(),),
        )
        connection.execute(
            "insert into finops.etl_settings (name, value) values ('cmdb', %s)"
            " on conflict (name) do update set value = excluded.value where %s",
            (Jsonb(cmdb.mapping() if cmdb else mapping()), cmdb is not None),
        )
        connection.execute("delete from finops.etl_declared_lines where source = any(%s)", (list(declared),))
        connection.execute(
            "insert into finops.etl_declared_lines"
            " select * from jsonb_populate_recordset(null::finops.etl_declared_lines, %s)",
            (Jsonb(lines),),
        )
        connection.execute("delete from finops.etl_tax_apart where source = any(%s)", (list(bills),))
        connection.execute("insert into finops.etl_tax_apart (source) select unnest(%s::text [])", (apart,))
