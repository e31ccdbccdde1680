"""What may be declared of a service, and what is said of a declaration that can't be used."""

from decimal import Decimal
from typing import Any

import pytest
from dlt.sources.helpers.rest_client import paginators as dlt

from finops.ingest.config.checking import validated
from finops.ingest.config.reading import RawSection
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.declared import HttpDeclaration, http_source
from finops.ingest.sources.kinds import HttpSource
from finops.ingest.sources.rest import paginators

LINE = {"product": "helpdesk.ticket", "quantity": "opened", "unit": "ticket"}
TABLE: dict[str, Any] = {"url": "https://helpdesk", "path": "tickets", "data_selector": "items[*]", "lines": [LINE]}


def declaration(**keys: object) -> HttpDeclaration:
    """The one with these keys beside or instead of the least that it needs."""
    values = TABLE | keys
    section = RawSection("sources.http.helpdesk", values, dict.fromkeys(values, "in config.toml"))
    return validated(section, HttpDeclaration)


def source(**keys: object) -> HttpSource:
    """The source that is declared with these keys."""
    return http_source("helpdesk", declaration(**keys))


def refusal(**keys: object) -> str:
    """What is said of a declaration with these keys."""
    with pytest.raises(ConfigurationError) as failure:
        declaration(**keys)
    return str(failure.value)


def test_a_short_declaration_is_a_native_meter() -> None:
    found = source()
    assert (found.name, found.service, found.domain, found.raw_table, found.measure, found.supports_past_days) == (
        "http.helpdesk",
        "http.helpdesk",
        "native",
        ("raw_native", "declared"),
        "metered",
        True,
    )


@pytest.mark.parametrize(
    ("data_selector", "required"),
    [("items[*]", "items"), ("data.usage[*]", "data"), ("$.data.usage[*]", "data"), ("$[*]", None), ("[*]", None)],
)
def test_an_answer_must_have_the_key_that_holds_the_records(data_selector: str, required: str | None) -> None:
    assert source(data_selector=data_selector).required == required


@pytest.mark.parametrize(
    ("paginator", "kind", "parameters"),
    [
        ("single_page", dlt.SinglePagePaginator, {}),
        ({"type": "page_number", "base_page": 1}, dlt.PageNumberPaginator, {"base_index": 1}),
        ({"type": "offset"}, paginators.RecordOffsetPaginator, {"limit": 1000, "stop_after_empty_page": True}),
        ({"type": "offset", "total_path": "total"}, paginators.RecordOffsetPaginator, {"stop_after_empty_page": False}),
        ({"type": "offset", "has_more_path": "m"}, paginators.RecordOffsetPaginator, {"stop_after_empty_page": False}),
        ("limit_offset", dlt.OffsetPaginator, {"limit": 1000, "stop_after_empty_page": True}),
        ({"type": "cursor", "cursor_param": "c"}, paginators.JSONResponseCursorPaginator, {"cursor_param": "c"}),
        ({"type": "header_cursor", "cursor_key": "X"}, dlt.HeaderCursorPaginator, {"cursor_key": "X"}),
        ("header_link", dlt.HeaderLinkPaginator, {"links_next_key": "next"}),
        ({"type": "json_link", "next_url_path": "links.next"}, paginators.JSONLinkPaginator, {}),
        ({"type": "keyset", "key_param": "after"}, paginators.KeysetPaginator, {"key_param": "after"}),
    ],
)
def test_paginators_are_declared_in_dlt_s_words(
    paginator: object, kind: type[dlt.BasePaginator], parameters: dict[str, object]
) -> None:
    found = paginators.create_paginator(source(paginator=paginator).paginator)
    assert isinstance(found, kind)
    assert vars(found) | parameters == vars(found)


@pytest.mark.parametrize(
    ("per", "factor"),
    [
        (1, Decimal(1)),
        (1024**3, Decimal("0.000000000931322574615478515625")),
        ("0.5", Decimal(2)),
        (1000, Decimal("0.001")),
    ],
)
def test_a_unit_is_converted_to_the_last_decimal(per: object, factor: Decimal) -> None:
    assert declaration(lines=[LINE | {"per": per}]).lines[0].factor == factor


@pytest.mark.parametrize("per", [60, 3, 0, -1, "NaN", "Infinity", "many"])
def test_a_unit_that_can_t_be_converted_exactly_is_refused(per: object) -> None:
    assert refusal(lines=[LINE | {"per": per}]).startswith("sources.http.helpdesk.lines.0")


def test_a_field_is_a_path_and_a_key_with_a_dot_is_a_list() -> None:
    found = declaration(application="app.code", resource=["a.b", "0"])
    assert (found.application, found.resource) == (("app", "code"), ("a.b", "0"))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"data_selektor": "items[*]"},
            "data_selektor (in config.toml) is not a setting: did you mean sources.http.helpdesk.data_selector?",
        ),
        ({"data_selector": "a["}, "sources.http.helpdesk.data_selector 'a[' is not a JSONPath: "),
        ({"lines": []}, "sources.http.helpdesk.lines: "),
        ({"lines": [{"quantity": "n", "unit": "ticket"}]}, "lines.0 needs product or product_field, one of them"),
        ({"lines": [LINE | {"unit_field": "u"}]}, "lines.0 needs unit or unit_field, one of them"),
        ({"lines": [LINE | {"quantity": ""}]}, "sources.http.helpdesk.lines.0.quantity"),
        ({"lines": [LINE | {"price": "2"}]}, "sources.http.helpdesk.lines.0.price is not a setting"),
        ({"lines": [LINE | {"currency": "EUR"}]}, "lines.0 has a currency without a cost: set cost to the field"),
        ({"lines": [LINE | {"cost": "eur"}]}, "lines.0 needs currency or currency_field, one of them"),
        ({"lines": [LINE | {"cost": "eur", "currency": "euro"}]}, "lines.0.currency 'euro' is not a currency: write"),
        ({"lines": [{"product": "p", "unit": "u"}]}, "lines.0 needs quantity: the field with the number"),
        ({"paginator": {"limit": 5}}, "sources.http.helpdesk.paginator has no type: write one of single_page, "),
        ({"paginator": "auto"}, "sources.http.helpdesk.paginator type 'auto' is not known: write one of single_page, "),
        ({"paginator": "keyset"}, "sources.http.helpdesk.paginator.key_param is not set"),
        (
            {"paginator": {"type": "page_number", "pages": "paging.pages"}},
            "paginator pages is not a parameter of page_number, which has: base_page, has_more_path, maximum_page, ",
        ),
        (
            {"paginator": {"type": "offset", "limit": "x"}},
            "sources.http.helpdesk.paginator.limit 'x' is not a whole number",
        ),
        (
            {"paginator": {"type": "cursor", "cursor_path": "a["}},
            "sources.http.helpdesk.paginator 'a[' is not a JSONPath",
        ),
        ({"measure": "billed"}, "sources.http.helpdesk.measure 'billed' is not known: write one of metered, inventory"),
        ({"measure": "inventory", "date": "day"}, "an inventory is the state on the day that was asked for"),
        ({"measure": "inventory", "window": "month"}, "an inventory is the state on a day: leave out window"),
        ({"window": "month", "date": "day"}, "a month is spread over its days"),
    ],
)
def test_a_declaration_that_can_t_be_used_names_its_key(keys: dict[str, object], said: str) -> None:
    message = refusal(**keys)
    assert message.startswith("sources.http.helpdesk")
    assert said in message
    assert "docs/declared-sources.md" in message


@pytest.mark.parametrize(
    ("key", "value", "now"),
    [
        ("records", "items[*]", "data_selector"),
        ("pagination", {"kind": "single"}, "paginator"),
        ("gives_past", False, "supports_past_days"),
    ],
)
def test_a_key_that_was_renamed_is_refused_by_its_new_name(key: str, value: object, now: str) -> None:
    said = f"is not a setting: its name is now sources.http.helpdesk.{now} (docs/upgrading.md)"
    assert said in refusal(**{key: value})
