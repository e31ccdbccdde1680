"""Intervals, days and lines of Cost Insights, with numbers worked out by hand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.api.backstage.cost_insights.daily_series import Series, largest, trendline, zero
from finops.api.backstage.cost_insights.intervals import Intervals, last_quarters, parse
from finops.api.backstage.cost_insights.service import cost, kind
from finops.api.costs.dimensions import DailyCosts
from finops.api.http.problems import ProblemError
from finops.api.money import ExactResponse, change


def days(*texts: str) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("R2/P30D/2026-11-01", ("2026-09-02", "2026-09-02", "2026-10-02", "2026-11-01")),
        ("R2/P90D/2026-11-23", ("2026-05-27", "2026-05-27", "2026-08-25", "2026-11-23")),
        ("R2/P3M/2026-10-01", ("2026-04-01", "2026-04-01", "2026-07-01", "2026-10-01")),
        ("R2/P1M/2026-01-01", ("2025-11-01", "2025-11-01", "2025-12-01", "2026-01-01")),
        ("R2/P1M/2026-03-31", ("2026-01-31", "2026-01-31", "2026-02-28", "2026-03-31")),
        ("R3/P1D/2024-03-01", ("2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01")),
    ],
)
def test_periods_follow_each_other_up_to_the_exclusive_end(text: str, bounds: tuple[str, ...]) -> None:
    assert parse(text) == Intervals(*days(*bounds))


def test_a_single_period_is_compared_with_none() -> None:
    assert parse("R1/P7D/2026-03-01") == Intervals(date(2026, 2, 22), None, date(2026, 2, 22), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("last_complete", "bounds"),
    [
        ("2026-09-30", ("2026-04-01", "2026-07-01", "2026-10-01")),
        ("2026-09-29", ("2026-01-01", "2026-04-01", "2026-07-01")),
        ("2026-02-28", ("2025-07-01", "2025-10-01", "2026-01-01")),
    ],
)
def test_the_last_quarters_are_over(last_complete: str, bounds: tuple[str, ...]) -> None:
    found = last_quarters(date.fromisoformat(last_complete))
    assert (found.start, found.middle, found.end) == days(*bounds)
    assert found.previous == found.start


@pytest.mark.parametrize(
    "text",
    [
        "",
        "R2/P30D",
        "R2/P30D/2026-13-01",
        "R2/P30D/2026-02-30",
        "R0/P30D/2026-11-01",
        "R2/P0D/2026-11-01",
        "R2/P4W/2026-11-01",
        "R2/P1Y/2026-11-01",
        "R2/P30D/20261101",
        "R2/P30D/2026-11-01T00:00:00Z",
        "R2/P30D/2026-11-01\n",
        "R-2/P30D/2026-11-01",
        "R٢/P30D/2026-11-01",
        "R2/P600D/2026-11-01",
        "R99/P9999M/2026-11-01",
        "R2/P30D/0001-01-01",
        "R1/P36M/0002-01-01",
        "2026-09-02/P30D/R2",
    ],
)
def test_what_is_no_interval_is_refused_with_the_form_to_write(text: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse(text)
    assert (refused.value.status_code, refused.value.faults[0].parameter) == (422, "intervals")
    assert "such as R2/P30D/2026-11-01" in refused.value.detail


def test_every_day_is_one_of_the_days() -> None:
    asked = parse("R2/P30D/2026-11-01")
    assert (len(asked.days), asked.days[0], asked.days[-1]) == (60, "2026-09-02", "2026-10-31")
    assert [asked.number(date.fromisoformat(day)) for day in asked.days] == list(range(60))
    assert (asked.previous, asked.middle) == days("2026-09-02", "2026-10-02")


@pytest.mark.parametrize(
    ("previous", "current", "amount", "ratio"),
    [
        ("100", "130", "30", "0.3"),
        ("100", "0", "-100", "-1"),
        ("0", "30", "30", None),
        ("0", "0", "0", None),
        ("-10", "10", "20", None),
        ("3", "4", "1", "0.33333333333333333333"),
        ("1", "1.0000000000000000000000000000000001", "0.0000000000000000000000000000000001", "1E-34"),
    ],
)
def test_a_change_has_no_ratio_without_a_base(previous: str, current: str, amount: str, ratio: str | None) -> None:
    found = change(Decimal(previous), Decimal(current))
    assert found == (Decimal(amount), None if ratio is None else Decimal(ratio))


def test_a_line_goes_through_its_points_over_unix_seconds() -> None:
    # 2026-10-01 is day 20,727 since 1970: 10 then 12, so 2 a day, and 10 - 2 × 20,727 at the origin
    slope, intercept = trendline([Decimal(10), Decimal(12)], date(2026, 10, 1))
    assert abs(slope - Decimal(2) / 86_400) < Decimal("1e-23")
    assert intercept == Decimal(10 - 2 * 20_727)


def test_a_line_is_the_least_squares_one() -> None:
    # 0, 0, 6, 6: mean 3; deviations -1.5, -0.5, 0.5, 1.5 give 12 / 5 = 2.4 a day; at the middle, day 20,728.5, it is 3
    slope, intercept = trendline([Decimal(amount) for amount in (0, 0, 6, 6)], date(2026, 10, 1))
    assert abs(slope * 86_400 - Decimal("2.4")) < Decimal("1e-15")
    assert abs(intercept - (3 - Decimal("2.4") * Decimal("20728.5"))) < Decimal("1e-13")


def test_a_flat_or_a_single_day_has_a_flat_line() -> None:
    assert trendline([Decimal("7.5")], date(2026, 10, 1)) == (Decimal(0), Decimal("7.5"))
    assert trendline([Decimal("7.5")] * 180, date(2026, 10, 1)) == (Decimal(0), Decimal("7.5"))


def test_sums_of_long_decimals_are_not_rounded() -> None:
    series = zero(2)
    long = Decimal("123456789012.000000000000000000000000000001")
    for _ in range(2):
        series.add(0, [long, long], is_spread=False)
    assert series.amounts[0] == Decimal("246913578024.000000000000000000000000000002")
    assert series.total() == Decimal("493827156048.000000000000000000000000000004")


def test_the_rest_is_folded_so_that_the_sum_is_the_total() -> None:
    nothing = [Decimal(0), Decimal(0)]
    parts = {
        name: Series([Decimal(cost), Decimal(0)], nothing) for name, cost in zip("abcd", (1, 5, 3, 2), strict=True)
    }
    parts["Other"] = Series([Decimal(0), Decimal(4)], nothing)
    kept = largest(parts, 2)
    assert list(kept) == ["b", "Other"]
    assert kept["Other"] == Series([Decimal(6), Decimal(4)], nothing)


@pytest.mark.parametrize(
    ("family", "key"),
    [
        ("Compute", "compute"),
        ("CI/CD", "ciCd"),
        ("AI and Machine Learning", "aiAndMachineLearning"),
        ("Réseau", "réseau"),
        ("—", "—"),
    ],
)
def test_a_family_has_a_key_in_camel_case(family: str, key: str) -> None:
    assert kind(family) == key


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("100.000000000000", b"100"),
        ("0E-12", b"0"),
        ("-0.00", b"0"),
        ("1E+3", b"1000"),
        ("0.1", b"0.1"),
        ("0.000000000001", b"1E-12"),
        ("123456789012345678.000000000001", b"123456789012345678.000000000001"),
    ],
)
def test_a_number_is_written_digit_by_digit(amount: str, written: bytes) -> None:
    assert ExactResponse([Decimal(amount)]).body == b"[%b]" % written


MONTHS = st.dates(date(2025, 12, 1), date(2026, 4, 1)).map(lambda day: day.replace(day=1))
ROWS = st.lists(
    st.tuples(MONTHS, st.sampled_from("abc"), st.booleans(), st.lists(st.decimals(-9, 9, places=3), max_size=28))
)


@given(rows=ROWS, length=st.integers(1, 40), end=st.dates(date(2026, 2, 1), date(2026, 4, 1)))
def test_each_day_is_the_sum_of_what_its_months_say(
    rows: list[tuple[date, str, bool, list[Decimal]]], length: int, end: date
) -> None:
    asked = parse(f"R1/P{length}D/{end}")
    costs = [DailyCosts(month, part, "EUR", is_spread, amounts) for month, part, is_spread, amounts in rows]
    body = json.loads(bytes(ExactResponse(cost("x", asked, {"product": costs}, "EUR")).body), parse_float=Decimal)
    for point in body["aggregation"]:
        day = date.fromisoformat(point["date"])
        found = [
            (is_spread, amounts[day.day - 1])
            for month, _, is_spread, amounts in rows
            if month == day.replace(day=1) and day.day <= len(amounts)
        ]
        assert point["amount"] == sum(amount for _, amount in found)
        assert point.get("spread", 0) == sum(amount for is_spread, amount in found if is_spread)
    for point, *of_parts in zip(
        body["aggregation"], *(part["aggregation"] for part in body["groupedCosts"]["product"]), strict=True
    ):
        assert not of_parts or point["amount"] == sum(part["amount"] for part in of_parts)
