"""The API's own description of itself, and what its tests send: a new route is in it, and so is tested, by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from finops.api.app import create_app
from finops.api.settings import Settings

# Values that the published bills of conftest.py have, or that are well written: by the name of a parameter.
KNOWN = {
    "application_id": "SHOP-WEB",
    "group_id": "storefront",
    "domain": "public_cloud",
    "family": "Integration",
    "run_id": "86a7b04b-43e8-4dca-8e68-01d9e96b0222",
    "product": "nimbus.queue",
    "month": "2026-10",
    "source": "focus.nimbus",
    "currency": "EUR",
    "from": "2026-09",
    "to": "2026-10",
    "group": "storefront",
    "project": "SHOP-WEB",
    "entity": "component:default/shop-web",
    "metric": "totalCost",
    "intervals": "R2/P30D/2026-11-01",
    "startTime": "1788220800000",
    "endTime": "1793491199999",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation, as the specification has it."""

    name: str
    where: str
    required: bool
    schema: Any

    @property
    def types(self) -> set[str]:
        """What it may be: `string`, `integer`, `array`."""
        return {choice["type"] for choice in self.schema.get("anyOf", [self.schema])}


@dataclass(frozen=True)
class Operation:
    """A path that is read with GET."""

    path: str
    parameters: tuple[Parameter, ...]
    statuses: frozenset[int]

    @property
    def kind(self) -> str:
        """What it answers, whatever its path narrows it to: `costs`, `history` and the like, or the path itself."""
        name = self.path.rpartition("/")[2]
        return name if name in ("costs", "history", "series", "days", "usage") else self.path

    def url(self, name: str = "", where: str = "", value: str = "") -> str:
        """Its address: what it needs is known, but for one parameter, which has this value."""
        path, query = self.path, []
        for parameter in self.parameters:
            is_it = (parameter.name, parameter.where) == (name, where)
            given = quote(value if is_it else KNOWN.get(parameter.name, ""), safe="")
            if parameter.where == "path":
                path = path.replace(f"{{{parameter.name}}}", given)
            elif is_it or parameter.required:
                query.append(f"{parameter.name}={given}")
        return f"{path}?{'&'.join(query)}"


def specification() -> Any:
    """The OpenAPI document."""
    return create_app(Settings.model_construct()).openapi()


def operations() -> Iterator[Operation]:
    """All that there is to read."""
    for path, item in specification()["paths"].items():
        assert set(item) == {"get"}, f"{path} is not read-only"
        operation = item["get"]
        yield Operation(
            path,
            tuple(
                Parameter(found["name"], found["in"], found.get("required", False), found["schema"])
                for found in operation.get("parameters", [])
            ),
            frozenset(int(status) for status in operation["responses"]),
        )
