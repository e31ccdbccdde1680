"""Sources whose records are rows that a company declares: of files, of a query, or fixed amounts."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, Secret, SecretStr, model_validator

from finops.ingest.config.transport import OverHttp
from finops.ingest.config.values import CurrencyCode, SecretObject, Section, from_json
from finops.ingest.sources.declared import Declaration, DeclaredPart, UsageLine
from finops.ingest.sources.kinds import RowSource

# `{day}`, or with a format of strftime `{day:%Y%m%d}`; `{period}` is the month, as for bills.
PLACEHOLDER = re.compile(r"\{(day|month|period)(?::([^{}]+))?\}")
# SQLAlchemy's own rule of what a bind parameter is: `::date` and `\:x` are none.
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


class RowDeclaration(Declaration):
    """What is read as rows with columns: files, or a query. `placeholders` are those of the window in its address."""

    @property
    def placeholders(self) -> frozenset[str]:
        """Which parts of the window it is asked for."""
        raise NotImplementedError

    @property
    def is_read_whole(self) -> bool:
        """Whether one reading holds many days, told apart by their date: each is then read again as long as it is open.

        What is added late for a day of an open month so counts in the next run.
        """
        return self.date is not None and not self.placeholders - {"month"}

    @model_validator(mode="after")
    def _is_dated(self) -> Self:
        if self.window == "month" and (not self.placeholders or "day" in self.placeholders):
            raise ValueError(f"has the window of a month: write {self._of_a_month}")
        if self.measure == "metered" and self.window == "day" and not self.date and not self.placeholders - {"month"}:
            raise ValueError(
                f"does not say which day a record is of: set date to the field that does, write {self._of_a_day}, or "
                "set measure to inventory where it is the state of today"
            )
        return self

    kind: ClassVar[str]
    _of_a_day: ClassVar[str]
    _of_a_month: ClassVar[str]


class FileDeclaration(OverHttp, RowDeclaration):
    """What `[sources.file.<name>]` holds: where the files are, and how their rows are used.

    Attributes:
        url: file, folder, or glob, in a file system or a bucket; `{day}` and `{month}` stand for the window.
        format: where the name of a file does not say it.
        sheet: of an XLSX workbook that has several.
        delimiter: of a CSV file, where it can't be told by its header.
        storage_options: JSON of fsspec options for the bucket (a secret).
    """

    kind: ClassVar[str] = "file"
    _of_a_day: ClassVar[str] = "{day} into url"
    _of_a_month: ClassVar[str] = "{month} into url, or leave out window"

    url: str
    """File, folder or glob, here or in a bucket; `{day}` and `{month}` stand for the window"""
    format: Literal["csv", "jsonl", "parquet", "xlsx"] | None = None
    """csv, jsonl, parquet or xlsx; empty: by the name of the file"""
    sheet: str | None = None
    """Sheet of an XLSX workbook that has several"""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Delimiter of a CSV file; empty: the one that parts its header"""
    storage_options: SecretObject = Secret({})
    """JSON of fsspec options for the bucket (a secret)"""

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        if stranger := re.search(r"\{[^{}]*\}", PLACEHOLDER.sub("", self.url)):
            raise ValueError(f"url has {stranger[0]}: write {{day}}, {{month}}, or with a format {{day:%Y%m%d}}")
        return self

    @property
    def placeholders(self) -> frozenset[str]:
        """Which parts of the window its files are named by."""
        return frozenset(name.replace("period", "month") for name, _ in PLACEHOLDER.findall(self.url))


class SqlDeclaration(RowDeclaration):
    """What `[sources.sql.<name>]` holds: where the database is, what to ask it, and how its rows are used.

    Attributes:
        connection: URL of SQLAlchemy, credentials included (a secret).
        query: what to ask; `:start`, `:end` (exclusive) and `:day` stand for the window.
        table: instead of a query, the table to read whole, with its schema.
    """

    kind: ClassVar[str] = "sql"
    _of_a_day: ClassVar[str] = ":day, or :start and :end, into query"
    _of_a_month: ClassVar[str] = ":start and :end into query, or leave out window"

    connection: SecretStr
    """SQLAlchemy URL of the database, credentials included (a secret)"""
    query: str | None = None
    """Query; `:start`, `:end` (exclusive) and `:day` stand for the window"""
    table: str | None = None
    """Table or view to read whole, instead of a query"""

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.query is None) == (self.table is None):
            raise ValueError("needs query or table, one of them")
        if strangers := self.placeholders - {"start", "end", "day"}:
            raise ValueError(
                f"query has :{min(strangers)}: write :start, :end or :day; a colon that is not a parameter's is \\:"
            )
        return self

    @property
    def placeholders(self) -> frozenset[str]:
        """Which parts of the window its query asks for."""
        return frozenset(_PARAMETER.findall(self.query or ""))


class Amount(DeclaredPart):
    """An amount a month, of one application and product, from its first day up to, not including, `valid_to`."""

    name: Annotated[str, Field(min_length=1)]
    application: str | None = None
    product: str
    amount: Decimal
    currency: CurrencyCode
    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError(f"ends on {self.valid_to}, before it begins: valid_to is the first day without it")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether it is due for a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class FixedDeclaration(Section):
    """What `[sources.fixed.<name>]` holds: amounts a month, each spread over the days that it holds for."""

    domain: str = "native"
    """Domain of the amounts: one of `domains` in finops.toml"""
    unit: str = "month"
    """Unit of their products in the catalogue"""
    amounts: Annotated[tuple[Amount, ...], BeforeValidator(from_json), Field(min_length=1)]
    """Amounts a month: name, application, product, amount, currency, valid_from, valid_to"""

    @model_validator(mode="after")
    def _says_each_once(self) -> Self:
        for number, one in enumerate(self.amounts):
            for other in self.amounts[:number]:
                ends = [amount.valid_to or date.max for amount in (one, other)]
                if one.name == other.name and one.valid_from < ends[1] and other.valid_from < ends[0]:
                    raise ValueError(
                        f"amounts has '{one.name}' twice on {max(one.valid_from, other.valid_from)}: end the first "
                        "by valid_to, or give each a name of its own"
                    )
        return self

    def mapping(self) -> Declaration:
        """How its records become usage lines (sources/fixed.py makes them)."""
        line = UsageLine(product_field=("product",), unit=self.unit, cost=("amount",), currency_field=("currency",))
        return Declaration(
            record_id="{name}",
            domain=self.domain,
            measure="inventory",
            application=("application",),
            resource=("name",),
            resource_name=("name",),
            lines=(line,),
        )


def mapping_of(options: Section) -> Declaration | None:
    """How the records of a source become usage lines, if it is a declared one."""
    if isinstance(options, FixedDeclaration):
        return options.mapping()
    return options if isinstance(options, Declaration) else None


def row_source(name: str, declaration: RowDeclaration | FixedDeclaration) -> RowSource:
    """The source `<kind>.<name>`, from what is declared for it."""
    if isinstance(declaration, FixedDeclaration):
        name = f"fixed.{name}"
        return RowSource(name, name, declaration.domain, "inventory", record_id="{name}", is_read_whole=True)
    name = f"{declaration.kind}.{name}"
    return RowSource(
        name,
        name,
        declaration.domain,
        declaration.measure,
        window=declaration.window,
        record_id=declaration.record_id,
        skip=declaration.skip,
        supports_past_days=bool(declaration.placeholders or declaration.date),
        is_read_whole=declaration.is_read_whole,
    )
