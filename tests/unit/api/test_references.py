"""One group, however it is named; and never another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.api.auth.references import group_key

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("payments", "payments"),
        ("PAYMENTS", "payments"),
        ("default/payments", "payments"),
        ("group:payments", "payments"),
        ("Group:Default/Payments", "payments"),
        ("group:sandbox/payments", "sandbox/payments"),
        ("sandbox/payments", "sandbox/payments"),
        ("group:default/default", "default"),
        ("user:jane", "user:default/jane"),
        ("User:Default/Jane", "user:default/jane"),
        ("user:contractors/jane", "user:contractors/jane"),
        # not a group and not a user: itself, and so neither of them
        ("group:user:default/jane", "group:user:default/jane"),
        ("group:sandbox/default/payments", "group:sandbox/default/payments"),
        ("R&D: Core", "r&d: core"),
        ("Équipe", "Équipe"),
    ],
)
def test_a_group_has_one_key_however_it_is_named(text: str, key: str) -> None:
    assert group_key(text) == key


@pytest.mark.parametrize("text", ["", "  ", "*", "group:*", "group:default/*", "sandbox/*", "a\0b", "\ud800", "a\nb"])
def test_what_can_not_be_a_group_has_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="is not the reference of a group"):
        group_key(text)


@given(NAMES, NAMES, NAMES)
def test_a_namespace_is_never_lost(namespace: str, other: str, name: str) -> None:
    keys = {group_key(f"group:{space}/{name}") for space in (namespace, other)}
    assert len(keys) == len({namespace.lower(), other.lower()})
    for key in keys:
        assert group_key(key) == key
        assert group_key(f"group:{key}") == key
