"""Who may see what in the database: the key that the API signs its callers' claims with."""

from __future__ import annotations

import secrets

from finops.ingest.database import Connection

KEY_VARIABLE = "FINOPS_API_CLAIMS_KEY"


def new_claim_key() -> str:
    """Make a key of 256 random bits, as FINOPS_API_CLAIMS_KEY takes it."""
    return secrets.token_urlsafe(32)


def store_claim_key(connection: Connection, key: str) -> None:
    """Store the key, whose UTF-8 is what claims are signed with; the one before it stays valid for a day.

    It is sent as a parameter, and in no error: a server that logs the parameters of statements has it in its log.

    Raises:
        psycopg.Error: when it has less than 32 bytes, or the role does not own the table.
    """
    connection.execute("select finops.store_claim_key(%s)", (key.encode(),))
