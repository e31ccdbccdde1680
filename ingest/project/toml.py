"""Write settings as TOML, and the company's `finops.toml` from the type of its settings, so that both always agree."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from finops.ingest.config.rules import Rules

_WIDTH = 118
_OPENING = """\
# This company's rules about costs. This file also marks the folder as a project of `finops`.
#
# Every key is here with its default. To set one, remove the # in front of it. `finops config` shows what is in force.
# A change takes effect in open months with the next nightly, in earlier months with `finops reprocess`.
"""


def rules() -> str:
    """Return a `finops.toml` in which every key is commented out, with its meaning and its default."""
    return "\n".join([_OPENING, *(part for name, field in Rules.model_fields.items() for part in _key(name, field))])


def _key(name: str, field: FieldInfo) -> Iterator[str]:
    meaning = " ".join(str(field.description).split())
    yield textwrap.fill(meaning, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    yield f"#{name} = {value(field.get_default(call_default_factory=True))}\n"


def value(given: object) -> str:
    """Return a value in TOML, on one line; None is the empty text, which stands for the default."""
    match given:
        case bool():
            text = str(given).lower()
        case Decimal():
            text = f"{given:f}"
        case None | str():
            text = json.dumps(given or "", ensure_ascii=False)
        case Mapping():
            text = "{ " + ", ".join(f"{json.dumps(key)} = {value(item)}" for key, item in given.items()) + " }"
        case Collection():
            text = f"[{', '.join(map(value, sorted(given) if isinstance(given, frozenset) else given))}]"
        case BaseModel():
            text = value(given.model_dump())
        case _:
            text = str(given)
    return text
