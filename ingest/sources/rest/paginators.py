"""How an endpoint hands out its records page by page: dlt's paginators, and what they lack.

Sources name them as dlt's `rest_api` source does (`PAGINATORS`).
Corrected here: an offset advances by the records that came (a server that caps the page size would make the next page
skip some), an empty address is not a next page, and an empty page before the end that an answer states is not the end.
Added: `keyset`, `limit_offset`, which is dlt's offset as it is, and bounds around every paginator.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from dlt.common import jsonpath
from dlt.sources.helpers.rest_client import paginators as dlt
from jsonpath_ng.exceptions import JSONPathError
from pydantic import BaseModel, ConfigDict, create_model

from finops.ingest.errors import SourceError
from finops.ingest.sources.rest.errors import excerpt


class RecordOffsetPaginator(dlt.OffsetPaginator):
    """An offset that advances by the records that came, however many were asked for."""

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read from an answer whether and where the pages go on."""
        self.value_step = len(data or [])
        super().update_state(response, data)


class JSONLinkPaginator(dlt.JSONLinkPaginator):
    """dlt's, but an empty address (or `false`) is the end, and one that is not text is an error."""

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read from an answer whether and where the pages go on."""
        super().update_state(response, data)
        following: object = self._next_reference
        if following and not isinstance(following, str):
            raise TypeError(f"the address of the next page is {following!r}")
        self._next_reference = self._next_reference or None


class JSONResponseCursorPaginator(dlt.JSONResponseCursorPaginator):
    """dlt's, but an answer without the value at `has_more_path` is the last page and not an error."""

    def _handle_missing_has_more(self, response_json: dict[str, Any]) -> None:
        """Accept the answer: dlt goes on as if the value were false."""


class KeysetPaginator(dlt.BaseReferencePaginator):
    """Each page begins after the last record of the one before; an empty page is the end.

    Args:
        key_param: the query parameter that carries the last record's key, e.g. `id_after`.
        key_path: JSONPath of the key in a record.
    """

    def __init__(self, key_param: str, key_path: str = "id") -> None:
        super().__init__()
        self.key_param = key_param
        self.key_path = jsonpath.compile_path(key_path)

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:  # noqa: ARG002
        """Read from an answer whether and where the pages go on."""
        last = jsonpath.find_values(self.key_path, data[-1]) if data else [None]
        if not last or (data and last[0] is None):
            raise ValueError(f"the last record has no '{self.key_path}', after which the next page would begin")
        self._next_reference = last[0]

    def update_request(self, request: requests.Request) -> None:
        """Ask for the next page."""
        if self.has_next_page:
            request.params[self.key_param] = self._next_reference


PAGINATORS: Mapping[str, type[dlt.BasePaginator]] = {
    "single_page": dlt.SinglePagePaginator,
    "page_number": dlt.PageNumberPaginator,
    "offset": RecordOffsetPaginator,
    "limit_offset": dlt.OffsetPaginator,
    "cursor": JSONResponseCursorPaginator,
    "header_cursor": dlt.HeaderCursorPaginator,
    "header_link": dlt.HeaderLinkPaginator,
    "json_link": JSONLinkPaginator,
    "keyset": KeysetPaginator,
}


def create_paginator(config: object) -> dlt.BasePaginator:
    """Create a paginator from its configuration: `{type = …}` with the parameters of dlt's class, or the type alone.

    Unlike dlt's, a `page_number` or an offset reads up to an empty page unless `total_path` or `has_more_path` is set,
    and then no empty page ends it.

    Raises:
        ValueError: for an unknown type, and (as pydantic's ValidationError) for a parameter that is unknown, missing or
            of the wrong type.
    """
    given = dict(config) if isinstance(config, Mapping) else {"type": config}
    kind = given.pop("type", None)
    if kind not in PAGINATORS:
        found = "has no type" if kind is None else f"type '{kind}' is not known"
        raise ValueError(f"{found}: write one of {', '.join(PAGINATORS)}")
    if kind in {"page_number", "offset", "limit_offset"}:
        given = {"total_path": None} | given
        given.setdefault("stop_after_empty_page", not (given["total_path"] or given.get("has_more_path")))
    if kind in {"offset", "limit_offset"}:
        given.setdefault("limit", 1000)
    parameters = _parameters(PAGINATORS[kind])
    if unknown := given.keys() - parameters.model_fields.keys():
        known = ", ".join(sorted(parameters.model_fields)) or "none"
        raise ValueError(f"{', '.join(sorted(unknown))} is not a parameter of {kind}, which has: {known}")
    checked = parameters.model_validate(given).model_dump(exclude_unset=True)
    for name, value in checked.items():
        if name.endswith("_path") and isinstance(value, str) and not name.endswith("_body_path"):
            json_path(value)
    return PAGINATORS[kind](**checked)


def json_path(text: str) -> str:
    """Return the text if it is a JSONPath.

    Raises:
        ValueError: if it isn't.
    """
    try:
        jsonpath.compile_path(text)
    except JSONPathError as error:
        raise ValueError(f"'{text}' is not a JSONPath: {excerpt(error)}") from error
    return text


def _parameters(paginator: type[dlt.BasePaginator]) -> type[BaseModel]:
    """What may be set of a paginator, as its constructor declares it."""
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for parameter in inspect.signature(paginator, eval_str=True).parameters.values()
    }
    config = ConfigDict(arbitrary_types_allowed=True)  # dlt's paths may be compiled ones
    return create_model(paginator.__name__, __config__=config, **fields)


class BoundedPaginator(dlt.BasePaginator):
    """Another paginator, that has to end: so many pages at most, and no request that was made before."""

    def __init__(self, paginator: dlt.BasePaginator, where: str, max_pages: int) -> None:
        super().__init__()
        self._paginator = paginator
        self._where = where
        self._max_pages = max_pages
        self._made: set[str] = set()

    @property
    def has_next_page(self) -> bool:
        """Whether the pages go on."""
        return self._paginator.has_next_page

    def init_request(self, request: requests.Request) -> None:
        """Ask for the first page."""
        self._paginator.init_request(request)
        self._made.add(_address(request))

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read from an answer whether and where the pages go on."""
        with self._clear_errors():
            self._paginator.update_state(response, data)
        if self.has_next_page and len(self._made) >= self._max_pages:
            raise SourceError(
                f"{self._where}: more than {self._max_pages} pages: ask for larger ones, or set ingest.http_max_pages"
                " higher"
            )

    def update_request(self, request: requests.Request) -> None:
        """Ask for the next page."""
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
        """Translate dlt's and urllib's errors about a total that is not a number, or an address that isn't one."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise SourceError(f"{self._where}: cannot determine the next page: {excerpt(error)}") from error


def _address(request: requests.Request) -> str:
    """The whole address that will be asked for, with its body."""
    prepared = requests.Request(request.method, request.url, params=request.params, json=request.json).prepare()
    return f"{prepared.url} {prepared.body!r}"
