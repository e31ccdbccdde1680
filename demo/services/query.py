"""Requests to the company's services, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode

from finops.demo.story import Story


class BadRequestError(Exception):
    """A parameter is missing or invalid: the service answers 400 with this text."""


@dataclass(frozen=True)
class Query:
    """An authenticated request: `url` is absolute, without the query string; `body` is the posted JSON."""

    url: str
    params: Mapping[str, str]
    story: Story
    body: Mapping[str, object] = field(default_factory=dict)

    def text(self, name: str, default: str | None = None) -> str:
        """Return the parameter `name`; raise BadRequestError if it is missing and has no default."""
        value = self.params.get(name, default)
        if value is None:
            raise BadRequestError(f"{name} is missing")
        return value

    def number(self, name: str, default: int) -> int:
        """Return the parameter `name` as an integer; raise BadRequestError if it is not one."""
        text = self.params.get(name, str(default))
        if not text.isdecimal():
            raise BadRequestError(f"{name} is not a number: {text!r}")
        return int(text)

    def at(self) -> date:
        """Return the requested day, else the last one: these services archive their daily statistics."""
        try:
            return date.fromisoformat(self.params.get("at", self.story.as_of.isoformat()))
        except ValueError as error:
            raise BadRequestError(f"at is not a day: {self.params['at']!r}") from error

    def link(self, **changes: object) -> str:
        """Return the URL of the same request with changed parameters, for a next page."""
        return f"{self.url}?{urlencode(dict(self.params) | changes)}"


@dataclass(frozen=True)
class Answer:
    """A JSON document with its headers and status."""

    document: object
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
