"""Backstage's catalog as a test makes it up, archived by day."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.e2e.finops import serving

CATALOG = "/api/catalog/entities/by-query"
PARAMS = '{"at": "{day}", "limit": 2}'
Entity = dict[str, Any]


def entity(
    kind: str, name: str, *, code: str | None = None, title: str | None = None, namespace: str = "default", **spec: Any
) -> Entity:
    """An entity as Backstage's catalog hands it out."""
    annotations = {"backstage.io/managed-by-location": f"url:https://git.example.com/{name}/catalog-info.yaml"}
    metadata: Entity = {"namespace": namespace, "name": name, "annotations": annotations}
    if code:
        annotations["finops/application-code"] = code
    if title:
        metadata["title"] = title
    return {"kind": kind, "metadata": metadata, "spec": spec}


class Catalog:
    """Answers as Backstage does, two entities a page; what it holds is said by day, and holds until another is said."""

    def __init__(self) -> None:
        self.held: dict[str, Sequence[Entity]] = {}

    def answer(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        """A page: a cursor is base64 of JSON, and stands for all but fields and limit."""
        day = query["at"][0] if "at" in query else "9999-12-31"
        first = json.loads(base64.b64decode(query["cursor"][0]))["first"] if "cursor" in query else 0
        last = first + int(query["limit"][0])
        held = self.held[max(since for since in self.held if since <= day)]
        following = base64.b64encode(json.dumps({"first": last}).encode()).decode()
        info = {"nextCursor": following} if last < len(held) else {}
        return {"items": held[first:last], "totalItems": len(held), "pageInfo": info}


@contextmanager
def serving_catalog(held: Catalog) -> Iterator[str]:
    """Serve a catalog on a free port; yield the address for `sources.backstage.url`."""
    with serving({CATALOG: held.answer}) as url:
        yield url
