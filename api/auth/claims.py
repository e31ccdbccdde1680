"""Signed claims: what a transaction says of its caller, and PostgreSQL itself checks (ingest/schema/access.sql).

A claim is base64url(JSON) "." hex(HMAC-SHA256). Whoever can run SQL in a session of the API can make none, since the
key is in this process and, for its owner alone, in `finops.claim_keys`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode

from finops.api.auth.caller import EVERYTHING, Identity

# A transaction needs some seconds. The rest is for a clock of this machine that is behind PostgreSQL's: one that is
# further behind gets errors, and the message has both times. A clock that is ahead makes claims live longer by as much.
LIFESPAN = 300  # seconds


def sign(identity: Identity, key: bytes) -> str:
    """The value of `finops.claims` for a transaction of this caller that begins now."""
    claims = {
        "name": identity.name,
        "groups": EVERYTHING if identity.groups == EVERYTHING else sorted(identity.groups),
        "expires": int(time.time()) + LIFESPAN,
    }
    payload = urlsafe_b64encode(json.dumps(claims).encode())
    return f"{payload.decode()}.{hmac.new(key, payload, hashlib.sha256).hexdigest()}"
