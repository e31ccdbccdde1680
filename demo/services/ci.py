"""Serves GitLab's GraphQL: the CI minutes of a top-level group, by project and month.

Responses have the real product's shape: one node per month, the most expensive project first, a cursor on the last page
too, null for an unknown group, and errors with status 200.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from finops.demo.company import CI_GROUPS, PROJECTS, Project
from finops.demo.services.query import Answer, Query
from finops.demo.story import Story
from finops.demo.variation import activity, pace

MIB_A_MINUTE = 60  # artifacts stored per CI minute of an ordinary day
PAGE = 3  # GitLab's is 100; a small page exercises the pagination

Document = dict[str, object]


def ci_minutes(query: Query) -> Answer:
    """Answer a query of `ciMinutesUsage`."""
    variables = query.body.get("variables")
    if "ciMinutesUsage" not in str(query.body.get("query")) or not isinstance(variables, Mapping):
        return Answer({"errors": [{"message": "Only ciMinutesUsage is served, with its variables"}]})
    group = CI_GROUPS.get(str(variables.get("namespaceId")))
    if group is None:
        return Answer({"data": {"ciMinutesUsage": None}})
    first = date.fromisoformat(str(variables["date"]))
    used = [(project, _minutes(project, first, query.story)) for project in PROJECTS if _top(project) == group]
    used = sorted(((p, minutes) for p, minutes in used if minutes), key=lambda pair: (-pair[1], pair[0].id))
    return Answer({"data": {"ciMinutesUsage": {"nodes": [_month(first, used, variables)] if used else []}}})


def _top(project: Project) -> str:
    return project.path.partition("/")[0]


def _minutes(project: Project, first: date, story: Story) -> int:
    """Return a project's CI minutes of a month, up to the day before the demo's last."""
    days = [day for offset in range(31) if (day := first + timedelta(days=offset)).month == first.month]
    ordinary = project.artifacts / MIB_A_MINUTE
    used = (pace(None, day, story) * activity(f"{project.path}/ci", ordinary, day) for day in days if day < story.as_of)
    return round(sum(used))


def _month(first: date, used: list[tuple[Project, int]], variables: Mapping[str, object]) -> Document:
    start = int(str(variables.get("after") or 0))
    page = used[start : start + PAGE]
    following = {"hasNextPage": start + PAGE < len(used), "endCursor": str(start + len(page))}
    return {
        "month": first.strftime("%B"),
        "monthIso8601": first.isoformat(),
        "projects": {"nodes": [_usage(project, minutes) for project, minutes in page], "pageInfo": following},
    }


def _usage(project: Project, minutes: int) -> Document:
    parent = project.path.rpartition("/")[0].rpartition("/")[2]
    found = {"id": f"gid://gitlab/Project/{project.id}", "fullPath": project.path, "topics": [parent]}
    return {"minutes": minutes, "sharedRunnersDuration": minutes * 60, "project": found}
