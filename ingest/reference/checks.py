"""Check reference data before any of it is used: a sentence a problem, with its line, value, rule and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from finops.ingest.config.checking import domain_problem
from finops.ingest.config.redaction import safe
from finops.ingest.errors import SourceError
from finops.ingest.reference.reading import Content
from finops.ingest.reference.tables import (
    BUILT_IN,
    MAX_CHARACTERS,
    NO_VALUES,
    TABLES,
    UNALLOCATED,
    Application,
    ApplicationRule,
    FxRate,
    Group,
    Product,
    ReferenceRow,
)

MAX_SHOWN = 20
# What counts of a regular expression: an escape, a bracket expression as a whole, a parenthesis.
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(\?<?[=!]|\(|\)", re.DOTALL)
_BACK_REFERENCE = re.compile(r"\\[1-9]")
NO_OVERLAP = ("prices", "application_owners")
OF_CATALOG = ("application_aliases", "application_rules")  # which may mean what the catalog alone knows


class RefusedError(SourceError):
    """Reference data that can't be used; `problems` are all that is wrong with it."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = f"; and {len(problems) - MAX_SHOWN} more" if len(problems) > MAX_SHOWN else ""
        super().__init__("reference data is refused: " + "; ".join(problems[:MAX_SHOWN]) + more)
        self.problems = [safe(problem) for problem in problems]


@dataclass(frozen=True)
class Knowledge:
    """What the checks know beside the tables.

    Attributes:
        domains: the domains of cost.
        catalog: the application codes of Backstage's catalog; None: they are not known, and any code may be one.
        is_regex: whether PostgreSQL can compile a pattern.
    """

    domains: Sequence[str]
    catalog: Collection[str] | None = ()
    is_regex: Callable[[str], bool] = lambda _: True


@dataclass(frozen=True)
class Entry:
    """A row that is of its type, and the line that it was read from; 0: it is built in."""

    row: ReferenceRow
    line: int

    @property
    def validity(self) -> tuple[date, date]:
        """Its first day, and the first day after it."""
        begins = getattr(self.row, "valid_from", date.min)
        return begins, getattr(self.row, "valid_to", None) or date.max


Entries = Mapping[str, Sequence[Entry]]


def check(contents: Sequence[Content], known: Knowledge) -> Entries:
    """Return the rows of every table, with the ones that are built in.

    Raises:
        RefusedError: names everything that is wrong.
    """
    entries: dict[str, Sequence[Entry]] = {}
    for content in contents:
        entries[content.table] = list(_typed(content))
    unread = {content.table for content in contents if content.problems}  # a row of it may be one that is missing
    for content in contents:
        between = _between(content.table, entries, known, unread)
        for line, text in (*_within(content.table, entries, known), *between):
            content.problem(text, line)
    if problems := [problem for content in contents for problem in content.problems]:
        raise RefusedError(problems)
    return {table: _with_built_in(BUILT_IN.get(table), of_table) for table, of_table in entries.items()}


def _typed(content: Content) -> Iterator[Entry]:
    model = TABLES[content.table]
    for line in content.lines:
        cells = {name: text for name, text in line.cells.items() if name in model.model_fields}
        try:
            yield Entry(model.model_validate(cells), line.number)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                content.problem(_message(model, cells, found), line.number)


def _message(model: type[ReferenceRow], cells: Mapping[str, str], error: ErrorDetails) -> str:
    if not error["loc"]:
        return f"it {error['ctx']['error']}"
    column = str(error["loc"][0])
    if error["type"] == "missing":
        return f"{column} is empty ({model.model_fields[column].description}): fill it in"
    shown = f"{column} '{_shortened(cells[column])}'"
    if cells[column] in NO_VALUES:
        return f"{shown} is a formula without a value: correct it, and save the file with a program that calculates it"
    if error["type"] == "value_error":
        repeated = f"'{cells[column]}' "
        return f"{shown} {str(error['ctx']['error']).removeprefix(repeated)}"
    if error["type"] == "literal_error":
        words = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"{shown} is not known: write one of {words}"
    return f"{shown}: {error['msg']}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[:40]}…"


Found = Iterator[tuple[int, str]]


def _within(table: str, entries: Entries, known: Knowledge) -> Found:
    """What is wrong with a table by itself, by line."""
    yield from _doubles(entries[table])
    yield from _validities(entries[table])
    if table in NO_OVERLAP:
        yield from _overlaps(entries[table])
    for entry in entries[table]:
        for text in _wrong(entry.row, known):
            yield entry.line, text


def _wrong(row: ReferenceRow, known: Knowledge) -> Iterator[str]:
    """What is wrong with a row by itself, beyond the types of its columns."""
    match row:
        case Product() if problem := domain_problem(row.domain, known.domains):
            yield f"domain {problem}"
        case ApplicationRule(match_type="regex"):
            if problem := slow(row.pattern):
                yield f"pattern '{row.pattern}' of rule {row.rule_id} {problem}"
            elif not known.is_regex(row.pattern):
                yield f"pattern '{row.pattern}' is not a regular expression of PostgreSQL: correct it"
        case FxRate() if row.from_currency == row.to_currency:
            yield f"from_currency and to_currency are both {row.to_currency}: remove the line"
        case Group() | Application():
            built_in = BUILT_IN["groups" if isinstance(row, Group) else "applications"]
            if row.identity() == built_in.identity() and row.code() != built_in.code():
                yield f"{row.key[0]} '{row.code()}' is built in as {built_in.code()}: write it so"


def slow(pattern: str) -> str | None:
    """What makes a regular expression take minutes on a text that somebody chose for it, with the remedy, or None.

    PostgreSQL matches without backtracking, but for back references; a lookaround is tried at each character, and one
    within another at each of each.
    """
    depth_of_look, depth = None, 0
    for part in _PARTS.finditer(pattern):
        match part[0]:
            case reference if _BACK_REFERENCE.fullmatch(reference):
                return (
                    f"has the back reference {reference}, which can take hours: write it without, or as several rules"
                )
            case "(?=" | "(?!" | "(?<=" | "(?<!" if depth_of_look is not None:
                return "has a lookaround within another, which can take minutes: write them one after the other"
            case opening if opening.startswith("("):
                depth += 1
                if opening in ("(?=", "(?!", "(?<=", "(?<!"):
                    depth_of_look = depth
            case ")":
                if depth == depth_of_look:
                    depth_of_look = None
                depth -= 1
    return None


def _doubles(entries: Sequence[Entry]) -> Found:
    first: dict[tuple[str, ...], int] = {}
    for entry in entries:
        line = first.setdefault(entry.row.identity(), entry.line)
        if line != entry.line:
            shown = ", ".join(str(getattr(entry.row, column) or "empty") for column in entry.row.key)
            in_any_case = ", whatever the case" if entry.row.any_case else ""
            key = " and ".join(entry.row.key)
            yield entry.line, f"{key} '{shown}' is in line {line} already{in_any_case}: keep one of the two"


def _validities(entries: Sequence[Entry]) -> Found:
    for entry in entries:
        begins, ends = entry.validity
        if ends <= begins:
            yield entry.line, f"valid_to '{ends}' is not after valid_from {begins}: it is the first day without"


def _overlaps(entries: Sequence[Entry]) -> Found:
    """Validities that begin within another one of the same product or application."""
    of_subject: dict[str, list[Entry]] = {}
    for entry in entries:
        of_subject.setdefault(entry.row.identity()[0], []).append(entry)
    for subject, validities in of_subject.items():
        latest = None  # the one that ends last of those before
        for entry in sorted(validities, key=lambda entry: (entry.validity[0], entry.line)):
            begins, ends = entry.validity
            if latest and latest.validity[0] < begins < latest.validity[1]:
                remedy = f"end that one with valid_to {begins}, or begin later"
                yield (
                    entry.line,
                    f"valid_from '{begins}' of {subject} is within the validity of line {latest.line}: {remedy}",
                )
            if latest is None or ends > latest.validity[1]:
                latest = entry


def _between(table: str, entries: Entries, known: Knowledge, unread: Collection[str]) -> Found:
    """Values that another table does not have, and aliases that are codes."""
    of_catalog = table in OF_CATALOG
    for column, target in TABLES[table].refers_to.items():
        if target in unread or (of_catalog and known.catalog is None):
            continue
        codes = {entry.row.code() for entry in entries[target]} | (
            {BUILT_IN[target].code()} if target in BUILT_IN else set()
        )
        codes |= set(known.catalog or ()) if of_catalog else set()
        in_any_case = {code.lower(): code for code in codes}
        for entry in entries[table]:
            value = getattr(entry.row, column)
            if value is not None and value not in codes:
                near = in_any_case.get(value.lower())
                remedy = f"write it as {near}" if near else f"add it to {target}, or correct it"
                yield entry.line, f"{column} '{value}' is not in {target}: {remedy}"
    if table == "application_aliases":
        applications = {entry.row.identity() for entry in (*entries["applications"], Entry(UNALLOCATED, 0))}
        for entry in entries[table]:
            if entry.row.identity() in applications:
                yield entry.line, f"alias '{entry.row.code()}' is the code of an application already: remove it"


def _with_built_in(built_in: ReferenceRow | None, entries: Sequence[Entry]) -> Sequence[Entry]:
    if built_in is None or any(entry.row.identity() == built_in.identity() for entry in entries):
        return entries
    return [*entries, Entry(built_in, 0)]
