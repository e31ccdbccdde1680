"""Bearer tokens: named, expiring, kept as hashes in a file that is read again when it changes.

    [backstage]
    sha256 = "5e88…"
    expires = 2027-06-30
    groups = ["storefront", "group:platform/payments"]     # or "*"

A token is 256 random bits, made by `finops-api token`: it can't be guessed, so one round of SHA-256 is enough. While
the file can't be read, no token is accepted: callers are told to come back, and the log says why.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from finops.api.auth.caller import Identity, union
from finops.api.settings import Scope

LOG = logging.getLogger("finops.api")
PREFIX = "finops_"  # so that scanners for leaked secrets have something to look for


class TokensError(Exception):
    """The tokens file can't be used; the text says why."""


class Entry(BaseModel):
    """A token as it is in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    expires: date = Field(description="The day (UTC) on which it expires: the first on which it is refused.")
    groups: Scope


ENTRIES: TypeAdapter[dict[str, Entry]] = TypeAdapter(dict[str, Entry])


class Tokens:
    """The tokens of a file, read again whenever it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, ...] = ()
        self._by_hash: dict[str, tuple[str, Entry]] = {}
        self._problem = ""

    def identity(self, token: str) -> Identity | None:
        """The caller; None where the token is unknown or has expired.

        Raises:
            TokensError: when the file can't be read, or holds something else.
        """
        self._reload()
        if self._problem:
            raise TokensError(self._problem)
        name, entry = self._by_hash.get(digest(token), ("", None))
        if entry is None or datetime.now(UTC).date() >= entry.expires:
            return None
        return Identity(name, union([entry.groups]))

    def _reload(self) -> None:
        """Read the file if it changed; a mounted secret is a link whose target changes, hence the inode."""
        try:
            status = self._path.stat()
            version = (status.st_mtime_ns, status.st_ino, status.st_size)
            if version == self._version:
                return
            self._version, self._by_hash = version, {}  # one that can't be read is not read again until it changes
            entries = ENTRIES.validate_python(tomllib.loads(self._path.read_text(encoding="utf-8")))
            self._by_hash, self._problem = {entry.sha256: (name, entry) for name, entry in entries.items()}, ""
        except OSError as error:
            self._version = ()
            self._fail(str(error))
        except ValidationError as error:
            # without what was found: a token may stand where its hash should
            self._fail("; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()))
        except (ValueError, RecursionError) as error:
            self._fail(str(error))

    def _fail(self, reason: str) -> None:
        """Accept no token, and log why, once."""
        problem = f"{self._path}: {' '.join(reason.split())}"
        if problem != self._problem:
            LOG.error("no caller can be authenticated: %s", problem)
        self._problem = problem


def create(name: str, expires: date, groups: Scope) -> tuple[str, str]:
    """A new token, and the lines to add to the file for it."""
    token = PREFIX + secrets.token_urlsafe(32)
    shown = json.dumps(groups, ensure_ascii=False)  # TOML writes texts and lists of them as JSON does
    return token, f'[{name}]\nsha256 = "{digest(token)}"\nexpires = {expires}\ngroups = {shown}\n'


def digest(token: str) -> str:
    """The hash of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
