"""How an endpoint hands out its records page by page: data, not code. What each kind does is in paginators.py.

The page size is a parameter of the source (`per_page`, `limit`): only an offset has to know it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

# A company declares them in its configuration as well: a key that is misspelt must not go unnoticed.
_CHECKED = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_CHECKED)
class SinglePage:
    """The whole answer comes at once."""

    kind: Literal["single"] = "single"


@dataclass(frozen=True, config=_CHECKED)
class PageNumber:
    """Pages are numbered: read up to their number, or to an empty one where it isn't told.

    Attributes:
        parameter: the query parameter that carries the number.
        first: the number of the first page.
        pages: JSONPath of the number of pages.
    """

    parameter: str = "page"
    first: int = 1
    pages: str | None = None
    kind: Literal["page_number"] = "page_number"


@dataclass(frozen=True, config=_CHECKED)
class Offset:
    """Pages are asked for by how much comes before them: read up to the total, or to an empty one where it isn't told.

    Attributes:
        parameter: the query parameter that carries the offset.
        limit: how much is asked for at once; a server may give less.
        limit_parameter: the query parameter that carries the limit.
        total: JSONPath of the total.
        grouped: the offset counts what is inside the records (CloudKitty's measures in a dataframe): it goes on by
            `limit` and not by the records that came.
    """

    parameter: str = "offset"
    limit: int = 1000
    limit_parameter: str = "limit"
    total: str | None = None
    grouped: bool = False
    kind: Literal["offset"] = "offset"


@dataclass(frozen=True, config=_CHECKED)
class Cursor:
    """An answer holds the cursor of the next page, until it holds none.

    Attributes:
        path: JSONPath of the cursor in an answer.
        parameter: the query parameter that carries it.
        in_body: it goes into the body instead, where `parameter` is the dotted path of its field.
        more: JSONPath of what says false on the last page, where the cursor goes on (GraphQL's hasNextPage).
    """

    path: str
    parameter: str = "cursor"
    in_body: bool = False
    more: str | None = None
    kind: Literal["cursor"] = "cursor"


@dataclass(frozen=True, config=_CHECKED)
class LinkHeader:
    """The header `Link` holds the address of the next page (RFC 8288), until there is none."""

    relation: str = "next"
    kind: Literal["link_header"] = "link_header"


@dataclass(frozen=True, config=_CHECKED)
class NextUrl:
    """An answer holds the address of the next page, whole or relative, until it holds none; `path` is its JSONPath."""

    path: str
    kind: Literal["next_url"] = "next_url"


@dataclass(frozen=True, config=_CHECKED)
class Keyset:
    """The next page begins after the last record of this one; an empty page is the end.

    Attributes:
        parameter: the query parameter that carries the last record's key, e.g. `id_after`.
        key: JSONPath of the key in a record.
    """

    parameter: str
    key: str = "id"
    kind: Literal["keyset"] = "keyset"


Pagination = SinglePage | PageNumber | Offset | Cursor | LinkHeader | NextUrl | Keyset
