"""Databases that a company declares: the rows of a query or a table, by SQLAlchemy, with the driver that is installed.

dlt's `sql_database` reads a table that it reflects first: a query has none, and of a decimal column of SQLite the
reflected type keeps ten places. Beneath it is SQLAlchemy, which is used here: values come as the driver gives them.
Rows stream, in a transaction that only reads, in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from importlib.util import find_spec

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.errors import SourceError, install_extra, one_line
from finops.ingest.sources.documents import Record
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.kinds import ConfiguredSource, Probe, RowSource, Window
from finops.ingest.sources.rows.declared import SqlDeclaration
from finops.ingest.sources.rows.records import Row, check_columns
from finops.ingest.sources.rows.records import records as as_records

with suppress(ImportError):  # an extra: what to install is said where it is needed
    import sqlalchemy as sa

_BATCH_ROWS = 5_000
# What makes the transaction one that only reads, and its days those of UTC. Elsewhere it is rolled back.
_SESSION = {
    "postgresql": ("set transaction read only", "set local time zone 'UTC'"),
    "mysql": ("set session transaction read only", "set time_zone = '+00:00'"),
    "mariadb": ("set session transaction read only", "set time_zone = '+00:00'"),
    "oracle": ("set transaction read only",),
    "sqlite": ("pragma query_only = on",),
}
# The packages of dialects and drivers that are not called as their URL calls them.
_PACKAGES = {
    "mysqldb": "mysqlclient",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "snowflake": "snowflake-sqlalchemy",
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "databricks": "databricks-sqlalchemy",
    "redshift": "sqlalchemy-redshift",
    "hana": "sqlalchemy-hana",
}
# By a part of what a server says of a query, in small letters.
_REMEDIES = {
    "permission denied": "grant its user select on what the query reads",
    "command denied": "grant its user select on what the query reads",
    "ora-00942": "check the name of the table and its schema, and grant its user select on it",
    "no such table": "check the name of the table and its schema",
    "does not exist": "check the names of tables, schemas and columns",
    "doesn't exist": "check the names of tables, schemas and columns",
    "invalid object name": "check the name of the table and its schema",
    "read-only": "a query may only read",
    "readonly": "a query may only read",
}


def records(configured: ConfiguredSource, limits: ExtractionSettings, windows: list[Window]) -> Iterator[Record]:
    """Read the rows of each window.

    Raises:
        SourceError: when the database can't be reached, has no driver here, or refuses the query.
    """
    database = _Database(configured)
    return as_records(database.source, database.options, windows, database.rows, limits.masks)


def probe(configured: ConfiguredSource, window: Window) -> Probe:
    """Check that the query can be asked: its first row.

    Raises:
        SourceError: as records() does.
    """
    database = _Database(configured)
    row = next(database.rows(window), None)
    what = "a row" if row else "no row"
    of = f" of {window.start}" if database.options.placeholders else ""
    return Probe(f"{what}{of} at {database.where}", is_empty=row is None)


class _Database:
    """One query of one database."""

    def __init__(self, configured: ConfiguredSource) -> None:
        source, options = configured.source, configured.options
        if not isinstance(source, RowSource) or not isinstance(options, SqlDeclaration):
            raise TypeError(f"{source.name} is not read by SQL")
        self.source, self.options = source, options
        self._section = f"sources.{source.service}"
        if find_spec("sqlalchemy") is None:
            raise SourceError(f"{source.name}: databases need SQLAlchemy: {install_extra('sql')}")
        url = options.connection.get_secret_value()
        try:
            self._url = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError) as error:
            raise SourceError(
                f"{source.name}: {self._section}.connection is not an URL of SQLAlchemy: write such as "
                "postgresql+psycopg2://user:…@host:5432/database, with the special characters of user and password "
                "percent-encoded"
            ) from error
        self.where = sa.URL.create(
            self._url.drivername, host=self._url.host, port=self._url.port, database=self._url.database
        ).render_as_string()

    def rows(self, window: Window | None) -> Iterator[Row]:
        """Ask for a window, or for all there is; in batches, whatever the size of the answer."""
        where = self.options.table or "the query"
        with self._connection() as connection, self._translate_errors("query" if self.options.query else "table"):
            result = connection.execute(
                self._statement(window), execution_options={"stream_results": True, "yield_per": _BATCH_ROWS}
            )
            if not result.returns_rows:
                raise SourceError(f"{self.source.name}: {self._section}.query returns no rows: write a select")
            columns = [str(column[0]) for column in result.cursor.description] if result.cursor else list(result.keys())
            try:
                check_columns(where, columns, self.options)
            except ExportError as error:
                raise SourceError(f"{self.source.name}: {error}") from error
            for number, values in enumerate(result, start=1):
                yield Row(f"{where}#{number}", dict(zip(columns, values, strict=True)))

    def _statement(self, window: Window | None) -> sa.Executable:
        if self.options.table:
            *schema, name = self.options.table.rsplit(".", 1)
            return sa.select(sa.text("*")).select_from(sa.table(name, schema=schema[0] if schema else None))
        query = sa.text(self.options.query or "")
        if window is None or not self.options.placeholders:
            return query
        days: dict[str, date] = {"start": window.start, "end": window.end, "day": window.start}
        return query.bindparams(
            *(sa.bindparam(name, days[name], sa.Date) for name in sorted(self.options.placeholders))
        )

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        """Open a transaction that only reads; it is rolled back at the end."""
        with self._translate_errors("connection"):
            engine = sa.create_engine(self._url, poolclass=sa.NullPool)
            connection = engine.connect()
        with connection:
            with self._translate_errors("connection"):
                for statement in _SESSION.get(engine.dialect.name, ()):
                    connection.exec_driver_sql(statement)
            yield connection

    @contextmanager
    def _translate_errors(self, key: str) -> Iterator[None]:
        """Turn what a driver says into a line with a remedy; `key` is the setting that is being used.

        Raises:
            SourceError: for whatever SQLAlchemy raises.
        """
        try:
            yield
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            missing = getattr(error, "name", None) or self._url.get_backend_name()
            raise SourceError(
                f"{self.source.name}: {self._url.drivername}:// needs a package that is not installed: pip install "
                f"{_PACKAGES.get(missing.lower(), missing)}, or write the driver that is, as in postgresql+psycopg://"
            ) from error
        except sa.exc.SQLAlchemyError as error:
            said = one_line(str(getattr(error, "orig", None) or error))
            known = (remedy for part, remedy in _REMEDIES.items() if part in said.lower() and key != "connection")
            checked = f"check {self._section}.{key}"
            if key == "connection":
                checked += ", that the server is up, and that the user may log in"
            raise SourceError(f"{self.source.name} ({self.where}): {said}; {next(known, checked)}") from error
