"""The nine tables of reference data: a model a table, a field a column, in the order in which files have them.

A value is text as its source has it (reading.py). Nothing is guessed: a number or a date that is written in any other
way than here is refused, because the nearest guess would be a price.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from finops.ingest.config.values import CurrencyCode

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_COMMA = re.compile(r"-?[0-9][0-9 .\u00a0\u202f]*,[0-9]+")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ENTITY = re.compile(r"(component|system):[^:/]+/[^:/]+", re.IGNORECASE | re.ASCII)
UNCALCULATED = "#FORMULA!"  # of a program that writes formulas, and not their values
NO_VALUES = frozenset((UNCALCULATED, "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# As finops.is_too_long in ingest/schema/values.sql: what a row of an aggregate's index takes.
MAX_CHARACTERS, MAX_BYTES = 255, 510
MAX_DIGITS = 100
MAX_PATTERN = 1000


def _number(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"has {len(text)} characters, more than the {MAX_DIGITS} of a number: round it")
    if _COMMA.fullmatch(text):
        raise ValueError("has a decimal comma: write it with a point, such as 1234.50")
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number: write it as 1234.50, without a unit or separators")
    return Decimal(text)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("is not a whole number: write it as 10")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        raise ValueError("is not a day: write it as 2026-09-30") from None


def _month(day: date) -> date:
    if day.day != 1:
        raise ValueError(f"is not the first day of a month: write {day.replace(day=1)}")
    return day


def _not_negative(number: Decimal) -> Decimal:
    if number < 0:
        raise ValueError("is negative: a price is zero or more")
    return number


def _positive(number: Decimal) -> Decimal:
    if number <= 0:
        raise ValueError("is not positive: a rate is more than zero")
    return number


def _text(text: str) -> str:
    if text in NO_VALUES:
        raise ValueError("is a formula without a value")
    if _CONTROL.search(text):
        raise ValueError("holds a line break or another control character: write it in one line")
    return text


def _bounded(text: str) -> str:
    if len(text) > MAX_CHARACTERS or len(text.encode()) > MAX_BYTES:
        size = f"{len(text)} characters in {len(text.encode())} bytes"
        raise ValueError(f"has {size}, more than {MAX_CHARACTERS} or {MAX_BYTES}: shorten it")
    return text


def _pattern(text: str) -> str:
    if len(text) > MAX_PATTERN:
        raise ValueError(f"has {len(text)} characters, more than {MAX_PATTERN}: split the rule into several")
    return text


def _entity(text: str) -> str:
    if not _ENTITY.fullmatch(text):
        raise ValueError("is not the reference of a Component or System: write it as component:default/shop")
    return text.lower()


Text = Annotated[str, AfterValidator(_text), AfterValidator(_bounded)]
Pattern = Annotated[str, AfterValidator(_text), AfterValidator(_pattern)]
Number = Annotated[Decimal, BeforeValidator(_number)]
Day = Annotated[date, BeforeValidator(_day)]


class ReferenceRow(BaseModel):
    """A row of a table.

    Attributes:
        key: the columns by which a row is known.
        any_case: whether they are compared without case, as the models compare them.
        refers_to: the table that a column's value has to be in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    key: ClassVar[tuple[str, ...]]
    any_case: ClassVar[bool] = False
    refers_to: ClassVar[Mapping[str, str]] = {}

    def identity(self) -> tuple[str, ...]:
        """The values of its key, as they are compared."""
        texts = (str(getattr(self, column) or "") for column in self.key)
        return tuple(text.upper() if self.any_case else text for text in texts)

    def code(self) -> str:
        """What other tables refer to it by."""
        return str(getattr(self, self.key[0]))

    def values(self) -> tuple[str | int | date | Decimal | None, ...]:
        """Its values in the order of the columns, as PostgreSQL takes them."""
        return tuple(getattr(self, column) for column in type(self).model_fields)


class Group(ReferenceRow):
    """One row per team that owns applications (a Backstage Group)."""

    key = ("group_id",)
    any_case = True
    refers_to: ClassVar[Mapping[str, str]] = {"parent_group_id": "groups"}

    group_id: Text
    """Id of the group, as Backstage names it"""
    group_name: Text | None = None
    """Name that people know it by"""
    parent_group_id: Text | None = None
    """The group above it, in `groups`; empty: as Backstage says"""


class Application(ReferenceRow):
    """One row per application (a Backstage Component or System), with the group that owns it."""

    key = ("application_id",)
    any_case = True
    refers_to: ClassVar[Mapping[str, str]] = {"group_id": "groups"}

    application_id: Text
    """The application's code, as relevés carry it"""
    application_name: Text | None = None
    """Name that people know it by"""
    group_id: Text
    """The group that owns it, in `groups`"""
    entity_ref: Annotated[Text, AfterValidator(_entity)] | None = None
    """The entity of Backstage that says who owns it from its first day there, such as component:default/shop"""


class ApplicationOwner(ReferenceRow):
    """One row per application and time (valid_from ≤ day < valid_to) in which another group owned it."""

    key = ("application_id", "valid_from")
    any_case = True
    refers_to: ClassVar[Mapping[str, str]] = {"application_id": "applications", "group_id": "groups"}

    application_id: Text
    """The application, in `applications`"""
    group_id: Text
    """The group that owned it then, in `groups`"""
    valid_from: Day
    """The first day"""
    valid_to: Day | None = None
    """The day after the last one; empty: it holds on"""


class ApplicationAlias(ReferenceRow):
    """One row per other code under which a source knows an application."""

    key = ("alias",)
    any_case = True
    refers_to: ClassVar[Mapping[str, str]] = {"application_id": "applications"}

    alias: Text
    """The other code, in any case"""
    application_id: Text
    """The application that it means"""


class ApplicationRule(ReferenceRow):
    """One row per rule that finds the application of a record without a known code; the lowest priority wins."""

    key = ("rule_id",)
    refers_to: ClassVar[Mapping[str, str]] = {"application_id": "applications"}

    rule_id: Text
    """Name of the rule; of two with one priority, the first by it wins"""
    source: Text | None = None
    """The source that it is for, or a service for all of its own; empty: every one"""
    field: Literal[
        "sub_account_id", "sub_account_name", "resource_id", "resource_name", "topic", "custom_attribute", "vm"
    ]
    """What it looks at; a custom attribute of GitLab is matched as `key=value`"""
    match_type: Literal["exact", "prefix", "regex"]
    """How it compares: exact, prefix or regex"""
    pattern: Pattern
    """What it compares with"""
    application_id: Text
    """The application that a match belongs to"""
    priority: Annotated[int, BeforeValidator(_integer)]
    """Order of the rules, the lowest first"""
    valid_from: Day
    """The first day"""
    valid_to: Day | None = None
    """The day after the last one; empty: it holds on"""


class Product(ReferenceRow):
    """One row per product of the catalogue, with its family, domain and unit."""

    key = ("product_id",)

    product_id: Text
    """The product, as sources and prices name it"""
    product_name: Text | None = None
    """Name that people know it by"""
    family: Text
    """Family of products, such as Compute"""
    domain: Text
    """Domain of cost, such as private_cloud"""
    unit: Text | None = None
    """What a price of it is for, such as `vCPU-month`; empty where bills bring their own"""


class ProductMapping(ReferenceRow):
    """One row per provider's SKU or service that is a product of the catalogue."""

    key = ("provider_name", "sku_id", "service_name")
    refers_to: ClassVar[Mapping[str, str]] = {"product_id": "products"}

    provider_name: Text
    """The provider, as its bills name it"""
    sku_id: Text | None = None
    """The provider's stock-keeping unit; empty: all of a service"""
    service_name: Text | None = None
    """The provider's service"""
    product_id: Text
    """The product of the catalogue that it is"""

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if not (self.sku_id or self.service_name):
            raise ValueError("has neither a sku_id nor a service_name: write the one that bills name")
        return self

    def identity(self) -> tuple[str, ...]:
        """The SKU, whatever its service; else the service."""
        return (self.provider_name, self.sku_id or "", "" if self.sku_id else self.service_name or "")


class Price(ReferenceRow):
    """One row per product and validity (valid_from ≤ day < valid_to); validities never overlap."""

    key = ("product_id", "valid_from")
    refers_to: ClassVar[Mapping[str, str]] = {"product_id": "products"}

    product_id: Text
    """The product, in `products`"""
    unit_price: Annotated[Number, AfterValidator(_not_negative)]
    """Price of one unit, exact"""
    currency: CurrencyCode
    """The currency of the price"""
    valid_from: Day
    """The first day"""
    valid_to: Day | None = None
    """The day after the last one; empty: it holds on"""


class FxRate(ReferenceRow):
    """One row per month and pair of currencies."""

    key = ("period", "from_currency", "to_currency")

    period: Annotated[Day, AfterValidator(_month)]
    """The first day of the month"""
    from_currency: CurrencyCode
    """The currency that a price or a bill is in"""
    to_currency: CurrencyCode
    """The currency that it is converted to"""
    rate: Annotated[Number, AfterValidator(_positive)]
    """What one unit of the first currency is worth in the second"""


UNALLOCATED = Application(application_id="UNALLOCATED", application_name="Unallocated", group_id="unallocated")
OF_UNALLOCATED = Group(group_id="unallocated", group_name="Unallocated")
# What every company has, whether or not it lists it: totals never depend on the mapping.
BUILT_IN: Mapping[str, ReferenceRow] = {"groups": OF_UNALLOCATED, "applications": UNALLOCATED}
# In the order in which they refer to each other.
TABLES: Mapping[str, type[ReferenceRow]] = {
    "groups": Group,
    "applications": Application,
    "application_owners": ApplicationOwner,
    "application_aliases": ApplicationAlias,
    "application_rules": ApplicationRule,
    "products": Product,
    "product_mappings": ProductMapping,
    "prices": Price,
    "fx_rates": FxRate,
}
