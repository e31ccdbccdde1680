"""What InfraWallet asks, read strictly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from finops.api.backstage.infrawallet.parameters import days, filters, groups, no_tags
from finops.api.http.problems import ProblemError

TOKYO, PARIS, LIMA = (timezone(timedelta(hours=hours)) for hours in (9, 2, -5))


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("()", {}),
        ("(provider:native)", {"provider": ["native"]}),
        ("(category:CI/CD)", {"category": ["CI/CD"]}),
        ("(category:(Compute|AI and Machine Learning))", {"category": ["Compute", "AI and Machine Learning"]}),
        (
            " ( project : SHOP-WEB , account:( payments | storefront ) ) ",
            {"project": ["SHOP-WEB"], "account": ["payments", "storefront"]},
        ),
        ("(service:aws.ec2,provider:public_cloud)", {"service": ["aws.ec2"], "provider": ["public_cloud"]}),
    ],
)
def test_filters_are_values_by_key(text: str, wanted: dict[str, list[str]]) -> None:
    assert filters(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("provider:native", "is not in parentheses"),
        ("(provider)", "'provider' is not a filter"),
        ("(provider:)", "is not a filter"),
        ("(:native)", "is not a filter"),
        ("(provider:native,)", "'' is not a filter"),
        ("(provider:a|b)", "is not a filter"),
        ("(provider:(a|))", "is not a filter"),
        ("(provider:(a| ))", "has an empty value"),
        ("(provider:(a)", "is not a filter"),
        ("(provider:a:b)", "is not a filter"),
        ("(provider:((a)))", "is not a filter"),
        ("(provider:a,provider:b)", "comes twice"),
        ("(region:eu)", "'region' is not one of: provider, account, project, service, category"),
        ("(id:1)", "'id' is not one of"),
        ("(provider:a\x00)", "is not a filter"),
    ],
)
def test_what_can_t_be_read_is_refused_and_said(text: str, said: str) -> None:
    with pytest.raises(ProblemError, match="filters: ") as refused:
        filters(text)
    assert refused.value.status_code == 400
    assert said in refused.value.detail


def test_groups_are_keys_in_the_plugin_s_order() -> None:
    assert groups("") == ["provider", "account", "project", "service", "category"]
    assert groups("category, provider") == ["provider", "category"]
    with pytest.raises(ProblemError, match="'region' is not one of: provider, account"):
        groups("provider,region")


def test_tags_are_refused_because_there_are_none() -> None:
    no_tags("()")
    no_tags("")
    with pytest.raises(ProblemError, match="relevés have no tags"):
        no_tags("(aws:env=prod)")


@pytest.mark.parametrize("zone", [UTC, TOKYO, PARIS, LIMA])
def test_a_browser_s_months_are_those_months_in_any_zone(zone: timezone) -> None:
    first = milliseconds(datetime(2026, 9, 1, tzinfo=zone))
    last = milliseconds(datetime(2026, 10, 31, 23, 59, 59, 999_000, tzinfo=zone))
    assert days(first, last) == (date(2026, 9, 1), date(2026, 10, 31))


def test_any_other_moment_is_its_day_in_utc() -> None:
    first = milliseconds(datetime(2026, 9, 30, 23, 7, 12, tzinfo=UTC))
    last = milliseconds(datetime(2026, 11, 30, 15, 7, 12, tzinfo=UTC))
    assert days(first, last) == (date(2026, 9, 30), date(2026, 11, 30))


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (1788220800000, 1785542400000, "is before startTime"),
        (0, 1788220800000, "is more than 36 months"),
        (10**18, 10**18, "is not a time"),
        (-(10**18), 0, "is not a time"),
        (10**40, 10**40, "is not a time"),
    ],
)
def test_days_that_make_no_sense_are_refused(start: int, end: int, said: str) -> None:
    with pytest.raises(ProblemError) as refused:
        days(start, end)
    assert refused.value.status_code == 400
    assert said in refused.value.detail
