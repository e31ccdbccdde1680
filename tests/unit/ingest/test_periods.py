from datetime import UTC, date, datetime

import pytest

from finops.ingest.config.redaction import escaped
from finops.ingest.errors import ConfigurationError
from finops.ingest.periods import Period, listed, open_periods, parse_range, today


def test_a_month_is_read_as_its_first_day() -> None:
    assert Period.parse("2026-09").first == date(2026, 9, 1)


def test_a_month_is_written_as_it_is_typed() -> None:
    assert str(Period(date(2026, 9, 1))) == "2026-09"


@pytest.mark.parametrize(
    "text",
    ["2026-13", "2026-00", "2026-1", "x", "", "2026", "2026-09-01", "0000-01", " 2026-09", "2026-09\n", "२०२६-09"],
)
def test_what_is_no_month_is_refused_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Period.parse(text)
    assert str(refusal.value) == f"'{escaped(text)}' is not a month: write it as YYYY-MM, for example 2026-09"


def test_a_day_belongs_to_its_month() -> None:
    assert Period.of(date(2026, 9, 30)) == Period.parse("2026-09")


@pytest.mark.parametrize(
    ("month", "following"),
    [("2026-01", "2026-02"), ("2026-12", "2027-01"), ("2028-01", "2028-02"), ("2026-06", "2026-07")],
)
def test_the_next_month_follows_whatever_the_length(month: str, following: str) -> None:
    assert str(Period.parse(month).next) == following


@pytest.mark.parametrize(("month", "days"), [("2028-02", 29), ("2026-02", 28), ("2100-02", 28), ("2000-02", 29)])
def test_february_has_the_days_of_its_year(month: str, days: int) -> None:
    assert len(list(Period.parse(month).days())) == days


def test_the_days_of_a_month_are_all_of_them_in_order() -> None:
    assert list(Period.parse("2026-09").days()) == [date(2026, 9, day) for day in range(1, 31)]


def test_one_month_is_a_range_of_one() -> None:
    assert parse_range("2026-09") == [Period.parse("2026-09")]


def test_a_range_has_both_its_ends_and_crosses_the_year() -> None:
    assert [str(period) for period in parse_range("2026-11..2027-02")] == ["2026-11", "2026-12", "2027-01", "2027-02"]


def test_a_reversed_range_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_range("2026-09..2026-07")
    assert str(refusal.value) == "'2026-09..2026-07' ends before it begins: write the earlier month first"


@pytest.mark.parametrize("text", ["2026-09..2026-13", "..2026-09", "2026-09...2026-10", "2026-09-2026-10"])
def test_a_range_with_a_bad_end_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a month"):
        parse_range(text)


def test_a_range_without_its_end_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        parse_range("2026-09..")


@pytest.mark.parametrize(
    ("months", "name"),
    [
        (["2024-09"], "2024-09"),
        (["2024-10", "2024-09", "2024-10"], "2024-09..2024-10"),
        (["2025-01", "2024-09", "2024-12", "2025-02"], "2024-09, 2024-12..2025-02"),
    ],
)
def test_months_that_follow_each_other_are_named_as_a_range(months: list[str], name: str) -> None:
    assert listed(map(Period.parse, months)) == name


def test_the_previous_month_is_open_on_the_fifth() -> None:
    assert [str(period) for period in open_periods(date(2026, 9, 5))] == ["2026-08", "2026-09"]


def test_the_previous_month_is_closed_on_the_sixth() -> None:
    assert [str(period) for period in open_periods(date(2026, 9, 6))] == ["2026-09"]


def test_december_is_open_when_january_begins() -> None:
    assert [str(period) for period in open_periods(date(2027, 1, 1))] == ["2026-12", "2027-01"]


def test_today_is_the_day_in_utc() -> None:
    before = datetime.now(UTC).date()
    assert before <= today() <= datetime.now(UTC).date()
