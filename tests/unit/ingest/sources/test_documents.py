import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp, json_util
from hypothesis import given
from hypothesis import strategies as st

from finops.ingest.config.masking import Masks, Place
from finops.ingest.sources.documents import content_hash, encode

NOTHING_MASKED = Masks(()).root("test.source")
HIGH, LOW = chr(0xD800), chr(0xDC00)  # the halves of a surrogate pair


def dropped(*names: str) -> Place:
    """The place of a record of which these fields are dropped."""
    return Masks.of(dict.fromkeys(names, "drop"), built_in=()).root("test.source")


def encoded(value: Any) -> str:
    """The JSON text of a document with this value in its only field."""
    return encode({"field": value}, NOTHING_MASKED).removeprefix('{"field":').removesuffix("}")


def landed(value: Any) -> Any:
    """The value as PostgreSQL's JSON reader would see it, numbers exact."""
    return json.loads(encode({"field": value}, NOTHING_MASKED), parse_float=Decimal)["field"]


ASCII = st.characters(codec="ascii")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
    | st.integers(-(2**63), 2**63 - 1).map(Int64)
    | st.sampled_from([ObjectId(), Decimal128("1.50"), Decimal128("NaN"), Regex("^a", "i"), MaxKey(), Timestamp(1, 2)])
)


def nested(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Whatever holds other values."""
    held = st.dictionaries(st.sampled_from(["a", "b", "token", "Token", "TOKEN", "tokens"]), inside, max_size=4)
    return (
        held
        | st.lists(inside, max_size=4)
        | held.map(lambda scope: Code("x", scope))
        | held.map(lambda more: DBRef("vms", 7, None, more))
    )


DOCUMENTS = st.fixed_dictionaries({"field": st.recursive(LEAVES, nested)})


def without_nuls(text: str) -> str:
    """JSON text with U+FFFD in place of each NUL."""
    return re.sub(r"(?<!\\)((\\\\)*)\\u0000", r"\1\\ufffd", text)


def of_tokens(value: Any) -> Iterator[Any]:
    """What stands under the name `token` in JSON, at any depth."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from [item] if name.lower() == "token" else of_tokens(item)
    elif isinstance(value, list):
        for item in value:
            yield from of_tokens(item)


@pytest.mark.parametrize(
    ("value", "extended_json"),
    [
        (Decimal128("4.500"), {"$numberDecimal": "4.500"}),
        (Decimal128("1E-6176"), {"$numberDecimal": "1E-6176"}),
        (ObjectId("65f1a0b2c3d4e5f60718293a"), {"$oid": "65f1a0b2c3d4e5f60718293a"}),
        (datetime(2026, 9, 1, tzinfo=UTC), {"$date": "2026-09-01T00:00:00Z"}),
        (datetime(2026, 9, 1, 13, 5, 7, 123000, tzinfo=UTC), {"$date": "2026-09-01T13:05:07.123Z"}),
        (datetime(1950, 1, 1, tzinfo=UTC), {"$date": {"$numberLong": "-631152000000"}}),
        (b"\x00\xff", {"$binary": {"base64": "AP8=", "subType": "00"}}),
        (Binary(b"\x01", 5), {"$binary": {"base64": "AQ==", "subType": "05"}}),
        (Timestamp(7, 2), {"$timestamp": {"t": 7, "i": 2}}),
        (DBRef("vms", 7), {"$ref": "vms", "$id": 7}),
        (
            Binary.from_uuid(UUID("00112233-4455-6677-8899-aabbccddeeff")),
            {"$binary": {"base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": "04"}},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_bson_type_becomes_extended_json(value: Any, extended_json: Any) -> None:
    assert landed(value) == extended_json


def test_javascript_keeps_its_scope() -> None:
    assert landed(Code("x", {"x": 1})) == {"$code": "x", "$scope": {"x": 1}}


@given(st.integers() | st.integers(10**18, 10**40) | st.integers(-(2**63), 2**63 - 1).map(Int64))
def test_an_integer_keeps_every_digit(value: int) -> None:
    assert encoded(value) == str(int(value))


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True, alphabet=ASCII))
def test_a_decimal_keeps_every_digit(text: str) -> None:
    assert Decimal(encoded(Decimal(text))).as_tuple() == Decimal(text).as_tuple()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_itself(value: float) -> None:
    assert repr(float(encoded(value))) == repr(value)


@pytest.mark.parametrize("value", [math.nan, Decimal("NaN")], ids=["float", "decimal"])
def test_a_nan_stays_a_nan_and_is_no_null(value: Any) -> None:
    assert landed(value) == {"$numberDouble": "NaN"}


@pytest.mark.parametrize(("value", "name"), [(math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_an_infinity_keeps_its_sign(value: float, name: str) -> None:
    assert landed(value) == {"$numberDouble": name}


def test_a_nan_of_128_bits_stays_one() -> None:
    assert landed(Decimal128("NaN")) == {"$numberDecimal": "NaN"}


def test_a_nan_deep_in_a_document_is_found() -> None:
    assert landed({"disks": [{"size": math.nan}]}) == {"disks": [{"size": {"$numberDouble": "NaN"}}]}


@pytest.mark.parametrize("neighbour", ["a\0b", math.nan, HIGH], ids=["NUL", "NaN", "surrogate"])
def test_what_needs_repair_changes_nothing_beside_it(neighbour: Any) -> None:
    document = {"repaired": neighbour, "huge": Decimal("1E+400"), "id": ObjectId("65f1a0b2c3d4e5f60718293a"), "": None}
    beside = '"huge":1E+400,"id":{"$oid":"65f1a0b2c3d4e5f60718293a"},"":null}'
    assert encode(document, NOTHING_MASKED).endswith(beside)


def test_a_nul_becomes_the_replacement_character() -> None:
    assert landed("a\0b") == "a\ufffdb"


def test_a_nul_in_a_name_becomes_the_replacement_character() -> None:
    assert landed({"a\0": 1}) == {"a\ufffd": 1}


def test_a_text_that_spells_a_nul_escape_is_kept_to_the_letter() -> None:
    assert landed("C:\\u0000") == "C:\\u0000"


def test_a_spelled_escape_beside_a_real_nul_is_kept_to_the_letter() -> None:
    assert landed("\\u0000\0\\ud800") == "\\u0000\ufffd\\ud800"


@pytest.mark.parametrize(
    ("text", "storable"),
    [
        (HIGH, "\ufffd"),
        (LOW, "\ufffd"),
        (f"end{HIGH}", "end\ufffd"),
        (f"{HIGH}x", "\ufffdx"),
        (f"{LOW}x", "\ufffdx"),
        (f"{LOW}{HIGH}", "\ufffd\ufffd"),
    ],
    ids=ascii,
)
def test_half_a_surrogate_pair_becomes_the_replacement_character(text: str, storable: str) -> None:
    assert landed(text) == storable


@pytest.mark.parametrize("text", ["é", "😀", "日本", 'a"b\\c\n\t', "\u2028", "\x7f", "\ufffd", "\u0001"], ids=ascii)
def test_any_other_text_is_kept_to_the_letter(text: str) -> None:
    assert landed(text) == text


def test_an_emoji_survives_beside_a_nul() -> None:
    assert landed("😀\0") == "😀\ufffd"


def test_an_empty_text_and_a_null_stay_apart() -> None:
    assert landed(["", None]) == ["", None]


def test_a_text_of_digits_stays_a_text() -> None:
    assert landed("0042") == "0042"


def test_nested_values_keep_their_order_and_types() -> None:
    document = {"b": [1, {"z": True, "a": [Decimal128("0.5"), "x"]}], "a": {}}
    assert encode(document, NOTHING_MASKED) == '{"b":[1,{"z":true,"a":[{"$numberDecimal":"0.5"},"x"]}],"a":{}}'


def test_a_masked_field_is_masked_at_any_depth() -> None:
    document = {"password": "s1", "disks": [{"owner": {"password": "s2"}}]}
    assert json.loads(encode(document, dropped("password"))) == {
        "password": "***",
        "disks": [{"owner": {"password": "***"}}],
    }


@pytest.mark.parametrize("name", ["Password", "PASSWORD", "passWord"])
def test_a_masked_name_is_compared_without_case(name: str) -> None:
    assert encode({name: "s1"}, dropped("password")) == f'{{"{name}":"***"}}'


@pytest.mark.parametrize("value", [{"current": "s1"}, ["s1", "s2"], 42, None], ids=repr)
def test_a_masked_value_is_masked_whatever_its_kind(value: Any) -> None:
    assert encode({"password": value}, dropped("password")) == '{"password":"***"}'


def test_a_name_that_only_contains_a_masked_one_is_not_masked() -> None:
    assert encode({"password_changed": "2026"}, dropped("password")) == '{"password_changed":"2026"}'


@pytest.mark.parametrize(
    "value",
    [DBRef("vms", 7, None, {"Token": "s1"}), Code("x", {"token": "s1"}), [[{"token": {"token": "s1"}}]]],
    ids=repr,
)
def test_a_masked_field_is_masked_in_whatever_holds_documents(value: Any) -> None:
    assert "s1" not in encode({"field": value}, dropped("token"))


@given(DOCUMENTS)
def test_a_document_reads_back_as_the_driver_s_own_extended_json(document: dict[str, Any]) -> None:
    expected = without_nuls(json_util.dumps(document))
    read = partial(json.loads, parse_float=Decimal)
    assert read(encode(document, NOTHING_MASKED)) == read(expected)


@given(DOCUMENTS)
def test_nothing_but_the_mask_stands_under_a_masked_name(document: dict[str, Any]) -> None:
    written = json.loads(encode(document, dropped("token")))
    assert set(of_tokens(written)) <= {"***"}


def test_equal_contents_have_one_identity() -> None:
    assert content_hash('{"qty": 1.2}') == content_hash('{"qty": 1.2}')


def test_different_contents_have_two_identities() -> None:
    assert content_hash('{"qty": 1.2}') != content_hash('{"qty": 1.20}')
