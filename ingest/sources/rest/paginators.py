"""What each kind of pagination does, on dlt's paginators, and the watch over it: pages end, none is read twice.

dlt's own paginators are trusted with what they do right. Corrected here: an offset goes on by the records that came (a
server that caps the page size would make the next page skip some), and an empty address is not a next page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    BaseReferencePaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)

from finops.ingest.errors import SourceError
from finops.ingest.sources.rest.errors import excerpt
from finops.ingest.sources.rest.pagination import (
    Cursor,
    Keyset,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    Pagination,
    SinglePage,
)


def pages(kind: Pagination, where: str, max_pages: int) -> BasePaginator:
    """A paginator of this kind, watched; it serves one chain of pages."""
    return _BoundedPaginator(_paginator(kind), where, max_pages)


def _paginator(kind: Pagination) -> BasePaginator:  # noqa: PLR0911 one a kind
    match kind:
        case SinglePage():
            return SinglePagePaginator()
        case PageNumber(parameter, first, total):
            return PageNumberPaginator(
                base_page=first, page_param=parameter, total_path=total, stop_after_empty_page=total is None
            )
        case Offset():
            return _offset(kind)
        case Cursor():
            return _CursorPaginator(kind)
        case LinkHeader(relation):
            return HeaderLinkPaginator(links_next_key=relation)
        case NextUrl(path):
            return _NextUrlPaginator(next_url_path=path)
        case Keyset(parameter, key):
            return _KeysetPaginator(parameter, key)


def _offset(kind: Offset) -> OffsetPaginator:
    paginator = OffsetPaginator if kind.grouped else _RecordOffsetPaginator
    return paginator(
        limit=kind.limit,
        offset_param=kind.parameter,
        limit_param=kind.limit_parameter,
        total_path=kind.total,
        stop_after_empty_page=kind.total is None,
    )


class _RecordOffsetPaginator(OffsetPaginator):
    """Goes on by the records that came, however many were asked for."""

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        self.value_step = len(data or [])
        super().update_state(response, data)


class _NextUrlPaginator(JSONLinkPaginator):
    """An empty text, or false, is not an address."""

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        super().update_state(response, data)
        following: object = self._next_reference
        if following and not isinstance(following, str):
            raise TypeError(f"the address of the next page is {following!r}")
        self._next_reference = self._next_reference or None


class _CursorPaginator(JSONResponseCursorPaginator):
    """Ends where the answer says that no more comes, too; one that says nothing of it has no more."""

    def __init__(self, kind: Cursor) -> None:
        super().__init__(
            cursor_path=kind.path,
            cursor_param=None if kind.in_body else kind.parameter,
            cursor_body_path=kind.parameter if kind.in_body else None,
        )
        self._more = kind.more

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        super().update_state(response, data)
        if self._more and jsonpath.find_values(self._more, response.json()) != [True]:
            self._next_reference = None


class _KeysetPaginator(BaseReferencePaginator):
    """Asks for what comes after the last record."""

    def __init__(self, parameter: str, key: str) -> None:
        super().__init__()
        self._parameter = parameter
        self._key = key

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:  # noqa: ARG002
        last = jsonpath.find_values(self._key, data[-1]) if data else [None]
        if not last or (data and last[0] is None):
            raise ValueError(f"the last record has no '{self._key}', from which the next page would go on")
        self._next_reference = last[0]

    def update_request(self, request: requests.Request) -> None:
        if self.has_next_page:
            request.params[self._parameter] = self._next_reference


class _BoundedPaginator(BasePaginator):
    """Another paginator, that has to end: so many pages at most, and no request that was made before."""

    def __init__(self, paginator: BasePaginator, where: str, max_pages: int) -> None:
        super().__init__()
        self._paginator = paginator
        self._where = where
        self._max_pages = max_pages
        self._made: set[str] = set()

    @property
    def has_next_page(self) -> bool:
        return self._paginator.has_next_page

    def init_request(self, request: requests.Request) -> None:
        self._paginator.init_request(request)
        self._made.add(_address(request))

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        with self._clear_errors():
            self._paginator.update_state(response, data)
        if self.has_next_page and len(self._made) >= self._max_pages:
            raise SourceError(
                f"{self._where}: more than {self._max_pages} pages: ask for larger ones, or set ingest.http_max_pages"
                " higher"
            )

    def update_request(self, request: requests.Request) -> None:
        with self._clear_errors():
            self._paginator.update_request(request)
        if not self.has_next_page:
            return
        address = _address(request)
        if address in self._made:
            raise SourceError(
                f"{self._where}: after {len(self._made)} pages, the next one is one that was read before: the service"
                " goes round in circles"
            )
        self._made.add(address)

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """What dlt and urllib say of a total that is not a number, or an address that is none."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise SourceError(f"{self._where}: cannot determine the next page: {excerpt(error)}") from error


def _address(request: requests.Request) -> str:
    """The whole address, as it will be asked for, with the body that goes to it."""
    prepared = requests.Request(request.method, request.url, params=request.params, json=request.json).prepare()
    return f"{prepared.url} {prepared.body!r}"
