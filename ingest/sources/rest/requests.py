"""What an endpoint is asked for a window: its parameters and its body, with the placeholders filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from finops.ingest.config.services import Cube, HttpService
from finops.ingest.periods import Period
from finops.ingest.sources.kinds import HttpSource, Window

_EACH = "{each}"


@dataclass(frozen=True)
class RequestTemplate:
    """One chain of requests: the parameters of the address, and the body where there is one."""

    params: dict[str, str | list[str]]
    json: dict[str, object] | None


def request_templates(source: HttpSource, options: HttpService, window: Window) -> Iterator[RequestTemplate]:
    """Fill in what is asked for a window: one chain of requests, or one for each element of the setting `each`."""
    texts = {**source.params, **options.params}
    if isinstance(options, Cube):
        texts["query"] = json.dumps(options.query)
    for each in dict.fromkeys(getattr(options, source.each) if source.each else ()) or [None]:
        known = _placeholders(window, each)
        params = {key: _text(value, known) for key, value in texts.items()}
        body = None if source.json is None else {key: _filled(value, known) for key, value in source.json.items()}
        yield RequestTemplate(params, body)


def _placeholders(window: Window, each: object) -> Mapping[str, object]:
    return {
        "{start}": window.start.isoformat(),
        "{end}": window.end.isoformat(),
        "{day}": window.start.isoformat(),
        "{month}": str(Period.of(window.start)),
        _EACH: each,
    }


def _text(value: object, known: Mapping[str, object]) -> str | list[str]:
    """A parameter's text; a list is a parameter that comes several times."""
    if isinstance(value, list | tuple):
        return [str(_filled(str(one), known)) for one in value]
    return str(_filled(str(value), known))


def _filled(value: object, known: Mapping[str, object]) -> object:
    """The value with the placeholders in its texts filled in, at any depth."""
    if isinstance(value, Mapping):
        return {key: _filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    if value == _EACH:
        return known[_EACH]
    if isinstance(value, str):
        for placeholder, text in known.items():
            value = value.replace(placeholder, str(text))
    return value
