"""Serves Backstage's catalog: applications as Components, teams as Groups, and their owners.

Responses have the shape of `GET /entities/by-query`: a page, the total number of entities, and an opaque cursor, absent
at the end. A real catalog only knows today; this company archives its catalog and its storage statistics.
"""

import json
from base64 import b64decode, b64encode
from datetime import date

from finops.demo.services.query import Answer, BadRequestError, Query
from finops.demo.story import Story

Document = dict[str, object]

DEPARTMENTS = {
    "digital": ("Digital", ["storefront", "payments", "data-platform"]),
    "operations": ("Operations", ["logistics", "corporate-it", "platform-engineering"]),
}
TEAMS = {
    "storefront": "Storefront",
    "payments": "Payments",
    "logistics": "Logistics",
    "data-platform": "Data Platform",
    "corporate-it": "Corporate IT",
    "platform-engineering": "Platform Engineering",
}
COMPONENTS = (  # name, code, title, owner; HR-PORTAL is in the reference data only
    ("shop-web", "SHOP-WEB", "Online shop", "storefront"),
    ("shop-mobile", "SHOP-MOBILE", "Mobile shop", "storefront"),
    ("search", "SEARCH", "Product search", "storefront"),
    ("tills", "TILLS", "Tills of the stores", "storefront"),
    ("payments", "PAYMENTS", "Payments", "group:default/payments"),
    ("fraud", "FRAUD", "Fraud detection", "payments"),
    ("orders", "ORDERS", "Order management", "logistics"),
    ("warehouse", "WAREHOUSE", "Warehouse management", "logistics"),
    ("delivery", "DELIVERY", "Delivery tracking", "logistics"),
    ("data-lake", "DATA-LAKE", "Data lake", "data-platform"),
    ("bi", "BI", "Business intelligence", "data-platform"),
    ("erp", "ERP", "Finance and purchasing", "corporate-it"),
    ("dev-tools", "DEV-TOOLS", "Developer tools", "platform-engineering"),
    ("observability", "OBSERVABILITY", "Monitoring and logs", "platform-engineering"),
)
SEARCH_MOVED = date(2026, 10, 15)  # to another team, which does not get the costs of September
# Leave the catalog: the tills with all that they had, while the servers of delivery stay.
LEFT = {"tills": date(2026, 7, 1), "delivery": date(2026, 11, 10)}


def entities(query: Query) -> Answer:
    """Return a page of the catalog."""
    held = _held(query.at(), query.story)
    first = _first(query.params["cursor"]) if "cursor" in query.params else 0
    last = first + query.number("limit", 20)
    page_info = {"nextCursor": _cursor(last)} if last < len(held) else {}
    return Answer({"items": held[first:last], "totalItems": len(held), "pageInfo": page_info})


def _held(day: date, story: Story) -> list[Document]:
    groups = [
        _entity("Group", name, {"type": "department", "profile": {"displayName": title}, "children": teams})
        for name, (title, teams) in DEPARTMENTS.items()
    ]
    groups += [
        _entity("Group", name, {"type": "team", "profile": {"displayName": title}, "children": []})
        for name, title in TEAMS.items()
    ]
    components = [
        _entity("Component", name, {"owner": _owner(name, owner, day, story), "system": "vauban"}, title, code)
        for name, code, title, owner in COMPONENTS
        if story.holds(day, None, LEFT.get(name))
    ]
    return groups + components


def _owner(name: str, owner: str, day: date, story: Story) -> str:
    return "data-platform" if name == "search" and story.holds(day, SEARCH_MOVED, None) else owner


def _entity(kind: str, name: str, spec: Document, title: str | None = None, code: str | None = None) -> Document:
    annotations = {"backstage.io/managed-by-location": f"url:https://gitlab.example.com/{name}/catalog-info.yaml"}
    if code:
        annotations["finops/application-code"] = code
    metadata: Document = {"namespace": "default", "name": name, "annotations": annotations}
    return {"kind": kind, "metadata": metadata | ({"title": title} if title else {}), "spec": spec}


def _cursor(first: int) -> str:
    return b64encode(json.dumps({"first": first}).encode()).decode()


def _first(cursor: str) -> int:
    try:
        return int(json.loads(b64decode(cursor))["first"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequestError(f"cursor is none: {cursor!r}") from error
