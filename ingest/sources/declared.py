"""Sources that a company declares in its configuration: `[sources.http.<name>]` (docs/declared-sources.md).

A declaration says where the records are (an HttpSource) and how each becomes usage lines. The second part is written to
`finops.etl_declared_lines`, where dbt reads it (int_declared_metered, int_declared_inventory).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from finops.ingest.config.services import HttpService
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


# What a declaration and a source say in the same words.
_SHARED = ["domain", "measure", "window", "path", "data_selector", "record_id", "paginator", "skip", "not_ready"]
_SHARED += ["supports_past_days"]
FieldPath = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_path), Field(min_length=1)]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UsageLine(_Declared):
    """A quantity of one product in a record.

    Attributes:
        product: the product of the catalogue, or `product_field`, where the record says it.
        quantity: the field that holds the number.
        unit: as in the catalogue, or `unit_field`, where the record says it.
        per: how many of the record's units make one of the catalogue's, e.g. 1073741824 for bytes and GiB.
    """

    product: str | None = None
    product_field: FieldPath | None = None
    quantity: FieldPath
    unit: str | None = None
    unit_field: FieldPath | None = None
    per: Decimal = Decimal(1)

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for key in ("product", "unit"):
            if (getattr(self, key) is None) == (getattr(self, f"{key}_field") is None):
                raise ValueError(f"needs {key} or {key}_field, one of them")
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


class Declaration(HttpService):
    """What `[sources.http.<name>]` holds: address, credentials and parameters, and these.

    Attributes:
        path: under the address.
        data_selector: JSONPath of the records in an answer; `$[*]` where the answer is a list.
        paginator: how the pages follow each other, with dlt's types and parameters.
        record_id: format string over a record; without it, the content is the identity.
        domain: whose cost it is: one of `domains` in finops.toml.
        measure: `metered` quantities are added up, `inventory` is a capacity on a day.
        window: what one answer covers; the quantity of a `month` is spread over its days.
        supports_past_days: whether the service can be asked for a past day.
        skip: a record in which one of these fields has this value is left out.
        not_ready: an answer in which one of these fields has this value says to ask again.
        application: the field that names the application, by its code or an alias.
        date: the field that holds the usage date of a meter; without it, the day that was asked for.
        sub_account, resource, resource_name: fields for application rules, and for whoever looks a figure up.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "records": "data_selector",
        "pagination": "paginator",
        "gives_past": "supports_past_days",
    }

    path: str
    data_selector: Annotated[str, AfterValidator(_selector)]
    record_id: str | None = None
    domain: str = "native"
    measure: Literal["metered", "inventory"] = "metered"
    window: Literal["day", "month"] = "day"
    supports_past_days: bool = True
    paginator: Annotated[Paging, PlainValidator(_paging)] = "single_page"
    skip: Mapping[str, str] = {}
    not_ready: Mapping[str, str] = {}
    application: FieldPath | None = None
    date: FieldPath | None = None
    sub_account: FieldPath | None = None
    resource: FieldPath | None = None
    resource_name: FieldPath | None = None
    lines: Annotated[tuple[UsageLine, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _dated_by_its_window(self) -> Self:
        if self.measure == "inventory" and (self.date or self.window == "month"):
            raise ValueError("an inventory is the state on the day that was asked for: leave out date and window")
        if self.window == "month" and self.date:
            raise ValueError("a month is spread over its days: leave out date, or ask by the day")
        return self


def declared_source(name: str, declaration: Declaration) -> HttpSource:
    """The source `http.<name>`, from what is declared for it."""
    first_key = declaration.data_selector.removeprefix("$.").split(".")[0].split("[")[0]
    return HttpSource(
        name=f"http.{name}",
        service=f"http.{name}",
        required=None if first_key in ("$", "") else first_key,
        **{key: getattr(declaration, key) for key in _SHARED},
    )
