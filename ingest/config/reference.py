"""Where each table of reference data is read from: the sections `reference.<table>`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Secret, SecretStr, model_validator

from finops.ingest.config.transport import OverHttp
from finops.ingest.config.values import SecretObject


def _libpq(connection: SecretStr) -> SecretStr:
    from psycopg import ProgrammingError  # noqa: PLC0415 only such a place needs it
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        conninfo_to_dict(connection.get_secret_value())
    except ProgrammingError:
        raise ValueError("is not a connection of libpq: write host=… dbname=… user=…, or postgresql://…") from None
    return connection


class ReferencePlace(OverHttp):
    """The place of one table; without any key, `reference/<table>.csv` in the current folder."""

    url: str | None = None
    """File or bucket URL, ending in .csv, .csv.gz or .xlsx; empty: `reference/<table>.csv` in the current folder"""
    sheet: str | None = None
    """Sheet of the XLSX file; empty: the one that is named like the table, else the only one"""
    storage_options: SecretObject = Secret({})
    """JSON of fsspec options for that URL (a secret)"""
    table: str | None = None
    """Table or view in PostgreSQL, instead of a file"""
    query: str | None = None
    """Query in PostgreSQL, instead of a file"""
    connection: Annotated[SecretStr, AfterValidator(_libpq)] | None = None
    """libpq connection string or URL of that PostgreSQL (a secret); empty: the module's own"""

    @property
    def is_in_postgresql(self) -> bool:
        """Whether it is a table or a query."""
        return bool(self.table or self.query)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [key for key in ("url", "table", "query") if getattr(self, key)]
        if len(places) > 1:
            raise ValueError(f"{' and '.join(places)} are set: keep one place")
        if self.sheet and not (self.url or "").lower().endswith(".xlsx"):
            raise ValueError("sheet is set without an url that ends in .xlsx: set it, or remove sheet")
        if self.connection and not self.is_in_postgresql:
            raise ValueError("connection is set without table or query: set one of them, or remove it")
        return self
