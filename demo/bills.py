"""Writes the bills of two clouds as FOCUS 1.0 exports: AWS in gzipped CSV and dollars, Azure in Parquet and euros.

Each run rewrites a month's whole file, as the providers do; the same days give the same bytes.
Columns are FOCUS 1.0's: https://focus.finops.org/focus-specification/v1-0/
"""

import csv
import gzip
import io
import json
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finops.demo.cloud import AWS, AWS_SERVICES, AZURE, AZURE_SERVICES, Provider, Service
from finops.demo.story import Story
from finops.demo.variation import noise, pace

AMOUNTS = (
    "BilledCost", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "ListCost",
    "ListUnitPrice", "PricingQuantity",
)  # fmt: skip
TIMES = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
TEXTS = (
    "AvailabilityZone", "BillingAccountId", "BillingAccountName", "BillingCurrency", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargeFrequency", "CommitmentDiscountCategory",
    "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType",
    "ConsumedUnit", "InvoiceIssuerName", "PricingCategory", "PricingUnit", "ProviderName", "PublisherName",
    "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
COLUMNS = sorted([*AMOUNTS, *TIMES, *TEXTS])
TEN_PLACES = Decimal("1E-10")
CENT = Decimal("0.01")
ZERO = Decimal(0)
COMMITMENT_FEE = Decimal("744.00")
COMMITTED_SINCE = date(2026, 1, 1)
COMMITMENT = "arn:aws:savingsplans::904817263540:savingsplan/6b1f"
TAX_RATE = Decimal("0.20")
CREDIT = Decimal("-85.4321")
CORRECTION = Decimal("-12.3456789")

Line = dict[str, Decimal | datetime | str | None]


def write(folder: Path, story: Story) -> None:
    """Write both providers' exports of the demo's days under `folder`/aws and `folder`/azure, one file a month."""
    for provider in ("aws", "azure"):
        (folder / provider).mkdir(parents=True, exist_ok=True)
    for month, in_month in groupby(story.days(), key=lambda day: day.replace(day=1)):
        billed = list(in_month)
        name = f"{month:%Y-%m}"
        _write_csv(folder / "aws" / f"focus_aws_{name}.csv.gz", _aws(month, billed, story))
        _write_parquet(folder / "azure" / f"focus_azure_{name}.parquet", _azure(month, billed, story))


def _aws(month: date, days: Sequence[date], story: Story) -> list[Line]:
    lines = _used(AWS, AWS_SERVICES, days, story)
    lines += [_purchase(month)] if story.holds(month, COMMITTED_SINCE, None) else []
    lines += [_flat(AWS, month, "Credit", "Promotional credit", CREDIT)]
    taxed = sum((_billed(line) for line in lines), ZERO)
    return [*lines, _flat(AWS, month, "Tax", "VAT 20 %", (taxed * TAX_RATE).quantize(CENT))]


def _azure(month: date, days: Sequence[date], story: Story) -> list[Line]:
    return [*_used(AZURE, AZURE_SERVICES, days, story), _correction(month)]


def _used(provider: Provider, services: Sequence[Service], days: Sequence[date], story: Story) -> list[Line]:
    there = ((day, service) for day in days for service in services if story.holds(day, service.since, None))
    return [_usage(provider, service, day, story) for day, service in there]


def _billed(line: Line) -> Decimal:
    amount = line["BilledCost"]
    return amount if isinstance(amount, Decimal) else ZERO


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _line(provider: Provider, first: date, last: date, billed: Decimal, effective: Decimal) -> Line:
    """Return a charge for the days from `first` to `last`, with the columns that all charges have."""
    month = first.replace(day=1)
    region_id, region_name = provider.region
    return dict.fromkeys(COLUMNS) | {
        "BilledCost": billed,
        "BillingAccountId": provider.account_id,
        "BillingAccountName": provider.account_name,
        "BillingCurrency": provider.currency,
        "BillingPeriodEnd": _midnight(_last_day(month) + timedelta(days=1)),
        "BillingPeriodStart": _midnight(month),
        "ChargePeriodEnd": _midnight(last + timedelta(days=1)),
        "ChargePeriodStart": _midnight(first),
        "ContractedCost": effective,
        "EffectiveCost": effective,
        "InvoiceIssuerName": provider.invoice_issuer,
        "ListCost": effective,
        "ProviderName": provider.name,
        "PublisherName": provider.publisher,
        "RegionId": region_id,
        "RegionName": region_name,
    }


def _last_day(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def _usage(provider: Provider, service: Service, day: date, story: Story) -> Line:
    """Return a resource's usage of one day. Committed usage costs its share of the fee and is billed 0."""
    swing = Decimal(noise(service.resource_id, day).randint(820, 1180)) / 1000
    quantity = Decimal(service.quantity) * swing * _exact(pace(service.application, day, story))
    price = Decimal(service.price)
    listed = (quantity * price).quantize(TEN_PLACES)
    if not service.committed or not story.holds(day, COMMITTED_SINCE, None):
        return _line(provider, day, day, listed, listed) | _of(service, quantity, price)
    share = (COMMITMENT_FEE / _last_day(day).day).quantize(TEN_PLACES)
    covered = _line(provider, day, day, ZERO, share) | _of(service, quantity, price)
    return covered | _commitment() | {"ListCost": listed, "PricingCategory": "Committed"}


def _exact(factor: float) -> Decimal:
    return Decimal(round(factor * 1000)) / 1000


def _of(service: Service, quantity: Decimal, price: Decimal) -> Line:
    """Return the columns of a usage charge that describe the usage and its owner."""
    return {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{price} per {service.unit} of {service.name}",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": quantity,
        "ConsumedUnit": service.unit,
        "ContractedUnitPrice": price,
        "ListUnitPrice": price,
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": service.unit,
        "ResourceId": service.resource_id,
        "ResourceName": service.resource_id.rpartition("/")[2],
        "ServiceCategory": service.category,
        "ServiceName": service.name,
        "SkuId": service.sku,
        "SkuPriceId": f"{service.sku}.ONDEMAND",
        "SubAccountId": service.account[0],
        "SubAccountName": service.account[1],
        "Tags": _tags(service),
    }


def _tags(service: Service) -> str:
    owner = {service.tag: service.application} if service.application else {}
    return json.dumps({"environment": "prod", **owner})


def _commitment() -> Line:
    return {
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountId": COMMITMENT,
        "CommitmentDiscountName": "Compute Savings Plan, 1 year",
        "CommitmentDiscountStatus": "Used",
        "CommitmentDiscountType": "Savings Plan",
    }


def _purchase(month: date) -> Line:
    """Return the commitment's monthly fee: billed on this line, while its cost is on the usage lines."""
    bought = _line(AWS, month, _last_day(month), COMMITMENT_FEE, ZERO)
    bought |= _commitment() | {"CommitmentDiscountStatus": None}
    return bought | {
        "ChargeCategory": "Purchase",
        "ChargeDescription": "Compute Savings Plan, 1 year, no upfront",
        "ChargeFrequency": "Recurring",
        "PricingCategory": "Committed",
        "ServiceCategory": "Compute",
        "ServiceName": "Savings Plans for AWS Compute usage",
        "SubAccountId": AWS.account_id,
        "SubAccountName": AWS.account_name,
    }


def _flat(provider: Provider, month: date, category: str, description: str, amount: Decimal) -> Line:
    """Return a charge of the whole account and month, without resource or tags."""
    return _line(provider, month, _last_day(month), amount, amount) | {
        "ChargeCategory": category,
        "ChargeDescription": description,
        "ChargeFrequency": "One-Time",
        "ServiceCategory": "Other",
        "ServiceName": f"{provider.name} {category}",
        "SubAccountId": provider.account_id,
        "SubAccountName": provider.account_name,
    }


def _correction(month: date) -> Line:
    """Return a correction of the previous month: a negative line of category Usage."""
    service = AZURE_SERVICES[0]
    price = Decimal(service.price)
    given_back = (CORRECTION / price).quantize(TEN_PLACES)
    refund = _line(AZURE, month, month, CORRECTION, CORRECTION) | _of(service, given_back, price)
    return refund | {"ChargeClass": "Correction", "ChargeDescription": "Correction of last month's hours"}


def _write_csv(path: Path, lines: Sequence[Line]) -> None:
    """Return gzipped CSV without a timestamp: empty cells for nulls, decimals in plain notation."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(line[column]) for column in COLUMNS] for line in lines)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def _cell(value: Decimal | datetime | str | None) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value or ""


def _schema() -> Iterator[pa.Field]:
    for column in COLUMNS:
        if column in AMOUNTS:
            yield pa.field(column, pa.decimal128(28, 10))
        else:
            yield pa.field(column, pa.timestamp("us", tz="UTC") if column in TIMES else pa.string())


def _write_parquet(path: Path, lines: Sequence[Line]) -> None:
    table = pa.Table.from_pylist(lines, schema=pa.schema(list(_schema())))
    pq.write_table(table, path, compression="zstd")
