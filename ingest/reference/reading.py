"""Read a table of reference data from its place: a CSV file, a sheet of an XLSX file, or PostgreSQL.

Whatever the place, a value becomes text, exactly: `checks.py` judges all of it by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from finops.ingest.config.checking import nearest
from finops.ingest.config.masking import Place
from finops.ingest.config.redaction import safe
from finops.ingest.config.reference import ReferencePlace
from finops.ingest.database import conninfo
from finops.ingest.errors import ConfigurationError, SourceError, describe, first_line
from finops.ingest.reference.files import Sheet, as_text, csv_lines
from finops.ingest.reference.tables import TABLES
from finops.ingest.sources.masked import mask_text

# What a place may say of a row besides its columns.
ABOUT = ("changed_by", "changed_at", "comment")
# What says something to people alone, and what may be a pseudonym, as it is in the records of a source.
MASKABLE = frozenset(("group_name", "application_name", "product_name", *ABOUT))
_PSEUDONYMS = frozenset(("application_id", "alias"))
FOLDER = Path("reference")
# All of a table is in memory at once; the largest company has a tenth of it.
MAX_BYTES, MAX_LINES = 64 << 20, 1_000_000
DEFAULT = ReferencePlace.model_validate({})


@dataclass(frozen=True)
class Line:
    """A row as it was read: the number of its line, and the text of each column that is not empty."""

    number: int
    cells: Mapping[str, str]


@dataclass
class Content:
    """What a place holds.

    Attributes:
        table: the table of reference data.
        place: where it was read, for a message.
        lines: its rows, without those that are blank.
        changed_by, changed_at: who changed the place last and when, where it says so.
        problems: why it, or a line of it, can't be read.
    """

    table: str
    place: str
    lines: list[Line] = field(default_factory=list)
    is_missing: bool = False
    changed_by: str | None = None
    changed_at: str | None = None
    problems: list[str] = field(default_factory=list)

    def problem(self, text: str, line: int | None = None) -> None:
        """Add a problem of the place, or of a line of it."""
        self.problems.append(safe(f"{self.place}{f' line {line}' if line else ''}: {text}"))


def read_all(places: Mapping[str, ReferencePlace]) -> list[Content]:
    """Read every table: from its place, else from `reference/<table>.csv` in the current folder, if it is there.

    What can't be read is a problem of its content, so that all of them are known at once.
    """
    return [_read(table, places.get(table) or DEFAULT) for table in TABLES]


def _read(table: str, place: ReferencePlace) -> Content:
    url = place.url or str(FOLDER / f"{table}.csv")
    content = Content(table, safe(_described(table, place, url)))
    try:
        if place.is_in_postgresql:
            _take(content, _answer(place))
        else:
            _read_file(content, place, url)
    except FileNotFoundError:
        content.is_missing = True
        if place.url:
            content.problem(f"it does not exist: check reference.{table}.url")
    except SourceError as error:
        content.problem(str(error))
    except psycopg.Error as error:
        content.problem(f"PostgreSQL can't give it: {first_line(error)}; check [reference.{table}]")
    except Exception as error:  # noqa: BLE001 each file system has exceptions of its own
        reason = describe(error)
        content.problem(f"it can't be read: {reason}; check reference.{table}.url, storage_options and their rights")
    return content


def _described(table: str, place: ReferencePlace, url: str) -> str:
    if place.query:
        return f"query of reference.{table}"
    if place.table:
        return f"table {place.table}"
    return url


def _read_file(content: Content, place: ReferencePlace, url: str) -> None:
    import fsspec  # noqa: PLC0415 a table in PostgreSQL needs none of it

    filesystem, path = fsspec.core.url_to_fs(url, **place.storage_options.get_secret_value())
    filesystem.invalidate_cache()  # file systems outlive a run
    with filesystem.open(path, "rb", compression="gzip" if path.endswith(".gz") else None) as file:
        data: bytes = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SourceError(f"it has more than {MAX_BYTES >> 20} MiB, unpacked: check reference.{content.table}.url")
    with suppress(NotImplementedError, KeyError):  # a web server need not say it
        content.changed_at = filesystem.modified(path).astimezone(UTC).isoformat(timespec="seconds")
    if path.lower().endswith(".xlsx"):
        sheet = Sheet(data, content.table, place.sheet)
        content.place += f" sheet {sheet.name}"
        content.changed_by, content.changed_at = sheet.changed_by, sheet.changed_at or content.changed_at
        _take(content, sheet.lines())
    else:
        _take(content, csv_lines(data))


def _answer(place: ReferencePlace) -> Iterator[tuple[int, list[str]]]:
    """The answer of a query, or a whole table, with the names of its columns as the first line."""
    where = place.connection.get_secret_value() if place.connection else ""
    with psycopg.connect(conninfo(where)) as connection:
        connection.read_only = True
        query: bytes | sql.Composed = (place.query or "").encode()
        if place.table:
            query = sql.SQL("select * from {}").format(sql.Identifier(*place.table.split(".")))
        with connection.cursor(row_factory=tuple_row) as cursor:
            try:
                cursor.execute(query)
            except psycopg.errors.InsufficientPrivilege as error:
                login = connection.info.user
                raise SourceError(f"{first_line(error)}; as its owner, grant {login} the right to read it") from error
            if cursor.description is None:
                raise SourceError("the query answers no rows: write a select")
            yield 0, [column.name for column in cursor.description]
            for number, row in enumerate(cursor, start=1):
                yield number, [as_text(value) for value in row]


def mask(content: Content, place: Place) -> None:
    """Mask what is landed of a table, by the rules of its place.

    Raises:
        ConfigurationError: names a column that costs are counted or told apart with, and its rule.
    """
    for column in {column for line in content.lines for column in line.cells}:
        rule = place[column].rule
        if rule and column not in MASKABLE and not (rule.action == "hash" and column in _PSEUDONYMS):
            raise ConfigurationError(
                f"reference.{content.table}: ingest.mask has '{rule.pattern}' as {rule.action}, and that is also "
                f'{column}, which the table is read for: write "reference:{column}" = "keep" into [ingest.mask]'
            )
    if content.lines:
        content.lines = [Line(line.number, _masked(line.cells, place)) for line in content.lines]


def _masked(cells: Mapping[str, str], place: Place) -> Mapping[str, str]:
    below = {column: place[column] for column in cells}
    return {
        column: below[column].masked(cell) if below[column].rule else mask_text(cell, below[column])
        for column, cell in cells.items()
    }


def _take(content: Content, lines: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Take over the lines below the header; blank ones are left out."""
    columns: list[str] | None = None
    for number, values in lines:
        if len(content.lines) > MAX_LINES:
            raise SourceError(f"it has more than {MAX_LINES:,} lines: keep what is used of it")
        cells = [value.strip() for value in values]
        if columns is None and any(cells):
            columns = _columns(content, cells)
        elif columns is not None and any(cells):
            _take_line(content, columns, number, cells)
    if columns is None:
        header = ",".join(TABLES[content.table].model_fields)
        content.problem(f"it is empty: write its columns into the first line: {header}")


def _take_line(content: Content, columns: Sequence[str], number: int, cells: Sequence[str]) -> None:
    if len(cells) != len(columns):
        content.problem(
            f"it has {len(cells)} values where there are {len(columns)} columns: put a value that holds a separator "
            "into quotes, and write a number with a point",
            number,
        )
        return
    named = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
    if strays := [cell for cell, column in zip(cells, columns, strict=True) if cell and not column]:
        content.problem(f"'{strays[0]}' is in a column without a name: name it in the first line, or remove it", number)
    content.lines.append(Line(number, named))


def _columns(content: Content, header: Sequence[str]) -> list[str]:
    """The names of the columns, whose unknown ones are problems."""
    model = TABLES[content.table]
    columns = [name.lower() for name in header]
    for name in dict.fromkeys(columns):
        if name and columns.count(name) > 1:
            content.problem(f"the column {name} comes twice: remove one")
        if name and name not in model.model_fields and name not in ABOUT:
            near = nearest(name, model.model_fields)
            remedy = f"did you mean {near}?" if near else f"the columns are {', '.join(model.model_fields)}; remove it"
            content.problem(f"{name} is not a column of {content.table}: {remedy}")
    for name, column in model.model_fields.items():
        if column.is_required() and name not in columns:
            content.problem(f"the column {name} is missing ({column.description}): add it")
    return columns
