"""Who calls, and whose costs they may see."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

EVERYTHING: Literal["*"] = "*"


@dataclass(frozen=True)
class Identity:
    """A caller's name, and the keys (references.py) of its groups: `*` for all of them."""

    name: str
    groups: Literal["*"] | frozenset[str]

    @property
    def setting(self) -> str:
        """The groups as one text, the same for the same groups: a part of what an answer depends on."""
        return EVERYTHING if self.groups == EVERYTHING else json.dumps(sorted(self.groups))


def union(scopes: Iterable[str | Iterable[str]]) -> Literal["*"] | frozenset[str]:
    """The groups of all scopes together; `*` where one of them is `*`."""
    groups: set[str] = set()
    for scope in scopes:
        if scope == EVERYTHING:
            return EVERYTHING
        groups.update(scope)
    return frozenset(groups)
