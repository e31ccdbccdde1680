"""Credentials travel encrypted: over plain http they only go to this machine, unless a setting says otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from finops.ingest.config.redaction import secrets_of
from finops.ingest.config.values import Section

# Whose texts are credentials only by their names: an endpoint's address is not one.
_OPTIONS = "storage_options"


class OverHttp(Section):
    """A section with an address that credentials are sent to."""

    insecure_http: bool = False
    """Whether credentials may travel over plain http:// to another machine, where nobody can listen"""

    @model_validator(mode="after")
    def _credentials_are_encrypted(self) -> Self:
        if self.insecure_http:
            return self
        values = self.model_dump(exclude={"insecure_http"})
        named = {"options" if key == _OPTIONS else key: value for key, value in values.items()}
        for key in ("url", "token_url", "pushgateway"):
            if (plain := unencrypted(values.get(key))) and any(secrets_of(named)):
                raise ValueError(
                    f"{key} {plain} is not encrypted, and would be sent a credential: write https://, or set "
                    "insecure_http = true where nobody can listen in between"
                )
        return self


def unencrypted(address: object) -> str | None:
    """The scheme and host of an address of plain http on another machine; None for another one."""
    parts = urlsplit(address.get_secret_value() if isinstance(address, SecretStr) else str(address or ""))
    return None if parts.scheme.lower() != "http" or is_here(parts.hostname or "") else f"http://{parts.hostname}"


def is_here(host: str) -> bool:
    """Whether a host is this machine, by an address or a name that no server of names has a say in."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def sends_password(uri: str) -> bool:
    """Whether an address of MongoDB has a password sent as it is, and not encrypted, to another machine.

    With SCRAM and X.509, the password never leaves; PLAIN, for LDAP, sends it:
    https://www.mongodb.com/docs/manual/core/security-ldap/
    """
    found = re.fullmatch(r"mongodb://(?:[^@/]*@)?([^/?]*)(?:/[^?]*)?(?:\?(.*))?", uri)
    if not found:
        return False  # mongodb+srv:// encrypts, and what is neither is refused by the driver
    options: Mapping[str, str] = {
        name.lower(): value.lower()
        for name, _, value in (pair.partition("=") for pair in re.split("[&;]", found[2] or ""))
    }
    hosts = (host.rpartition(":")[0] or host for host in found[1].split(","))
    is_encrypted = "true" in (options.get("tls"), options.get("ssl"))
    is_plain = options.get("authmechanism") == "plain"
    return is_plain and not is_encrypted and not all(is_here(host.strip("[]")) for host in hosts)
