"""The guard at landing, on its boundaries: half as many records is taken, fewer is not; and so with a bill's costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from finops.ingest.pipeline.guard import refusal_of
from finops.ingest.pipeline.ledger import Accepted, Outcome
from finops.ingest.sources.catalog import BACKSTAGE_CATALOG, CMDB_VM, CUBE_USAGE
from finops.ingest.sources.kinds import Source, Window, focus_source
from tests.unit.limits import LIMITS

FIRST, SECOND = date(2026, 9, 1), date(2026, 9, 2)
BILL = focus_source("aws")
NO_COSTS: Mapping[str, str] = {}


def outcome(records: int, day: date = SECOND, costs: Mapping[str, str] = NO_COSTS) -> Outcome:
    """What came back for a day."""
    return Outcome(Window(day, day + timedelta(days=1)), records, {"2026-09": costs})


def ledger(records: int, day: date = SECOND, costs: Mapping[str, str] = NO_COSTS) -> dict[date, Accepted]:
    """A ledger in which a day counts."""
    return {day: Accepted(day, day + timedelta(days=1), records, {"2026-09": costs}, "public_cloud")}


@pytest.mark.parametrize(("records", "is_refused"), [(5, False), (4, True), (0, True), (50, False)])
def test_a_window_keeps_half_of_its_records(records: int, is_refused: bool) -> None:  # noqa: FBT001
    refused = refusal_of(CUBE_USAGE, [outcome(records)], ledger(10), LIMITS)
    assert bool(refused) is is_refused
    if refused:
        assert f"2026-09-02 came back with {records} records where 10 are accepted of 2026-09-02" in refused


@pytest.mark.parametrize(
    ("was", "now", "is_refused"),
    [
        ("10", "5", False),
        ("10", "4.99", True),
        ("10", "20", False),
        ("-10", "-15", False),
        ("-10", "-15.01", True),
        ("-10", "-4", False),
        ("0", "-5", False),
    ],
)
@pytest.mark.parametrize("name", ["EffectiveCost", "BilledCost"])
def test_a_bill_keeps_half_of_each_of_its_costs(name: str, was: str, now: str, is_refused: bool) -> None:  # noqa: FBT001
    refused = refusal_of(BILL, [outcome(3, costs={name: now})], ledger(3, costs={name: was}), LIMITS)
    assert (refused is not None and f"{name} {now} where {was} is accepted" in refused) is is_refused


@pytest.mark.parametrize(
    ("source", "records", "is_refused"),
    [
        (CMDB_VM, 4, True),  # half of a dump is not a company that shrank
        (CMDB_VM, 0, False),  # a day without a dump is a gap
        (BACKSTAGE_CATALOG, 4, True),
        (BACKSTAGE_CATALOG, 0, True),
        (CUBE_USAGE, 4, False),  # a quiet day of a meter
    ],
)
def test_a_new_day_is_compared_with_the_day_before_where_things_stay(
    source: Source,
    records: int,
    is_refused: bool,  # noqa: FBT001
) -> None:
    outcomes = [outcome(records), outcome(10, SECOND + timedelta(days=1))]
    assert (refusal_of(source, outcomes, ledger(10, FIRST), LIMITS) is not None) is is_refused


def test_a_day_that_counts_is_compared_with_itself_and_not_with_the_day_before() -> None:
    known = ledger(100, FIRST) | ledger(10)
    assert refusal_of(CMDB_VM, [outcome(6)], known, LIMITS) is None


def test_nothing_at_all_is_refused_even_where_nothing_counts_yet() -> None:
    refused = refusal_of(CMDB_VM, [outcome(0, FIRST), outcome(0)], {}, LIMITS)
    assert refused is not None
    assert "no record came back for 2026-09-01 to 2026-09-02" in refused
    assert refusal_of(CMDB_VM, [outcome(0, FIRST), outcome(1)], {}, LIMITS) is None
