"""What may be declared of a service, and what is said of a declaration that can't be used."""

from decimal import Decimal
from typing import Any

import pytest

from finops.ingest.config.checking import validated
from finops.ingest.config.reading import RawSection
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.declared import Declaration, DeclaredSource, declared_source
from finops.ingest.sources.rest.pagination import (
    Cursor,
    Keyset,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    Pagination,
    SinglePage,
)

LINE = {"product": "helpdesk.ticket", "quantity": "opened", "unit": "ticket"}
TABLE: dict[str, Any] = {"url": "https://helpdesk", "path": "tickets", "records": "items[*]", "lines": [LINE]}


def declared(**keys: object) -> DeclaredSource:
    """The source with these keys beside or instead of the least that it needs."""
    values = TABLE | keys
    section = RawSection("sources.http.helpdesk", values, dict.fromkeys(values, "in config.toml"))
    return declared_source("helpdesk", validated(section, Declaration))


def refusal(**keys: object) -> str:
    """What is said of a declaration with these keys."""
    with pytest.raises(ConfigurationError) as failure:
        declared(**keys)
    return str(failure.value)


def test_a_short_declaration_is_a_native_meter() -> None:
    source = declared().source
    assert (source.name, source.service, source.domain, source.table, source.measure, source.supports_past_days) == (
        "http.helpdesk",
        "http.helpdesk",
        "native",
        "declared",
        "metered",
        True,
    )


@pytest.mark.parametrize(
    ("records", "required"),
    [("items[*]", "items"), ("data.usage[*]", "data"), ("$.data.usage[*]", "data"), ("$[*]", None), ("[*]", None)],
)
def test_an_answer_must_have_the_key_that_holds_the_records(records: str, required: str | None) -> None:
    assert declared(records=records).source.required == required


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"kind": "single"}, SinglePage()),
        ({"kind": "page_number", "parameter": "p", "first": 0}, PageNumber("p", 0)),
        ({"kind": "offset", "limit": 50, "total": "total"}, Offset(limit=50, total="total")),
        ({"kind": "cursor", "path": "next"}, Cursor("next")),
        ({"kind": "link_header"}, LinkHeader()),
        ({"kind": "next_url", "path": "links.next"}, NextUrl("links.next")),
        ({"kind": "keyset", "parameter": "after"}, Keyset("after")),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_every_kind_of_pages_can_be_declared(said: dict[str, object], meant: Pagination) -> None:
    assert declared(pagination=said).source.pagination == meant


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
    found = declared(lines=[LINE | {"per": per}])
    assert found.declaration.lines[0].factor == factor


@pytest.mark.parametrize("per", [60, 3, 0, -1, "NaN", "Infinity", "many"])
def test_a_unit_that_can_t_be_converted_exactly_is_refused(per: object) -> None:
    assert refusal(lines=[LINE | {"per": per}]).startswith("sources.http.helpdesk.lines.0")


def test_a_field_is_a_path_and_a_key_with_a_dot_is_a_list() -> None:
    declaration = declared(application="app.code", resource=["a.b", "0"]).declaration
    assert (declaration.application, declaration.resource) == (("app", "code"), ("a.b", "0"))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"recods": "items[*]"},
            "recods (in config.toml) is not a setting: did you mean sources.http.helpdesk.records?",
        ),
        ({"lines": []}, "sources.http.helpdesk.lines: "),
        ({"lines": [{"quantity": "n", "unit": "ticket"}]}, "set product or product_field, one of them"),
        ({"lines": [LINE | {"unit_field": "u"}]}, "set unit or unit_field, one of them"),
        ({"lines": [LINE | {"quantity": ""}]}, "sources.http.helpdesk.lines.0.quantity"),
        ({"lines": [LINE | {"currency": "EUR"}]}, "sources.http.helpdesk.lines.0.currency is not a setting"),
        ({"pagination": {"kind": "pages"}}, "sources.http.helpdesk.pagination: "),
        ({"pagination": {"kind": "cursor"}}, "sources.http.helpdesk.pagination.cursor.path is not set"),
        (
            {"pagination": {"kind": "offset", "size": 3}},
            "sources.http.helpdesk.pagination.offset.size is not a setting",
        ),
        ({"domain": "public_cloud"}, "sources.http.helpdesk.domain 'public_cloud' is not known: write one of "),
        ({"measure": "billed"}, "sources.http.helpdesk.measure 'billed' is not known: write one of metered, inventory"),
        ({"measure": "inventory", "date": "day"}, "an inventory is the state on the day that was asked for"),
        ({"measure": "inventory", "window": "month"}, "an inventory is the state on the day that was asked for"),
        ({"window": "month", "date": "day"}, "a month is spread over its days"),
    ],
)
def test_a_declaration_that_can_t_be_used_names_its_key(keys: dict[str, object], said: str) -> None:
    message = refusal(**keys)
    assert message.startswith("sources.http.helpdesk")
    assert said in message
    assert "docs/declared-sources.md" in message
