"""Serves GitLab and Artifactory: the stored sizes of today or, as this company archives them, of a past day.

Responses have the real products' shapes: GitLab's `storage_size` is not the sum of the other sizes; Artifactory lists
VIRTUAL repositories of "0 bytes" and ends with a TOTAL row that must not be counted.
"""

from datetime import date

from finops.demo.company import PROJECTS, REPOSITORIES, Project, Repository
from finops.demo.services.query import Answer, BadRequestError, Query
from finops.demo.story import Story
from finops.demo.variation import grown

KIB = 1024
MIB = KIB**2
UNITS = ("bytes", "KB", "MB", "GB", "TB")
MAX_PER_PAGE = 100

Document = dict[str, object]


def projects(query: Query) -> Answer:
    """Answer GitLab's project list with statistics, by keyset; the last page has no `Link` header."""
    if query.text("pagination", "offset") != "keyset" or query.text("order_by", "id") != "id":
        raise BadRequestError("only pagination=keyset with order_by=id is served")
    after = query.number("id_after", 0)
    per_page = min(query.number("per_page", 20), MAX_PER_PAGE)
    left = [project for project in PROJECTS if project.id > after]
    page = [_project(project, query.at(), query.story) for project in left[:per_page]]
    if len(left) <= per_page:
        return Answer(page)
    following = query.link(id_after=left[per_page - 1].id)
    return Answer(page, {"Link": f'<{following}>; rel="next"'})


def _project(project: Project, day: date, story: Story) -> Document:
    namespace, _, path = project.path.rpartition("/")
    parent = namespace.rpartition("/")[2]
    return {
        "id": project.id,
        "name": path.replace("-", " ").capitalize(),
        "path": path,
        "path_with_namespace": project.path,
        "created_at": "2024-02-12T09:41:56.000Z",
        "default_branch": "main",
        "archived": False,
        "visibility": "private",
        "topics": [parent] if parent else [],
        "namespace": {"name": parent, "path": parent, "kind": "group", "full_path": namespace},
        "statistics": _statistics(project, day, story),
    }


def _statistics(project: Project, day: date, story: Story) -> Document:
    sizes = {
        "repository_size": project.repository,
        "lfs_objects_size": project.lfs,
        "job_artifacts_size": project.artifacts,
        "packages_size": project.packages,
        "container_registry_size": project.registry,
    }
    grown_sizes = {kind: _bytes(f"{project.path}/{kind}", mib, day, story) for kind, mib in sizes.items()}
    return {
        "commit_count": project.repository // 2,
        "storage_size": sum(grown_sizes.values()) - grown_sizes["container_registry_size"] // 3,
        "wiki_size": 10_485,
        "pipeline_artifacts_size": 0,
        "snippets_size": 0,
        "uploads_size": 652_361,
        **grown_sizes,
    }


def _bytes(name: str, mib: int, day: date, story: Story) -> int:
    return round(grown(name, mib * MIB, day, story))


def storage_info(query: Query) -> Answer:
    """Answer Artifactory's storage summary."""
    day = query.at()
    used = {repository: _bytes(repository.key, repository.used_mib, day, query.story) for repository in REPOSITORIES}
    total = sum(used.values())
    rows = [_repository(repository, size, total) for repository, size in used.items()]
    return Answer({**_summaries(total), "repositoriesSummaryList": [*rows, _total_row(total)]})


def _summaries(total: int) -> Document:
    """Return the summary above the repositories: counts with commas, sizes as text, shares in brackets."""
    files = total // MIB
    binaries = {
        "binariesCount": f"{files:,}",
        "binariesSize": _readable(total * 4 // 5),
        "artifactsSize": _readable(total),
        "optimization": "80%",
        "itemsCount": f"{files + files // 20:,}",
        "artifactsCount": f"{files:,}",
    }
    file_store = {
        "storageType": "filesystem",
        "storageDirectory": "/data/filestore",
        "totalSpace": _readable(total * 2),
        "usedSpace": f"{_readable(total)} (50%)",
        "freeSpace": f"{_readable(total)} (50%)",
    }
    return {"binariesSummary": binaries, "fileStoreSummary": file_store}


def _total_row(total: int) -> Document:
    return {"repoKey": "TOTAL", "repoType": "NA", **_size(total)}


def _repository(repository: Repository, size: int, total: int) -> Document:
    return {
        "repoKey": repository.key,
        "repoType": repository.type,
        **_size(size),
        "packageType": repository.package_type,
        "projectKey": "default",
        "percentage": f"{100 * size / total:.2f}%" if size else "0%",
    }


def _size(size: int) -> Document:
    files = size // MIB
    return {
        "foldersCount": files // 20,
        "filesCount": files,
        "usedSpace": _readable(size),
        "usedSpaceInBytes": size,
        "itemsCount": files + files // 20,
    }


def _readable(size: float) -> str:
    """Return a size as Artifactory writes it: binary units with decimal names, no decimals for bytes."""
    unit = 0
    while size >= KIB and unit < len(UNITS) - 1:
        size, unit = size / KIB, unit + 1
    return f"{size:.2f} {UNITS[unit]}" if unit else f"{size:.0f} bytes"
