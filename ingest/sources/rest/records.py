"""HTTP sources: an endpoint's records, page by page, on dlt's REST client.

Numbers are read as decimals, so that what lands is what was sent; text that is not UTF-8 is refused, for to guess an
encoding is to change names. The rest of HTTP stands beside: session.py (one host, TLS, attempts, deadline),
auth.py, paginators.py, errors.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any, cast

import requests
from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.client import PageData, RESTClient

from finops.ingest.config.services import HttpService
from finops.ingest.config.settings import ConfiguredSource, ExtractionSettings
from finops.ingest.doctor.probe import Probe
from finops.ingest.errors import SourceError
from finops.ingest.sources.catalog import HttpSource, Window
from finops.ingest.sources.documents import Record, content_hash, encode
from finops.ingest.sources.rest.auth import authentication
from finops.ingest.sources.rest.errors import endpoint, excerpt, translate_errors
from finops.ingest.sources.rest.paginators import BoundedPaginator
from finops.ingest.sources.rest.requests import RequestTemplate, questions
from finops.ingest.sources.rest.session import Deadline, NotReadyError, Session

Hook = Callable[[requests.Response, Any, Any], None]


def records(configured: ConfiguredSource, limits: ExtractionSettings, windows: list[Window]) -> Iterator[Record]:
    """Every record of the endpoint in each window, whole.

    Raises:
        SourceError: when the server does not answer, refuses, answers with something else, or does not come to an end.
    """
    source, options = _known(configured)
    with _asking(source, options, limits) as (client, where):
        for window in windows:
            for question in questions(source, options, window):
                yield from _chain(client, source, question, window, limits, where)


def probe(configured: ConfiguredSource, limits: ExtractionSettings, window: Window) -> Probe:
    """Whether the endpoint can be read: the first page of this window, with what is presented to it.

    Raises:
        SourceError: as records() does.
    """
    source, options = _known(configured)
    with _asking(source, options, limits) as (client, where):
        question = next(questions(source, options, window))
        record = next(_chain(client, source, question, window, limits, where), None)
        clock_skew = cast("Session", client.session).clock_skew
    what = "a record" if record else "no record"
    return Probe(f"{what} of {window.start} at {options.url}", clock_skew, is_empty=record is None)


def _known(configured: ConfiguredSource) -> tuple[HttpSource, HttpService]:
    source, options = configured.source, configured.options
    if not isinstance(source, HttpSource) or not isinstance(options, HttpService):
        raise TypeError(f"{source.name} is not read over HTTP")
    return source, options


@contextmanager
def _asking(source: HttpSource, options: HttpService, limits: ExtractionSettings) -> Iterator[tuple[RESTClient, str]]:
    """A client for the source, and where it asks, to begin a message with."""
    asked = endpoint(source.name, source.service, options)
    deadline = Deadline(limits.http_deadline, asked.where)
    with translate_errors(asked), Session(asked, options.ca_bundle, limits, deadline) as session:
        client = RESTClient(
            asked.url.rstrip("/") + "/",
            auth=authentication(source, options, limits, deadline),
            data_selector=source.data_selector,
            paginator=BoundedPaginator(source.paginator, asked.where, limits.http_max_pages),  # each chain copies it
            session=session,
        )
        yield client, asked.where


def _chain(  # noqa: PLR0913, PLR0917 everything that a page depends on
    client: RESTClient,
    source: HttpSource,
    question: RequestTemplate,
    window: Window,
    limits: ExtractionSettings,
    where: str,
) -> Iterator[Record]:
    check = cast("Hook", partial(_check, source, where))
    read: set[str] = set()
    for page in client.paginate(
        source.path,
        source.method,
        params=question.params,
        json=question.json,
        hooks={"response": [check]},
    ):
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
    if source.errors is not None and isinstance(body, dict) and body.get(source.errors):
        raise SourceError(f"{where}: the answer is an error, though its status is 200: {_message(body[source.errors])}")
    if source.required is None and not isinstance(body, list):
        raise SourceError(f"{where}: the answer is not a list: {excerpt(body)}")
    if source.required is None:
        return
    inside = body
    for key in source.required.split("."):
        if not isinstance(inside, dict) or key not in inside:
            raise SourceError(f"{where}: the answer has no '{source.required}': {excerpt(body)}")
        inside = inside[key]


def _message(errors: object) -> str:
    """The messages of a list of errors, as GraphQL has them."""
    found = errors if isinstance(errors, list) else [errors]
    return excerpt("; ".join(str(one.get("message", one) if isinstance(one, dict) else one) for one in found))


def _items(source: HttpSource, page: PageData[Any], where: str) -> Iterator[Mapping[str, Any]]:
    answer = page.response.json()
    envelope = _envelope(source, answer)
    for item in _named(source, page, answer, where) if source.columns else page:
        if item is None:
            continue
        if not isinstance(item, dict):
            raise SourceError(f"{where}: a record is not an object: {excerpt(item)}")
        if not any(item.get(key) == value for key, value in source.skip.items()):
            yield {**item, **envelope}


def _envelope(source: HttpSource, answer: Any) -> dict[str, Any]:  # noqa: ANN401 any JSON value
    """What the answer says once for all of its records: a value, or the list of them where it says several."""
    found = {key: jsonpath.find_values(path, answer) for key, path in source.envelope.items()}
    return {key: values[0] if len(values) == 1 else values for key, values in found.items() if values}


def _named(source: HttpSource, rows: Iterable[Any], answer: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """Records that came as lists of values, under the names of their columns."""
    columns = answer.get(source.columns or "")
    for row in rows:
        if not isinstance(columns, list) or not isinstance(row, list) or len(row) != len(columns):
            raise SourceError(f"{where}: a record does not fit the columns {excerpt(columns)}: {excerpt(row)}")
        yield dict(zip(columns, row, strict=True))


def _record(
    source: HttpSource, item: Mapping[str, Any], window: Window, limits: ExtractionSettings, where: str
) -> Record:
    try:
        payload = encode(item, limits.mask_fields)
    except RecursionError as error:
        raise SourceError(f"{where}: a record is nested too deep to be read: {excerpt(item)}") from error
    if source.record_id is None:
        return Record(content_hash(payload), window.start, payload)
    known = {key: value for key, value in item.items() if value is not None}
    try:
        return Record(source.record_id.format_map(known), window.start, payload)
    except (KeyError, IndexError, TypeError) as error:
        raise SourceError(f"{where}: a record has no {error}, its identity: {excerpt(item)}") from error
