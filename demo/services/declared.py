"""Serves the help desk and the application platform, which are only declared in demo/project.

One paginates by number, the other by cursor. A record of the platform has three products: CPU, RAM and storage.
"""

import base64
from datetime import date, timedelta

from finops.demo.services.query import Answer, BadRequestError, Query
from finops.demo.story import Story
from finops.demo.variation import activity, grown, pace

# Tickets on an ordinary day.
TICKETS = {"SHOP-WEB": 14, "SHOP-MOBILE": 9, "PAYMENTS": 6, "ORDERS": 5, "erp": 11, "HR-PORTAL": 17, "BI": 3}
# Project, application, cores, GiB of RAM, GiB of storage.
WORKLOADS = {
    "returns-portal": ("logistics", "ORDERS", 2.0, 8, 40),
    "loyalty": ("storefront", "SHOP-WEB", 4.0, 16, 25),
    "payroll-forms": ("corporate", "HR-PORTAL", 1.0, 4, 10),
    "hackathon": ("sandbox", None, 0.5, 2, 5),  # no application: UNALLOCATED
}
PAGE = 3
GIB = 1024**3

Document = dict[str, object]


def tickets(query: Query) -> Answer:
    """Return a page of the tickets that each application opened in a day."""
    day = _day(query, "day")
    page, size = query.number("page", 1), query.number("per_page", 20)
    usual = {code: number * pace(code, day, query.story) for code, number in TICKETS.items()}
    counts = [(code, round(activity(f"helpdesk/{code}", number, day))) for code, number in usual.items()]
    items = [{"app": {"code": code}, "opened": count} for code, count in counts[(page - 1) * size : page * size]]
    return Answer({"items": items, "paging": {"page": page, "pages": -(-len(counts) // size)}})


def platform_usage(query: Query) -> Answer:
    """Return each workload's usage per day from `from` up to but excluding `to`; RAM in byte-hours."""
    first, end = _day(query, "from"), _day(query, "to")
    days = [first + timedelta(days=offset) for offset in range((end - first).days)]
    records = [_usage(workload, day, query.story) for day in days for workload in WORKLOADS]
    start = int(base64.b64decode(query.text("cursor"))) if query.text("cursor", "") else 0
    following = start + PAGE
    cursor = base64.b64encode(str(following).encode()).decode() if following < len(records) else None
    return Answer({"data": {"usage": records[start:following]}, "next_cursor": cursor})


def _usage(workload: str, day: date, story: Story) -> Document:
    project, application, cores, ram_gib, storage_gib = WORKLOADS[workload]
    hours = activity(f"platform/{workload}", 24 * pace(application, day, story), day)
    return {
        "workload": workload,
        "day": day.isoformat(),
        "project": project,
        "labels": {"application": application},
        "cpu_hours": round(cores * hours, 3),
        "ram_byte_hours": round(ram_gib * hours) * GIB,
        "storage_gib_hours": f"{grown(f'platform/{workload}', storage_gib, day, story) * 24:.3f}",
    }


def _day(query: Query, name: str) -> date:
    text = query.text(name)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequestError(f"{name} is not a day: {text!r}") from error
