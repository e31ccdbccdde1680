"""Sources of rows as a company declares them, with the least that each needs."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from finops.ingest.config.checking import validated
from finops.ingest.config.reading import RawSection
from finops.ingest.sources.kinds import ConfiguredSource, Window
from finops.ingest.sources.rows.declared import FileDeclaration, FixedDeclaration, SqlDeclaration, row_source

LINE = {"product": "helpdesk.ticket", "quantity": "tickets", "unit": "ticket"}
AMOUNT = {"name": "a", "product": "p", "amount": "1", "currency": "EUR", "valid_from": "2026-01-01"}
FIRST = Window(date(2026, 10, 1), date(2026, 10, 2))
SECOND = Window(date(2026, 10, 2), date(2026, 10, 3))


def section(kind: str, values: dict[str, Any]) -> RawSection:
    """What stands in a file of the configuration."""
    return RawSection(f"sources.{kind}.helpdesk", values, dict.fromkeys(values, "in config.toml"))


def of_files(url: Path | str, **keys: object) -> ConfiguredSource:
    """Files at an address, each row with a date."""
    values = {"url": str(url), "date": "day", "lines": [LINE], **keys}
    options = validated(section("file", {key: value for key, value in values.items() if value}), FileDeclaration)
    return ConfiguredSource(row_source("helpdesk", options), options)


def of_query(connection: str, **keys: object) -> ConfiguredSource:
    """A query or a table of a database, each row with a date."""
    values = {"connection": connection, "date": "day", "lines": [LINE], **keys}
    options = validated(section("sql", {key: value for key, value in values.items() if value}), SqlDeclaration)
    return ConfiguredSource(row_source("helpdesk", options), options)


def of_amounts(*amounts: dict[str, object], **keys: object) -> ConfiguredSource:
    """Fixed amounts."""
    options = validated(
        section("fixed", {"amounts": [AMOUNT | amount for amount in amounts], **keys}), FixedDeclaration
    )
    return ConfiguredSource(row_source("helpdesk", options), options)
