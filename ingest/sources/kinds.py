"""The kinds of sources, and what one extraction covers. The sources themselves are in catalog.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from finops.ingest.config.values import Section

Measure = Literal["reference", "inventory", "metered", "billed"]
# A type of rest/paginators.py, alone or with its parameters: only data, since dlt, which makes it, is slow to import.
Paging = str | Mapping[str, object]

# Schemas of the raw tables; a domain that a company adds shares raw_native.
SCHEMAS = ("raw_reference", "raw_open_legacy", "raw_private_cloud", "raw_public_cloud", "raw_native")
# What a company names itself, and lands as documents.
DECLARED = frozenset(("http", "file", "sql", "fixed"))


@dataclass(frozen=True)
class Window:
    """What one extraction covers: the days from `start` up to, not including, `end` (UTC)."""

    start: date
    end: date


@dataclass(frozen=True)
class Source:
    """One feed of a domain.

    Attributes:
        name: as it stands in `fact_releve.source`, e.g. `cmdb.vm`.
        service: the section of the configuration that turns it on, e.g. `cmdb` for `sources.cmdb`.
        domain: one of the company's (`domains` in finops.toml); `reference` for who owns what, which has no relevé.
        measure: how a record becomes a quantity (DESIGN: inventory, metered or billed); `reference`: it does not.
        window: what one extraction covers. A meter that only knows months is read by the month, and its quantity is
            spread over the days that the window covers.
        products: what its models make of a record, as far as that is known before one is read.
    """

    name: str
    service: str
    domain: str
    measure: Measure
    window: Literal["day", "month"] = field(default="day", kw_only=True)
    products: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def raw_table(self) -> tuple[str, str]:
        """The schema and the name of the table that it lands in."""
        return raw_table_of(self.name, self.domain)

    @property
    def switch(self) -> str:
        """The setting without which the source is off."""
        return f"sources.{self.service}"


def raw_table_of(source: str, domain: str) -> tuple[str, str]:
    """The schema and the name of a source's raw table, by its name and domain.

    Bills share one, whatever their domain; declared sources share that of their domain, or raw_native.declared.
    """
    kind = source.partition(".")[0]
    if kind == "focus":
        return "raw_public_cloud", "focus"
    if kind not in DECLARED:
        return f"raw_{domain}", source.replace(".", "_")
    return (f"raw_{domain}" if domain in ("open_legacy", "private_cloud") else "raw_native"), "declared"


@dataclass(frozen=True)
class MongoSource(Source):
    """A collection of the CMDB."""


@dataclass(frozen=True)
class HttpSource(Source):
    """An endpoint that is paged through, in the words of dlt's `rest_api` source where it has them.

    Attributes:
        path: under the configured URL.
        params: query parameters, a list where one comes several times; `{start}`, `{end}`, `{day}` and `{month}` stand
            for the window.
        method: `POST` where the product wants its question in a body.
        json: that body; placeholders as in `params`, and `{each}`.
        each: the option that holds a JSON list, of which each is asked for on its own; without the option the source is
            off. A text that is `{each}` and nothing more takes the value as it is; that of an empty list is null.
        data_selector: JSONPath of the records in a page.
        columns: top-level key of their names, where the records are lists of values.
        envelope: values given once per answer, which land in each of its records: JSONPath by key.
        required: key, or dotted path of keys, that an answer must have (None: the answer is a list), so that an error
            body or a changed API is not read as "no records".
        errors: key whose presence makes an answer an error, though its status is 200.
        record_id: format string over the record; None where the product gives its records no identity, and the
            content's own hash stands in.
        skip: records whose field has this value are not records, such as Artifactory's TOTAL row.
        paginator: how the pages follow each other.
        not_ready: an answer whose field has this value says to ask again.
        supports_past_days: whether the product can answer for a past day again.
        token_header: the header that carries the token; `Authorization` takes it as a bearer token;
            `sources.<service>.token_header` is another.
    """

    path: str
    data_selector: str
    required: str | None = None
    params: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    json: Mapping[str, object] | None = None
    each: str | None = None
    columns: str | None = None
    envelope: Mapping[str, str] = field(default_factory=dict)
    errors: str | None = None
    record_id: str | None = None
    skip: Mapping[str, str] = field(default_factory=dict)
    paginator: Paging = "single_page"
    not_ready: Mapping[str, str] = field(default_factory=dict)
    supports_past_days: bool = True
    token_header: str = "Authorization"  # noqa: S105 a header's name

    @property
    def switch(self) -> str:
        """The setting without which the source is off."""
        return f"sources.{self.service}.{self.each}" if self.each else f"sources.{self.service}"


@dataclass(frozen=True)
class RowSource(Source):
    """Rows that a company declares: of files, of a query, or the amounts of the configuration (sources/rows).

    Attributes:
        record_id: format string over a row; None: its place, for each row of a file or of a query is a fact.
        skip: rows whose column has this value are left out.
        supports_past_days: whether it can be read for a past day again.
        is_read_whole: one reading holds all days, each of which is read again as long as it is open.
    """

    record_id: str | None = None
    skip: Mapping[str, str] = field(default_factory=dict)
    supports_past_days: bool = True
    is_read_whole: bool = False


@dataclass(frozen=True)
class FocusSource(Source):
    """The FOCUS exports of one provider or account; there are as many as are configured."""


def focus_source(name: str, domain: str = "public_cloud") -> FocusSource:
    """The source of the exports configured as `sources.focus.<name>`."""
    return FocusSource(f"focus.{name}", f"focus.{name}", domain, "billed")


@dataclass(frozen=True)
class ConfiguredSource:
    """A source and what is set for it, its secrets among it."""

    source: Source
    options: Section = field(repr=False)


@dataclass(frozen=True)
class Probe:
    """The answer of a source to the smallest request that shows whether it can be read.

    Attributes:
        found: a phrase for the report.
        clock_skew: how far the server's clock is ahead of ours; None if it sends no time.
        is_empty: it can be read and holds nothing.
        records: how many there are in the windows to read; None where that takes long to tell.
    """

    found: str
    clock_skew: timedelta | None = None
    is_empty: bool = False
    records: int | None = None
