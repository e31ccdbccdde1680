"""Serves CloudKitty: the hourly ratings of OpenStack's volumes and floating addresses.

Responses have the real product's shape: one dataframe per hour with the points of every metric, and a total that counts
points, not dataframes. Nova meters the servers (meters.py), so that nothing is counted twice.
"""

from datetime import UTC, datetime, timedelta

from finops.demo.company import CINDER_VOLUMES, FLOATING_ADDRESSES
from finops.demo.services.query import Answer, BadRequestError, Query

Document = dict[str, object]


def dataframes(query: Query) -> Answer:
    """Answer CloudKitty's v2 dataframes between two times."""
    begin, end = (_moment(query.text(name)) for name in ("begin", "end"))
    hours = int((end - begin).total_seconds()) // 3600
    points = len(CINDER_VOLUMES) + len(FLOATING_ADDRESSES)
    if query.number("offset", 0) >= hours * points:
        return Answer({"total": hours * points, "dataframes": []})
    frames = [_frame(begin + timedelta(hours=hour)) for hour in range(hours)]
    return Answer({"total": hours * points, "dataframes": frames})


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadRequestError(f"not a time: {text!r}") from error


def _frame(begin: datetime) -> Document:
    end = begin + timedelta(hours=1)
    return {
        "usage": {
            "volume.size": [_point("GiB", gib, project, number) for number, project, gib in CINDER_VOLUMES],
            "ip.floating": [_point("ip", 1, project, number) for number, project in FLOATING_ADDRESSES],
        },
        "period": {"begin": begin.isoformat(), "end": end.isoformat()},
    }


def _point(unit: str, quantity: int, project: str, resource: str) -> Document:
    return {
        "vol": {"unit": unit, "qty": quantity},
        "rating": {"price": 0},
        "groupby": {"project_id": project, "id": resource},
        "metadata": {},
    }
