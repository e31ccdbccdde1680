"""The demo's days, and the same story in each demo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from finops.demo import anchor, cmdb
from finops.demo.cloud import AWS_SERVICES, AZURE_SERVICES
from finops.demo.company import VMS, VOLUMES
from finops.demo.story import MONTHS, Story
from finops.demo.variation import grown, pace


def machines(story: Story, day: str) -> set[str]:
    """The virtual machines of a day's dump."""
    return {
        str(document["name"])
        for document in cmdb.dumps(story, [date.fromisoformat(day)])["vms"]
        if document["snapshot_date"].date().isoformat() == day
    }


def test_the_last_whole_month_has_one_a_year_before() -> None:
    story = Story(date(2026, 11, 22))
    assert story.period_range() == "2025-10..2026-11"
    assert (story.days()[0], story.days()[-1], len(story.days())) == (date(2025, 10, 1), date(2026, 11, 22), 418)


def test_the_company_goes_on_after_the_demo() -> None:
    story = Story(date(2026, 11, 22))
    assert story.later(date(2026, 11, 24)) == [date(2026, 11, 23), date(2026, 11, 24)]
    assert story.later(date(2026, 11, 22)) == []
    long_after = story.later(date(2027, 6, 30))
    assert (long_after[0], long_after[-1]) == (date(2027, 5, 31), date(2027, 6, 30))


def test_only_one_day_has_no_dump() -> None:
    story = Story(date(2027, 1, 5))
    assert set(story.days()) - set(story.dumped()) == {date(2026, 12, 17)}


@pytest.mark.parametrize(
    ("as_of", "moved"),
    [
        (date(2026, 11, 22), datetime(2026, 10, 6, 14, 25, tzinfo=UTC)),
        (date(2026, 12, 1), datetime(2026, 11, 6, 14, 25, tzinfo=UTC)),
        (date(2027, 2, 28), datetime(2027, 1, 6, 14, 25, tzinfo=UTC)),
        (date(2024, 1, 31), datetime(2023, 12, 6, 14, 25, tzinfo=UTC)),
    ],
)
def test_what_happened_moves_with_the_demo_by_whole_months(as_of: date, moved: datetime) -> None:
    assert Story(as_of).moved(datetime(2026, 10, 6, 14, 25, tzinfo=UTC)) == moved


@pytest.mark.parametrize(("as_of", "before", "after"), [
    (date(2026, 11, 22), "2026-06-30", "2026-07-01"),
    (date(2027, 5, 2), "2026-12-31", "2027-01-01"),
])  # fmt: skip
def test_an_application_is_retired_in_each_demo(as_of: date, before: str, after: str) -> None:
    story = Story(as_of)
    gone = machines(story, before) - machines(story, after)
    assert gone == {"prd-till-01", "prd-till-02", "prd-till-db-01"}


def test_every_date_exists_in_every_month() -> None:
    kept: Sequence[date | None] = [
        *(day for vm in VMS for day in (vm.since, vm.until)),
        *(volume.until for volume in VOLUMES),
        *(service.since for service in (*AWS_SERVICES, *AZURE_SERVICES)),
    ]
    assert max(day.day for day in kept if day) <= 28


def test_shops_are_busier_before_christmas_and_offices_in_no_holiday() -> None:
    story = Story(date(2027, 1, 31))
    assert pace("SHOP-WEB", date(2026, 12, 10), story) == pytest.approx(1.6)
    assert pace("ERP", date(2026, 12, 10), story) == 1
    assert pace("ERP", date(2026, 12, 27), story) == pytest.approx(0.6)


def test_the_last_months_are_the_same_in_a_demo_of_fewer_months() -> None:
    short, year = Story(date(2026, 11, 22), 3), Story(date(2026, 11, 22))
    day = date(2026, 9, 3)
    assert [list(cmdb.dumps(story, [day])["disks"]) for story in (short, year)] == [
        list(cmdb.dumps(year, [day])["disks"])
    ] * 2
    assert (pace("BI", day, short), grown("nas", 10, day, short)) == (
        pace("BI", day, year),
        grown("nas", 10, day, year),
    )


def test_a_demo_stays_what_its_first_run_made_it(tmp_path: Path) -> None:
    first = anchor.settle(tmp_path, date(2026, 11, 22), 3)
    assert first == Story(date(2026, 11, 22), 3) == anchor.settle(tmp_path)
    with pytest.raises(anchor.AnchorError, match=r"of 3 months up to 2026-11-22, not of 14 months up to 2026-11-22"):
        anchor.settle(tmp_path, months=MONTHS)
    with pytest.raises(anchor.AnchorError, match="not of 3 months up to 2026-11-23: delete"):
        anchor.settle(tmp_path, date(2026, 11, 23))
