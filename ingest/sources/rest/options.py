"""What may be set for an HTTP source, and which of it makes sense together."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from finops.ingest.config.values import names
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.catalog import ENDPOINTS, HttpSource, Source

HTTP_OPTIONS = (
    "url",
    "token",
    "token_header",
    "username",
    "password",
    "token_url",
    "client_id",
    "client_secret",
    "scope",
    "ca_bundle",
    "params",
    "query",
    "endpoint",
    "ci_namespaces",
)
_TOGETHER = {  # a way to authenticate, by the option that chooses it: what belongs to it
    "token": (),
    "username": ("password",),
    "token_url": ("client_id", "client_secret"),
}
_WITH = {"token": ("token_header",), "token_url": ("scope",)}  # what may come with it
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


def is_configured(source: Source, options: Mapping[str, str]) -> bool:
    """Whether a source has its address, and what it needs beside it."""
    has_list = not isinstance(source, HttpSource) or source.each is None or source.each in options
    return has_list and ("uri" in options or "url" in options)


def selected_endpoint(source: Source, options: Mapping[str, str]) -> Source:
    """The source, or the other endpoint of its product that is set to be asked instead."""
    return ENDPOINTS.get(source.service, {}).get(options.get("endpoint", ""), source)


def check_questions(section: str, source: HttpSource, options: Mapping[str, str]) -> None:
    """Whether what a source is to be asked makes sense.

    Raises:
        ConfigurationError: names the option that doesn't.
    """
    known = ENDPOINTS.get(source.service, {})
    if "endpoint" in options and options["endpoint"] not in known:
        possible = f"write one of {', '.join(known)}" if known else "leave it out"
        raise ConfigurationError(f"{section}.endpoint '{options['endpoint']}' is none of {source.service}: {possible}")
    if source.each:
        names(f"{section}.{source.each}", options[source.each])


def check_http(section: str, options: Mapping[str, str]) -> None:
    """Whether what is set for a service can be used.

    Raises:
        ConfigurationError: names the option that can't.
    """
    for key in ("url", "token_url"):
        if key in options and not is_http(options[key]):
            raise ConfigurationError(
                f"{section}.{key} '{options[key]}' is not an HTTP address: write https://host/path"
            )
    _check_credentials(section, options)
    header = options.get("token_header", "Authorization")
    if not _HEADER.fullmatch(header):
        raise ConfigurationError(f"{section}.token_header '{header}' is not a header's name: write such as X-Api-Key")
    if "ca_bundle" in options:
        _check_ca_bundle(f"{section}.ca_bundle", options["ca_bundle"])


def _check_credentials(section: str, options: Mapping[str, str]) -> None:
    ways = [way for way in _TOGETHER if way in options]
    if len(ways) > 1:
        both = " and ".join(f"{section}.{way}" for way in ways)
        raise ConfigurationError(f"{both} are set: keep one way to authenticate")
    for way, others in _TOGETHER.items():
        present = [key for key in (way, *others, *_WITH.get(way, ())) if key in options]
        missing = [key for key in (way, *others) if key not in options]
        if present and missing:
            raise ConfigurationError(f"{section}.{present[0]} is set without {section}.{missing[0]}: set both")


def _check_ca_bundle(key: str, path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # a file that holds no certificate, too
        why = error.strerror or str(error)
        raise ConfigurationError(f"{key} '{path}' is not a file of PEM certificates ({why}): write its path") from error


def is_http(url: str) -> bool:
    """Whether this is the address of an HTTP service."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
