"""A group's costs are its own and those of all groups below it: at every node of any tree, in SQL and in the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.service import Service, api_here, write_tokens
from tests.conftest import API_LOGIN
from tests.e2e.finops import Database, charge, finops, scalar, write_bill
from tests.e2e.sources.catalog import Catalog, entity
from tests.hostility import times

pytestmark = pytest.mark.hostile

# By id, as Backstage writes it in a reference; one name in two namespaces, and a user.
GROUPS = {
    **{name: f"group:default/{name}" for name in ("digital", "payments", "storefront", "ops", "lab", "empty")},
    "sandbox/payments": "group:sandbox/payments",
    "sandbox/digital": "Group:Sandbox/Digital",
    "org/board": "group:org/board",
    "user:default/jane": "user:default/jane",
}
DESCRIBED = [name for name in GROUPS if not name.startswith("user:")]
Parents = Mapping[str, str | None]


@st.composite
def companies(draw: st.DrawFn) -> tuple[Parents, Sequence[tuple[str, Decimal]]]:
    """A parent of each group, circles included; and owners of applications, each with a cost."""
    parents = {name: draw(st.sampled_from([None, None, *DESCRIBED])) for name in DESCRIBED}
    costs = st.decimals("-999999", "999999", places=12, allow_nan=False)
    return parents, draw(st.lists(st.tuples(st.sampled_from([*GROUPS]), costs), min_size=4, max_size=12))


def below(group: str, parents: Parents) -> set[str]:
    """A group and all groups below it, followed downwards until there is nothing new."""
    found = {group}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


@settings(max_examples=times(2), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(company=companies())
def test_a_parent_costs_what_it_owns_and_what_is_below_it(
    company: tuple[Parents, Sequence[tuple[str, Decimal]]],
    catalog: Catalog,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents, owners = company
    write_catalog(catalog, parents, owners)
    lines = [charge(f"{cost:f}", "2026-10-02", application=f"APP-{number}") for number, (_, cost) in enumerate(owners)]
    write_bill(tmp_path / "bills", "a.csv", [*lines, charge("7", "2026-10-02", application="GHOST")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    more = ("--accept-shrink", "--refetch") if scalar(database, "select count(*) from finops.etl_runs") else ()
    assert finops(*(("reprocess", "--reason", "a test") if more else ("nightly",)), *OCTOBER, *more) == 0
    own = {group: sum((cost for owner, cost in owners if owner == group), Decimal()) for group in GROUPS}
    expected = {group: sum((own[member] for member in below(group, parents)), Decimal()) for group in GROUPS}
    reported = database.execute("select group_id, own_cost, total_cost from finops.group_costs").fetchall()
    listed = {group: (mine, whole) for group, mine, whole in reported}
    tokens_file = tmp_path / "tokens.toml"
    token = write_tokens(tokens_file, everything="*")["everything"]
    with monkeypatch.context() as patch, patched_api(patch, token, tokens_file) as service:
        for group, whole in expected.items():
            assert listed.get(group, (0, 0)) == (own[group], whole), group
            if group in DESCRIBED or any(owner == group for owner, _ in owners):
                assert cost_of(service, GROUPS[group]) == (group, whole), group
        for group in DESCRIBED:
            children = {child for child, parent in parents.items() if parent == group}
            if group not in {member for child in children for member in below(child, parents)}:  # in no circle
                assert listed.get(group, (0, 0))[1] == own[group] + sum(
                    (listed.get(child, (0, 0))[1] for child in children), Decimal()
                )
        total = Decimal(service.json("/v1/costs")["total"]["cost"])
    assert total == sum(own.values()) + 7 == scalar(database, "select sum(own_cost) from finops.group_costs")


OCTOBER = ("--period", "2026-10", "--as-of", "2026-10-03")


def write_catalog(catalog: Catalog, parents: Parents, owners: Sequence[tuple[str, Decimal]]) -> None:
    """The groups with their parents, and a component of each application."""
    groups = [group(name, parent) for name, parent in parents.items()]
    components = [
        entity("Component", f"app-{number}", owner=GROUPS[owner].upper() if number % 2 else GROUPS[owner])
        for number, (owner, _) in enumerate(owners)
    ]
    catalog.held = {"2026-10-01": [*groups, *components]}


@contextmanager
def patched_api(patch: pytest.MonkeyPatch, token: str, tokens_file: Path) -> Iterator[Service]:
    """The API, which logs in as its own reader."""
    patch.setenv("PGUSER", API_LOGIN)
    with api_here(token=token, tokens_file=tokens_file) as service:
        yield service


def group(name: str, parent: str | None) -> dict[str, Any]:
    """A Group that says who is above it."""
    namespace, _, short = name.rpartition("/")
    spec = {"parent": GROUPS[parent]} if parent else {}
    return entity("Group", short, namespace=namespace or "default", type="team", children=[], **spec)


def cost_of(service: Service, reference: str) -> tuple[str, Decimal]:
    """The group that the API finds by a reference, and its total, which is that of its lines by group."""
    body = service.json(f"/v1/groups/{quote(reference, safe='')}/costs?group_by=group&limit=1000")
    whole = Decimal(body["total"]["cost"])
    assert sum((Decimal(line["cost"]) for line in body["data"]), Decimal()) == whole
    return body["scope"]["group"], whole
