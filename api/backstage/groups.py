"""The group that a reference names, where the caller may see it."""

from __future__ import annotations

from collections.abc import Mapping

from finops.api.auth.references import group_key
from finops.api.backstage import queries
from finops.api.database import Connection
from finops.api.http.problems import not_found


async def group_of(connection: Connection, reference: str) -> Mapping[str, list[str]]:
    """Return the parameter of `queries.OF_GROUP`: the group and, by it, all groups below.

    Raises:
        ProblemError: 404 where the caller may see none.
    """
    if found := await visible_group(connection, reference):
        return found
    raise not_found(f"there is no group '{reference}' that you may see")


async def visible_group(connection: Connection, reference: str) -> Mapping[str, list[str]] | None:
    """Return the same; None where there is none."""
    try:
        about = {"group": group_key(reference)}
    except ValueError:
        return None
    for row in await connection.rows(dict, queries.GROUP, about):
        return {"groups": [row["group_id"]]}
    return None
