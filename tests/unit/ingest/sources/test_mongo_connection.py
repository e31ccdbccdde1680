"""A replica set, TLS and SCRAM, as a company's CMDB wants them, over the wire."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from pymongo import MongoClient
from secantus import SecantusDBServer

from finops.ingest.config.settings import load
from finops.ingest.errors import ConfigurationError, SourceError
from finops.ingest.sources import mongo
from finops.ingest.sources.catalog import CMDB_VM
from finops.ingest.sources.kinds import ConfiguredSource, Window
from tests.unit.authority import Authority
from tests.unit.finds import Finds
from tests.unit.limits import LIMITS, changed, configured

PASSWORD = "p@ss/wörd"
DAY = Window(date(2026, 9, 1), date(2026, 9, 2))


@dataclass(frozen=True)
class Guarded:
    """A member of the replica set rs0 that wants TLS and a user; another may have no such user."""

    address: str
    bundle: Path

    def uri(self, password: str = PASSWORD, /, **options: str) -> str:
        """Its address, with these options beside or instead of the right ones; an empty one is left out."""
        given = {"replicaSet": "rs0", "tls": "true", "tlsCAFile": str(self.bundle)} | options
        said = "&".join(f"{name}={quote(value, safe=':/')}" for name, value in given.items() if value)
        return f"mongodb://reader:{quote(password, safe='')}@{self.address}/?{said}"


@pytest.fixture(scope="module")
def guarded(authorities: tuple[Authority, Authority], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server with one document and one user, who may only read."""
    ours, _ = authorities
    folder = str(tmp_path_factory.mktemp("guarded"))
    with (
        SecantusDBServer(storage_path=folder, replica_set_name="rs0") as unguarded,
        MongoClient[dict[str, Any]](unguarded.uri) as client,
    ):
        client["cmdb"]["vms"].insert_one({"_id": "vm-1", "vcpu": 2})
        client.admin.command("createUser", "reader", pwd=PASSWORD, roles=["readAnyDatabase"])
    with SecantusDBServer(
        storage_path=folder,
        replica_set_name="rs0",
        require_auth=True,
        tls_cert_file=str(ours.certificate),
        tls_key_file=str(ours.key),
    ) as server:
        yield Guarded(urlsplit(server.uri).netloc, ours.bundle)


def read(uri: str, **options: str) -> list[str]:
    """The identities of what is read at this address."""
    source = configured(CMDB_VM, uri=uri, **options)
    return [record.record_id for record in mongo.records(source, changed(LIMITS, http_timeout=1), [DAY])]


def refusal(uri: str, **options: str) -> str:
    """What is said at this address: one line that names its setting, without the password."""
    with pytest.raises(SourceError) as failure:
        read(uri, **options)
    said = str(failure.value)
    assert said.startswith("cmdb.vm (sources.cmdb.uri): ")
    assert [word for word in (PASSWORD, quote(PASSWORD, safe=""), "wr0ng", "\n") if word in said] == []
    return said


def test_a_replica_set_is_read_over_tls_by_a_user_with_scram(guarded: Guarded) -> None:
    assert read(guarded.uri()) == ["vm-1"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", ""])
def test_scram_is_what_the_server_offers_or_what_the_address_says(guarded: Guarded, mechanism: str) -> None:
    assert read(guarded.uri(authMechanism=mechanism, authSource="admin")) == ["vm-1"]


def test_one_member_is_read_without_the_name_of_its_set(guarded: Guarded) -> None:
    assert read(guarded.uri(replicaSet="", directConnection="true")) == ["vm-1"]


def test_a_wrong_password_is_one_clear_line(guarded: Guarded) -> None:
    said = refusal(guarded.uri("wr0ng"))
    assert "MongoDB refuses: authentication failed; check its user, password and authSource" in said


def test_no_user_at_all_is_one_clear_line(guarded: Guarded) -> None:
    said = refusal(f"mongodb://{guarded.address}/?tls=true&tlsCAFile={guarded.bundle}")
    assert said.endswith("requires authentication; check the rights of its user")


def test_an_authority_that_is_not_trusted_is_one_clear_line(
    guarded: Guarded, authorities: tuple[Authority, Authority]
) -> None:
    _, another = authorities
    for bundle in ("", str(another.bundle)):
        said = refusal(guarded.uri(tlsCAFile=bundle))
        assert "not trusted: name its authority's PEM file by tlsCAFile in the address" in said


def test_a_server_that_wants_tls_says_to_check_it(guarded: Guarded) -> None:
    assert "check host, port and TLS" in refusal(guarded.uri(tls="", tlsCAFile=""))


def test_an_unknown_replica_set_is_one_clear_line(guarded: Guarded) -> None:
    said = refusal(guarded.uri(replicaSet="rs9"))
    assert "no member of that replica set answers: check replicaSet in the address" in said
    assert '"rs9"' in said


def test_a_preference_that_no_member_meets_names_its_setting(guarded: Guarded) -> None:
    assert "check sources.cmdb.read_preference" in refusal(guarded.uri(), read_preference="secondary")


@pytest.mark.parametrize("wrong", ["readPreference=nearly", "readPrefrence=nearest", "readPreferenceTags=paris"])
def test_an_option_of_the_address_that_the_driver_would_pass_over_is_an_error(guarded: Guarded, wrong: str) -> None:
    said = refusal(f"{guarded.uri()}&{wrong}")
    assert "check the names and values of its options" in said


def test_a_read_concern_that_the_server_does_not_know_is_one_clear_line(guarded: Guarded) -> None:
    said = refusal(guarded.uri(readConcernLevel="nonsense"))
    assert "'nonsense' is not valid; check sources.cmdb.filter, projection and read_concern" in said


# How it is read


def asked(finds: Finds, uri: str, **options: str) -> dict[str, Any]:
    """How the server is asked for the documents."""
    before = len(finds.commands)
    assert read(uri, **options) == ["vm-1"]
    (command,) = finds.commands[before:]
    return {name: command.get(name) for name in ("$readPreference", "readConcern")}


def test_the_server_is_asked_by_the_preference_and_the_concern_that_are_set(guarded: Guarded, finds: Finds) -> None:
    found = asked(finds, guarded.uri(), read_preference="secondaryPreferred", read_concern="majority")
    assert found == {"$readPreference": {"mode": "secondaryPreferred"}, "readConcern": {"level": "majority"}}


def test_the_address_may_say_them_too(guarded: Guarded, finds: Finds) -> None:
    uri = guarded.uri(readPreference="nearest", readPreferenceTags="site:paris", readConcernLevel="local")
    found = asked(finds, f"{uri}&readPreferenceTags=")
    assert found == {
        "$readPreference": {"mode": "nearest", "tags": [{"site": "paris"}, {}]},
        "readConcern": {"level": "local"},
    }


def test_the_settings_win_over_the_address(guarded: Guarded, finds: Finds) -> None:
    uri = guarded.uri(readPreference="nearest", readConcernLevel="local")
    found = asked(finds, uri, read_preference="primaryPreferred", read_concern="majority")
    assert found == {"$readPreference": {"mode": "primaryPreferred"}, "readConcern": {"level": "majority"}}


def test_without_either_the_driver_and_the_server_choose(guarded: Guarded, finds: Finds) -> None:
    assert asked(finds, guarded.uri()) == {"$readPreference": None, "readConcern": None}


READ_PREFERENCES = ("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest")
READ_CONCERNS = ("local", "available", "majority", "linearizable", "snapshot")


def loaded(**settings: str) -> list[ConfiguredSource]:
    """The collections of the CMDB with these settings."""
    os.environ["SOURCES__CMDB__URI"] = f"mongodb://reader:{PASSWORD}@cmdb.example.com/"
    os.environ.update({f"SOURCES__CMDB__{name.upper()}": value for name, value in settings.items()})
    return list(load().sources)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("read_preference", value) for value in READ_PREFERENCES),
        *(("read_concern", value) for value in READ_CONCERNS),
    ],
)
def test_every_way_to_read_can_be_set(setting: str, value: str) -> None:
    assert [getattr(found.options, setting) for found in loaded(**{setting: value})] == [value] * 3


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("read_preference", "slave", ", ".join(READ_PREFERENCES)),
        ("read_preference", "Secondary", ", ".join(READ_PREFERENCES)),
        ("read_concern", "strong", ", ".join(READ_CONCERNS)),
    ],
)
def test_another_way_to_read_names_the_setting_and_those_that_are_known(setting: str, value: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        loaded(**{setting: value})
    assert str(failure.value) == f"sources.cmdb.{setting} '{value}' is not known: write one of {remedy}"


def test_the_doctor_s_question_is_one_document_and_the_server_s_clock(guarded: Guarded) -> None:
    probe = mongo.probe(configured(CMDB_VM, uri=guarded.uri()), LIMITS)
    assert (probe.found, probe.is_empty) == ("a document in cmdb.vms", False)
    assert probe.clock_skew is not None
    assert abs(probe.clock_skew.total_seconds()) < 5


def test_the_doctor_s_question_needs_the_right_password_too(guarded: Guarded) -> None:
    with pytest.raises(SourceError, match="its user, password and authSource"):
        mongo.probe(configured(CMDB_VM, uri=guarded.uri("wrong")), LIMITS)
