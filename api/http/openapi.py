"""What the OpenAPI document says of answers beyond their models: CSV, 304, headers; and the Link to the next page."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from finops.api.http.problems import responses

_HEADERS = {
    "ETag": {"description": "Of the data, the caller and the question", "schema": {"type": "string"}},
    "Cache-Control": {"description": "`private, no-cache`: keep it, and ask again", "schema": {"type": "string"}},
    "Vary": {"description": "`Accept, Authorization`", "schema": {"type": "string"}},
}
_LINK = {"description": "`rel=next`: the next page, where there is one", "schema": {"type": "string"}}

DATA_RESPONSES: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing changed since the ETag of `If-None-Match`", "headers": _HEADERS},
    **responses(406, 409, 422, 429),
}


ENVELOPE: dict[str, Any] = {
    "from": "2026-10",
    "to": "2026-10",
    "scope": {"application": "SHOP-WEB"},
    "currency": "EUR",
    "as_of": "2026-11-22T03:12:45Z",
    "is_open": False,
    "open_months": [],
    "total": {
        "cost": "7137.52",
        "estimated": "1962.13",
        "previous": "7002.98",
        "delta": {"amount": "134.54", "ratio": "0.019212"},
        "estimated_share": "0.274904",
    },
    "coverage": {
        "allocated": "7137.52",
        "unallocated": "0",
        "rejected": "0",
        "rejected_lines": 3,
        "unpriced_lines": 3,
        "set_apart": "0",
        "incomplete": [
            {
                "source": "cmdb.vm",
                "period": "2026-10",
                "measured_days": 24,
                "estimated_days": 5,
                "missing_days": 2,
                "days_to_come": 0,
            }
        ],
    },
}
COSTS_EXAMPLE = {
    **ENVELOPE,
    "compared_with": {"from": "2026-09", "to": "2026-09"},
    "group_by": ["domain"],
    "line_count": 4,
    "data": [
        {
            "keys": {"domain": "public_cloud"},
            "cost": "4609.29",
            "estimated": "0",
            "previous": "4504.09",
            "delta": {"amount": "105.2", "ratio": "0.023356"},
        },
        {"keys": {}, "cost": "2528.23", "estimated": "1962.13", "previous": "2498.89", "folded": 3},
    ],
}
HISTORY_EXAMPLE = {
    **ENVELOPE,
    "from": "2026-09",
    "total": {"cost": "14140.5", "estimated": "1962.13", "estimated_share": "0.13876"},
    "granularity": "month",
    "data": [
        {"period": "2026-09", "cost": "7002.98", "estimated": "0", "estimated_share": "0", "is_open": False},
        {
            "period": "2026-10",
            "cost": "7137.52",
            "estimated": "1962.13",
            "previous": "7002.98",
            "delta": {"amount": "134.54", "ratio": "0.019212"},
            "estimated_share": "0.274904",
            "is_open": False,
        },
    ],
}


def csv_of(header: str, line: str = "", example: object = None) -> dict[int | str, dict[str, Any]]:
    """The 200 of a route, of which the CSV has this header and maybe this line."""
    content: dict[str, Any] = {
        "text/csv": {"schema": {"type": "string"}, "example": f"{header}\n{line}".strip() + "\n"}
    }
    if example is not None:
        content["application/json"] = {"example": example}
    return {200: {"description": "As `Accept` asks", "content": content, "headers": {**_HEADERS, "Link": _LINK}}}


def link(request: Request, cursor: str | None) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288)."""
    if cursor is None:
        return {}
    url = request.url.include_query_params(cursor=cursor)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}
