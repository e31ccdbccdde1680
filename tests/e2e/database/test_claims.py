"""Claims are checked inside the database: who can run SQL in a session can't make one."""

from __future__ import annotations

import json
import time
from typing import Literal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from finops.api.auth import claims
from finops.api.auth.caller import Identity
from finops.ingest.access import new_claim_key, store_claim_key
from tests.e2e.finops import Database

KEY = new_claim_key()
EVERYTHING = Identity("controller", "*")
PAYMENTS = Identity("payments", frozenset({"payments"}))
REFUSED = psycopg.errors.InvalidAuthorizationSpecification


def store(database: Database, key: str) -> None:
    """Store a key as `finops init-db` does."""
    with psycopg.connect(database.info.dsn, autocommit=True, row_factory=dict_row) as connection:
        store_claim_key(connection, key)


@pytest.fixture
def database(database: Database) -> Database:
    """A database that knows the key."""
    store(database, KEY)
    return database


def keys_of(database: Database, claim: str | None) -> list[str]:
    """What a session of the reader may see that says this."""
    with database.transaction():
        database.execute("set local role finops_api")
        if claim is not None:
            database.execute("select set_config('finops.claims', %s, true)", [claim])
        [(keys,)] = database.execute("select finops_api.caller_keys()").fetchall()
    assert isinstance(keys, list)
    return keys


def signed(identity: Identity, key: str = KEY) -> str:
    """A claim as the API makes it."""
    return claims.sign(identity, key.encode())


@pytest.mark.parametrize(
    ("groups", "keys"),
    [
        ("*", ["*"]),
        (frozenset({"payments", "platform/team-a"}), ["payments", "platform/team-a"]),
        (frozenset({"*"}), []),
        (frozenset({"*", "payments"}), ["payments"]),
        (frozenset(), []),
    ],
)
def test_a_claim_shows_what_it_was_signed_for(
    database: Database, groups: Literal["*"] | frozenset[str], keys: list[str]
) -> None:
    assert keys_of(database, signed(Identity("Ada Löwe", groups))) == keys


def test_a_session_of_the_api_shows_nothing_until_it_says_who_calls(database: Database) -> None:
    assert keys_of(database, "none") == []


@pytest.mark.parametrize(
    "claim",
    [
        "*",
        '["payments"]',
        ".",
        signed(EVERYTHING, "another key, as long as it has to be"),
        signed(EVERYTHING)[:-1],
        signed(EVERYTHING) + "0",
        signed(EVERYTHING).upper(),
        signed(EVERYTHING).split(".", maxsplit=1)[0],
        signed(EVERYTHING).split(".")[0] + "." + signed(PAYMENTS).split(".")[1],
        " " + signed(EVERYTHING),
        "None",
    ],
    ids=[
        "everything", "a list", "nothing", "another key", "cut", "longer", "upper case", "not signed",
        "signed for another", "blank", "none",
    ],
)  # fmt: skip
def test_a_claim_that_nobody_signed_is_an_error(database: Database, claim: str) -> None:
    with pytest.raises(REFUSED, match=r"finops\.claims is not signed with a key of this database"):
        keys_of(database, claim)


@pytest.mark.hostile
@given(position=st.integers(min_value=0), bit=st.integers(0, 6))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_changed_bit_breaks_a_claim(database: Database, position: int, bit: int) -> None:
    claim = signed(PAYMENTS)
    at = position % len(claim)
    changed = claim[:at] + chr(ord(claim[at]) ^ 1 << bit) + claim[at + 1 :]
    if "\0" in changed:
        return
    with pytest.raises(REFUSED):
        keys_of(database, changed)


def test_a_claim_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - claims.LIFESPAN - 2)
    with pytest.raises(REFUSED, match=r"has expired: at .* and it is .* here"):
        keys_of(database, signed(EVERYTHING))


@pytest.mark.parametrize("behind", [-600, 0, claims.LIFESPAN - 30])
def test_clocks_may_differ_by_minutes(database: Database, monkeypatch: pytest.MonkeyPatch, behind: int) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - behind)
    assert keys_of(database, signed(PAYMENTS)) == ["payments"]


def test_the_key_before_the_newest_is_valid_for_a_day(database: Database) -> None:
    second, third = new_claim_key(), new_claim_key()
    store(database, second)
    assert keys_of(database, signed(PAYMENTS)) == keys_of(database, signed(PAYMENTS, second)) == ["payments"]
    database.execute("update finops.claim_keys set valid_to = valid_to - interval '1 day'")
    with pytest.raises(REFUSED):
        keys_of(database, signed(PAYMENTS))
    store(database, second)
    store(database, third)
    assert keys_of(database, signed(PAYMENTS, second)) == keys_of(database, signed(PAYMENTS, third)) == ["payments"]
    with pytest.raises(REFUSED):
        keys_of(database, signed(PAYMENTS))


def test_the_same_key_stored_again_ends_no_other(database: Database) -> None:
    second = new_claim_key()
    store(database, second)
    store(database, second)
    assert keys_of(database, signed(PAYMENTS)) == ["payments"]


@pytest.mark.parametrize("key", ["k" * 32, "k" * 64, "k" * 65, "é" * 200])
def test_a_key_of_any_length_is_that_of_hmac(database: Database, key: str) -> None:
    store(database, key)
    assert keys_of(database, signed(PAYMENTS, key)) == ["payments"]


def test_a_short_key_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="has 31 bytes: at least 32 are needed") as refused:
        store(database, "x" * 31)
    assert "xxx" not in str(refused.value)
    assert keys_of(database, signed(PAYMENTS)) == ["payments"]


def test_an_api_that_is_older_than_the_database_shows_nothing(database: Database) -> None:
    database.execute("set finops.groups = '[\"payments\"]'")
    for claim in (None, "none", signed(PAYMENTS)):
        with pytest.raises(REFUSED, match="the API is older than this database"):
            keys_of(database, claim)


@pytest.mark.hostile
@given(groups=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=20))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_group(database: Database, groups: list[str]) -> None:
    found = keys_of(database, signed(Identity(json.dumps(groups), frozenset(groups))))
    lower = database.execute("select lower(name) from unnest(%s::text[]) as names (name)", [groups]).fetchall()
    assert sorted(found) == sorted(str(key) for (key,) in set(lower) - {("*",)})


def test_only_the_owner_can_read_or_store_a_key(database: Database) -> None:
    database.execute("grant usage on schema finops to finops_api; set role finops_api")
    for statement in (
        "select * from finops.claim_keys",
        "select finops.store_claim_key('12345678901234567890123456789012')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute(statement)
