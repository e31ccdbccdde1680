"""Rows as records: which window each is of, what identifies it, and its values as exact JSON text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from finops.ingest.config.checking import nearest
from finops.ingest.config.masking import Masks, Place, rule_for
from finops.ingest.errors import SourceError, one_line
from finops.ingest.periods import Period
from finops.ingest.sources.documents import Identities, Record, encode, identity
from finops.ingest.sources.exact_json import TOO_DEEP
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.kinds import RowSource, Window
from finops.ingest.sources.masked import may_hold_pairs
from finops.ingest.sources.rows.declared import RowDeclaration
from finops.ingest.sources.uses import figures, identities

# As finops.iso_order and finops.to_date_utc have them (schema/values.sql).
_DAY_FIRST = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_MILLISECONDS = re.compile(r"[0-9]{12,13}([.]0*)?")
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"([T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_FIRST_YEAR = 1971


@dataclass(frozen=True)
class Row:
    """One row: where it stands, such as `usage.csv#7`, and its values by column."""

    where: str
    values: Mapping[str, Any]


def records(
    source: RowSource,
    options: RowDeclaration,
    windows: Sequence[Window],
    read: Callable[[Window | None], Iterable[Row]],
    masks: Masks,
) -> Iterator[Record]:
    """Turn rows into records, each in its window; also those of other windows, where they are read with them.

    Args:
        source: what they are of.
        options: how they are declared.
        windows: to read.
        read: gives the rows of a window, or of a whole month; all that there are for None, or without placeholders.
        masks: what becomes of which field before it lands.

    Raises:
        SourceError: for a row without what identifies it, or without a day where nothing else says it.
    """
    as_record = _Reader(source, masks.root(source.name, figures(source, options))).record
    if not source.is_read_whole:
        for window in windows:
            for row in _kept(source, read(window)):
                yield as_record(row, window.start)
        return
    months = dict.fromkeys(Period.of(window.start) for window in windows) if options.placeholders else [None]
    for month in months:
        for row in _kept(source, read(Window(month.first, month.next.first) if month else None)):
            day = _day_of(source, options, row)
            # what a month's file says of another month is rejected on that month's first day (int_metered_usage)
            is_elsewhere = month is not None and Period.of(day) != month
            yield as_record(row, month.first if month and is_elsewhere else day)


def check_columns(where: str, columns: Sequence[str], options: RowDeclaration) -> None:
    """Refuse columns without the ones that are declared, and two of one name.

    Raises:
        ExportError: names the missing column, the nearest one, and all that there are.
    """
    if len(set(columns)) < len(columns):
        twice = ", ".join(sorted({name for name in columns if columns.count(name) > 1}))
        raise ExportError(f"{where} names {twice} twice: give each column a name of its own")
    declared = [options.application, options.date, options.sub_account, options.resource, options.resource_name]
    for line in options.lines:
        declared += [line.quantity, line.product_field, line.unit_field, line.cost, line.currency_field]
    wanted = [*(path[0] for path in declared if path), *options.skip]
    wanted += re.findall(r"{([^{}!:.\[]+)", options.record_id or "")
    for name in wanted:
        if name not in columns:
            near = nearest(name, columns)
            remedy = f"did you mean '{near}'?" if near else f"it has {', '.join(columns)}"
            raise ExportError(f"{where} has no column '{name}': {remedy}")


def day_of(value: object) -> date | None:
    """Return the UTC day that a value says, by the rules of finops.to_date_utc; None where it says none."""
    text = _plain(value)
    if text is None or isinstance(text, dict | list):
        return None
    said = str(text).strip()
    if _MILLISECONDS.fullmatch(said):
        found = datetime.fromtimestamp(int(Decimal(said)) // 1000, UTC).date()
        return found if found.year >= _FIRST_YEAR else None
    if (day_first := _DAY_FIRST.match(said)) is not None:
        said = f"{day_first[3]}-{day_first[2]}-{day_first[1]}{said[day_first.end() :]}"
    if (iso := _ISO.fullmatch(said)) is None:
        return None
    with suppress(ValueError, OverflowError):
        instant = datetime.fromisoformat(f"{iso[1]}-{int(iso[2]):02}-{int(iso[3]):02}{iso[4] or ''}")
        found = (instant.astimezone(UTC) if instant.tzinfo else instant).date()
        return found if found.year >= _FIRST_YEAR else None
    return None


def _kept(source: RowSource, rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if not any(_text(row.values.get(key)) == value for key, value in source.skip.items()):
            yield row


def _day_of(source: RowSource, options: RowDeclaration, row: Row) -> date:
    value: Any = row.values
    for key in options.date or ():
        value = value.get(key) if isinstance(value, Mapping) else None
    if (day := day_of(value)) is None:
        column = ".".join(options.date or ())
        raise SourceError(
            f"{source.name}: {row.where} has no readable date: {column} is '{_text(value)}'; correct it, or leave such "
            f'rows out by sources.{source.service}.skip = {{ {column} = "{_text(value)}" }}'
        )
    return day


@dataclass(frozen=True)
class _Reader:
    """Makes records of the rows of one source."""

    source: RowSource
    place: Place
    identities: Identities = field(default_factory=Identities)

    def record(self, row: Row, day: date) -> Record:
        """Return a row as a record, masked."""
        try:
            values = {name: _plain(value) for name, value in row.values.items()}
            record_id = self._identity(row, values)
            payload = encode(values, self.place)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.source.name}: {row.where} can't be read, {TOO_DEEP}") from error
        if self.source.record_id and (self.hides_identity or may_hold_pairs(record_id.encode())):
            record_id = self.identities.apart(self._identity(row, values), record_id)
        return Record(record_id, day, payload)

    @cached_property
    def hides_identity(self) -> bool:
        """Whether a rule masks what identifies a record."""
        return any(rule_for(self.place, path) for path in identities(self.source))

    def _identity(self, row: Row, values: Mapping[str, Any]) -> str:
        source = self.source
        try:
            return identity(source.record_id, values) if source.record_id else row.where
        except (LookupError, TypeError) as error:
            raise SourceError(
                f"{source.name}: {row.where} has no {error}, which is in sources.{source.service}.record_id: correct it"
            ) from error


def _text(value: object) -> str:
    return "" if value is None else one_line(str(_plain(value)))


def _plain(value: Any) -> Any:  # noqa: ANN401, PLR0911 any value of a file or a database, a line a kind
    """Return a value as JSON has it: a float by its shortest decimal, an instant in ISO 8601 (without a zone, UTC)."""
    match value:
        case bool() | int() | str() | Decimal() | None:
            return value
        case float():
            return Decimal(repr(float(value))) if math.isfinite(value) else value
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", "backslashreplace")
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set():
            return [_plain(item) for item in value]
        case UUID() | timedelta():
            return str(value)
    return str(value)
