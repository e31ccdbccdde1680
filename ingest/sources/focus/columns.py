"""The columns of a FOCUS export (https://focus.finops.org, 1.0 to 1.3), from whatever a file holds to exact types.

An exact decimal that its column can't hold, or a text that is not a number, is kept to the letter in `other_columns`,
together with the columns that have no place of their own: nothing of a bill is lost or rounded on the way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc
import simplejson

from finops.ingest.sources.documents import encode

COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
DECIMALS = (*COSTS, "ListUnitPrice", "ContractedUnitPrice", "ConsumedQuantity", "PricingQuantity")
INSTANTS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
TEXTS = (
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "ConsumedUnit",
    "InvoiceIssuerName",
    "PricingCategory",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
)
TAGS = "Tags"
KNOWN = frozenset((*DECIMALS, *INSTANTS, *TEXTS, TAGS))
# FOCUS before 1.0 had other names, and Oracle's cost reports still have them: "FOCUS Cost Report Schema" at
# https://docs.oracle.com/en-us/iaas/Content/Billing/Concepts/costusagereportsoverview.htm
OLDER_NAMES = {
    "ConsumedQuantity": "UsageQuantity",
    "ConsumedUnit": "UsageUnit",
    "InvoiceIssuerName": "InvoiceIssuer",
    "ProviderName": "Provider",
    "PublisherName": "Publisher",
    "RegionId": "Region",
}
# 18 digits before the point and 20 after; a wider decimal goes to other_columns, whole.
DECIMAL = pa.decimal128(38, 20)
INSTANT = pa.timestamp("us", tz="UTC")
# Outside of these a date is a slip: year 0001 stands for none in more than one product.
FIRST, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
# FOCUS 1.0 §2.3: CSV has no null, so exports write nothing, or the word.
BLANKS = pa.array(["", "NULL", "null"])
# dbt's to_numeric reads the same texts as numbers: both sides of the reconciliation have to agree.
_NUMBER = re.compile(r"[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?0*[0-9]{1,3})?[ \t\r\n]*")
LONGEST_NUMBER = 1000
# Digits of a number of that length, of that exponent, and of sums of them.
_EXACT = Context(prec=4000)
# What Arrow casts to that decimal exactly. Of more digits before the point it makes another number, without a word.
_PLAIN = r"^-?[0-9]{1,18}(\.[0-9]{1,20})?$"

Misfits = dict[int, str]


def number(text: str) -> Decimal | None:
    """The exact decimal of a text; None where it is not a finite number, or, as in dbt, over 1,000 characters long."""
    return Decimal(text.strip()) if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text) else None


def texts(column: pa.Array) -> pa.Array:
    """The column as text, its blanks as nulls. A float becomes its shortest exact spelling."""
    column = pc.cast(column, pa.string())
    return pc.if_else(pc.is_in(column, value_set=BLANKS), pa.scalar(None, pa.string()), column)


def decimals(column: pa.Array) -> tuple[pa.Array, Misfits]:
    """The column as decimals, and the rows whose text is not a number or is wider than that."""
    if pa.types.is_decimal(column.type):
        column = pc.cast(column, pa.string())
    column = texts(column)
    is_plain = pc.match_substring_regex(column, _PLAIN)
    values = pc.cast(pc.if_else(is_plain, column, pa.scalar(None, pa.string())), DECIMAL)
    others = pc.indices_nonzero(pc.invert(is_plain)).to_pylist()
    if not others:
        return values, {}
    patched, misfits = values.to_pylist(), {}
    for row in others:
        text = column[row].as_py()
        patched[row] = _fitting(text)
        if patched[row] is None:
            misfits[row] = text
    return pa.array(patched, DECIMAL), misfits


def _fitting(text: str) -> Decimal | None:
    value = number(text)
    if value is None:
        return None
    exponent = value.normalize(_EXACT).as_tuple().exponent
    fits = isinstance(exponent, int) and exponent >= -DECIMAL.scale
    return value if fits and value.adjusted() < DECIMAL.precision - DECIMAL.scale else None


def instants(column: pa.Array) -> tuple[pa.Array, Misfits]:
    """The column as UTC instants (no zone means UTC), and the rows whose text is not a date from 1970 to 2200."""
    if pa.types.is_timestamp(column.type):
        aware = column if column.type.tz else pc.assume_timezone(column, "UTC")
        outside = pc.invert(_plausible(aware))
        rows = pc.indices_nonzero(outside).to_pylist()
        misfits = {row: pc.cast(aware[row], pa.string()).as_py() for row in rows}
        aware = pc.if_else(outside, pa.scalar(None, aware.type), aware) if misfits else aware
        return pc.cast(aware, INSTANT, safe=False), misfits  # nanoseconds are cut
    column = texts(column)
    try:
        naive = pc.replace_substring_regex(column, r"(Z|\+00:?00)$", "")
        values = pc.cast(pc.assume_timezone(pc.cast(naive, pa.timestamp("us")), "UTC"), INSTANT)
    except pa.ArrowInvalid:
        return _instants_one_by_one(column)
    # of a batch without a date, there is nothing to say
    return (values, {}) if pc.all(_plausible(values)).as_py() is not False else _instants_one_by_one(column)


def _plausible(instants_: pa.Array) -> pa.Array:
    first, end = (pa.scalar(bound, instants_.type) for bound in (FIRST, END))
    return pc.and_(pc.greater_equal(instants_, first), pc.less(instants_, end))


def _instants_one_by_one(column: pa.Array) -> tuple[pa.Array, Misfits]:
    values, misfits = [], {}
    for row, text in enumerate(column.to_pylist()):
        value = _instant(text)
        if text is not None and value is None:
            misfits[row] = text
        values.append(value)
    return pa.array(values, INSTANT), misfits


def _instant(text: str | None) -> datetime | None:
    try:
        value = datetime.fromisoformat((text or "").strip())
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return value if FIRST <= value < END else None


def tags(column: pa.Array, mask_fields: frozenset[str]) -> tuple[pa.Array, Misfits]:
    """The tags as JSON objects, and the rows whose text is none; AWS writes them as a Parquet map."""
    if pa.types.is_map(column.type):
        return pa.array(
            [None if pairs is None else encode(dict(pairs), mask_fields) for pairs in column.to_pylist()], pa.string()
        ), {}
    if pa.types.is_list(column.type):  # Google's, as BigQuery writes them to Parquet
        lists = [None if pairs is None else simplejson.dumps(plain(pairs)) for pairs in column.to_pylist()]
        column = pa.array(lists, pa.string())
    if pa.types.is_struct(column.type):
        rows = [
            None if row is None else {key: value for key, value in row.items() if value is not None}
            for row in column.to_pylist()
        ]
        return pa.array([None if row is None else encode(row, mask_fields) for row in rows], pa.string()), {}
    parsed: dict[str | None, str | None] = {None: None}
    misfits: Misfits = {}
    values = []
    for row, text in enumerate(texts(column).to_pylist()):
        if text not in parsed:
            parsed[text] = _tag_object(text or "", mask_fields)
        if text is not None and parsed[text] is None:
            misfits[row] = text
        values.append(parsed[text])
    return pa.array(values, pa.string()), misfits


def _tag_object(text: str, mask_fields: frozenset[str]) -> str | None:
    try:
        value = simplejson.loads(text, use_decimal=True)
    except ValueError:
        return None
    if isinstance(value, list) and all(isinstance(tag, dict) and "key" in tag for tag in value):
        # Google's labels and tags, [{"key": …, "value": …, …}]: a key that comes twice is the first one's
        value = {str(tag["key"]): tag.get("value") for tag in reversed(value)}
    return encode(value, mask_fields) if isinstance(value, dict) else None


def typed(table: pa.Table, mask_fields: frozenset[str]) -> dict[str, pa.Array]:
    """A batch of an export as the raw table's columns, by their snake-case names; absent ones are null."""
    table = _with_provider(_with_newer_names(table))
    columns: dict[str, pa.Array] = {}
    misfits: dict[str, Misfits] = {}
    for name in (*DECIMALS, *INSTANTS, *TEXTS, TAGS):
        if name not in table.column_names:
            continue
        column = table[name].combine_chunks()
        if name in DECIMALS:
            columns[name], misfits[name] = decimals(column)
        elif name in INSTANTS:
            columns[name], misfits[name] = instants(column)
        elif name == TAGS:
            columns[name], misfits[name] = tags(column, mask_fields)
        else:
            columns[name] = _storable(texts(column))
    unknown = {name: table[name] for name in table.column_names if name not in KNOWN}
    result = {snake_case(name): column for name, column in columns.items()}
    result["other_columns"] = _other_columns(unknown, misfits, table.num_rows, mask_fields)
    return result


def _with_newer_names(table: pa.Table) -> pa.Table:
    """Columns under the names of FOCUS 1.0 that have only the older ones."""
    newer = {older: name for name, older in OLDER_NAMES.items() if name not in table.column_names}
    return table.rename_columns([newer.get(name, name) for name in table.column_names])


def _with_provider(table: pa.Table) -> pa.Table:
    """FOCUS 1.3 calls ProviderName ServiceProviderName; where a line has both, the older one is the provider."""
    if "ServiceProviderName" not in table.column_names:
        return table
    names = [name for name in ("ProviderName", "ServiceProviderName") if name in table.column_names]
    provider = pc.coalesce(*(texts(table[name].combine_chunks()) for name in names))
    others = table.select([name for name in table.column_names if name != "ProviderName"])
    return others.append_column("ProviderName", provider)


def _storable(column: pa.Array) -> pa.Array:
    """PostgreSQL keeps no NUL in a text."""
    return pc.replace_substring(column, "\0", "\ufffd")


def _other_columns(
    unknown: Mapping[str, pa.ChunkedArray], misfits: Mapping[str, Misfits], rows: int, mask_fields: frozenset[str]
) -> pa.Array:
    if not unknown and not any(misfits.values()):
        return pa.nulls(rows, pa.string())
    kept: list[dict[str, object]] = [{} for _ in range(rows)]
    for name, column in unknown.items():
        for row, value in zip(kept, column.to_pylist(), strict=True):
            if value is not None:
                row[name] = dict(value) if pa.types.is_map(column.type) else plain(value)
    for name, found in misfits.items():
        for index, text in found.items():
            kept[index][name] = text
    return pa.array([encode(row, mask_fields) if row else None for row in kept], pa.string())


def plain(value: object) -> object:
    """A value of Parquet as JSON has it; a date as its text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | Decimal) else str(value)


def snake_case(name: str) -> str:
    """`ChargePeriodStart` → `charge_period_start`, the raw table's column."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
