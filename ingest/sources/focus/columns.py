"""The columns of a FOCUS export (https://focus.finops.org, 1.0 to 1.4), from whatever a file holds to exact types.

An exact decimal that its column can't hold, or a text that is not a number, is kept to the letter in `other_columns`,
together with the columns that have no place of their own: nothing of a bill is lost or rounded on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial, wraps
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import simplejson

from finops.ingest.config.masking import Place
from finops.ingest.exact import EXACT
from finops.ingest.sources.budget import MAX_CELL
from finops.ingest.sources.documents import encode
from finops.ingest.sources.exact_json import read_json
from finops.ingest.sources.focus.versions import OLDER_NAMES
from finops.ingest.sources.masked import mask_text, masked, may_hold_structure
from finops.ingest.sources.parquet import MAX_VALUES, python_values

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
# 18 digits before the point and 20 after; a wider decimal goes to other_columns, whole.
DECIMAL = pa.decimal128(38, 20)
WHOLE_DIGITS = DECIMAL.precision - DECIMAL.scale
INSTANT = pa.timestamp("us", tz="UTC")
# Outside of these a date is a slip: year 0001 stands for none in more than one product.
FIRST, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
# FOCUS 1.0 §2.3: CSV has no null, so exports write nothing, or the word.
BLANKS = pa.array(["", "NULL", "null"])
_NULL = pa.scalar(None, pa.string())
# dbt's to_numeric reads the same texts as numbers: both sides of the reconciliation have to agree.
NUMBER = r"[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?0*[0-9]{1,3})?[ \t\r\n]*"
_NUMBER = re.compile(NUMBER)
LONGEST_NUMBER = 1000
# What Arrow casts to that decimal exactly. Of more digits before the point it makes another number, without a word.
_PLAIN = r"^-?[0-9]{1,18}(\.[0-9]{1,20})?$"
# What JSON has to escape in a text.
_ESCAPED = r'["\\\x00-\x1f]'
# Texts that are parsed one by one come again in the next batch.
_KEPT_TEXTS, _KEPT_LENGTH = 2048, 16 * 1024
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def _kept(parse_text: FunctionT) -> FunctionT:
    """Keep what a function makes of the last texts; not of long ones, which would fill the memory."""
    keeping = lru_cache(_KEPT_TEXTS)(parse_text)

    @wraps(parse_text)
    def parsed(text: str, **options: object) -> object:
        return (keeping if len(text) <= _KEPT_LENGTH else parse_text)(text, **options)

    return cast("FunctionT", parsed)


def typed(table: pa.Table, place: Place) -> dict[str, pa.Array]:
    """Return a batch of an export as the raw table's columns, by their snake-case names; absent ones are left out.

    What has no column of its own, or does not fit the one that it has, is in `other_columns`, as JSON. Rules of `place`
    are for a column's name in the file, and for that of FOCUS 1.0.
    """
    table = masked_columns(_with_names_of_1_0(masked_columns(table, place)), place)
    columns: dict[str, pa.Array] = {}
    others = {name: table[name].combine_chunks() for name in table.column_names if name not in KNOWN}
    for name in (*DECIMALS, *INSTANTS, *TEXTS, TAGS):
        if name in table.column_names:
            column = table[name].combine_chunks()
            columns[snake_case(name)] = values = parse(name, column, place)
            if name not in TEXTS:
                others[name] = misfits(column, values)
    columns["other_columns"] = _as_objects(others, table.num_rows, place)
    return columns


def _with_names_of_1_0(table: pa.Table) -> pa.Table:
    """The columns under the names of FOCUS 1.0 where they have only an older one, or the newer one of the provider.

    1.3 calls ProviderName ServiceProviderName, and 1.4 has only that name; where a line has both, the first one is the
    provider.
    """
    newer = {older: name for name, older in OLDER_NAMES.items() if name not in table.column_names}
    table = table.rename_columns([newer.get(name, name) for name in table.column_names])
    if "ServiceProviderName" not in table.column_names:
        return table
    names = [name for name in ("ProviderName", "ServiceProviderName") if name in table.column_names]
    provider = pc.coalesce(*(texts(table[name].combine_chunks()) for name in names))
    others = table.select([name for name in table.column_names if name != "ProviderName"])
    return others.append_column("ProviderName", provider)


def parse(name: str, column: pa.Array, place: Place) -> pa.Array:
    """Return a column of FOCUS with the type that the raw table has for it, null where a value does not fit."""
    if name in DECIMALS:
        return decimals(column)
    if name in INSTANTS:
        return instants(column)
    if name == TAGS:
        return tags(column, place[name])
    return without_pairs(storable(texts(column)), place[name])


def storable(column: pa.Array) -> pa.Array:
    """Return the texts with U+FFFD for each NUL, which PostgreSQL keeps in no text."""
    content = column.buffers()[2]  # Arrow takes ten times as long to look for one
    return pc.replace_substring(column, "\0", "\ufffd") if content and b"\0" in content.to_pybytes() else column


def masked_columns(table: pa.Table, place: Place) -> pa.Table:
    """Return a table with the columns masked that have a rule of their own; in structures and tags, see `encode`."""
    for number, name in enumerate(table.column_names):
        column = table[name]
        if place[name].rule is None or name == TAGS or pa.types.is_nested(column.type):
            continue
        table = table.set_column(
            number, name, _each_text(texts(column.combine_chunks()), place[name].masked, pa.string())
        )
    return table


def without_pairs(column: pa.Array, place: Place) -> pa.Array:
    """Return texts without what a rule masks inside of them; most columns hold nothing that it could."""
    content = column.buffers()[2]
    if not content or not may_hold_structure(content.to_pybytes()):
        return column
    return _each_text(column, partial(_without_pairs, place=place), pa.string())


_without_pairs = _kept(mask_text)


def misfits(column: pa.Array, values: pa.Array) -> pa.Array:
    """Return the text of each value of `column` that has become a null in `values`."""
    if values.null_count == column.null_count:
        return pa.nulls(len(column), pa.string())
    return pc.if_else(pc.is_null(values), texts(column), _NULL)


def number(text: str) -> Decimal | None:
    """Return the exact decimal of a text; None where it is not a finite number, or over 1,000 characters, as in dbt."""
    return Decimal(text.strip()) if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text) else None


def is_number(column: pa.Array) -> pa.Array:
    """Return for each text of the column whether `number` takes it; null for a null."""
    is_short = pc.less_equal(pc.utf8_length(column), LONGEST_NUMBER)
    return pc.and_(is_short, pc.match_substring_regex(column, f"^({NUMBER})$"))


def texts(column: pa.Array) -> pa.Array:
    """Return the column as text, its blanks as nulls: a float in its shortest exact spelling, a structure as JSON."""
    kind = column.type
    if pa.types.is_map(kind) and pa.types.is_string(kind.key_type) and pa.types.is_string(kind.item_type):
        lengths = [pc.max(pc.binary_length(words)).as_py() or 0 for words in (column.keys, column.items)]
        spell = _map if max(lengths) * MAX_VALUES < MAX_CELL else _map.__wrapped__
        spelt = [None if value is None else spell(tuple(value)) for value in column.to_pylist()]
        return pa.array(spelt, pa.string())
    if pa.types.is_nested(kind):
        values = python_values(column)
        return pa.array([None if value is None else _structure(value) for value in values], pa.string())
    if pa.types.is_temporal(kind):  # few are different, and Arrow takes a microsecond to spell one
        distinct = column.dictionary_encode()
        column = pc.cast(distinct.dictionary, pa.string()).take(distinct.indices)
    column = pc.cast(column, pa.string())
    return pc.if_else(pc.is_in(column, value_set=BLANKS), _NULL, column)


@lru_cache(_KEPT_TEXTS)
def _map(members: tuple[tuple[str, str | None], ...]) -> str:
    return _structure(dict(members))


def _structure(value: object) -> str:
    return simplejson.dumps(plain(value), use_decimal=True, allow_nan=True)


def decimals(column: pa.Array) -> pa.Array:
    """Return the column as exact decimals, null where it is not a number or wider than that.

    Raises:
        pa.ArrowException: when its type is not that of a number or a text.
    """
    kind = column.type
    if pa.types.is_decimal128(kind) and kind.scale <= DECIMAL.scale and kind.precision - kind.scale <= WHOLE_DIGITS:
        return pc.cast(column, DECIMAL)
    column = texts(pc.cast(column, pa.string()))
    is_plain = pc.match_substring_regex(column, _PLAIN)
    values = pc.cast(pc.if_else(is_plain, column, _NULL), DECIMAL)
    if values.null_count == column.null_count:
        return values
    return pc.coalesce(values, _each_text(pc.if_else(is_plain, _NULL, column), _fitting, DECIMAL))


def _fitting(text: str) -> Decimal | None:
    value = number(text)
    if value is None:
        return None
    exponent = value.normalize(EXACT).as_tuple().exponent
    fits = isinstance(exponent, int) and exponent >= -DECIMAL.scale
    return value if fits and value.adjusted() < WHOLE_DIGITS else None


def instants(column: pa.Array) -> pa.Array:
    """Return the column as UTC instants (no zone means UTC), null where it is not a date from 1970 to 2200."""
    return _each_text(texts(column), _instant, INSTANT)


@_kept
def _instant(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text.strip())
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return value if FIRST <= value < END else None


def tags(column: pa.Array, place: Place) -> pa.Array:
    """Return the tags as JSON objects, null where they are none.

    Exports write them as JSON text, AWS as a map of Parquet, BigQuery as a list of keys and values.
    """
    is_struct = pa.types.is_struct(column.type)  # a field for each tag of the file, null where a line has it not
    to_object = partial(_tag_object, place=place, skip_nulls=is_struct)
    return _each_text(texts(column), to_object, pa.string())


@_kept
def _tag_object(text: str, *, place: Place, skip_nulls: bool) -> str | None:
    try:
        value = read_json(text)
    except ValueError:
        return None
    if isinstance(value, list) and all(isinstance(tag, dict) and "key" in tag for tag in value):
        # Google's labels and tags, [{"key": …, "value": …, …}]: a key that comes twice is the first one's
        value = {str(tag["key"]): tag.get("value") for tag in reversed(value)}
    if not isinstance(value, dict):
        return None
    value = {key: item for key, item in value.items() if not (skip_nulls and item is None)}
    return encode(masked(value, place) if place.rule else value, place)


def _each_text(column: pa.Array, parse_text: Callable[[str], object], type_: pa.DataType) -> pa.Array:
    """What a function makes of each text, which it sees once however often it occurs."""
    encoded = column.dictionary_encode()
    return pa.array([parse_text(text) for text in encoded.dictionary.to_pylist()], type_).take(encoded.indices)


def _as_objects(columns: Mapping[str, pa.Array], rows: int, place: Place) -> pa.Array:
    """The columns as a JSON object a row, of what is not null."""
    members = [_members(name, column, place) for name, column in columns.items() if column.null_count < rows]
    if not members:
        return pa.nulls(rows, pa.string())
    # not null_handling="skip": Arrow would leave out rows of nulls alone
    joined = pc.binary_join_element_wise(*members, "", null_handling="replace", null_replacement="")
    objects = pc.binary_join_element_wise(pc.binary_replace_slice(joined, 0, 1, "{"), "}", "")
    return pc.if_else(pc.equal(joined, ""), _NULL, objects)


def _members(name: str, column: pa.Array, place: Place) -> pa.Array:
    """The values of a column as members of JSON objects, `,"name":value`; a null stays one."""

    def member(value: object) -> str:
        return f",{encode({name: plain(value)}, place)[1:-1]}"

    if not pa.types.is_string(column.type) or place[name].rule:
        values = python_values(column)
        return pa.array([None if value is None else member(value) for value in values], pa.string())
    column = without_pairs(column, place[name])
    is_escaped = pc.match_substring_regex(column, _ESCAPED)
    quoted = pc.binary_join_element_wise(member("")[:-1], pc.if_else(is_escaped, _NULL, column), '"', "")
    return pc.coalesce(quoted, _each_text(pc.if_else(is_escaped, column, _NULL), member, pa.string()))


def plain(value: object) -> object:
    """Return a value of Parquet as JSON has it; a date as its text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | Decimal) else str(value)


def snake_case(name: str) -> str:
    """`ChargePeriodStart` → `charge_period_start`, the raw table's column."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
