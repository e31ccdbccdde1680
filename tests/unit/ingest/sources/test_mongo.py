import json
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, ObjectId
from bson.binary import UUID_SUBTYPE
from bson.datetime_ms import DatetimeMS
from pymongo import MongoClient
from pymongo.database import Database

from finops.ingest.errors import FinopsError, SourceError
from finops.ingest.sources import mongo
from finops.ingest.sources.catalog import CMDB_VM
from finops.ingest.sources.documents import Record
from finops.ingest.sources.kinds import Window
from tests.unit.finds import Finds
from tests.unit.limits import LIMITS, changed, configured
from tests.unit.mongo_wire import holding

Documents = Database[dict[str, Any]]

FIRST = Window(date(2026, 9, 1), date(2026, 9, 2))
SECOND = Window(date(2026, 9, 2), date(2026, 9, 3))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nothing listens on, held for the test."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def read(database: Documents, windows: tuple[Window, ...] = (FIRST,), /, **options: str) -> list[Record]:
    """The records of the collection `vms` with these settings."""
    host, port = database.client.address or ("", 0)
    at = {"uri": f"mongodb://{host}:{port}/", "database": database.name}
    return list(mongo.records(configured(CMDB_VM, **at, **options), LIMITS, list(windows)))


def payloads(records: list[Record]) -> list[Any]:
    """The documents of the records, numbers exact."""
    return [json.loads(record.payload, parse_float=Decimal) for record in records]


def identities(records: list[Record]) -> list[Any]:
    """The `_id` of the documents."""
    return [payload["_id"] for payload in payloads(records)]


def test_a_document_lands_whole_with_its_types(database: Documents) -> None:
    database.vms.insert_one(
        {
            "_id": ObjectId("65f1a0b2c3d4e5f60718293a"),
            "ram_gib": Decimal128("4.50"),
            "bytes": Int64(2**53 + 1),
            "seen": datetime(2026, 9, 1, 13, 5, 7, 123000, tzinfo=UTC),
            "tags": [{"k": "application", "v": ""}, None],
        }
    )
    assert payloads(read(database)) == [
        {
            "_id": {"$oid": "65f1a0b2c3d4e5f60718293a"},
            "ram_gib": {"$numberDecimal": "4.50"},
            "bytes": 2**53 + 1,
            "seen": {"$date": "2026-09-01T13:05:07.123Z"},
            "tags": [{"k": "application", "v": ""}, None],
        }
    ]


def test_a_nan_in_the_cmdb_is_no_null(database: Documents) -> None:
    database.vms.insert_one({"_id": 1, "ram_gib": float("nan")})
    assert payloads(read(database)) == [{"_id": 1, "ram_gib": {"$numberDouble": "NaN"}}]


def test_an_object_id_is_the_record_s_name(database: Documents) -> None:
    database.vms.insert_one({"_id": ObjectId("65f1a0b2c3d4e5f60718293a")})
    assert [record.record_id for record in read(database)] == ["65f1a0b2c3d4e5f60718293a"]


@pytest.mark.parametrize(
    "identity",
    [
        7,
        "vm-7",
        "",
        Decimal128("1.10"),
        {"site": "paris", "rack": 3},
        datetime(2026, 9, 1, tzinfo=UTC),
        Binary(b"\x07", 4),
        True,
        1.5,
        None,
    ],
    ids=lambda identity: type(identity).__name__,
)
def test_a_document_is_never_skipped_for_the_kind_of_its_id(database: Documents, identity: Any) -> None:
    database.vms.insert_one({"_id": identity, "vcpu": 2})
    assert [payload["vcpu"] for payload in payloads(read(database))] == [2]


@pytest.mark.parametrize(
    "identities",
    [
        (7, 8),
        (Decimal128("1.10"), Decimal128("1.11")),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}),
        (7, "7"),
    ],
    ids=["integers", "decimals", "sub-documents", "integer and text"],
)
def test_two_documents_have_two_record_ids(database: Documents, identities: tuple[Any, Any]) -> None:
    database.vms.insert_many([{"_id": identity} for identity in identities])
    assert len({record.record_id for record in read(database)}) == 2


def test_a_document_has_the_same_record_id_every_time(database: Documents) -> None:
    database.vms.insert_one({"_id": {"site": "paris", "rack": 3}})
    assert read(database)[0].record_id == read(database)[0].record_id


def test_a_date_that_python_can_t_hold_lands_too() -> None:
    document = {"_id": 1, "end_of_life": DatetimeMS(253402300800000)}  # the first millisecond of year 10000
    with holding(document) as uri:
        landed = payloads(list(mongo.records(configured(CMDB_VM, uri=uri), LIMITS, [FIRST])))
    assert landed == [{"_id": 1, "end_of_life": {"$date": {"$numberLong": "253402300800000"}}}]


@pytest.mark.parametrize("kept_as", ["standard", "csharpLegacy", "unspecified"])
def test_a_uuid_lands_alike_whatever_the_address_says_of_it(kept_as: str) -> None:
    with holding({"_id": 1, "host": Binary(bytes(16), UUID_SUBTYPE)}) as uri:
        source = configured(CMDB_VM, uri=f"{uri}?uuidRepresentation={kept_as}")
        landed = payloads(list(mongo.records(source, LIMITS, [FIRST])))
    assert landed == [{"_id": 1, "host": {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": "04"}}}]


def test_a_masked_field_does_not_leave_the_cmdb(database: Documents) -> None:
    database.vms.insert_one({"_id": 1, "access": {"Password": "s3cret"}})
    assert payloads(read(database)) == [{"_id": 1, "access": {"Password": "***"}}]


def test_a_dated_dump_gives_each_window_its_own_day(database: Documents) -> None:
    midnight = datetime(2026, 9, 1, tzinfo=UTC)
    offsets = {"before": -1, "first": 0, "last": 86_399_999, "after": 86_400_000, "late": 2 * 86_400_000}
    database.vms.insert_many(
        [{"_id": name, "day": midnight + timedelta(milliseconds=offset)} for name, offset in offsets.items()]
    )
    found = [
        (record.window_date.day, record.record_id) for record in read(database, (FIRST, SECOND), snapshot_field="day")
    ]
    assert sorted(found) == [(1, "first"), (1, "last"), (2, "after")]


def test_the_days_of_a_dump_are_filtered_at_the_server(finds: Finds, database: Documents) -> None:
    database.vms.insert_one({"_id": 1, "day": datetime(2026, 9, 1, tzinfo=UTC)})
    read(database, snapshot_field="day")
    asked = [command["filter"] for command in finds.commands if command["database"] == database.name]
    assert asked == [{"day": {"$gte": datetime(2026, 9, 1, tzinfo=UTC), "$lt": datetime(2026, 9, 2, tzinfo=UTC)}}]


def test_a_collection_without_dates_lands_whole_under_the_window(database: Documents) -> None:
    database.vms.insert_many([{"_id": "old", "day": datetime(2020, 1, 1, tzinfo=UTC)}, {"_id": "undated"}])
    found = sorted((record.record_id, record.window_date) for record in read(database))
    assert found == [("old", FIRST.start), ("undated", FIRST.start)]


def test_the_filter_setting_selects_documents(database: Documents) -> None:
    database.vms.insert_many([{"_id": 1, "site": "paris"}, {"_id": 2, "site": "lyon"}])
    assert payloads(read(database, filter='{"site": "lyon"}')) == [{"_id": 2, "site": "lyon"}]


def test_the_filter_setting_is_extended_json(database: Documents) -> None:
    known = ObjectId("65f1a0b2c3d4e5f60718293a")
    database.vms.insert_many([{"_id": known}, {"_id": ObjectId()}])
    found = read(database, filter='{"_id": {"$oid": "65f1a0b2c3d4e5f60718293a"}}')
    assert [record.record_id for record in found] == [str(known)]


def test_the_filter_and_the_day_hold_together(database: Documents) -> None:
    midnight = datetime(2026, 9, 1, tzinfo=UTC)
    late = midnight + timedelta(days=1)
    database.vms.insert_many(
        [
            {"_id": 1, "on": True, "day": midnight},
            {"_id": 2, "on": False, "day": midnight},
            {"_id": 3, "on": True, "day": late},
        ]
    )
    assert identities(read(database, filter='{"on": true}', snapshot_field="day")) == [1]


def test_the_projection_setting_chooses_fields(database: Documents) -> None:
    database.vms.insert_one({"_id": 1, "vcpu": 2, "notes": "long"})
    assert payloads(read(database, projection='{"vcpu": 1}')) == [{"_id": 1, "vcpu": 2}]


@pytest.mark.parametrize(
    "options",
    [
        {"filter": '{"_id": {"$oid": "zz"}}'},
        {"filter": '{"day": {"$date": "yesterday"}}'},
        {"filter": '{"$nonsense": 1}'},
    ],
    ids=["bad ObjectId", "bad date", "bad operator"],
)
def test_a_setting_that_makes_no_sense_fails_this_source_only(database: Documents, options: dict[str, str]) -> None:
    database.vms.insert_one({"_id": 1, "vcpu": 2})
    with pytest.raises(FinopsError):
        read(database, **options)


def test_a_projection_can_t_take_a_document_s_identity_away(database: Documents) -> None:
    database.vms.insert_one({"_id": 1, "vcpu": 2})
    assert payloads(read(database, projection='{"_id": 0, "vcpu": 1}')) == [{"_id": 1, "vcpu": 2}]


def test_a_filter_on_the_date_itself_holds_beside_the_window(database: Documents) -> None:
    at_noon = datetime(2026, 9, 1, 12, tzinfo=UTC)
    database.vms.insert_many([{"_id": "a", "day": datetime(2026, 9, 1, tzinfo=UTC)}, {"_id": "b", "day": at_noon}])
    found = read(database, snapshot_field="day", filter='{"day": {"$gt": {"$date": "2026-09-01T06:00:00Z"}}}')
    assert [record.record_id for record in found] == ["b"]


def test_documents_come_in_batches_of_the_configured_size(finds: Finds, database: Documents) -> None:
    database.vms.insert_many([{"_id": number} for number in range(5)])
    read(database, batch_size="2")
    assert [command["batchSize"] for command in finds.commands if command["database"] == database.name] == [2]


def test_no_document_is_lost_between_two_batches(database: Documents) -> None:
    database.vms.insert_many([{"_id": number} for number in range(5)])
    assert sorted(identities(read(database, batch_size="2"))) == [0, 1, 2, 3, 4]


def test_an_empty_collection_has_no_records(database: Documents) -> None:
    database.create_collection("vms")
    assert read(database) == []


def test_a_missing_collection_is_an_error_that_names_its_setting(database: Documents) -> None:
    database.other.insert_one({"_id": 1})
    with pytest.raises(SourceError, match=f"database '{database.name}' has no collection 'vms': set sources.cmdb.vm"):
        read(database)


def test_a_refusal_of_the_server_is_a_clear_error(database: Documents) -> None:
    database.vms.insert_one({"_id": 1})
    fail_once(database.client, failCommands=["find"], errorCode=13)
    with pytest.raises(SourceError, match=r"cmdb\.vm .*MongoDB refuses: .*check the rights of its user"):
        read(database)


def test_a_connection_that_is_lost_between_two_batches_is_an_error(database: Documents) -> None:
    database.vms.insert_many([{"_id": number} for number in range(5)])
    fail_once(database.client, failCommands=["getMore"], closeConnection=True)
    with pytest.raises(SourceError, match="connection closed"):
        read(database, batch_size="2")


def fail_once(client: MongoClient[dict[str, Any]], **failure: Any) -> None:
    """Let the server's next command of this kind fail, by MongoDB's own fail points."""
    client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": failure})


def refusal(uri: str) -> str:
    """What is said when this address is read."""
    source = configured(CMDB_VM, uri=uri)
    with pytest.raises(FinopsError) as failure:
        list(mongo.records(source, changed(LIMITS, http_timeout=1), [FIRST]))
    return str(failure.value)


def test_a_server_that_does_not_answer_is_one_clear_error(closed_port: int) -> None:
    said = refusal(f"mongodb://127.0.0.1:{closed_port}/")
    assert said.startswith("cmdb.vm (sources.cmdb.uri): no MongoDB server answers: check host, port and TLS")


def test_an_error_of_the_server_is_one_line(closed_port: int) -> None:
    assert "\n" not in refusal(f"mongodb://127.0.0.1:{closed_port}/")


def test_an_unreachable_server_s_password_is_not_told(closed_port: int) -> None:
    assert "s3cret" not in refusal(f"mongodb://finops:s3cret@127.0.0.1:{closed_port}/")


@pytest.mark.parametrize(
    "uri",
    [
        "postgres://finops:s3cret@cmdb/",
        "mongodb://",
        "mongodb://finops:s3cret@cmdb:99999/",
        "mongodb://finops:s3cret@cmdb:port/",
        "mongodb://finops:s3c%ZZret@cmdb/",
        "mongodb://cmdb/?tls=true&tlsCAFile=/no/such/file.pem",
    ],
)
def test_a_bad_address_names_the_setting(uri: str) -> None:
    assert "sources.cmdb.uri" in refusal(uri)


@pytest.mark.parametrize("password", ["left:right", "left@right", "left/right", "left?right", "left#right"])
def test_a_password_that_breaks_the_address_is_not_told(password: str) -> None:
    assert "right" not in refusal(f"mongodb://finops:{password}@127.0.0.1:1/")


def test_records_of_several_collections_begin_with_their_collection_s_name(database: Documents) -> None:
    for name in ("a", "a/b"):
        database[name].insert_many([{"_id": "b/1"}, {"_id": "1"}])
    found = [record.record_id for record in read(database, vm='["a", "a/b"]')]
    assert sorted(found) == ["a%2Fb/1", "a%2Fb/b/1", "a/1", "a/b/1"]
    assert [record.record_id for record in read(database, vm="a")] == ["b/1", "1"]


def test_the_doctor_asks_each_of_several_collections(database: Documents) -> None:
    host, port = database.client.address or ("", 0)
    database["a"].insert_one({})
    database.create_collection("b")
    options = {"uri": f"mongodb://{host}:{port}/", "database": database.name, "vm": '["a", "b"]'}
    probe = mongo.probe(configured(CMDB_VM, **options), LIMITS)
    said = f"a document in {database.name}.a, no document in {database.name}.b"
    assert (probe.found, probe.is_empty) == (said, True)
