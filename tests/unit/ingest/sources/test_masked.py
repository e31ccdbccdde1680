"""No rule is passed by, whatever a value stands in: the kinds of places, one test for each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from bson import Binary, Code, DBRef, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from finops.ingest.config.masking import MASK, Masks, hashed
from finops.ingest.sources.documents import encode
from finops.ingest.sources.focus.columns import typed
from finops.ingest.sources.masked import mask_text
from tests.hostility import times

SECRET = "hunter2-of-jane"
KEY = "a key of the company's own"
PLACE = Masks.of({"owner_name": "drop", "db.pin": "drop"}).root("cmdb.vm")
HASHING = Masks.of({"owner_name": "hash"}, KEY).root("cmdb.vm")

DOCUMENTS: dict[str, Any] = {
    # names in other spellings
    "camel case": {"adminPassword": SECRET},
    "acronym": {"APIKey": SECRET},
    "two words": {"apiKey": SECRET},
    "snake": {"client_secret": SECRET},
    "kebab": {"X-Api-Key": SECRET},
    "blank": {"Owner Name": SECRET},
    "upper": {"OWNER_NAME": SECRET},
    "no separator": {"ownername": SECRET},
    "dotted": {"db.password": SECRET},
    "dotted deep": {"spring.datasource.password": SECRET},
    "dotted with a rule": {"owner.name": SECRET},
    "levels": {"owner": {"name": SECRET}},
    "levels deep": {"a": [{"b": {"owner": {"name": SECRET}}}]},
    "path": {"db": {"pin": SECRET}},
    "path under more": {"prod": {"db": {"pin": SECRET}}},
    "path dotted": {"prod.db.pin": SECRET},
    "path in a list": {"db": [{"pin": SECRET}]},
    "slash": {"example.com/owner-name": SECRET},
    "brackets": {"user[password]": SECRET},
    "colon": {"aws:secretAccessKey": SECRET},
    "prefix": {"vcenter_admin_passwd": SECRET},
    "full width": {"ｐａｓｓｗｏｒｄ": SECRET},
    "blank around": {" password ": SECRET},
    "zero width": {"pass\u200bword": SECRET},
    "trailing colon": {"Password:": SECRET},
    # what holds it
    "object": {"password": {"current": SECRET}},
    "list": {"password": [SECRET]},
    "list of lists": {"password": [[SECRET]]},
    "null beside": {"password": None, "token": SECRET},
    "bytes": {"password": Binary(SECRET.encode())},
    "BSON code": {"script": Code("x", {"password": SECRET})},
    "BSON code itself": {"token": Code(SECRET)},
    "DBRef's field": {"link": DBRef("users", 7, None, {"password": SECRET})},
    "DBRef's id": {"link": DBRef("users", {"owner_name": SECRET})},
    "id": {"_id": {"owner_name": SECRET, "n": 1}},
    "id in a list": {"ids": [{"_id": {"token": SECRET}}]},
    "document in code in a list": {"a": [Code("x", {"b": [{"token": SECRET}]})]},
    # lists of names and values
    "key and value": {"tags": [{"key": "owner_name", "value": SECRET}]},
    "Key and Value": {"Tags": [{"Key": "OwnerName", "Value": SECRET}]},
    "value first": {"tags": [{"value": SECRET, "key": "owner_name"}]},
    "name and value": {"env": [{"name": "DB_PASSWORD", "value": SECRET}]},
    "TagKey and TagValue": {"tags": [{"TagKey": "owner name", "TagValue": SECRET}]},
    "k and v": {"labels": [{"k": "token", "v": SECRET}]},
    "one entry, no list": {"attribute": {"key": "password", "value": SECRET}},
    "the record itself": {"key": "password", "value": SECRET},
    "value is an object": {"tags": [{"key": "owner_name", "value": {"stringValue": SECRET}}]},
    "value is a list": {"tags": [{"key": "owner_name", "values": [SECRET]}]},
    "named object": {"settings": [{"name": "db", "value": {"pin": SECRET}}]},
    "path of a key": {"db": [{"key": "pin", "value": SECRET}]},
    "entries": {"labels": [["owner_name", SECRET], ["b", "c"]]},
    "entries in entries": {"labels": [["db", [["pin", SECRET]]]]},
    "lists side by side": {"labels": {"keys": ["a", "owner_name"], "values": ["b", SECRET]}},
    "custom field": {"customAttributes": [{"fieldName": "Owner Name", "value": SECRET}]},
    # texts
    "JSON": {"config": json.dumps({"password": SECRET})},
    "JSON list": {"config": json.dumps([{"a": 1}, {"password": SECRET}])},
    "JSON in JSON": {"config": json.dumps({"inner": json.dumps({"password": SECRET})})},
    "JSON of entries": {"config": json.dumps([{"Key": "password", "Value": SECRET}])},
    "JSON under its path": {"db": json.dumps({"pin": SECRET})},
    "JSON with blanks": {"config": f'  {{ "password" : "{SECRET}" }}\n'},
    "JSON cut off": {"config": json.dumps({"password": SECRET, "b": "c"})[:-5]},
    "JSON in a sentence": {"log": 'got {"password": "' + SECRET + '"} from it'},
    "escaped JSON in a sentence": {"log": 'got {\\"password\\": \\"' + SECRET + '\\"} from it'},
    "Python's repr": {"config": repr({"password": SECRET, "b": 1})},
    "pairs": {"note": f"user=jane;password={SECRET};host=h"},
    "pairs by commas": {"note": f"user=jane,password={SECRET},host=h"},
    "pairs by blanks": {"note": f"user=jane password={SECRET} host=h"},
    "pairs by lines": {"note": f"user: jane\npassword: {SECRET}\nhost: h"},
    "pair in quotes": {"note": f'password="{SECRET}; and more"; host=h'},
    "pair of two words": {"note": f"cost center=5;owner name={SECRET};x=y"},
    "pair with blanks": {"note": f"password = {SECRET}"},
    "pair alone": {"note": f"PASSWORD={SECRET}"},
    "pair with a comma inside": {"note": f"password=a,{SECRET};user=x"},
    "pair of a map": {"note": "{user=jane, password=" + SECRET + "}"},
    "hash of Ruby": {"note": f'"user"=>"jane", "password"=>"{SECRET}"'},
    "query": {"link": f"https://example.com/a?user=jane&access_token={SECRET}&x=y"},
    "address": {"link": f"postgresql://jane:{SECRET}@db.example.com/erp"},
    "option": {"command": f"mysql --user jane --password {SECRET} erp"},
    "option with a sign": {"command": f"mysql --password={SECRET} erp"},
    "XML": {"config": f"<db><user>jane</user><password>{SECRET}</password></db>"},
    "XML with attributes": {"config": f'<db password="{SECRET}"/>'},
    "header": {"request": f"Accept: */*\r\nAuthorization: Bearer {SECRET}\r\nHost: h"},
    "key in lines": {"note": f"private_key=-----BEGIN KEY-----\n{SECRET}\nabcd==\n-----END KEY-----"},
    "in a list of texts": {"notes": ["a", f"password={SECRET}"]},
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_what_has_a_rule_does_not_land(document: dict[str, Any]) -> None:
    written = encode(document, PLACE)
    assert SECRET not in written
    assert MASK in written
    json.loads(written)


COLUMNS: dict[str, tuple[str, pa.Array]] = {
    "text column": ("OwnerName", pa.array([SECRET])),
    "typed column": ("ResourceName", pa.array([SECRET])),
    "typed column, older name": ("Region", pa.array([SECRET])),
    "numbers": ("Password", pa.array([17])),
    "tags": ("Tags", pa.array([json.dumps({"Owner Name": SECRET})])),
    "tags, a list": ("Tags", pa.array([json.dumps([{"key": "ownerName", "value": SECRET}])])),
    "tags, a list in AWS's words": ("Tags", pa.array([json.dumps([{"Key": "ownerName", "Value": SECRET}])])),
    "tags, pairs": ("Tags", pa.array([f"a=b;owner_name={SECRET};c=d"])),
    "tags, cut off": ("Tags", pa.array([f'{{"owner_name": "{SECRET}", "a'])),
    "tags, a map": ("Tags", pa.array([[("owner-name", SECRET)]], pa.map_(pa.string(), pa.string()))),
    "tags, a structure": ("Tags", pa.array([{"ownerName": SECRET}])),
    "tags, JSON in a tag": ("Tags", pa.array([json.dumps({"about": json.dumps({"owner_name": SECRET})})])),
    "tags, a list of entries": ("Tags", pa.array([json.dumps([["owner_name", SECRET]])])),
    "JSON in a text": ("ChargeDescription", pa.array([json.dumps({"owner_name": SECRET})])),
    "pairs in a text": ("ChargeDescription", pa.array([f"for owner_name={SECRET}"])),
    "unknown text": ("x_Note", pa.array([f"token: {SECRET}"])),
    "unknown JSON": ("x_Note", pa.array([json.dumps({"token": SECRET})])),
    "unknown structure": ("x_About", pa.array([{"OwnerName": SECRET, "a": 1}])),
    "unknown map": ("x_About", pa.array([[("owner_name", SECRET)]], pa.map_(pa.string(), pa.string()))),
    "unknown list": ("x_About", pa.array([[{"Key": "OwnerName", "Value": SECRET}]])),
    "levels of two columns": ("x_Owner.Name", pa.array([SECRET])),
    "dictionary": ("x_Api-Key", pa.array([SECRET]).dictionary_encode()),
    "misfit": ("BilledCost", pa.array([f"token={SECRET}"])),
}
OF_BILLS = Masks.of({"*owner_name": "drop", "ResourceName": "drop", "Region": "drop"}).root("focus.aws")


@pytest.mark.parametrize(("name", "column"), COLUMNS.values(), ids=COLUMNS)
def test_what_has_a_rule_does_not_land_of_a_bill(name: str, column: pa.Array) -> None:
    written = str({name: values.to_pylist() for name, values in typed(pa.table({name: column}), OF_BILLS).items()})
    assert SECRET not in written
    assert MASK in written


def test_columns_are_named_as_the_rules_are() -> None:
    landed = typed(pa.table({"Password": pa.array([17, None])}), OF_BILLS)["other_columns"].to_pylist()
    assert landed == ['{"Password":"***"}', None]


KEPT: dict[str, Any] = {
    "only contains it": {"password_changed_at": "2026", "tokens": 5, "secretary": "Jane"},
    "a sentence": {"note": "the password of Jane was changed; see: https://example.com/a=b"},
    "an address": {"link": "https://example.com:8443/a?b=c"},
    "a time": {"at": "2026-09-01T13:05:07Z", "note": "at 13:05: done"},
    "JSON to the letter": {"config": '{ "b" : 1.10,  "a": NaN, "c": [1e2] }'},
    "pairs to the letter": {"note": "user=jane ; host = h,x:y"},
    "a list of two-letter lists": {"matrix": [["a", "b"], ["c", "d"]]},
    "base64": {"data": "aGVsbG8gd29ybGQ=="},
    "the name of an entry": {"tags": [{"key": "password"}]},
    "a value without a name": {"value": "password"},
    "an empty text": {"note": "password"},
    "markup": {"note": "<password/> a < b"},
}


@pytest.mark.parametrize("document", KEPT.values(), ids=KEPT)
def test_what_has_no_rule_lands_to_the_letter(document: dict[str, Any]) -> None:
    before = json.loads(json.dumps(document))
    assert json.loads(encode(document, PLACE)) == before


def test_a_pseudonym_joins_wherever_it_stands() -> None:
    pseudonym = hashed("Jane Doe", KEY.encode())
    documents: list[dict[str, object]] = [
        {"owner_name": "Jane Doe"},
        {"OwnerName": " JANE DOE"},
        {"tags": [{"Key": "owner name", "Value": "jane doe"}]},
        {"note": "owner_name=Jane Doe; a=b"},
        {"note": json.dumps({"owner": {"name": "Jane Doe"}})},
        {"owner": {"name": ["Jane Doe"]}},
    ]
    assert all(pseudonym in encode(document, HASHING) for document in documents)
    bill = typed(pa.table({"x_OwnerName": ["Jane Doe"]}), Masks.of({"*owner_name": "hash"}, KEY).root("focus.aws"))
    assert bill["other_columns"].to_pylist() == [json.dumps({"x_OwnerName": pseudonym}, separators=(",", ":"))]
    assert hashed("Jane Doe", b"another key of another one") != pseudonym


def test_what_is_hashed_is_hashed_once() -> None:
    once = json.loads(encode({"owner_name": "Jane"}, HASHING))
    assert json.loads(encode(dict(once), HASHING)) == once


@pytest.mark.parametrize(
    ("value", "landed"),
    [(None, None), ("", ""), (" ", ""), ({"a": None, "b": []}, {"a": None, "b": []})],
    ids=["null", "empty", "blank", "nothing in it"],
)
def test_nothing_has_no_pseudonym(value: Any, landed: Any) -> None:
    assert json.loads(encode({"owner_name": value}, HASHING)) == {"owner_name": landed}


@pytest.mark.parametrize(
    "value",
    [7, Decimal("7.50"), True, ObjectId(b"twelve bytes"), datetime(2026, 9, 1, tzinfo=UTC)],
    ids=repr,
)
def test_what_is_not_a_text_has_a_pseudonym_too(value: Any) -> None:
    assert json.loads(encode({"owner_name": value}, HASHING))["owner_name"].startswith("hmac:")


def test_a_rule_of_a_company_comes_before_a_built_in_one() -> None:
    place = Masks.of({"next_token": "keep", "*password": "hash"}, KEY).root("http.helpdesk")
    landed = json.loads(encode({"nextToken": "a", "token": "b", "adminPassword": "c"}, place))
    assert landed == {"nextToken": "a", "token": MASK, "adminPassword": hashed("c", KEY.encode())}


def test_a_rule_of_a_source_comes_before_one_of_all() -> None:
    masks = Masks.of({"owner": "drop", "cmdb:owner": "hash", "cmdb.vm:owner": "keep"}, KEY)
    landed = {
        source: json.loads(encode({"owner": "jane"}, masks.root(source)))["owner"]
        for source in ("cmdb.vm", "cmdb.disk", "cmdbx.vm")
    }
    assert landed == {"cmdb.vm": "jane", "cmdb.disk": hashed("jane", KEY.encode()), "cmdbx.vm": MASK}


def test_a_quantity_is_not_taken_for_what_its_neighbour_names() -> None:
    masks = Masks.of({})
    record = {"name": "app-secret", "value": 12.5}
    assert json.loads(encode(dict(record), masks.root("http.prom", [["value"]]))) == record
    assert json.loads(encode(dict(record), masks.root("http.prom")))["value"] == MASK


WORDS = st.lists(
    st.sampled_from(["owner", "name"]).flatmap(lambda word: st.sampled_from([word, word.title(), word.upper()])),
    min_size=2,
    max_size=2,
).filter(lambda words: [word.lower() for word in words] == ["owner", "name"])
NAMES = st.builds(
    lambda words, sign: sign.join(words), WORDS, st.sampled_from(["", "_", "-", ".", " ", "__", "/", ":"])
)
HOLDERS = st.lists(
    st.sampled_from(
        [
            lambda value: {"a": value},
            lambda value: [value],
            lambda value: {"a": json.dumps(value)},
            lambda value: {"a": f"see {json.dumps(value)} there"},
            lambda value: Code("x", {"a": value}),
            lambda value: {"tags": [{"key": "a", "value": value}]},
            lambda value: DBRef("a", 7, None, {"b": value}),
        ]
    ),
    max_size=4,
)
ENTRIES = st.sampled_from(
    [
        lambda name, secret: {name: secret},
        lambda name, secret: {"Key": name, "Value": secret},
        lambda name, secret: {"a": [[name, secret]]},
        lambda name, secret: {name: {"x": [secret]}},
        lambda name, secret: {"a": json.dumps({name: secret})},
    ]
)


@given(NAMES, ENTRIES, HOLDERS)
def test_a_planted_secret_does_not_land_whatever_it_is_planted_in(name: str, entry: Any, holders: list[Any]) -> None:
    value = entry(name, SECRET)
    for hold in holders:
        try:
            value = hold(value)
        except TypeError:  # what JSON can't hold
            value = {"a": value}
    assert SECRET not in encode({"field": value}, PLACE)


@pytest.mark.hostile
@given(st.text("a=:;,\"'<>/{}[]\\ -\npassword", max_size=300))
def test_any_text_is_read_to_its_end_and_twice_alike(text: str) -> None:
    once = mask_text(text, PLACE)
    assert mask_text(once, PLACE) == once or MASK in once


@pytest.mark.hostile
@pytest.mark.parametrize("piece", ["a ", "a.", "password=", "<a ", "--a ", "://a:", '\\"', "a b c:", "a=b ", "{", '["'])
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    started = datetime.now(UTC)
    mask_text(piece * (times(20_000) // len(piece)), PLACE)
    assert (datetime.now(UTC) - started).total_seconds() < times(3)


def test_names_that_are_data_do_not_fill_the_memory() -> None:
    place = Masks.of({}).root("cmdb.vm")
    for number in range(60_000):
        encode({"hosts": {f"host-{number}": {"password": SECRET}}}, place)
    assert len(place["hosts"]) < 30_000
    assert SECRET not in encode({"hosts": {"host-1": {"password": SECRET}}}, place)
