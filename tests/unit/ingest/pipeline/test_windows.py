from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.ingest.periods import Period, today
from finops.ingest.pipeline.ledger import Accepted
from finops.ingest.pipeline.runs import RunRequest
from finops.ingest.pipeline.windows import (
    plan_windows,
    supports_past_days,
    unchanged_bills,
    wanted_bills,
)
from finops.ingest.sources.catalog import (
    ARTIFACTORY_STORAGE,
    BACKSTAGE_CATALOG,
    CLOUDKITTY_USAGE,
    CMDB_VM,
    CUBE_USAGE,
    GITLAB_CI_MINUTES,
    GITLAB_STORAGE,
    KUBERNETES_ALLOCATION,
    OPENSTACK_USAGE,
)
from finops.ingest.sources.focus.totals import Totals, control_totals
from finops.ingest.sources.kinds import ConfiguredSource, Source, Window, focus_source
from tests.unit.limits import LIMITS, changed, configured

AUGUST, SEPTEMBER, OCTOBER = (Period.parse(f"2026-{month:02}") for month in (8, 9, 10))
DATED_DUMP = configured(CMDB_VM, uri="mongodb://cmdb", snapshot_field="day")
MONTHLY = configured(GITLAB_CI_MINUTES, url="https://gitlab", ci_namespaces="[]")
METER = configured(OPENSTACK_USAGE, url="https://nova")
TODAY_ONLY = configured(GITLAB_STORAGE, url="https://gitlab")
NOTHING: Mapping[date, Accepted] = {}


def september(*days: int) -> list[date]:
    """These days of September 2026."""
    return [date(2026, 9, day) for day in days]


def accepted(days: Sequence[date]) -> dict[date, Accepted]:
    """A ledger in which these days count."""
    return {day: Accepted(day, day + timedelta(days=1), 10, {}, "native") for day in days}


def planned(
    configured: ConfiguredSource, known: Mapping[date, Accepted], order: RunRequest, lookback_days: int = 3
) -> list[date]:
    """The first days of the planned windows."""
    limits = changed(LIMITS, lookback_days=lookback_days)
    return [window.start for window in plan_windows(configured, known, limits, order)]


def order(day: int, refetch: bool = False) -> RunRequest:  # noqa: FBT001, FBT002 one flag, named where it is used
    """September 2026, as of this day of it."""
    return RunRequest([SEPTEMBER], date(2026, 9, day), refetch=refetch)


# Days


def test_a_window_is_one_day() -> None:
    first, *_ = plan_windows(DATED_DUMP, NOTHING, LIMITS, order(30))
    assert first == Window(date(2026, 9, 1), date(2026, 9, 2))


def test_every_day_that_is_missing_is_extracted() -> None:
    known = accepted(september(1, 2, 4, 6, 7, 8))
    assert planned(DATED_DUMP, known, order(8), lookback_days=0) == september(3, 5)


def test_the_last_days_are_extracted_again() -> None:
    assert planned(DATED_DUMP, accepted(september(*range(1, 31))), order(20)) == september(18, 19, 20)


def test_without_lookback_nothing_is_extracted_again() -> None:
    assert planned(DATED_DUMP, accepted(september(*range(1, 31))), order(20), lookback_days=0) == []


def test_an_inventory_is_read_up_to_the_day_of_the_run() -> None:
    assert planned(DATED_DUMP, NOTHING, order(4)) == september(1, 2, 3, 4)


def test_a_meter_is_read_up_to_the_day_before_the_run() -> None:
    assert planned(METER, NOTHING, order(4)) == september(1, 2, 3)


def test_a_meter_has_nothing_to_say_of_a_month_that_begins() -> None:
    assert planned(METER, NOTHING, order(1)) == []


def test_a_meter_s_last_days_are_extracted_again() -> None:
    assert planned(METER, accepted(september(*range(1, 31))), order(20)) == september(17, 18, 19)


def test_days_of_the_future_are_not_extracted() -> None:
    assert planned(DATED_DUMP, NOTHING, RunRequest([OCTOBER], date(2026, 9, 30))) == []


def test_a_past_month_is_extracted_whole_where_it_is_missing() -> None:
    assert len(planned(METER, NOTHING, RunRequest([AUGUST], date(2026, 10, 15)))) == 31


def test_a_past_month_that_is_known_is_left_alone() -> None:
    known = accepted([date(2026, 8, 1) + timedelta(days=day) for day in range(31)])
    assert planned(METER, known, RunRequest([AUGUST], date(2026, 10, 15))) == []


def test_the_lookback_reaches_into_the_previous_month_if_it_is_ordered() -> None:
    days = [date(2026, 8, 1) + timedelta(days=day) for day in range(35)]
    found = planned(DATED_DUMP, accepted(days), RunRequest([AUGUST, SEPTEMBER], date(2026, 9, 2)))
    assert found == [date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 2)]


def test_refetch_extracts_every_day_again() -> None:
    known = accepted(september(*range(1, 31)))
    assert planned(DATED_DUMP, known, order(30, refetch=True)) == september(*range(1, 31))


def test_refetch_stops_at_the_day_of_the_run() -> None:
    assert planned(METER, NOTHING, order(4, refetch=True)) == september(1, 2, 3)


# Sources that know only today


# Months


def months(known: Mapping[date, Accepted], order: RunRequest, lookback_days: int = 3) -> list[Window]:
    """The windows planned of a source that is read by the month."""
    return plan_windows(MONTHLY, known, changed(LIMITS, lookback_days=lookback_days), order)


def read_up_to(day: int, month: int = 9) -> dict[date, Accepted]:
    """A ledger in which September was read up to, not including, this day."""
    return {date(2026, 9, 1): Accepted(date(2026, 9, 1), date(2026, month, day), 10, {}, "native")}


def test_a_month_is_one_window_up_to_the_day_before_the_run() -> None:
    assert months(NOTHING, order(22)) == [Window(date(2026, 9, 1), date(2026, 9, 22))]


def test_a_month_that_begins_today_has_nothing_to_say() -> None:
    assert months(NOTHING, order(1)) == []


def test_a_month_that_is_over_is_one_window_to_its_end() -> None:
    asked = RunRequest([AUGUST, SEPTEMBER], date(2026, 9, 15))
    assert months(NOTHING, asked)[0] == Window(date(2026, 8, 1), date(2026, 9, 1))


def test_a_month_that_goes_on_is_read_each_night_in_the_same_window() -> None:
    assert months(read_up_to(21), order(22)) == [Window(date(2026, 9, 1), date(2026, 9, 22))]


def test_a_month_that_goes_on_is_read_again_on_the_same_day() -> None:
    assert months(read_up_to(22), order(22)) == [Window(date(2026, 9, 1), date(2026, 9, 22))]


def test_a_month_that_goes_on_is_read_once_a_day_without_lookback() -> None:
    assert months(read_up_to(22), order(22), lookback_days=0) == []


@pytest.mark.parametrize("day", [1, 2, 3])
def test_a_month_that_is_over_is_read_again_while_its_last_day_is_recent(day: int) -> None:
    asked = RunRequest([SEPTEMBER], date(2026, 10, day))
    assert months(read_up_to(1, month=10), asked) == [Window(date(2026, 9, 1), date(2026, 10, 1))]


def test_a_month_that_was_read_whole_is_left_alone_after_that() -> None:
    assert months(read_up_to(1, month=10), RunRequest([SEPTEMBER], date(2026, 10, 4))) == []


def test_a_month_that_was_not_read_to_its_end_is_read_whole_however_late() -> None:
    assert months(read_up_to(22), RunRequest([SEPTEMBER], date(2027, 3, 1))) == [
        Window(date(2026, 9, 1), date(2026, 10, 1))
    ]


def test_a_run_as_of_an_earlier_day_takes_no_days_away() -> None:
    assert months(read_up_to(22), order(10)) == []


def test_refetch_reads_a_month_again() -> None:
    asked = RunRequest([SEPTEMBER], date(2026, 12, 1), refetch=True)
    assert months(read_up_to(1, month=10), asked) == [Window(date(2026, 9, 1), date(2026, 10, 1))]


def test_what_knows_only_today_is_asked_for_today() -> None:
    day = today()
    found = plan_windows(TODAY_ONLY, NOTHING, LIMITS, RunRequest([Period.of(day)], day))
    assert found == [Window(day, day + timedelta(days=1))]


def test_a_catalog_is_asked_for_today_and_an_archived_one_for_every_day() -> None:
    catalog = configured(BACKSTAGE_CATALOG, url="https://backstage")
    assert planned(catalog, NOTHING, RunRequest([Period.of(today())], today())) == [today()]
    archived = configured(BACKSTAGE_CATALOG, url="https://backstage", params='{"at": "{day}"}')
    assert planned(archived, NOTHING, order(3)) == september(1, 2, 3)


def test_what_knows_only_today_is_asked_again_in_a_second_run() -> None:
    day = today()
    assert planned(TODAY_ONLY, accepted([day]), RunRequest([Period.of(day)], day)) == [day]


def test_what_knows_only_today_is_not_asked_for_another_day() -> None:
    day = today() - timedelta(days=1)
    assert planned(TODAY_ONLY, NOTHING, RunRequest([Period.of(day)], day)) == []


def test_what_knows_only_today_is_not_asked_for_another_month() -> None:
    day = today()
    assert planned(TODAY_ONLY, NOTHING, RunRequest([Period.of(day).next], day)) == []


def test_refetch_keeps_what_can_not_be_given_again() -> None:
    day = today()
    assert planned(TODAY_ONLY, NOTHING, RunRequest([Period.of(day)], day, refetch=True)) == []


def test_a_storage_that_is_archived_by_day_is_asked_for_every_day() -> None:
    archived = configured(GITLAB_STORAGE, url="https://gitlab", params='{"at": "{day}"}')
    assert planned(archived, NOTHING, order(3)) == september(1, 2, 3)


NEEDED = {"cube": {"query": "{}"}}


@pytest.mark.parametrize(
    "source",
    [OPENSTACK_USAGE, CLOUDKITTY_USAGE, KUBERNETES_ALLOCATION, CUBE_USAGE, focus_source("aws")],
    ids=lambda source: source.name,
)
def test_a_meter_and_a_bill_give_the_past(source: Source) -> None:
    assert supports_past_days(configured(source, url="https://x", **NEEDED.get(source.service, {})))


@pytest.mark.parametrize("source", [GITLAB_STORAGE, ARTIFACTORY_STORAGE], ids=lambda source: source.name)
def test_a_storage_does_not(source: Source) -> None:
    assert not supports_past_days(configured(source, url="https://x", params='{"membership": "true"}'))


def test_an_undated_collection_does_not() -> None:
    assert not supports_past_days(configured(CMDB_VM, uri="mongodb://cmdb"))


def test_a_dated_dump_gives_the_past() -> None:
    assert supports_past_days(DATED_DUMP)


# Bills


def bill(cost: str, *months: Period) -> dict[date, dict[str, Decimal]]:
    """A billing period with one line in each of these months of charge."""
    return {month.first: {"records": Decimal(1), "EffectiveCost": Decimal(cost)} for month in months}


def ledger(totals: Totals) -> dict[date, Accepted]:
    """A ledger in which these bills count."""
    return {
        first: Accepted(first, Period.of(first).next.first, 1, control_totals(window), "public_cloud")
        for first, window in totals.items()
    }


def test_the_ordered_bills_are_wanted_even_where_the_files_have_none() -> None:
    assert wanted_bills({}, NOTHING, [OCTOBER, SEPTEMBER]) == [SEPTEMBER.first, OCTOBER.first]


def test_a_month_that_an_export_of_other_months_does_not_have_yet_is_not_wanted_unless_it_was_known() -> None:
    totals = {SEPTEMBER.first: bill("1.00", SEPTEMBER)}
    assert wanted_bills(totals, NOTHING, [SEPTEMBER, OCTOBER]) == [SEPTEMBER.first]
    known = ledger({OCTOBER.first: bill("1.00", OCTOBER)})
    assert wanted_bills(totals, known, [OCTOBER]) == [OCTOBER.first]


def test_an_ordered_bill_is_wanted_though_nothing_changed() -> None:
    totals = {SEPTEMBER.first: bill("1.00", SEPTEMBER)}
    assert wanted_bills(totals, ledger(totals), [SEPTEMBER]) == [SEPTEMBER.first]


@given(st.sampled_from(["records", "EffectiveCost", "content"]), st.sampled_from(["", "is_named", "refetch"]))
def test_an_ordered_bill_is_unchanged_if_all_that_was_counted_is_equal(name: str, asked: str) -> None:
    before = {SEPTEMBER.first: {AUGUST.first: {**bill("1.00", AUGUST)[AUGUST.first], "content": Decimal(7)}}}
    now = {SEPTEMBER.first: {AUGUST.first: {**before[SEPTEMBER.first][AUGUST.first], name: Decimal(9)}}}
    request = RunRequest(
        [SEPTEMBER, OCTOBER], date(2026, 10, 2), refetch=asked == "refetch", is_named=asked == "is_named"
    )
    expected = [] if asked else [SEPTEMBER.first]
    assert unchanged_bills(before, ledger(before), request, "public_cloud") == expected
    assert unchanged_bills(now, ledger(before), request, "public_cloud") == []
    assert unchanged_bills({}, ledger(before), request, "public_cloud") == []
    assert unchanged_bills(before, ledger(before), request, "saas") == []


def test_a_bill_of_before_contents_were_kept_is_landed_once_more() -> None:
    before = {SEPTEMBER.first: bill("1.00", SEPTEMBER)}
    now = {SEPTEMBER.first: {SEPTEMBER.first: {**before[SEPTEMBER.first][SEPTEMBER.first], "content": Decimal(7)}}}
    request = RunRequest([SEPTEMBER], date(2026, 9, 2))
    assert unchanged_bills(now, ledger(before), request, "public_cloud") == []


def test_another_bill_that_did_not_change_is_left_alone() -> None:
    totals = {AUGUST.first: bill("1.00", AUGUST, SEPTEMBER)}
    assert wanted_bills(totals, ledger(totals), [SEPTEMBER]) == []


def test_another_bill_is_wanted_when_it_changed() -> None:
    before, now = ({AUGUST.first: bill(cost, AUGUST)} for cost in ("1.00", "1.01"))
    assert wanted_bills(now, ledger(before), [SEPTEMBER]) == [AUGUST.first]


def test_a_bill_is_wanted_when_only_the_month_of_a_charge_changed() -> None:
    before, now = ({AUGUST.first: bill("1.00", month)} for month in (AUGUST, SEPTEMBER))
    assert wanted_bills(now, ledger(before), [OCTOBER]) == [AUGUST.first]


def test_another_bill_is_wanted_when_its_sums_are_the_same_and_its_content_is_not() -> None:
    before, now = (
        {AUGUST.first: {AUGUST.first: {**bill("1.00", AUGUST)[AUGUST.first], "content": Decimal(content)}}}
        for content in (1, 2)
    )
    assert wanted_bills(now, ledger(before), [SEPTEMBER]) == [AUGUST.first]


def test_another_bill_of_before_contents_were_kept_is_told_by_its_sums() -> None:
    before = {AUGUST.first: bill("1.00", AUGUST)}
    now = {AUGUST.first: {AUGUST.first: {**before[AUGUST.first][AUGUST.first], "content": Decimal(7)}}}
    assert wanted_bills(now, ledger(before), [SEPTEMBER]) == []


def test_a_new_bill_with_charges_of_the_order_is_wanted() -> None:
    totals = {OCTOBER.first: bill("-3.00", SEPTEMBER, OCTOBER)}
    assert wanted_bills(totals, NOTHING, [SEPTEMBER]) == [OCTOBER.first]


def test_a_new_bill_without_charges_of_the_order_waits_for_its_own() -> None:
    assert wanted_bills({OCTOBER.first: bill("1.00", OCTOBER)}, NOTHING, [SEPTEMBER]) == []
