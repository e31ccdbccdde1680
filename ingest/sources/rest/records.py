"""HTTP sources: an endpoint's records, page by page, on dlt's REST client.

The rest of HTTP stands beside: session.py (one host, TLS, attempts, deadline, exact numbers), auth.py, paginators.py,
errors.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import requests
from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.client import PageData, RESTClient
from jsonpath_ng import Child, Wildcard

from finops.ingest.config.masking import Place, rule_for
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.services import HttpService
from finops.ingest.errors import SourceError
from finops.ingest.sources.documents import Identities, Record, content_hash, encode, identity
from finops.ingest.sources.exact_json import TOO_DEEP, write
from finops.ingest.sources.kinds import ConfiguredSource, HttpSource, Probe, Window
from finops.ingest.sources.masked import may_hold_pairs
from finops.ingest.sources.rest.auth import create_auth
from finops.ingest.sources.rest.errors import Endpoint, excerpt, translate_errors
from finops.ingest.sources.rest.paginators import BoundedPaginator, create_paginator
from finops.ingest.sources.rest.requests import RequestTemplate, request_templates
from finops.ingest.sources.rest.session import Deadline, NotReadyError, Session
from finops.ingest.sources.uses import figures, identities


def records(configured: ConfiguredSource, limits: ExtractionSettings, windows: list[Window]) -> Iterator[Record]:
    """Every record of the endpoint in each window, whole.

    Raises:
        SourceError: when the server does not answer, refuses, answers with something else, or does not come to an end.
    """
    source, options = _known(configured)
    with _reader(source, options, limits) as reader:
        for window in windows:
            for template in request_templates(source, options, window):
                yield from reader.records(template, window)


def probe(configured: ConfiguredSource, limits: ExtractionSettings, window: Window) -> Probe:
    """Whether the endpoint can be read: the first page of this window, with what is presented to it.

    Raises:
        SourceError: as records() does.
    """
    source, options = _known(configured)
    with _reader(source, options, limits) as reader:
        record = next(reader.records(next(request_templates(source, options, window)), window), None)
    what = "a record" if record else "no record"
    return Probe(f"{what} of {window.start} at {options.url}", reader.session.clock_skew, is_empty=record is None)


def _known(configured: ConfiguredSource) -> tuple[HttpSource, HttpService]:
    source, options = configured.source, configured.options
    if not isinstance(source, HttpSource) or not isinstance(options, HttpService):
        raise TypeError(f"{source.name} is not read over HTTP")
    return source, options


@contextmanager
def _reader(source: HttpSource, options: HttpService, limits: ExtractionSettings) -> Iterator[_Reader]:
    asked = Endpoint(source.name, f"sources.{source.service}", options)
    deadline, paginator = Deadline(limits.http_deadline, asked.where), create_paginator(source.paginator)
    with translate_errors(asked), Session(asked, limits, deadline) as session:
        client = _Client(
            asked.url.rstrip("/") + "/",
            auth=create_auth(source, options, limits, deadline),
            data_selector=jsonpath.compile_path(source.data_selector),
            paginator=BoundedPaginator(paginator, asked.where, limits.http_max_pages),  # each chain copies it
            session=session,
        )
        place = limits.masks.root(source.name, figures(source, options))
        yield _Reader(source, session, client, place, asked.where)


class _Client(RESTClient):
    """dlt's client, but the elements of a list come at once: jsonpath_ng makes an object around each."""

    def extract_response(self, response: requests.Response, data_selector: jsonpath.TJsonPath) -> list[Any]:
        """Return the records of a page."""
        match data_selector:
            case Child(left=inside, right=Wildcard()):
                lists = jsonpath.find_values(inside, response.json())
                if all(isinstance(found, list) for found in lists):
                    return list(chain.from_iterable(lists))
        records: list[Any] = super().extract_response(response, data_selector)
        return records


@dataclass(frozen=True)
class _Reader:
    """Reads the records of one endpoint; `where` begins its messages."""

    source: HttpSource
    session: Session
    client: RESTClient
    place: Place
    where: str
    identities: Identities = field(default_factory=Identities)

    def records(self, template: RequestTemplate, window: Window) -> Iterator[Record]:
        """Read one chain of pages."""
        read: set[int] = set()
        for page in self.client.paginate(
            self.source.path,
            self.source.method,
            params=template.params,
            json=template.json,
            hooks={"response": [self._check]},
        ):
            content = None
            for item in self._items(page):
                record = self._record(item, window)
                content = hash((content, record.payload))
                yield record
            if content is None:
                continue
            if content in read:
                raise SourceError(
                    f"{self.where}: a page repeats an earlier one, record by record: the service does not page as"
                    f" {self.source.name} expects; check sources.{self.source.service}.params"
                )
            read.add(content)

    def _check(self, response: requests.Response, *_: object, **__: object) -> None:
        """Refuse an error, and a body that can't hold records; a hook of requests, so inside the attempts."""
        response.raise_for_status()
        if response.is_redirect:
            return
        body = response.json()
        if isinstance(body, dict) and any(body.get(key) == value for key, value in self.source.not_ready.items()):
            raise NotReadyError(f"{self.where}: still not ready after the last attempt: {excerpt(body)}")
        self._require(body)

    def _require(self, body: object) -> None:
        """An error body, or a changed API, must not be read as "no records"."""
        errors, required = self.source.errors, self.source.required
        if errors is not None and isinstance(body, dict) and body.get(errors):
            said = _message(body[errors])
            raise SourceError(f"{self.where}: the answer is an error, though its status is 200: {said}")
        if required is None:
            if not isinstance(body, list):
                raise SourceError(f"{self.where}: the answer is not a list: {excerpt(body)}")
            return
        inside = body
        for key in required.split("."):
            if not isinstance(inside, dict) or key not in inside:
                raise SourceError(f"{self.where}: the answer has no '{required}': {excerpt(body)}")
            inside = inside[key]

    def _items(self, page: PageData[Any]) -> Iterator[dict[str, Any]]:
        answer = page.response.json()
        envelope, skip = self._envelope(answer), self.source.skip
        for item in self._named(page, answer) if self.source.columns else page:
            if item is None:
                continue
            if not isinstance(item, dict):
                raise SourceError(f"{self.where}: a record is not an object: {excerpt(item)}")
            if skip and any(item.get(key) == value for key, value in skip.items()):
                continue
            yield item | envelope if envelope else item

    def _envelope(self, answer: Any) -> dict[str, Any]:  # noqa: ANN401 any JSON value
        """What the answer says once for all of its records: a value, or the list of them where it says several."""
        found = {key: jsonpath.find_values(path, answer) for key, path in self.source.envelope.items()}
        return {key: values[0] if len(values) == 1 else values for key, values in found.items() if values}

    def _named(self, rows: Iterable[Any], answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Records that came as lists of values, under the names of their columns."""
        columns = answer.get(self.source.columns or "")
        for row in rows:
            if not isinstance(columns, list) or not isinstance(row, list) or len(row) != len(columns):
                raise SourceError(f"{self.where}: a record does not fit the columns {excerpt(columns)}: {excerpt(row)}")
            yield dict(zip(columns, row, strict=True))

    def _record(self, item: dict[str, Any], window: Window) -> Record:
        try:
            identity = self._identity(item)
            payload = encode(item, self.place)
            if self.hides_identity or may_hold_pairs(identity.encode()):
                identity = self.identities.apart(self._identity(item), identity)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.where}: a record can't be read, {TOO_DEEP}: {excerpt(item)}") from error
        return Record(identity, window.start, payload)

    @cached_property
    def hides_identity(self) -> bool:
        """Whether a rule masks what identifies a record; without anything else, all of it does."""
        return not self.source.record_id or any(rule_for(self.place, path) for path in identities(self.source))

    def _identity(self, item: Mapping[str, Any]) -> str:
        if self.source.record_id is None:
            return content_hash(write(item).decode())
        try:
            return identity(self.source.record_id, item)
        except (LookupError, TypeError) as error:
            shown = encode(dict(item), self.place)
            raise SourceError(f"{self.where}: a record has no {error}, its identity: {excerpt(shown)}") from error


def _message(errors: object) -> str:
    """The messages of a list of errors, as GraphQL has them."""
    found = errors if isinstance(errors, list) else [errors]
    return excerpt("; ".join(str(one.get("message", one) if isinstance(one, dict) else one) for one in found))
