"""HTTP sources: the only module that talks HTTP, on dlt's REST client (pagination, retries, Retry-After).

Numbers are read as decimals, so that what lands is what was sent. The session reaches the configured host only: a token
never follows a "next page" link, or a redirect, to another one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from dlt.common import jsonpath
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client.auth import APIKeyAuth, AuthConfigBase, BearerTokenAuth
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    OffsetPaginator,
    SinglePagePaginator,
)

from ingest.documents import Record, content_hash, encode
from ingest.errors import SourceError
from ingest.periods import Period
from ingest.settings import ConfiguredSource, Limits
from ingest.sources import HttpSource, Window

Hook = Callable[[requests.Response, Any, Any], None]


def records(configured: ConfiguredSource, limits: Limits, windows: list[Window]) -> Iterator[Record]:
    """Every record of the endpoint in each window, whole.

    Raises:
        SourceError: when the server does not answer, refuses, or answers with something else.
    """
    source = configured.source
    if not isinstance(source, HttpSource):
        raise TypeError(f"{source.name} is not read over HTTP")
    where = f"{source.name} ({configured.options['url']})"
    check = cast("Hook", partial(_check, source, where))
    with _clear_errors(source, where):
        client = _client(configured, source, limits)
        for window in windows:
            params = _params(configured, source, window)
            for page in client.paginate(source.path, params=params, hooks={"response": [check]}):
                for item in _items(source, page, where):
                    yield _record(source, item, window, limits, where)


@contextmanager
def _clear_errors(source: HttpSource, where: str) -> Iterator[None]:
    """What a client library says, in words that name the setting."""
    setting = f"check sources.{source.service}.url"
    try:
        yield
    except requests.HTTPError as error:
        raise SourceError(f"{where}: {_refusal(error, source)}") from error
    except requests.exceptions.InvalidSchema as error:
        raise SourceError(f"{where}: sent us to another host, and the token stays here: {setting} ({error})") from error
    except requests.exceptions.JSONDecodeError as error:
        raise SourceError(f"{where}: the answer is not JSON: {setting}") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise SourceError(f"{where}: no answer: {setting}, or that the service is up ({_cause(error)})") from error
    except requests.RequestException as error:
        raise SourceError(f"{where}: the answer broke off or can't be read ({_cause(error)}): run it again") from error


def _client(configured: ConfiguredSource, source: HttpSource, limits: Limits) -> RESTClient:
    url = configured.options["url"].rstrip("/") + "/"
    session = Client(
        request_timeout=limits.http_timeout,
        request_max_attempts=limits.http_attempts,
        request_backoff_factor=0.5,
        retry_condition=_is_continue_wait,
    ).session
    adapter = session.get_adapter(url)
    session.adapters.clear()
    session.mount("{0.scheme}://{0.netloc}/".format(urlsplit(url)), adapter)
    return RESTClient(
        url,
        auth=_auth(source, configured.options.get("token")),
        paginator=_paginator(source),
        data_selector="$",
        session=session,
    )


def _auth(source: HttpSource, token: str | None) -> AuthConfigBase | None:
    if token is None:
        return None
    if not (token.isascii() and token.isprintable()):
        raise SourceError(
            f"{source.name}: sources.{source.service}.token holds a character that no header can carry: set it again"
        )
    if source.token_header == "Authorization":  # noqa: S105 a header's name
        return BearerTokenAuth(token=token)
    return APIKeyAuth(name=source.token_header, api_key=token, location="header")


def _paginator(source: HttpSource) -> BasePaginator:
    match source.pagination:
        case "link_header":
            return HeaderLinkPaginator()
        case "nova_links":
            return JSONLinkPaginator(next_url_path="tenant_usages_links[0].href")
        case "offset":
            return OffsetPaginator(limit=1000, total_path="total")
        case "single":
            return SinglePagePaginator()


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


def _is_continue_wait(response: requests.Response | None, _: BaseException | None) -> bool:
    """Cube answers 200 and this while it still works on the query: ask again."""
    return (
        response is not None
        and response.status_code == requests.codes.ok
        and (b"Continue wait" in response.content[:200])
    )


def _check(source: HttpSource, where: str, response: requests.Response, *_: object, **__: object) -> None:
    """Inside the retries: an error status is raised; the body is read once, its numbers as decimals, and looked at."""
    response.raise_for_status()
    if _is_continue_wait(response, None):
        return
    body = response.json(parse_float=Decimal)
    response.json = lambda **_: body  # type: ignore[method-assign]
    _require(source, body, where)


def _require(source: HttpSource, body: object, where: str) -> None:
    """An error body, or a changed API, must not be read as "no records"."""
    if source.required is None and not isinstance(body, list):
        raise SourceError(f"{where}: the answer is not a list: {_excerpt(body)}")
    if source.required is not None and (not isinstance(body, dict) or source.required not in body):
        raise SourceError(f"{where}: the answer has no '{source.required}': {_excerpt(body)}")


def _items(source: HttpSource, page: list[Any], where: str) -> Iterator[Mapping[str, Any]]:
    # dlt hands an answer that is an object as a list of one
    body: Any = page if source.required is None else page[0] if page else None
    _require(source, body, where)
    for item in jsonpath.find_values(source.records, body):
        if item is None:
            continue
        if not isinstance(item, dict):
            raise SourceError(f"{where}: a record is not an object: {_excerpt(item)}")
        if not any(item.get(key) == value for key, value in source.skip.items()):
            yield item


def _record(source: HttpSource, item: Mapping[str, Any], window: Window, limits: Limits, where: str) -> Record:
    payload = encode(item, limits.mask_fields)
    if source.record_id is None:
        return Record(content_hash(payload), window.start, payload)
    try:
        return Record(source.record_id.format_map(item), window.start, payload)
    except (KeyError, IndexError) as error:
        raise SourceError(f"{where}: a record has no {error}, its identity: {_excerpt(item)}") from error


def _refusal(error: requests.HTTPError, source: HttpSource) -> str:
    response = error.response
    status = f"answered {response.status_code} {response.reason}"
    if response.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
        return f"{status}: check sources.{source.service}.token and what it may read"
    if response.status_code == requests.codes.not_found:
        return f"{status}: check sources.{source.service}.url"
    return f"{status}: {_excerpt(response.text)}"


def _excerpt(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 120 else text[:117] + "…"  # noqa: PLR2004 a line of a message


def _cause(error: Exception) -> str:
    reason = getattr(error.args[0] if error.args else None, "reason", error)
    return _excerpt(reason).rpartition(">: ")[2]
