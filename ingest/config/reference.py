"""Where each table of reference data is read from: the sections `reference.<table>`."""

from __future__ import annotations

from typing import Self

from pydantic import Secret, SecretStr, model_validator

from finops.ingest.config.values import SecretObject, Section


class ReferencePlace(Section):
    """The place of one table; without any key, `reference/<table>.csv` in the current folder."""

    url: str | None = None
    """File or bucket URL, ending in .csv or .csv.gz; empty: `reference/<table>.csv` in the current folder"""
    storage_options: SecretObject = Secret({})
    """JSON of fsspec options for that URL (a secret)"""
    table: str | None = None
    """Table or view in PostgreSQL, instead of a file"""
    query: str | None = None
    """Query in PostgreSQL, instead of a file"""
    connection: SecretStr | None = None
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
        if self.connection and not self.is_in_postgresql:
            raise ValueError("connection is set without table or query: set one of them, or remove it")
        return self
