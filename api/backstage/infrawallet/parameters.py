"""What InfraWallet asks: filters in its own syntax, days as milliseconds since 1970. Read strictly.

`(provider:native,category:(Compute|Storage))` is how its card on an entity's page writes filters; its own backend skips
what it can't read, and then shows more than was asked for
(https://github.com/electrolux-oss/infrawallet/tree/main/plugins/infrawallet-backend). Its refusals are 400, as here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus

from finops.api.auth.references import group_key
from finops.api.http.problems import ProblemError, invalid
from finops.api.months import distance

# InfraWallet's words, and the columns that they are here.
COLUMNS: Mapping[str, str] = {
    "provider": "domain",
    "account": "group_id",
    "project": "application_id",
    "service": "product_id",
    "category": "family",
}
FORM = "(key:value,key:(value|value))"
KEY = r"[^,:()|\x00]+"
TEXT = r"[^,()|\x00]+"  # an account may be `group:default/storefront`
PAIR = re.compile(rf"\s*({KEY}?)\s*:\s*(?:({TEXT}?)|\(({TEXT}(?:\|{TEXT})*)\))\s*", re.ASCII)
EMPTY = ("", "()")
MAX_MONTHS = 36


def filters(text: str) -> dict[str, list[str]]:
    """The values that are wanted by key, those of `account` as keys of groups; none where the text is empty or `()`.

    Raises:
        ProblemError: (400) when it can't be read, or a key is unknown or comes twice.
    """
    if text.strip() in EMPTY:
        return {}
    inner = re.fullmatch(r"\s*\((.*)\)\s*", text, re.DOTALL)
    if not inner:
        raise refused("filters", f"'{text}' is not in parentheses: write {FORM}")
    found: dict[str, list[str]] = {}
    for pair in inner[1].split(","):
        read = PAIR.fullmatch(pair)
        if not read:
            raise refused("filters", f"'{pair.strip()}' is not a filter: write {FORM}")
        key, one, several = read.groups()
        _check_key("filters", key)
        if key in found:
            raise refused("filters", f"'{key}' comes twice: write {key}:(a|b)")
        found[key] = [value.strip() for value in (one or several).split("|")]
        if not all(found[key]):
            raise refused("filters", f"'{pair.strip()}' has an empty value")
        if key != "account" and any(":" in value for value in found[key]):
            raise refused("filters", f"'{pair.strip()}' is not a filter: write {FORM}")
    found["account"] = [_group(reference) for reference in found.get("account", ())]
    return {key: values for key, values in found.items() if values}


def groups(text: str) -> list[str]:
    """The keys that a report is of, in InfraWallet's order; all of them where the text is empty.

    Raises:
        ProblemError: (400) when one is unknown.
    """
    asked = [key.strip() for key in text.split(",")] if text.strip() else [*COLUMNS]
    for key in asked:
        _check_key("groups", key)
    return [key for key in COLUMNS if key in asked]


def no_tags(text: str) -> None:
    """Refuse a filter on tags: a relevé has none, and every cost would be shown as if it had them.

    Raises:
        ProblemError: (400) when there is one.
    """
    if text.strip() not in EMPTY:
        raise refused("tags", "relevés have no tags: send () and filter on project", ["()"])


def days(start_time: int, end_time: int) -> tuple[date, date]:
    """The first and the last day (UTC) that are asked for.

    The plugin sends the midnights of the browser's time zone, which are some other hour in UTC: a time that is a whole
    quarter of an hour, or a millisecond before one, is such a midnight, and means the day that it is nearest to.

    Raises:
        ProblemError: (400) when these are not times, the end comes first, or they are more than three years apart.
    """
    first = _day("startTime", start_time)
    last = (
        _day("endTime", end_time + 1) - timedelta(days=1) if _is_midnight(end_time + 1) else _day("endTime", end_time)
    )
    if last < first:
        raise refused("endTime", f"{last} is before startTime, {first}")
    if distance(first, last) >= MAX_MONTHS:
        raise refused("startTime", f"{first} to {last} is more than {MAX_MONTHS} months")
    return first, last


def refused(parameter: str, detail: str, allowed: list[str] | None = None) -> ProblemError:
    """A 400 that names the parameter."""
    return invalid(parameter, detail, allowed, HTTPStatus.BAD_REQUEST)


def _group(reference: str) -> str:
    try:
        return group_key(reference)
    except ValueError as error:
        raise refused("filters", str(error)) from error


def _check_key(parameter: str, key: str) -> None:
    if key not in COLUMNS:
        raise refused(parameter, f"'{key}' is not one of: {', '.join(COLUMNS)}", [*COLUMNS])


def _is_midnight(time: int) -> bool:
    return time % (15 * 60 * 1000) == 0


def _day(parameter: str, time: int) -> date:
    half = timedelta(hours=12) if _is_midnight(time) else timedelta()
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time) + half).date()
    except OverflowError as error:
        raise refused(parameter, f"{time} is not a time: write milliseconds since 1970") from error
