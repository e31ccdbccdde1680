"""What one of the company's services is asked, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode


class BadRequestError(Exception):
    """A parameter that the service can't take: answered with 400 and this text."""


@dataclass(frozen=True)
class Query:
    """A request whose token was right: `url` is absolute and without its query string, `body` is what was posted."""

    url: str
    params: Mapping[str, str]
    as_of: date
    body: Mapping[str, object] = field(default_factory=dict)

    def text(self, name: str, default: str | None = None) -> str:
        """The parameter `name`; BadRequestError if it is missing and has no default."""
        value = self.params.get(name, default)
        if value is None:
            raise BadRequestError(f"{name} is missing")
        return value

    def number(self, name: str, default: int) -> int:
        """The parameter `name` as an integer; BadRequestError if it is not one."""
        text = self.params.get(name, str(default))
        if not text.isdecimal():
            raise BadRequestError(f"{name} is not a number: {text!r}")
        return int(text)

    def at(self) -> date:
        """The day asked for, `as_of` when none is: these services archive their daily statistics."""
        try:
            return date.fromisoformat(self.params.get("at", self.as_of.isoformat()))
        except ValueError as error:
            raise BadRequestError(f"at is not a day: {self.params['at']!r}") from error

    def link(self, **changes: object) -> str:
        """The same request with other parameters, as a next page's absolute address."""
        return f"{self.url}?{urlencode(dict(self.params) | changes)}"


@dataclass(frozen=True)
class Answer:
    """A JSON document, and the headers that go with it."""

    document: object
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
