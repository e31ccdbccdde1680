"""Exact money: nothing is rounded but shares and ratios, and those to the nearest."""

from __future__ import annotations

from decimal import Decimal, Inexact

import pytest

from finops.api.money import change, difference, digits, share, total


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        ("2", "3", "0.666667"),
        ("1", "3", "0.333333"),
        ("0.0000005", "1", "0.000001"),  # a half goes up
        ("-2", "3", "-0.666667"),
        ("1", "4", "0.25"),
        ("5", "5", "1"),
        ("0", "-5", "0"),  # a zero has no sign
        ("-0.0000001", "1", "0"),
        ("1", "0", None),
    ],
)
def test_a_share_is_rounded_to_the_nearest_of_six_places(part: str, whole: str, expected: str | None) -> None:
    found = share(Decimal(part), Decimal(whole))
    assert (None if found is None else f"{found:f}") == expected


def test_a_sum_of_more_digits_than_python_keeps_by_itself_is_exact() -> None:
    large, small = Decimal("1e40"), Decimal("1e-40")
    assert total([large, small, -large]) == small
    assert difference(large + 0, small) == Decimal("9" * 40 + "." + "9" * 40)


def test_a_sum_that_would_be_rounded_is_an_error() -> None:
    with pytest.raises(Inexact):
        total([Decimal("1e999"), Decimal("1e-999")])


@pytest.mark.parametrize(("amount", "expected"), [("1E+3", "1000"), ("-0.00", "0"), ("1.500", "1.5"), ("1E-7", "1E-7")])
def test_an_amount_goes_out_without_empty_decimals_and_the_exponent_of_a_large_one(amount: str, expected: str) -> None:
    assert digits(Decimal(amount)) == expected


@pytest.mark.parametrize(
    ("previous", "current", "ratio"),
    [("4", "5", "0.25"), ("3", "5", "0.66666666666666666667"), ("0", "5", None), ("-4", "5", None)],
)
def test_a_change_has_a_ratio_where_the_base_is_a_cost(previous: str, current: str, ratio: str | None) -> None:
    amount, found = change(Decimal(previous), Decimal(current))
    assert amount == Decimal(current) - Decimal(previous)
    assert (None if found is None else str(found)) == ratio
