"""Bills as the clouds write them, through the whole nightly: what a line is worth, and whose."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from finops.demo.postgres import Embedded
from tests.conftest import connected, made_as
from tests.e2e.finops import Database, finops, last_run, scalar, total

Cells = Mapping[str, Any]

# A line of FOCUS 1.0, with the columns that every version requires.
LINE: Cells = {
    "BilledCost": "1.00",
    "BillingAccountId": "1234567890123",
    "BillingAccountName": "Nimbus",
    "BillingCurrency": "EUR",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeDescription": "a machine by the hour",
    "ChargePeriodEnd": "2026-09-04T00:00:00Z",
    "ChargePeriodStart": "2026-09-03T00:00:00Z",
    "ConsumedQuantity": "2",
    "ConsumedUnit": "Hours",
    "ContractedCost": "1.00",
    "EffectiveCost": "1.00",
    "InvoiceIssuerName": "Nimbus SA",
    "ListCost": "1.00",
    "PricingQuantity": "2",
    "PricingUnit": "Hours",
    "ProviderName": "Nimbus",
    "PublisherName": "Nimbus SA",
    "ServiceCategory": "Compute",
    "ServiceName": "Machines",
    "ResourceId": "machine-1",
    "Tags": '{"application": "SHOP-WEB"}',
}


Bill = tuple[str, Sequence[Cells]]  # a file's name and its lines

# Bills that one nightly reads, each of a source of its own: what is written here, and what a test below expects of it.
BILLS: dict[str, Bill] = {}


@dataclass(frozen=True)
class Published:
    """What the nightly made of the bills."""

    database: Database

    def total(self, source: str) -> Decimal:
        """The cost of a bill."""
        return Decimal(
            scalar(self.database, "select sum(total_cost) from finops.fact_releve where source = %s", f"focus.{source}")
        )

    def by(self, column: LiteralString, source: str) -> dict[Any, Decimal]:
        """The cost of a bill in its own currency, by a column of the relevés."""
        query = sql.SQL("select {}, sum(source_cost) from finops.fact_releve where source = %s group by 1")
        return dict(self.database.execute(query.format(sql.SQL(column)), [f"focus.{source}"]).fetchall())

    def rows(self, columns: LiteralString, relation: str, source: str) -> list[tuple[Any, ...]]:
        """Columns of what a relation has of a bill."""
        query = sql.SQL("select {} from {} where source = %s").format(
            sql.SQL(columns), sql.Identifier(*relation.split("."))
        )
        return self.database.execute(query, [f"focus.{source}"]).fetchall()

    def reconciled(self, source: str) -> list[tuple[Any, ...]]:
        """Status, and records landed, in relevés and rejected of a bill."""
        columns: LiteralString = "status, records_landed, records_released, records_rejected"
        return self.rows(columns, "finops.etl_reconciliations", source)


@pytest.fixture(scope="module")
def published(server: Embedded, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """One nightly of all bills."""
    with made_as(server, "finops_bills", template) as patch:
        for source, (name, lines) in BILLS.items():
            folder = tmp_path_factory.mktemp(source)
            write(folder / name, *lines)
            patch.setenv(f"SOURCES__FOCUS__{source.upper()}__URL", str(folder))
        with Path("reference", "fx_rates.csv").open("a", encoding="utf-8") as rates:
            rates.write("2026-09-01,GBP,EUR,1.145769\n")
        assert nightly() == 0
    with connected(server, "finops_bills") as database:
        yield Published(database)


def write(path: Path, *lines: Cells) -> Path:
    """A CSV file of these lines, or a Parquet file of such as are typed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([dict(line) for line in lines]), path)
        return path
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty export that is configured as focus.nimbus."""
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "nimbus"))
    (tmp_path / "nimbus").mkdir()
    return tmp_path / "nimbus"


def line(cost: str = "1.00", **cells: str) -> Cells:
    """A line of this cost, billed and effective, with these cells changed."""
    return {**LINE, "BilledCost": cost, "EffectiveCost": cost, **cells}


def nightly(period: str = "2026-09") -> int:
    """A nightly of November 2026."""
    return finops("nightly", "--period", period, "--as-of", "2026-11-20")


def by(database: Database, column: LiteralString) -> dict[Any, Decimal]:
    """The cost in the source's currency by a column of the relevés."""
    query = sql.SQL("select {}, sum(source_cost) from finops.fact_releve group by 1").format(sql.SQL(column))
    return dict(database.execute(query).fetchall())


# What a line is worth, and whose

COMMITMENT = {"CommitmentDiscountId": "sp-1", "CommitmentDiscountStatus": ""}
BILLS["commitment"] = (
    "09.csv",
    [
        # 300 paid in advance, of which September uses 8 and lets 2 go by
        {
            **line("300", ChargeCategory="Purchase", ConsumedQuantity="", ConsumedUnit=""),
            **COMMITMENT,
            "EffectiveCost": "0",
        },
        {**line("0"), **COMMITMENT, "EffectiveCost": "8", "CommitmentDiscountStatus": "Used"},
        {**line("0", ResourceId=""), **COMMITMENT, "EffectiveCost": "2", "CommitmentDiscountStatus": "Unused"},
    ],
)


def test_a_commitment_and_its_use_are_not_counted_twice(published: Published) -> None:
    assert published.total("commitment") == Decimal(10)
    assert published.rows("sum(billed_cost)", "raw_public_cloud.focus", "commitment") == [(Decimal(300),)]
    assert published.reconciled("commitment") == [("PUBLISHED", 3, 3, 0)]


NOTHING = dict.fromkeys(("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit", "ResourceId"), "")
BILLS["signed"] = (
    "09.csv",
    [
        line("10.00"),
        line("-2.50", ChargeCategory="Credit", **NOTHING),
        line("-1.25", ChargeClass="Correction", **NOTHING),
        line("0.05", ChargeCategory="Adjustment", **NOTHING),
        line("1.26", ChargeCategory="Tax", ServiceName="", Tags="", **NOTHING),
    ],
)


def test_credits_refunds_and_taxes_are_signed_lines_of_the_bill(published: Published) -> None:
    assert published.total("signed") == Decimal("7.56")
    assert published.by("application_id", "signed") == {"SHOP-WEB": Decimal("6.30"), "UNALLOCATED": Decimal("1.26")}
    found = published.rows("application_id, product_id, usage_quantity, unit_cost", "finops.fact_releve", "signed")
    assert ("UNALLOCATED", "nimbus.tax", None, None) in found
    assert published.reconciled("signed") == [("PUBLISHED", 5, 5, 0)]


BILLS["currencies"] = ("09.csv", [line("10", BillingCurrency=currency) for currency in ("EUR", "USD", "GBP", "XTS")])


def test_several_currencies_of_one_file_are_each_converted_at_their_rate(published: Published) -> None:
    assert published.by("source_currency", "currencies") == dict.fromkeys(("EUR", "USD", "GBP"), Decimal(10))
    # 10 EUR, 10 USD at 0.885550 and 10 GBP at 1.145769, of September 2026
    assert published.total("currencies") == Decimal("30.31319000")
    assert published.rows("reason, amount, detail", "finops.rejected_usage", "currencies") == [
        ("NO_FX_RATE", Decimal(10), "add the rate of XTS for 2026-09 to the reference table fx_rates")
    ]
    assert published.reconciled("currencies") == [("PUBLISHED", 4, 3, 1)]


TAGS: dict[str, tuple[dict[str, Any], str]] = {
    "a blank before the key": ({" application": "ERP"}, "ERP"),
    "another case": ({"Application": "erp"}, "ERP"),
    "a quoted key beside it": ({'say "hi"': "x", "application": "ERP"}, "ERP"),
    "a nested value beside it": ({"team": {"name": "x", "ids": [1, 2]}, "app": "ERP"}, "ERP"),
    "a number": ({"application": 7}, "UNALLOCATED"),
    "a null, then another key": ({"application": None, "app": "ERP"}, "ERP"),
    "a blank value, then another key": ({"application": "  ", "app_id": "x", "app": "ERP"}, "ERP"),
    "a nested value": ({"application": {"id": "ERP"}}, "UNALLOCATED"),
    "none": ({}, "UNALLOCATED"),
}
NO_TAGS = {f"no object: {text}": text for text in ("NULL", "", "application=ERP", '{"application": ')}
BILLS["tags"] = (
    "09.csv",
    [
        *(line(ResourceId=name, Tags=json.dumps(tags)) for name, (tags, _) in TAGS.items()),
        *(line(ResourceId=name, Tags=text) for name, text in NO_TAGS.items()),
    ],
)


def test_tags_are_read_whatever_their_keys_look_like(published: Published) -> None:
    found: dict[str, str] = dict(
        published.database.execute(
            "select raw.resource_id, releves.application_id from finops.releve_lines as lines"
            " inner join finops.fact_releve as releves on lines.releve_id = releves.id"
            " inner join raw_public_cloud.focus as raw on lines.record_id = raw.record_id and lines.source = raw.source"
            " where raw.source = 'focus.tags'"
        ).fetchall()
    )
    assert found == {name: whose for name, (_, whose) in TAGS.items()} | dict.fromkeys(NO_TAGS, "UNALLOCATED")
    kept = "count(*) filter (where other_columns ->> 'Tags' is not null)"
    assert published.rows(kept, "raw_public_cloud.focus", "tags") == [(2,)]


BILLS["written"] = (
    "09.csv",
    [
        line(ResourceId="NULL", ConsumedQuantity="NULL", ConsumedUnit="NULL", PricingQuantity="0.123456789012345"),
        line(ChargePeriodStart="2026-09-30 23:59:59", ConsumedQuantity="2.000000000000001"),
        line(ChargePeriodStart="2026-10-01T01:00:00+02:00", ConsumedQuantity="3"),  # 30 September in UTC
        line(ChargePeriodStart="2026-09-01T00:00Z", ConsumedQuantity="4"),  # as Azure's 1.0 writes it
    ],
)


def test_the_word_null_zones_and_15_decimals_are_read_for_what_they_are(published: Published) -> None:
    # 2.000000000000001 + 3 + 4 hours consumed and 0.123456789012345 hours priced
    [(quantity, daily)] = published.rows("usage_quantity, daily_cost", "finops.fact_releve", "written")
    assert quantity == Decimal("9.123456789012346")
    assert [(day, cost) for day, cost in enumerate(daily, 1) if cost] == [
        (1, Decimal(1)),
        (3, Decimal(1)),
        (30, Decimal(2)),
    ]
    unnamed = "count(*) filter (where resource_id is null)"
    assert published.rows(unnamed, "raw_public_cloud.focus", "written") == [(1,)]


BILLS["invoice"] = (
    "09.csv",
    [{**line(BilledCost="0.75", EffectiveCost="1.00", ListCost="2.5"), "InvoiceId": "2026-77"}],
)


def test_billed_and_list_cost_and_the_invoice_stay_with_the_line(published: Published) -> None:
    costs = published.rows("source_cost, billed_cost, list_cost", "finops.fact_releve", "invoice")
    assert costs == [(Decimal("1.00"), Decimal("0.75"), Decimal("2.5"))]
    lines = "select invoice_id, billed_cost, list_cost from finops.releve_lines where period = '2026-09-01'"
    assert published.database.execute(f"{lines} and source = 'focus.invoice'").fetchall() == [
        ("2026-77", Decimal("0.75"), Decimal("2.5"))
    ]


# 12 TiB held for a day, in byte-seconds; and a cost that no decimal128 holds
HELD, COST = str(12 * 2**40 * 86_400), "123456789012345678901234567890.12345678901234567890123"
BILLS["large"] = (
    "09.csv",
    [line(COST, ConsumedQuantity=HELD, ConsumedUnit="Byte-Seconds"), line("0.77", ServiceName="x")],
)


def test_a_number_of_any_size_is_published_to_the_last_digit(published: Published) -> None:
    assert (int(HELD), "Byte-Seconds") in published.rows("usage_quantity, usage_unit", "finops.fact_releve", "large")
    assert published.total("large") == Decimal("123456789012345678901234567890.89345678901234567890123")


BILLS["categories"] = ("09.csv", [line("40", ServiceCategory="Storage"), line("13", ServiceCategory="Compute")])


def test_a_service_in_two_categories_keeps_both(published: Published) -> None:
    assert published.by("family", "categories") == {"Storage": Decimal(40), "Compute": Decimal(13)}


# What each provider writes, by its own documentation


def without(cells: Cells, *names: str) -> Cells:
    """The line without these columns."""
    return {name: cell for name, cell in cells.items() if name not in names}


NEW_IN_1_1 = {"ServiceSubcategory": "Virtual Machines", "SkuMeter": "BoxUsage", "SkuPriceDetails": "{}"}
NEW_IN_1_2 = {"InvoiceId": "INV-7", "PricingCurrency": "EUR", "PricingCurrencyEffectiveCost": "1.00"}
NEW_IN_1_3 = {"ServiceProviderName": "Nimbus", "HostProviderName": "Nimbus", "AllocatedMethodId": ""}
NEW_IN_1_4 = {
    "InvoiceDetailId": "7-1",
    "CommitmentProgramEligibilityDetails": "",
    "PrincipalId": "",
    "CredentialId": "",
}
ORACLE = {
    "ProviderName": "Provider",
    "PublisherName": "Publisher",
    "InvoiceIssuerName": "InvoiceIssuer",
    "ConsumedQuantity": "UsageQuantity",
    "ConsumedUnit": "UsageUnit",
}

SHAPES: dict[str, Cells] = {
    # https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-0-aws.html
    "AWS 1.0": {
        **LINE,
        "x_CostCategories": "{}",
        "x_Discounts": "{}",
        "x_Operation": "Run",
        "x_ServiceCode": "M",
        "x_UsageType": "BoxUsage",
    },
    # https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-2-aws-columns.html
    "AWS 1.2": {**LINE, **NEW_IN_1_1, **NEW_IN_1_2, "BillingAccountType": "payer", "x_Operation": "Run"},
    # https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-focus
    "Azure 1.0": {
        **LINE,
        "BillingAccountType": "Billing Profile",
        "SubAccountType": "Subscription",
        "x_AccountName": "n",
        "x_BilledUnitPrice": "0.5",
        "x_SkuMeterId": "m",
        "x_InvoiceId": "G1",
    },
    "Azure 1.2": {**LINE, **NEW_IN_1_1, **NEW_IN_1_2, "x_SkuMeterId": "m"},
    # https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/focus-export
    "Google 1.1": {
        **LINE,
        **NEW_IN_1_1,
        "Tags": '[{"key": "application", "value": "SHOP-WEB"}]',
        "x_CostType": "regular",
    },
    # https://docs.oracle.com/en-us/iaas/Content/Billing/Concepts/costusagereportsoverview.htm
    "Oracle": {
        **{ORACLE.get(name, name): cell for name, cell in without(LINE, "ChargeClass", "ContractedCost").items()},
        "BillingPeriodStart": "2026-09-01T00:00Z",
        "ChargePeriodStart": "2026-09-03T00:00Z",
        "Region": "eu-paris-1",
        "ChargeSubcategory": "On-Demand",
        "oci_ReferenceNumber": "v2.1/abc",
        "oci_CompartmentName": "shop",
        "oci_OverageFlag": "N",
    },
    # https://support.huaweicloud.com/intl/en-us/usermanual-cost/costcenter_000002_03_07.html (months of GMT+08:00)
    "Huawei 1.0": {
        **LINE,
        "BillingPeriodStart": "2026-08-31T16:00:00Z",
        "BillingPeriodEnd": "2026-09-30T15:59:59Z",
        "ChargePeriodStart": "2026-09-03T16:00:00Z",
        "ChargeClass": "",
        "ChargeDescription": "",
    },
    # https://www.alibabacloud.com/help/en/user-center/alibaba-cloud-focus-1-0-preview-field-differences (always null)
    "Alibaba 1.0": {
        **LINE,
        **dict.fromkeys(("ChargeDescription", "ConsumedQuantity", "ConsumedUnit", "ContractedCost"), ""),
    },
    "any 1.3": {**without(LINE, "ProviderName", "PublisherName"), **NEW_IN_1_1, **NEW_IN_1_2, **NEW_IN_1_3},
    "any 1.4": {
        **without(LINE, "ProviderName", "PublisherName"),
        **NEW_IN_1_1,
        **NEW_IN_1_2,
        **NEW_IN_1_3,
        **NEW_IN_1_4,
    },
}
BILLS |= {re.sub(r"\W", "_", shape).lower(): ("09.csv", [cells]) for shape, cells in SHAPES.items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_each_provider_writes_is_read_and_its_own_columns_are_kept(published: Published, shape: str) -> None:
    source = re.sub(r"\W", "_", shape).lower()
    columns: LiteralString = "application_id, product_id, family, usage_quantity, usage_unit, total_cost"
    assert published.rows(columns, "finops.fact_releve", source) == [
        ("SHOP-WEB", "nimbus.machines", "Compute", Decimal(2), "Hours", Decimal(1))
    ]
    own = {name: cell for name, cell in SHAPES[shape].items() if name.startswith(("x_", "oci_")) and cell}
    [(kept,)] = published.rows("coalesce(other_columns, '{}')", "raw_public_cloud.focus", source)
    assert {name: kept.get(name) for name in own} == own


BILLS["parquet"] = (
    "09.parquet",
    [
        {
            **LINE,
            "EffectiveCost": Decimal("0.75"),
            "Tags": [{"key": "application", "value": "ERP", "x_type": "label"}],
            "x_Credits": [{"Name": "Sustained use", "Amount": Decimal("-0.25")}],
        }
    ],
)


def test_a_bill_of_google_s_in_parquet_keeps_its_labels_and_credits(published: Published) -> None:
    assert published.by("application_id", "parquet") == {"ERP": Decimal("0.75")}
    kept = published.rows("other_columns -> 'x_Credits' -> 0 ->> 'Amount'", "raw_public_cloud.focus", "parquet")
    assert kept == [("-0.25",)]


# What a month has


def test_an_unchanged_bill_is_not_landed_again_and_one_that_changed_by_a_word_is(
    folder: Path, database: Database
) -> None:
    def night(*options: str) -> int:
        assert finops("nightly", "--as-of", "2026-09-20", *options) == 0
        return int(scalar(database, "select count(*) from raw_public_cloud.focus"))

    told = "select array_agg(error) from finops.etl_steps where run_id = %s and step = 'extract' and status = 'SKIPPED'"
    told += " and source = 'focus.nimbus'"
    unchanged = ["unchanged: every line of the bill of 2026-09 counts already"]
    write(folder / "09.csv", line("5", ResourceId="disk-1"))
    assert night() == 1
    assert scalar(database, told, last_run(database)["run_id"]) is None
    (folder / "09.csv").rename(folder / "other.csv")
    assert night() == 1
    assert scalar(database, told, last_run(database)["run_id"]) == unchanged
    assert night("--period", "2026-09") == 2
    write(folder / "other.csv", line("5", ResourceId="disk-2"))
    assert night() == 3
    assert scalar(database, told, last_run(database)["run_id"]) is None
    counted = "select resource_id from raw_public_cloud.focus as raw join finops.etl_accepted as accepted"
    counted += " on accepted.run_id::text = raw.run_id and accepted.window_date = raw.window_date"
    assert (scalar(database, counted), total(database)) == ("disk-2", Decimal(5))


def test_open_months_follow_the_domain_of_a_bill_and_earlier_ones_when_they_are_reprocessed(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def domains() -> dict[str, str]:
        query = "select to_char(period, 'YYYY-MM'), domain from finops.mv_cost_domain_period"
        return dict(database.execute(query).fetchall())

    write(folder / "08.csv", line("10", BillingPeriodStart="2026-08-01", ChargePeriodStart="2026-08-03"))
    write(folder / "09.csv", line("5"))
    night = ("--as-of", "2026-09-20")
    assert finops("nightly", *night, "--period", "2026-08..2026-09") == 0
    assert domains() == {"2026-08": "public_cloud", "2026-09": "public_cloud"}
    monkeypatch.setenv("FINOPS__DOMAINS", '["open_legacy", "private_cloud", "public_cloud", "native", "saas"]')
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__DOMAIN", "saas")
    assert finops("nightly", *night) == 0
    assert domains() == {"2026-08": "public_cloud", "2026-09": "saas"}
    assert finops("reprocess", *night, "--period", "2026-08", "--reason", "it is a SaaS provider") == 0
    assert domains() == {"2026-08": "saas", "2026-09": "saas"}
    landed = database.execute("select distinct window_date::text from raw_public_cloud.focus").fetchall()
    assert sorted(landed) == [("2026-08-01",), ("2026-09-01",)]
    assert total(database) == Decimal(15)


def test_a_correction_that_is_billed_later_changes_the_month_that_it_corrects(folder: Path, database: Database) -> None:
    write(folder / "08.csv", line("10", BillingPeriodStart="2026-08-01", ChargePeriodStart="2026-08-03"))
    write(folder / "09.csv", line("5"))
    assert nightly("2026-08..2026-09") == 0
    untouched = "select created_at from finops.fact_releve where period = '2026-09-01'"
    before = scalar(database, untouched)
    write(
        folder / "10.csv",
        line("-1", ChargeClass="Correction", BillingPeriodStart="2026-10-01", ChargePeriodStart="2026-08-03"),
    )
    assert nightly("2026-10") == 0
    assert by(database, "to_char(period, 'YYYY-MM')") == {"2026-08": Decimal(9), "2026-09": Decimal(5)}
    assert scalar(database, untouched) == before


def test_lines_of_another_billing_period_in_the_file_stay_in_theirs(folder: Path, database: Database) -> None:
    write(
        folder / "09.csv",
        line("1"),
        line("10", BillingPeriodStart="2026-08-01T00:00:00Z", ChargePeriodStart="2026-08-31T23:00:00Z"),
        line("100", BillingPeriodStart="2026-10-01T00:00:00Z", ChargePeriodStart="2026-10-01T00:00:00Z"),
    )
    assert nightly("2026-09") == 0
    assert by(database, "to_char(period, 'YYYY-MM')") == {"2026-09": Decimal(1)}
    assert nightly("2026-08..2026-10") == 0
    assert by(database, "to_char(period, 'YYYY-MM')") == {
        "2026-08": Decimal(10),
        "2026-09": Decimal(1),
        "2026-10": Decimal(100),
    }


def test_a_run_says_which_sets_it_skipped_and_why(
    folder: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    for run, cost in (("20260910T030405-aaaa", "1.10"), ("20260911T030405-bbbb", "2.20")):
        place = f"BILLING_PERIOD=2026-09/{run}"
        write(folder / f"data/{place}/focus-00001.csv", line(cost))
        stated = [f"s3://billing/data/{place}/focus-0000{part}.csv" for part in ((1,) if cost == "1.10" else (1, 2))]
        (folder / "metadata" / place).mkdir(parents=True)
        (folder / "metadata" / place / "focus-Manifest.json").write_text(json.dumps({"dataFiles": stated}))
    assert nightly() == 0
    assert total(database) == Decimal("1.10")
    why = "focus-00002.csv, which is not there"
    (said,) = [said for said in capfd.readouterr().err.splitlines() if '"skipped"' in said]
    assert '"source": "focus.nimbus"' in said
    assert "20260911T030405-bbbb" in said
    assert why in said
    step = scalar(database, "select error from finops.etl_steps where status = 'SKIPPED' and source = 'focus.nimbus'")
    assert step.startswith("skipped ")
    assert why in step
    finops("runs", str(scalar(database, "select run_id from finops.etl_runs")))
    assert "skipped" in capfd.readouterr().out


def test_the_provider_says_when_a_month_is_closed_and_what_its_invoices_ask_for(
    folder: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    def night(status: str) -> tuple[Any, ...]:
        """A night of 3 October with this status of September; what is known of that month's days."""
        write(folder / "periods.csv", {**month, "BillingPeriodStatus": status})
        assert finops("nightly", "--as-of", "2026-10-03") == 0
        query = (
            "select measured_days, missing_days, days_to_come from finops.mv_source_month where period = '2026-09-01'"
        )
        return database.execute(query).fetchall()[0]

    month = {"BillingPeriodStart": "2026-09-01", "InvoiceIssuerName": "Nimbus SA"}
    detail = {**month, "InvoiceId": "i-1", "BillingCurrency": "EUR", "InvoiceIssueStatus": "Issued"}
    write(folder / "09.csv", line("10.005", InvoiceId="i-1"), line("0.5", InvoiceId=""))
    write(
        folder / "invoices.csv",
        {**detail, "InvoiceDetailId": "1", "ChargeCategory": "Usage", "BilledCost": "10.01"},
        {**detail, "InvoiceDetailId": "2", "ChargeCategory": "Tax", "BilledCost": "2.00"},
    )
    assert night("Open") == (3, 0, 27)
    landed = scalar(database, "select count(*) from raw_public_cloud.focus")
    assert night("Closed") == (30, 0, 0)
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == landed
    told = "select count(*) from finops.etl_steps where error = %s"
    assert scalar(database, told, "skipped 2026-10: the export has no line of it; it has 2026-09") == 2
    found = "select invoice_id, invoiced_cost, billed_cost, difference, invoiced_tax from finops.invoice_differences"
    assert database.execute(f"{found} where period = '2026-09-01' order by invoice_id").fetchall() == [
        ("i-1", Decimal("10.01"), Decimal("10.005"), Decimal("0.005"), Decimal("2.00")),
        (None, 0, Decimal("0.5"), Decimal("-0.5"), 0),
    ]
    capsys.readouterr()
    assert finops("coverage", "--period", "2026-09") == 0
    assert re.search(r"on none yet\W+0\W+0\.5\W+-0\.5", capsys.readouterr().out)
    write(folder / "invoices.csv", {**detail, "InvoiceDetailId": "3", "BilledCost": "10.505"})
    night("Closed")
    assert scalar(database, "select sum(difference) from finops.invoice_differences") == 0


def test_a_month_that_its_provider_says_is_open_is_read_until_it_is_closed(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def night(as_of: str, cost: str, status: str) -> Decimal:
        """A night that finds this cost and status of September; what is published of that month."""
        write(folder / "2026-09" / "costs.csv", line(cost))
        write(folder / "2026-09" / "periods.csv", {"BillingPeriodStart": "2026-09-01", "BillingPeriodStatus": status})
        assert finops("nightly", "--as-of", as_of) == 0
        return total(database)

    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", f"{folder}/{{period}}")
    write(folder / "2026-10" / "costs.csv", line("0", BillingPeriodStart="2026-10-01", ChargePeriodStart="2026-10-01"))
    assert night("2026-10-03", "10", "Open") == Decimal(10)
    assert night("2026-10-20", "11", "Open") == Decimal(11)
    assert night("2026-10-21", "11", "Closed") == Decimal(11)
    assert scalar(database, "select measured_days from finops.mv_source_month where period = '2026-09-01'") == 30


def test_tax_is_a_cost_unless_its_source_sets_it_apart(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    vat = {**line("0.20", ChargeCategory="Tax", ServiceCategory="", ServiceName="", Tags=""), "InvoiceId": "2026-77"}
    write(folder / "09.csv", {**line("1.00"), "InvoiceId": "2026-77"}, vat)
    next_month = {"BillingPeriodStart": "2026-10-01T00:00:00Z", "ChargePeriodStart": "2026-10-03T00:00:00Z"}
    write(folder / "10.csv", line("0", **next_month))
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__TAX", "exclude")
    assert nightly() == 2
    assert "sources.focus.nimbus.tax 'exclude' is not known: write one of cost, apart" in capfd.readouterr().err
    monkeypatch.delenv("SOURCES__FOCUS__NIMBUS__TAX")
    assert nightly() == 0
    assert by(database, "charge_category") == {"Usage": Decimal("1.00"), "Tax": Decimal("0.20")}
    assert by(database, "product_id")["nimbus.tax"] == Decimal("0.20")
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__TAX", "apart")
    # what the configuration says has changed: a month that is not open waits
    assert nightly("2026-10") == 0
    assert (total(database), "focus.nimbus" in capfd.readouterr().out) == (Decimal("1.20"), True)
    assert finops("reprocess", "--period", "2026-09", "--reason", "VAT is recovered") == 0
    assert by(database, "charge_category") == {"Usage": Decimal("1.00")}
    apart = database.execute("select product_id, total_cost, invoice_id from finops.set_apart_charges").fetchall()
    assert apart == [("nimbus.tax", Decimal("0.20"), "2026-77")]
    balance = database.execute(
        "select status, records_landed, records_released, records_set_apart, amount_landed, amount_released,"
        " amount_set_apart from finops.etl_reconciliations order by publication desc nulls last limit 1"
    ).fetchall()
    assert balance == [("PUBLISHED", 2, 1, 1, Decimal("1.20"), Decimal("1.00"), Decimal("0.20"))]
    covered = (
        "select total_cost, unallocated_cost, set_apart_cost from finops.cost_coverage where period = '2026-09-01'"
    )
    assert database.execute(covered).fetchall() == [(Decimal("1.00"), 0, Decimal("0.20"))]
    assert finops("coverage", "--period", "2026-09") == 0
    shown = capfd.readouterr().out
    assert ("0.20 EUR" in shown, "nimbus.tax" in shown, "Nothing to mend" in shown) == (True, False, True)
