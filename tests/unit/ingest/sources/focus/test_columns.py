import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from finops.ingest.config.masking import Masks, Place
from finops.ingest.exact import EXACT
from finops.ingest.sources.focus.columns import (
    DECIMAL,
    INSTANT,
    KNOWN,
    decimals,
    instants,
    is_number,
    misfits,
    number,
    snake_case,
    tags,
    texts,
    typed,
)
from finops.ingest.sources.focus.versions import MANDATORY, OLDER_NAMES

NOTHING_MASKED = Masks(()).root("focus.aws")
SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)


def first_of(column: pa.Array, parse: Callable[[pa.Array], pa.Array]) -> tuple[Any, str | None]:
    """What the first value of a column becomes, and what is kept of it because it does not fit."""
    values = parse(column)
    return values[0].as_py(), misfits(column, values)[0].as_py()


def dropped(*names: str) -> Place:
    """The place of a bill's line of which these fields are dropped."""
    return Masks.of(dict.fromkeys(names, "drop"), built_in=()).root("focus.aws")


def all_tags(column: pa.Array) -> pa.Array:
    """The tags, none of them masked."""
    return tags(column, NOTHING_MASKED["Tags"])


def decimal_of(text: str) -> tuple[Decimal | None, str | None]:
    """What a text becomes, and what is kept of it because it does not fit."""
    return first_of(pa.array([text]), decimals)


def instant_of(text: str) -> tuple[datetime | None, str | None]:
    """What a text becomes, and what is kept of it because it does not fit."""
    return first_of(pa.array([text]), instants)


def tags_of(text: str) -> tuple[Any, str | None]:
    """What a text becomes, and what is kept of it because it is not an object."""
    found, misfit = first_of(pa.array([text]), all_tags)
    return None if found is None else simplejson.loads(found, use_decimal=True), misfit


def other_columns(table: pa.Table) -> list[Any]:
    """What a batch keeps beside its columns, numbers exact."""
    found = typed(table, NOTHING_MASKED)["other_columns"].to_pylist()
    return [None if kept is None else simplejson.loads(kept, use_decimal=True) for kept in found]


# Decimals


@given(st.data(), st.integers(1, 38).flatmap(lambda digits: st.tuples(st.just(digits), st.integers(0, digits))))
def test_a_decimal_of_any_type_is_what_its_text_is(data: st.DataObject, kind: tuple[int, int]) -> None:
    precision, scale = kind
    units = st.integers(1 - 10**precision, 10**precision - 1).map(lambda digits: EXACT.scaleb(Decimal(digits), -scale))
    column = pa.array(data.draw(st.lists(units | st.none())), pa.decimal128(precision, scale))
    assert decimals(column).equals(decimals(column.cast(pa.string())))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20.52022672899", "20.52022672899"),
        ("-85.4321", "-85.4321"),
        ("0", "0"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        (" 5 ", "5"),
        ("1e-7", "0.0000001"),
        ("1.5E+3", "1500"),
        ("999999999999999999.99999999999999999999", "999999999999999999.99999999999999999999"),
        ("0.00000000000000000001", "0.00000000000000000001"),
        ("1.50000000000000000000000000000000", "1.5"),
    ],
)
def test_a_number_that_fits_is_exact(text: str, value: str) -> None:
    assert decimal_of(text) == (Decimal(value), None)


@pytest.mark.parametrize(
    "text",
    [
        "1000000000000000000",
        "0.000000000000000000001",
        "1e18",
        "123456789012.1234567890123456789012345",
        "-1.123456789012345678901234567890123456789",
        "1E+99",
    ],
)
def test_a_number_too_wide_is_kept_to_the_letter(text: str) -> None:
    assert decimal_of(text) == (None, text)


@pytest.mark.parametrize(
    "text", ["1,234.5", "NaN", "1_0", "Infinity", "-inf", "12 USD", "0x10", "-", "1e", "١", "1.2.3"]
)
def test_a_text_that_is_no_number_is_kept_to_the_letter(text: str) -> None:
    assert decimal_of(text) == (None, text)


@pytest.mark.parametrize("text", ["", "NULL", "null"])
def test_a_blank_number_is_a_null_and_not_a_misfit(text: str) -> None:
    assert decimal_of(text) == (None, None)


@pytest.mark.parametrize("text", ["1", " 1", "1e005", "1e5", "5.", "0.1000", "NaN", "1,5", "", "1E+30"])
def test_a_number_is_read_the_same_whatever_its_neighbours(text: str) -> None:
    assert first_of(pa.array([text, "n/a"]), decimals) == decimal_of(text)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([Decimal("1.10"), None], pa.decimal128(38, 30)),
        pa.array([Decimal("1.10"), None], pa.decimal256(60, 30)),
        pa.array([1.1, None]),
        pa.array(["1.10", None], pa.large_string()),
        pa.array(["1.10", "NULL"]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_a_number_is_exact_whatever_type_the_file_gives_it(column: pa.Array) -> None:
    values = decimals(column)
    assert (values.to_pylist(), misfits(column, values).to_pylist()) == ([Decimal("1.1"), None], [None, None])


SPELLINGS = r"[+-]?[0-9]{1,80}(\.[0-9]{0,80})?([eE][+-]?[0-9]{1,2})?"
NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**60), max_value=10**60).map(str),
    st.from_regex(
        r"[+-]?[0-9]{1,80}(\.[0-9]{0,80})?([eE][+-]?[0-9]{1,2})?", fullmatch=True, alphabet="0123456789.eE+-"
    ),
    st.integers(-(2**200), 2**200).map(str),
)


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_a_number_of_any_size_is_exact_or_kept_to_the_letter(numbers: list[str]) -> None:
    values = decimals(pa.array(numbers))
    kept = misfits(pa.array(numbers), values).to_pylist()
    for text, value, misfit in zip(numbers, values.to_pylist(), kept, strict=True):
        assert (misfit == text) if value is None else (value == Decimal(text) and misfit is None)


@pytest.mark.parametrize("bytes_of_a_day", [12 * 2**40 * 86_400, 10**19, 2**64, 3 * 10**20])
def test_twelve_tebibytes_for_a_day_in_byte_seconds_stay_what_they_are(bytes_of_a_day: int) -> None:
    assert decimal_of(str(bytes_of_a_day)) == (None, str(bytes_of_a_day))


def test_a_decimal_column_too_wide_is_kept_to_the_letter() -> None:
    column = pa.array([Decimal("0.1234567890123456789012345")], pa.decimal128(38, 25))
    assert first_of(column, decimals) == (None, "0.1234567890123456789012345")


def test_a_nan_in_a_float_column_is_a_misfit_and_no_blank() -> None:
    assert first_of(pa.array([float("nan"), 1.5]), decimals) == (None, "nan")


def test_decimals_have_the_raw_table_s_type() -> None:
    assert decimals(pa.array(["1", "zz"])).type == DECIMAL


# Instants


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-09-01T00:00:00Z", SEPTEMBER),
        ("2026-09-01T00:00:00+00:00", SEPTEMBER),
        ("2026-09-01T02:00:00+02:00", SEPTEMBER),
        ("2026-08-31T20:00:00-0400", SEPTEMBER),
        ("2026-09-01T00:00Z", SEPTEMBER),
        ("2026-09-01T13:05:07.123456Z", SEPTEMBER.replace(hour=13, minute=5, second=7, microsecond=123456)),
    ],
)
def test_an_instant_with_a_zone_is_the_same_instant_in_utc(text: str, value: datetime) -> None:
    assert instant_of(text) == (value, None)


@pytest.mark.parametrize(
    "text", ["2026-09-01", "2026-09-01 00:00:00", "2026-09-01T00:00:00", "2026-09-01T00:00:00.000"]
)
def test_an_instant_without_a_zone_is_utc(text: str) -> None:
    assert instant_of(text) == (SEPTEMBER, None)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "01/09/2026", "2026-02-30T00:00:00Z", "1788220800"])
def test_an_unreadable_instant_is_kept_to_the_letter(text: str) -> None:
    assert instant_of(text) == (None, text)


@pytest.mark.parametrize("text", ["", "NULL", "null"])
def test_a_blank_instant_is_a_null_and_not_a_misfit(text: str) -> None:
    assert instant_of(text) == (None, None)


@pytest.mark.parametrize(
    "text",
    ["2026-09-01", "2026-09-01T02:00:00+02:00", "2026-09-01T00:00Z", "2026-09-01T00:00:00.123456789Z", "2026-09"],
)
def test_an_instant_is_read_the_same_whatever_its_neighbours(text: str) -> None:
    assert first_of(pa.array([text, "yesterday"]), instants) == instant_of(text)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([SEPTEMBER.replace(tzinfo=None)], pa.timestamp("ms")),
        pa.array([SEPTEMBER], pa.timestamp("ns", "UTC")),
        pa.array([SEPTEMBER.astimezone(timezone(timedelta(hours=2)))], pa.timestamp("us", "+02:00")),
        pa.array([date(2026, 9, 1)]),
        pa.array(["2026-09-01"]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_an_instant_is_the_same_whatever_type_the_file_gives_it(column: pa.Array) -> None:
    assert instants(column).to_pylist() == [SEPTEMBER]


def test_nanoseconds_are_cut_in_a_timestamp_as_they_are_in_a_text() -> None:
    text = "2026-09-01T00:00:00.123456789Z"
    column = pa.array([1788220800123456789], pa.timestamp("ns", "UTC"))
    assert instants(column).cast(INSTANT).to_pylist() == [instant_of(text)[0]]


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "1969-12-31T23:59:59Z", "2201-01-01", "9999-12-31"]
)
def test_an_instant_before_1970_or_after_2200_is_kept_to_the_letter(text: str) -> None:
    assert instant_of(text) == (None, text)


@pytest.mark.parametrize("text", ["1970-01-01", "2200-12-31T23:59:59Z"])
def test_the_bounds_of_what_is_a_date_are_dates(text: str) -> None:
    assert instant_of(text)[1] is None


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_timestamp_of_another_age_is_kept_as_it_reads(unit: str) -> None:
    column = pa.array([datetime(1, 1, 1), datetime(2026, 9, 1), None], pa.timestamp(unit))  # noqa: DTZ001 as files say it
    values = instants(column)
    kept, *others = misfits(column, values).to_pylist()
    assert (values.to_pylist(), kept[:19], others) == ([None, SEPTEMBER, None], "0001-01-01 00:00:00", [None, None])


# Tags


def test_tags_are_a_json_object() -> None:
    assert tags_of('{"application": "shop", " owner": "team é"}') == ({"application": "shop", " owner": "team é"}, None)


def test_tags_keep_numbers_and_nested_values_exactly() -> None:
    assert tags_of('{"cost": 2590.4216766357421234567, "list": [1, null, ""]}') == (
        {"cost": Decimal("2590.4216766357421234567"), "list": [1, None, ""]},
        None,
    )


def test_no_tags_are_an_empty_object_where_the_bill_says_so() -> None:
    assert tags_of("{}") == ({}, None)


@pytest.mark.parametrize("text", ["", "NULL", "null"])
def test_blank_tags_are_a_null_and_not_a_misfit(text: str) -> None:
    assert tags_of(text) == (None, None)


@pytest.mark.parametrize("text", ["application=shop", "[1]", '"shop"', '{"a": ', "7"])
def test_tags_that_are_no_object_are_kept_to_the_letter(text: str) -> None:
    assert tags_of(text) == (None, text)


def test_the_map_type_of_parquet_is_an_object() -> None:
    column = pa.array([[("application", "shop"), ("owner", None)], None, []], pa.map_(pa.string(), pa.string()))
    assert all_tags(column).to_pylist() == ['{"application":"shop","owner":null}', None, "{}"]


def test_a_map_of_parquet_is_the_same_object_whatever_its_neighbours() -> None:
    maps = [[("a", "1"), ("a", "2")], [("a", "2")], [("a", None)], [], None, [("a", "1"), ("a", "2")]]
    together = texts(pa.array(maps, pa.map_(pa.string(), pa.string()))).to_pylist()
    assert together == ['{"a": "2"}', '{"a": "2"}', '{"a": null}', "{}", None, '{"a": "2"}']


def test_the_struct_type_of_parquet_is_an_object_of_what_is_set() -> None:
    column = pa.array([{"application": "shop", "owner": None}, None])
    assert all_tags(column).to_pylist() == ['{"application":"shop"}', None]


GOOGLE = [
    {"key": "application", "value": "shop", "x_type": "label", "x_inherited": False},
    {"key": "application", "value": "later", "x_type": "tag", "x_inherited": True},
    {"key": "owner", "value": None},
]


@pytest.mark.parametrize("column", [pa.array([GOOGLE, None, []]), pa.array([json.dumps(GOOGLE), None, "[]"])])
def test_a_list_of_keys_and_values_is_an_object_of_the_first_of_each(column: pa.Array) -> None:
    found = all_tags(column)
    assert [text and json.loads(text) for text in found.to_pylist()] == [
        {"application": "shop", "owner": None},
        None,
        {},
    ]
    assert misfits(column, found).null_count == len(column)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(['{"Token": "s3cret"}']),
        pa.array(['[{"key": "Token", "value": "s3cret"}]']),
        pa.array([[("Token", "s3cret")]], pa.map_(pa.string(), pa.string())),
        pa.array([{"Token": "s3cret"}]),
    ],
    ids=["text", "list", "map", "struct"],
)
def test_a_masked_tag_does_not_land(column: pa.Array) -> None:
    assert tags(column, dropped("token")["Tags"]).to_pylist() == ['{"Token":"***"}']


# Texts, and what has no column


def test_the_blanks_of_csv_are_nulls() -> None:
    assert texts(pa.array(["", "NULL", "null", None])).to_pylist() == [None] * 4


def test_a_text_that_only_looks_blank_is_kept() -> None:
    assert texts(pa.array([" ", "Null", "none", "0"])).to_pylist() == [" ", "Null", "none", "0"]


def test_a_nul_in_a_text_becomes_the_replacement_character() -> None:
    assert typed(pa.table({"ServiceName": ["a\0b"]}), NOTHING_MASKED)["service_name"].to_pylist() == ["a\ufffdb"]


def test_unknown_columns_are_kept_verbatim() -> None:
    table = pa.table({"x_Discounts": ["", "NULL", '{"a": 1.10}'], "BilledCost": ["1", "2", "3"]})
    assert other_columns(table) == [{"x_Discounts": ""}, {"x_Discounts": "NULL"}, {"x_Discounts": '{"a": 1.10}'}]


def test_unknown_columns_keep_the_numbers_of_parquet() -> None:
    table = pa.table({"x_Rate": pa.array([Decimal("0.10")], pa.decimal128(10, 2)), "x_Id": [2**53 + 1]})
    assert other_columns(table) == [{"x_Rate": Decimal("0.10"), "x_Id": 2**53 + 1}]


def test_unknown_columns_keep_the_structure_of_parquet() -> None:
    table = pa.table(
        {
            "x_Credits": [[{"Name": "Sustained use", "Amount": Decimal("-1.5"), "Until": date(2026, 9, 30)}]],
            "x_Discounts": pa.array([[("EDP", 0.5)]], pa.map_(pa.string(), pa.float64())),
        }
    )
    kept = typed(table, NOTHING_MASKED)["other_columns"].to_pylist()
    assert kept == [
        '{"x_Credits":[{"Name":"Sustained use","Amount":-1.5,"Until":"2026-09-30"}],"x_Discounts":{"EDP":0.5}}'
    ]


@pytest.mark.parametrize(("name", "older"), OLDER_NAMES.items())
def test_a_column_under_its_older_name_has_its_place(name: str, older: str) -> None:
    landed = typed(pa.table({older: ["1"]}), NOTHING_MASKED)
    assert landed[snake_case(name)].cast(pa.string())[0].as_py().startswith("1")
    assert landed["other_columns"].to_pylist() == [None]


def test_an_older_name_beside_the_newer_one_is_only_kept() -> None:
    landed = typed(pa.table({"ProviderName": ["AWS"], "Provider": ["Seller"]}), NOTHING_MASKED)
    assert (landed["provider_name"][0].as_py(), landed["other_columns"][0].as_py()) == ("AWS", '{"Provider":"Seller"}')


def test_unknown_nulls_take_no_place() -> None:
    assert other_columns(pa.table({"x_Note": pa.array([None, "a"])})) == [None, {"x_Note": "a"}]


def test_a_masked_unknown_column_does_not_land() -> None:
    found = typed(pa.table({"x_Note": ["a"], "Secret": ["s3cret"]}), dropped("secret"))["other_columns"]
    assert json.loads(found[0].as_py()) == {"x_Note": "a", "Secret": "***"}


def test_misfits_are_kept_beside_their_column_s_null() -> None:
    table = pa.table({"BilledCost": ["1,234.5", "2"], "ChargePeriodStart": ["soon", "2026-09-01"], "Tags": ["a=b", ""]})
    assert other_columns(table) == [{"BilledCost": "1,234.5", "ChargePeriodStart": "soon", "Tags": "a=b"}, None]


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_known_column_has_a_place_of_its_own(name: str) -> None:
    columns = typed(pa.table({name: pa.array([None], pa.string())}), NOTHING_MASKED)
    assert (list(columns), columns["other_columns"].to_pylist()) == ([snake_case(name), "other_columns"], [None])


def test_a_required_column_has_a_place_of_its_own() -> None:
    assert set(MANDATORY) <= KNOWN


@given(
    st.lists(
        st.tuples(
            *[st.none() | st.text(st.characters(codec="utf-8")) for _ in range(2)], st.none() | st.integers(0, 9)
        ),
        min_size=1,
    )
)
def test_other_columns_are_the_object_of_a_row_whatever_is_written_in_them(
    rows: list[tuple[str | None, str | None, int | None]],
) -> None:
    names = ("x_First", 'x_"Second"\\', "x_Count")
    columns = zip(*rows, strict=True)
    types = (pa.string(), pa.string(), pa.int64())
    table = pa.table({name: pa.array(column, type_) for name, column, type_ in zip(names, columns, types, strict=True)})
    expected = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
    assert other_columns(table) == [
        {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}
        or None
        for row in expected
    ]


def test_a_masked_column_is_masked_beside_others_in_any_case() -> None:
    table = pa.table({"x_Secret": ["a", None], "x_Open": ["b", "c"]})
    found = typed(table, dropped("x_secret"))["other_columns"].to_pylist()
    assert [json.loads(text) for text in found] == [{"x_Secret": "***", "x_Open": "b"}, {"x_Open": "c"}]


@given(st.lists(st.text(" \t+-.0123456789eE_x\u0663", max_size=8) | st.decimals().map(str) | st.none()))
def test_a_column_tells_numbers_as_the_function_for_one_text_does(values: list[str | None]) -> None:
    assert is_number(pa.array(values, pa.string())).to_pylist() == [
        None if value is None else number(value) is not None for value in values
    ]


@pytest.mark.parametrize(("length", "expected"), [(1000, True), (1001, False)])
def test_a_number_is_no_longer_than_what_dbt_reads(length: int, expected: bool) -> None:  # noqa: FBT001
    assert is_number(pa.array(["1" * length])).to_pylist() == [expected]
    assert (number("1" * length) is not None) == expected
