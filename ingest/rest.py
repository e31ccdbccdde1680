"""HTTP sources: an endpoint's records, page by page, on dlt's REST client.

Numbers are read as decimals, so that what lands is what was sent; text that is not UTF-8 is refused, for to guess an
encoding is to change names. The rest of HTTP stands beside: rest_session.py (one host, TLS, attempts, deadline),
rest_auth.py, rest_pages.py, rest_errors.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, cast

import requests
from dlt.sources.helpers.rest_client.client import RESTClient

from ingest.documents import Record, content_hash, encode
from ingest.errors import SourceError
from ingest.periods import Period
from ingest.rest_auth import authentication
from ingest.rest_errors import clear_errors, endpoint, excerpt
from ingest.rest_pages import pages
from ingest.rest_session import Deadline, NotReadyError, Session
from ingest.settings import ConfiguredSource, Limits
from ingest.sources import HttpSource, Window

Hook = Callable[[requests.Response, Any, Any], None]


def records(configured: ConfiguredSource, limits: Limits, windows: list[Window]) -> Iterator[Record]:
    """Every record of the endpoint in each window, whole.

    Raises:
        SourceError: when the server does not answer, refuses, answers with something else, or does not come to an end.
    """
    source = configured.source
    if not isinstance(source, HttpSource):
        raise TypeError(f"{source.name} is not read over HTTP")
    asked = endpoint(source.name, source.service, configured.options)
    deadline = Deadline(limits.http_deadline, asked.where)
    with clear_errors(asked), Session(asked, configured.options.get("ca_bundle"), limits, deadline) as session:
        client = RESTClient(
            asked.url.rstrip("/") + "/",
            auth=authentication(configured, source, limits, deadline),
            data_selector=source.records,
            session=session,
        )
        for window in windows:
            params = _params(configured, source, window)
            yield from _window(client, source, params, window, limits, asked.where)


def _window(  # noqa: PLR0913, PLR0917 everything that a page depends on
    client: RESTClient, source: HttpSource, params: dict[str, str], window: Window, limits: Limits, where: str
) -> Iterator[Record]:
    check = cast("Hook", partial(_check, source, where))
    paginator = pages(source.pagination, where, limits.http_max_pages)
    read: set[str] = set()
    for page in client.paginate(source.path, params=params, paginator=paginator, hooks={"response": [check]}):
        content = ""
        for item in _items(source, page, where):
            record = _record(source, item, window, limits, where)
            content = content_hash(content + record.payload)
            yield record
        if content and content in read:
            raise SourceError(
                f"{where}: a page repeats an earlier one, record by record: the service does not page as"
                f" {source.name} expects; check sources.{source.service}.params"
            )
        read.add(content)


def _params(configured: ConfiguredSource, source: HttpSource, window: Window) -> dict[str, str]:
    texts = {**source.params, **json.loads(configured.options.get("params", "{}"))}
    if "query" in configured.options:
        texts["query"] = configured.options["query"]
    days = {
        "{start}": window.start.isoformat(),
        "{end}": window.end.isoformat(),
        "{day}": window.start.isoformat(),
        "{month}": str(Period.of(window.start)),
    }
    params = {}
    for key, text in texts.items():
        value = str(text)
        for placeholder, day in days.items():
            value = value.replace(placeholder, day)
        params[key] = value
    return params


def _check(source: HttpSource, where: str, response: requests.Response, *_: object, **__: object) -> None:
    """Inside the attempts: an error status is raised; the body is read once, its numbers as decimals, and looked at."""
    response.raise_for_status()
    if response.is_redirect:
        return
    body = _body(source, where, response)
    if isinstance(body, dict) and any(body.get(key) == value for key, value in source.not_ready.items()):
        raise NotReadyError(f"{where}: still not ready after the last attempt: {excerpt(body)}")
    _require(source, body, where)
    response.json = lambda **_: body  # type: ignore[method-assign]


def _body(source: HttpSource, where: str, response: requests.Response) -> object:
    setting = f"check sources.{source.service}.url"
    try:
        return json.loads(response.content, parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}: the answer is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except (ValueError, ArithmeticError, RecursionError) as error:  # a number or a nesting beyond all measure, too
        raise SourceError(f"{where}: the answer is not JSON: {setting}") from error


def _require(source: HttpSource, body: object, where: str) -> None:
    """An error body, or a changed API, must not be read as "no records"."""
    if source.required is None and not isinstance(body, list):
        raise SourceError(f"{where}: the answer is not a list: {excerpt(body)}")
    if source.required is not None and (not isinstance(body, dict) or source.required not in body):
        raise SourceError(f"{where}: the answer has no '{source.required}': {excerpt(body)}")


def _items(source: HttpSource, page: list[Any], where: str) -> Iterator[Mapping[str, Any]]:
    for item in page:
        if item is None:
            continue
        if not isinstance(item, dict):
            raise SourceError(f"{where}: a record is not an object: {excerpt(item)}")
        if not any(item.get(key) == value for key, value in source.skip.items()):
            yield item


def _record(source: HttpSource, item: Mapping[str, Any], window: Window, limits: Limits, where: str) -> Record:
    try:
        payload = encode(item, limits.mask_fields)
    except RecursionError as error:
        raise SourceError(f"{where}: a record is nested too deep to be read: {excerpt(item)}") from error
    if source.record_id is None:
        return Record(content_hash(payload), window.start, payload)
    known = {key: value for key, value in item.items() if value is not None}
    try:
        return Record(source.record_id.format_map(known), window.start, payload)
    except (KeyError, IndexError) as error:
        raise SourceError(f"{where}: a record has no {error}, its identity: {excerpt(item)}") from error
