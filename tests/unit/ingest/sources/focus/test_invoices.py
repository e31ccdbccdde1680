"""What FOCUS 1.4 delivers beside the costs: billing periods, open or closed, and the lines of invoices."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.ingest.sources.focus.invoices import BillingPeriod, InvoiceDetail
from tests.unit.ingest.sources.focus.test_export import SEPTEMBER, export, line, refusal, write

# Records with every column that FOCUS 1.4 requires.
PERIOD = {
    "BillingPeriodCreated": "2026-09-01T00:00:00Z",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "BillingPeriodLastUpdated": "2026-10-05T08:00:00Z",
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "BillingPeriodStatus": "Closed",
    "InvoiceIssuerName": "Nimbus SA",
}
DETAIL = {
    "BilledCost": "10.55",
    "BillingAccountId": "account-1",
    "BillingCurrency": "EUR",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "InvoiceDetailCreated": "2026-10-05T08:00:00Z",
    "InvoiceDetailDescription": "machines",
    "InvoiceDetailGrain": '{"ServiceName": "Machines"}',
    "InvoiceDetailId": "1",
    "InvoiceDetailLastUpdated": "2026-10-05T08:00:00Z",
    "InvoiceId": "i-1",
    "InvoiceIssueDate": "2026-10-05T00:00:00Z",
    "InvoiceIssueStatus": "Issued",
    "InvoiceIssuerName": "Nimbus SA",
    "PaymentCurrency": "EUR",
    "PaymentDueDate": "2026-11-05T00:00:00Z",
    "PaymentTerms": "30 days",
    "ReferenceInvoiceId": "i-1",
}
UPDATED = datetime(2026, 10, 5, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export that has a file of costs."""
    write(tmp_path / "costs.csv", line())
    return tmp_path


def test_the_records_of_both_data_sets_are_read_and_no_cost_is_made_of_them(folder: Path) -> None:
    write(folder / "periods.csv", PERIOD)
    pq.write_table(pa.Table.from_pylist([DETAIL | {"BilledCost": Decimal("10.55")}]), folder / "invoices.parquet")
    found = export(folder).count()
    assert found.statements.periods == [BillingPeriod(SEPTEMBER, "Nimbus SA", "Closed", UPDATED)]
    issued = datetime(2026, 10, 5, tzinfo=UTC)
    assert found.statements.details == [
        InvoiceDetail(
            *(SEPTEMBER, "Nimbus SA", "i-1", "1", "machines", "Usage", Decimal("10.55"), "EUR"),
            *("Issued", issued, UPDATED),
        )
    ]
    assert [file.name for file in found.files] == ["costs.csv"]
    assert found.totals[SEPTEMBER][SEPTEMBER]["BilledCost"] == Decimal("1.25")
    assert found.skipped == {}


def test_of_a_record_the_one_that_was_updated_last_counts(folder: Path) -> None:
    write(folder / "a.csv", PERIOD, {**PERIOD, "InvoiceIssuerName": "Reseller"})
    write(
        folder / "b.csv",
        {**PERIOD, "BillingPeriodStatus": "Open", "BillingPeriodLastUpdated": "2026-10-01"},
        {**PERIOD, "BillingPeriodStart": "2026-10-01", "BillingPeriodStatus": "Open"},
    )
    write(folder / "c.csv", DETAIL, {**DETAIL, "InvoiceDetailId": "2"})
    write(folder / "d.csv", {**DETAIL, "BilledCost": "10.60", "InvoiceDetailLastUpdated": "2026-10-06"})
    found = export(folder).count().statements
    assert {(period.period.month, period.invoice_issuer_name): period.status for period in found.periods} == {
        (9, "Nimbus SA"): "Closed",
        (9, "Reseller"): "Closed",
        (10, "Nimbus SA"): "Open",
    }
    assert {detail.invoice_detail_id: detail.billed_cost for detail in found.details} == {
        "1": Decimal("10.60"),
        "2": Decimal("10.55"),
    }


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({**PERIOD, "BillingPeriodStart": "soon"}, "b.csv line 1 has no readable BillingPeriodStart: export it again"),
        ({**PERIOD, "BillingPeriodStatus": ""}, "b.csv line 1 has no readable BillingPeriodStatus: export it again"),
        ({**DETAIL, "BilledCost": "n/a"}, "b.csv line 1 has BilledCost 'n/a', which is not a number: export it again"),
        (
            {**DETAIL, "InvoiceId": "é" * 3000},
            "b.csv line 1 has 6,000 bytes of InvoiceId, more than 510: export it again",
        ),
        ({**DETAIL, "InvoiceId": "NULL"}, "b.csv line 1 has no readable InvoiceId: export it again"),
        (
            {"InvoiceDetailId": "1", "BilledCost": "1", "InvoiceId": "i"},
            "b.csv has no column BillingCurrency, BillingPeriodStart, which FOCUS's Invoice Detail data set requires",
        ),
    ],
)
def test_a_file_that_says_nothing_for_sure_is_skipped_and_the_bill_is_read(
    folder: Path, record: dict[str, str], why: str
) -> None:
    write(folder / "b.csv", record)
    found = export(folder).count()
    assert found.skipped["b.csv"].startswith(why)
    assert (found.statements.periods, found.statements.details) == ([], [])
    assert found.totals[SEPTEMBER][SEPTEMBER]["records"] == 1


def test_a_text_lands_though_it_holds_what_postgresql_can_t_store(folder: Path) -> None:
    write(folder / "b.csv", {**DETAIL, "InvoiceDetailDescription": "a\0b"})
    assert [detail.description for detail in export(folder).count().statements.details] == ["a\ufffdb"]


def test_a_data_set_that_is_not_used_is_skipped(folder: Path) -> None:
    write(folder / "b.csv", {"ContractCommitmentId": "c-1", "ContractId": "c", "BillingCurrency": "EUR"})
    assert export(folder).count().skipped == {"b.csv": "it is FOCUS's Contract Commitment data set, which is not used"}


def test_a_line_of_costs_that_names_its_invoice_detail_is_a_cost(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", line(InvoiceId="i-1", InvoiceDetailId="1"))
    assert export(tmp_path).count().totals[SEPTEMBER][SEPTEMBER]["records"] == 1


def test_invoices_alone_are_no_bill(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", DETAIL)
    assert "no file of costs ending in .csv, .csv.gz, .parquet at" in refusal(tmp_path)


def test_a_month_that_begins_in_the_provider_s_own_zone_is_that_month(folder: Path) -> None:
    write(folder / "b.csv", {**PERIOD, "BillingPeriodStart": "2026-08-31T22:00:00Z"})
    assert [period.period for period in export(folder).count().statements.periods] == [SEPTEMBER]
