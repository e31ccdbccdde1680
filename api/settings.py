"""The settings, read once at the start: `FINOPS_API_…` here, PostgreSQL by libpq's own variables.

Callers are authenticated by tokens (a file that is read again when it changes) and by issuers of JWTs. Neither is set
by default: an API without configuration rejects every request.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from limits import parse
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    Json,
    SecretStr,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from finops.api.auth.references import GroupKey, Reference

Scope = Literal["*"] | list[GroupKey]
MIN_KEY = 32  # bytes


class Issuer(BaseModel):
    """An issuer whose JWTs are accepted, and what their bearers may see.

    Backstage's user tokens have an issuer, the audience `backstage` and, in `ent`, the groups that the user is in.
    The tokens of its plugins (https://backstage.io/docs/auth/service-to-service-auth) have no issuer, the target
    plugin's id as their audience, and keys at `<plugin's url>/.backstage/auth/v1/jwks.json`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jwks_url: str = Field(pattern="^https?://")
    audience: str = Field(min_length=1)
    issuer: str | None = Field(
        min_length=1, description="null: its tokens carry none, as those of Backstage's plugins."
    )
    groups_claim: str = "ent"
    scopes: dict[Reference, Scope] = Field(
        default_factory=dict, description="What a subject or a group reference sees beyond the groups in its claim."
    )
    insecure_http: bool = Field(
        default=False, description="Fetch the keys over http from another machine: whoever is between can sign tokens."
    )

    @field_validator("scopes", mode="wrap")
    @classmethod
    def _names_each_once(cls, scopes: object, validate: ValidatorFunctionWrapHandler) -> dict[str, Scope]:
        found: dict[str, Scope] = validate(scopes)
        if isinstance(scopes, dict) and len(found) < len(scopes):
            raise ValueError(f"two of {', '.join(scopes)} are the same group or user: write it once")
        return found

    @model_validator(mode="after")
    def _is_fetched_safely(self) -> Self:
        address = urlsplit(self.jwks_url)
        if address.scheme == "http" and not self.insecure_http and not is_loopback(address.hostname):
            raise ValueError(
                f"http://{address.hostname}: keys from another machine are fetched over https; where that can't be, "
                'write "insecure_http": true beside this jwks_url'
            )
        return self


class Settings(BaseSettings):
    """Every setting of the API, with its default."""

    model_config = SettingsConfigDict(env_prefix="FINOPS_API_", frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    role: str = Field(default="finops_api", min_length=1, description="PostgreSQL role that its transactions take on")
    claims_key: SecretStr | None = Field(
        default=None,
        description="Key, made by `finops init-db`, that signs for PostgreSQL what a caller may see",
    )
    pool_size: int = Field(default=10, ge=1, le=1000, description="Most connections to PostgreSQL")
    pool_timeout: float = Field(default=2, gt=0, description="Seconds to wait for a connection before a 503")
    statement_timeout: float = Field(default=10, gt=0, description="Seconds that a query may take")
    stall_timeout: float = Field(
        default=30,
        gt=0,
        description="Seconds that a caller may take to send a request, or to read some of an answer",
    )
    csv_lines: int = Field(default=1_000_000, ge=1, description="Most lines in a CSV")
    rate_limit: str = Field(default="6000/minute", description="Requests that one caller may make; empty: no limit")
    stranger_limit: str = Field(
        default="60/minute",
        description="Requests without a known credential that one address may make before they wait and get 429; "
        "empty: no limit",
    )
    trusted_proxies: Json[list[IPvAnyNetwork]] = Field(
        default_factory=list,
        validate_default=False,
        description="JSON list of addresses or networks of proxies whose X-Forwarded-For says who calls",
    )
    max_connections: int = Field(
        default=2048,
        ge=100,
        description="Connections that may be open; beyond it those of strangers are closed, the oldest first",
    )
    log: Literal["auto", "json", "text"] = Field(
        default="auto", description="Form of the log: `json`, `text` for people, or `text` on a terminal alone"
    )
    audit: Literal["", "log", "table"] = Field(
        default="", description="Where who asked for whose costs is recorded: `log`, `table` or nowhere"
    )
    tokens_file: Path | None = Field(default=None, description="File of bearer tokens, written by `finops-api token`")
    issuers: Json[list[Issuer]] = Field(
        default_factory=list, validate_default=False, description="JSON list of the issuers whose JWTs are accepted"
    )
    cors_origins: Json[list[str]] = Field(
        default_factory=list, validate_default=False, description="JSON list of origins that browsers may call from"
    )

    @field_validator("claims_key")
    @classmethod
    def _is_long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value().encode()) < MIN_KEY:
            raise ValueError(f"it has less than {MIN_KEY} bytes: `finops init-db` makes one")
        return key

    @field_validator("rate_limit", "stranger_limit")
    @classmethod
    def _is_a_rate(cls, text: str) -> str:
        try:
            parse(text or "1/second")
        except ValueError as error:
            raise ValueError(f"'{text}' is not a rate: write one such as 600/minute, or nothing") from error
        return text


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
