"""What FOCUS 1.4 delivers beside the costs: which billing periods are closed, and what the invoices say.

The data sets Billing Period and Invoice Detail of https://focus.finops.org/focus-specification/v1-4/. Of a record that
is in several files, the one that was updated last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pyarrow as pa

from finops.ingest.config.masking import NOTHING, Place
from finops.ingest.sources.focus.batches import billing_months
from finops.ingest.sources.focus.columns import instants, masked_columns, number, storable, texts, without_pairs
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.focus.versions import BILLING_PERIOD, INVOICE_DETAIL

# What nothing can be said without.
NEEDED: Mapping[str, tuple[str, ...]] = {
    BILLING_PERIOD: ("BillingPeriodStart", "BillingPeriodStatus"),
    INVOICE_DETAIL: ("BilledCost", "BillingCurrency", "BillingPeriodStart", "InvoiceDetailId", "InvoiceId"),
}
_INSTANTS = ("BillingPeriodLastUpdated", "InvoiceDetailLastUpdated", "InvoiceIssueDate")
_KEYS = ("InvoiceIssuerName", "InvoiceId", "InvoiceDetailId", "BillingPeriodStatus")
_MAX_BYTES = 510  # so that PostgreSQL's index takes all of them
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class BillingPeriod:
    """A month of an invoice issuer, by its first day; `status` is `Open` or `Closed`."""

    period: date
    invoice_issuer_name: str
    status: str
    updated_at: datetime | None

    @property
    def key(self) -> Hashable:
        """What tells it from others."""
        return self.period, self.invoice_issuer_name


@dataclass(frozen=True)
class InvoiceDetail:
    """A line of an invoice; `issue_status` is `Open`, `Issued` or `Voided`."""

    period: date
    invoice_issuer_name: str
    invoice_id: str
    invoice_detail_id: str
    description: str | None
    charge_category: str | None
    billed_cost: Decimal
    billing_currency: str
    issue_status: str | None
    issued_at: datetime | None
    updated_at: datetime | None

    @property
    def key(self) -> Hashable:
        """What tells it from others."""
        return self.invoice_issuer_name, self.invoice_id, self.invoice_detail_id


@dataclass(frozen=True)
class Statements:
    """What an export states beside its costs."""

    periods: Sequence[BillingPeriod]
    details: Sequence[InvoiceDetail]


def read_records(
    dataset: str, file_name: str, table: pa.Table, place: Place = NOTHING
) -> list[BillingPeriod | InvoiceDetail]:
    """Return the records of a file of one of the two data sets, masked by the rules of `place`.

    Raises:
        ExportError: when it lacks a column or a value that nothing can be said without.
    """
    return [_RECORDS[dataset](row) for row in _rows(dataset, file_name, masked_columns(table, place), place)]


def statements(records: Sequence[BillingPeriod | InvoiceDetail]) -> Statements:
    """Return what these records state: of those with one identity, the one that was updated last."""
    return Statements(
        _last_updated(record for record in records if isinstance(record, BillingPeriod)),
        _last_updated(record for record in records if isinstance(record, InvoiceDetail)),
    )


RecordT = TypeVar("RecordT", BillingPeriod, InvoiceDetail)


def _last_updated(records: Iterable[RecordT]) -> list[RecordT]:
    found: dict[Hashable, RecordT] = {}
    for record in records:
        before = found.get(record.key)
        if before is None or (record.updated_at or _NEVER) >= (before.updated_at or _NEVER):
            found[record.key] = record
    return list(found.values())


@dataclass(frozen=True)
class _Row:
    """A line of a file: the month of its billing period, and its cells by column, None for those that say nothing."""

    place: str
    period: date
    cells: Mapping[str, Any]

    def amount(self, name: str) -> Decimal:
        """The exact number of a cell."""
        if (value := number(self.cells[name])) is None:
            raise ExportError(f"{self.place} has {name} '{self.cells[name]}', which is not a number")
        return value


def _rows(dataset: str, file_name: str, table: pa.Table, place: Place) -> Iterator[_Row]:
    if missing := [name for name in NEEDED[dataset] if name not in table.column_names]:
        raise ExportError(f"{file_name} has no column {', '.join(missing)}, which FOCUS's {dataset} data set requires")
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    months = billing_months(columns["BillingPeriodStart"]).to_pylist()
    kept = {
        name: instants(column) if name in _INSTANTS else without_pairs(storable(texts(column)), place[name])
        for name, column in columns.items()
    }
    for line, (month, cells) in enumerate(zip(months, pa.table(kept).to_pylist(), strict=True), start=1):
        empty = [name for name in NEEDED[dataset] if cells[name] is None]
        if empty or month is None:
            name = next(iter(empty), "BillingPeriodStart")
            raise ExportError(f"{file_name} line {line} has no readable {name}")
        for name in _KEYS:
            if (size := len((cells.get(name) or "").encode())) > _MAX_BYTES:
                raise ExportError(f"{file_name} line {line} has {size:,} bytes of {name}, more than {_MAX_BYTES}")
        yield _Row(f"{file_name} line {line}", month, cells)


def _period(row: _Row) -> BillingPeriod:
    return BillingPeriod(
        row.period,
        row.cells.get("InvoiceIssuerName") or "",
        row.cells["BillingPeriodStatus"],
        row.cells.get("BillingPeriodLastUpdated"),
    )


def _detail(row: _Row) -> InvoiceDetail:
    return InvoiceDetail(
        row.period,
        row.cells.get("InvoiceIssuerName") or "",
        row.cells["InvoiceId"],
        row.cells["InvoiceDetailId"],
        row.cells.get("InvoiceDetailDescription"),
        row.cells.get("ChargeCategory"),
        row.amount("BilledCost"),
        row.cells["BillingCurrency"],
        row.cells.get("InvoiceIssueStatus"),
        row.cells.get("InvoiceIssueDate"),
        row.cells.get("InvoiceDetailLastUpdated"),
    )


_RECORDS: Mapping[str, Callable[[_Row], BillingPeriod | InvoiceDetail]] = {
    BILLING_PERIOD: _period,
    INVOICE_DETAIL: _detail,
}
