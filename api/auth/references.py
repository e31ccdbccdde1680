"""The key of a group, from however a token, a claim or a request names it.

Backstage leaves out of a reference what follows from where it stands, and ignores its case
(https://backstage.io/docs/features/software-catalog/references). Here `payments`, `default/payments`
and `Group:default/Payments` are the group `payments`, `sandbox/payments` is another one, and `user:jane` is
`user:default/jane`.
"""

from __future__ import annotations

import re
import string
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_REFERENCE = re.compile(r"(?:(group|user):)?(?:([^:/]+)/)?([^:/]+)", re.IGNORECASE | re.ASCII)
_UNUSABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # PostgreSQL has no text of a NUL or half a surrogate pair
# Letters of other scripts are PostgreSQL's to lower, by its own locale: the same letters on both sides.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def group_key(text: str) -> str:
    """Return the key of a group: its id in lower case, short where it is of the namespace `default`.

    An id of reference data that is not a reference, such as `R&D: Core`, is its own key.

    Raises:
        ValueError: for what can't be an id; `*` is none, for it would stand for every group.
    """
    lowered = text.translate(_LOWER)
    if _UNUSABLE.search(lowered) or not lowered.strip():
        raise ValueError(f"{text!a} is not the reference of a group: write it as group:default/payments")
    found = _REFERENCE.fullmatch(lowered)
    kind, namespace, name = found.groups() if found else (None, None, lowered)
    if name == "*":
        raise ValueError(f"{text!a} is not the reference of a group: name each group")
    if kind == "user":
        return f"user:{namespace or 'default'}/{name}"
    return name if namespace in (None, "default") else f"{namespace}/{name}"


def reference(text: str) -> str:
    """Return a reference to a group or a user in one form, `group:payments`; any other text as it is.

    Raises:
        ValueError: for one of these kinds whose name can't be an id.
    """
    kind = text.partition(":")[0].translate(_LOWER)
    if ":" not in text or kind not in {"group", "user"}:
        return text
    key = group_key(text)
    return f"group:{key}" if kind == "group" else key


# As long as an id in the database may be.
PlainText = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^\P{Cc}+$")]
GroupKey = Annotated[PlainText, AfterValidator(group_key)]
Reference = Annotated[PlainText, AfterValidator(reference)]
