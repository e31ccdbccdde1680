"""Sources that a company declares in its configuration (docs/declared-sources.md).

A declaration says where the records are, and how each becomes usage lines. The first part is an endpoint here; that of
files, queries and fixed amounts is in rows/declared.py. The second part has the same keys for all, and is written to
`finops.etl_declared_lines`, where dbt reads it (int_declared_metered, int_declared_inventory).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from finops.ingest.config.sections import Budgeted
from finops.ingest.config.services import HttpService
from finops.ingest.config.values import CurrencyCode, from_json
from finops.ingest.exact import EXACT
from finops.ingest.sources.kinds import HttpSource, Paging


def _path(value: object) -> object:
    """Split "project.key" into the path to the field; a list is one already, for a key that has a dot in it."""
    return tuple(value.split(".")) if isinstance(value, str) else value


def _paging(value: object) -> object:
    """Check that it makes a paginator, with dlt, which only who declares a source waits for."""
    from finops.ingest.sources.rest.paginators import create_paginator  # noqa: PLC0415

    create_paginator(value)
    return value


def _selector(value: str) -> str:
    from finops.ingest.sources.rest.paginators import json_path  # noqa: PLC0415

    return json_path(value)


# What a declaration over HTTP and its source say in the same words.
_SHARED = ["domain", "measure", "window", "path", "data_selector", "record_id", "paginator", "skip", "not_ready"]
_SHARED += ["supports_past_days"]
FieldPath = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_path), Field(min_length=1)]


class DeclaredPart(BaseModel):
    """A table inside a declaration."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)


class UsageLine(DeclaredPart):
    """A quantity of one product in a record, priced by the catalogue, or with a cost of its own.

    Attributes:
        product: the product of the catalogue, or `product_field`, where the record says it.
        quantity: the field that holds the number; without it, which takes a cost, it is 1.
        unit: as in the catalogue, or `unit_field`, where the record says it.
        per: how many of the record's units make one of the catalogue's, e.g. 1073741824 for bytes and GiB.
        cost: the field that holds the amount, which then is the cost as it stands: no price is looked for.
        currency: of that amount, or `currency_field`, where the record says it.
    """

    product: str | None = None
    product_field: FieldPath | None = None
    quantity: FieldPath | None = None
    unit: str | None = None
    unit_field: FieldPath | None = None
    per: Decimal = Decimal(1)
    cost: FieldPath | None = None
    currency: CurrencyCode | None = None
    currency_field: FieldPath | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for key in ("product", "unit", "currency") if self.cost else ("product", "unit"):
            if (getattr(self, key) is None) == (getattr(self, f"{key}_field") is None):
                raise ValueError(f"needs {key} or {key}_field, one of them")
        if self.cost is None and (self.currency or self.currency_field):
            raise ValueError("has a currency without a cost: set cost to the field with the amount, or remove it")
        if self.quantity is None and (self.cost is None or self.per != 1):
            raise ValueError("needs quantity: the field with the number")
        _ = self.factor
        return self

    @property
    def factor(self) -> Decimal:
        """What a record's number is multiplied by: exact, or refused."""
        try:
            factor = EXACT.divide(Decimal(1), self.per)
        except ArithmeticError:
            factor = Decimal(0)
        if factor <= 0:
            raise ValueError(
                f"divides by {self.per}, which has to be rounded: price the record's own unit, without per"
            )
        return factor


class Declaration(Budgeted):
    """How the records of a declared source become usage lines, whatever they are read from.

    Attributes:
        record_id: format string over a record; without it, see `identity` of what the records are read from.
        domain: whose cost it is: one of `domains` in finops.toml.
        measure: `metered` quantities are added up, `inventory` is a capacity on a day.
        window: what is read at once; the quantity of a `month` is spread over its days.
        skip: a record in which one of these fields has this value is left out.
        application: the field that names the application, by its code or an alias.
        date: the field that holds the usage date; without it, the day that was asked for.
        sub_account, resource, resource_name: fields for application rules, and for whoever looks a figure up.
    """

    record_id: str | None = None
    domain: str = "native"
    measure: Literal["metered", "inventory"] = "metered"
    window: Literal["day", "month"] = "day"
    skip: Mapping[str, str] = {}
    application: FieldPath | None = None
    date: FieldPath | None = None
    sub_account: FieldPath | None = None
    resource: FieldPath | None = None
    resource_name: FieldPath | None = None
    lines: Annotated[tuple[UsageLine, ...], BeforeValidator(from_json), Field(min_length=1)]

    @model_validator(mode="after")
    def _has_one_time(self) -> Self:
        if self.measure == "inventory" and self.window == "month":
            raise ValueError("an inventory is the state on a day: leave out window")
        if self.window == "month" and self.date:
            raise ValueError("a month is spread over its days: leave out date, or window")
        return self


class HttpDeclaration(Declaration, HttpService):
    """What `[sources.http.<name>]` holds: address, credentials and parameters, how its records are used, and these.

    Attributes:
        path: under the address.
        data_selector: JSONPath of the records in an answer; `$[*]` where the answer is a list.
        paginator: how the pages follow each other, with dlt's types and parameters.
        supports_past_days: whether the service can be asked for a past day.
        not_ready: an answer in which one of these fields has this value says to ask again.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "records": "data_selector",
        "pagination": "paginator",
        "gives_past": "supports_past_days",
    }

    path: str
    data_selector: Annotated[str, AfterValidator(_selector)]
    supports_past_days: bool = True
    paginator: Annotated[Paging, PlainValidator(_paging)] = "single_page"
    not_ready: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _dated_by_its_window(self) -> Self:
        if self.measure == "inventory" and self.date:
            raise ValueError("an inventory is the state on the day that was asked for: leave out date")
        return self


def http_source(name: str, declaration: HttpDeclaration) -> HttpSource:
    """The source `http.<name>`, from what is declared for it."""
    first_key = declaration.data_selector.removeprefix("$.").split(".")[0].split("[")[0]
    return HttpSource(
        name=f"http.{name}",
        service=f"http.{name}",
        required=None if first_key in ("$", "") else first_key,
        **{key: getattr(declaration, key) for key in _SHARED},
    )
