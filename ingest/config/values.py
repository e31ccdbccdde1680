"""The kinds of values that settings have, each with what to say of another value: its rule, and a remedy."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    Secret,
    SecretStr,
    model_validator,
)

from finops.ingest.config.redaction import learn

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_LAST_PORT = 65_535


class Section(BaseModel):
    """One section of the configuration: a field a key, and below it what it is, for configuration.md."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    # keys of earlier versions, refused: with the name that they have now, or with what has taken their place
    renamed: ClassVar[Mapping[str, str]] = {}
    removed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _unset_if_empty(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take the default for an empty text: a variable of the environment can't be less than empty."""
        learn(values)
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {key: value for key, value in values.items() if value != "" or key not in optional}


class WrittenNumber(float):
    """A number of a TOML or JSON text that keeps how it is written: a float may not hold all of its digits."""

    _text: str

    def __new__(cls, text: str) -> Self:
        """Read a number."""
        number = super().__new__(cls, text)
        number._text = text
        return number

    def __str__(self) -> str:
        return self._text  # what pydantic makes a Decimal of


def from_json(value: object) -> object:
    """What a JSON text stands for; a table or a list of a TOML file is a value already.

    Raises:
        ValueError: for another text, which is left out, for it may be a secret.
    """
    try:
        return json.loads(value, parse_float=WrittenNumber) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from error


def is_http(url: object) -> bool:
    """Whether this is the address of an HTTP service."""
    try:
        parts = urlsplit(url.get_secret_value() if isinstance(url, SecretStr) else str(url))
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_listened_to(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and port.isdecimal() and int(port) <= _LAST_PORT


def _certificates(path: str) -> str:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # a file that holds no certificate, too
        why = error.strerror or str(error)
        raise ValueError(f"'{path}' is not a file of PEM certificates ({why}): write its path") from error
    return path


def _such(is_right: Callable[[Any], object], rule: str) -> AfterValidator:
    """A validator that refuses other values, with the value and the rule; a SecretStr is shown as stars."""

    def check(value: Any) -> Any:  # noqa: ANN401 whatever is set
        if not is_right(value):
            raise ValueError(f"'{value}' {rule}")
        return value

    return AfterValidator(check)


_JSON = BeforeValidator(from_json)
JsonObject = Annotated[dict[str, JsonValue], _JSON]
SecretObject = Annotated[Secret[dict[str, JsonValue]], _JSON]
Names = Annotated[tuple[str, ...], _JSON]
Share = Annotated[Decimal, Field(ge=0, le=1)]
_HTTP = _such(is_http, "is not an HTTP address: write https://host/path")
HttpAddress = Annotated[str, _HTTP]
SecretHttpAddress = Annotated[SecretStr, _HTTP]
_LISTENING = "is not an address to listen on: write host:port, such as 0.0.0.0:8090"
ListeningAddress = Annotated[str, _such(_is_listened_to, _LISTENING)]
HeaderName = Annotated[str, _such(_HEADER.fullmatch, "is not a header's name: write such as X-Api-Key")]
_PROM = "would not be read: end its name in .prom, as node_exporter wants it"
MetricsFile = Annotated[Path, _such(lambda path: path.suffix == ".prom", _PROM)]
CertificateFile = Annotated[str, AfterValidator(_certificates)]
_DOMAIN = "is not a domain's name: write lower-case letters, digits, - and _, such as saas"
DomainName = Annotated[str, _such(re.compile("[a-z][a-z0-9_-]{0,62}").fullmatch, _DOMAIN)]
_PATTERN = "is not a pattern of catalog entities: write its kind, such as component:default/* or system:*, or * for all"
EntityPattern = Annotated[str, _such(re.compile(r"\*|[a-z*]+:\S+", re.IGNORECASE).fullmatch, _PATTERN)]
_CURRENCY = "is not a currency: write its ISO 4217 code, such as EUR"
CurrencyCode = Annotated[str, _such(re.compile("[A-Z]{3}").fullmatch, _CURRENCY)]
