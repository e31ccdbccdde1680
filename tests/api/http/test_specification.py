"""Whatever the specification allows, and what it does not, is answered as the specification says."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from tests.api.service import Service
from tests.api.specification import KNOWN, specification
from tests.hostility import times

pytestmark = pytest.mark.hostile

ACCEPTED = ("application/json", "text/csv, */*;q=0.1")
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {"deterministic": True, "max-examples": times(20)},
        # a month may come after the one that it has to come before, a name be nobody's: the well written may be refused
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }
)


def informed() -> Any:
    """The specification, in which what a parameter allows begins with a value that there is: else little is found."""
    document = specification()
    for item in document["paths"].values():
        for parameter in item["get"].get("parameters", []):
            value: Any = KNOWN.get(parameter["name"])
            kind = parameter["schema"].get("type")
            if value is not None and "enum" not in parameter["schema"]:
                known = {"array": [value], "integer": int(value) if value.isdigit() else None}.get(kind, value)
                parameter["schema"] = {"anyOf": [{"const": known}, parameter["schema"]]}
    return document


# Costs of a group, a domain and a family are those of an application by another name.
SCHEMA = schemathesis.openapi.from_dict(informed(), config=CONFIG).exclude(
    path_regex="^/v1/(groups|domains|families)/."
)


@SCHEMA.parametrize()
def test_it_answers_as_its_specification_says(case: Case[Any], tireless: Service) -> None:
    accept = ACCEPTED[len(str(case.query)) % len(ACCEPTED)]
    case.call_and_validate(
        base_url=tireless.url,
        headers={"Authorization": f"Bearer {tireless.token}", "Accept": accept},
        timeout=10,
    )


def test_no_name_of_a_schema_says_where_its_code_stands() -> None:
    names = set(specification()["components"]["schemas"])
    assert {"Group", "InsightsGroup"} <= names
    assert [name for name in names if "__" in name] == []
