"""The sources that the module knows: data, not code. What a company sets for each is in config/services.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from finops.ingest.sources.kinds import HttpSource, MongoSource

CMDB_VM = MongoSource("cmdb.vm", "cmdb", "open_legacy", "inventory", products=("vm.vcpu", "vm.ram_gib"))
CMDB_DISK = MongoSource("cmdb.disk", "cmdb", "open_legacy", "inventory")
CMDB_LEGACY_STORAGE = MongoSource("cmdb.legacy_storage", "cmdb", "open_legacy", "inventory")

# https://docs.openstack.org/api-ref/compute/#usage-reports-os-simple-tenant-usage
OPENSTACK_USAGE = HttpSource(
    "openstack.usage",
    "openstack",
    "private_cloud",
    "metered",
    products=("openstack.vcpu_hour", "openstack.ram_gib_hour", "openstack.storage_gib_hour"),
    path="os-simple-tenant-usage",
    params={"detailed": "1", "start": "{start}T00:00:00", "end": "{end}T00:00:00", "limit": "1000"},
    data_selector="tenant_usages[*].server_usages[*]",
    required="tenant_usages",
    record_id="{tenant_id}/{instance_id}",
    paginator={"type": "json_link", "next_url_path": "tenant_usages_links[0].href"},
    token_header="X-Auth-Token",  # noqa: S106 a header's name
)
# https://docs.openstack.org/cloudkitty/latest/api-reference/v2/ (dataframes)
CLOUDKITTY_USAGE = HttpSource(
    "cloudkitty.usage",
    "cloudkitty",
    "private_cloud",
    "metered",
    path="v2/dataframes",
    params={"begin": "{start}T00:00:00", "end": "{end}T00:00:00"},
    data_selector="dataframes[*]",
    required="dataframes",
    # the offset counts what the dataframes hold: it advances by the limit, not by the dataframes that came
    paginator={"type": "limit_offset", "limit": 1000, "total_path": "total"},
    token_header="X-Auth-Token",  # noqa: S106 a header's name
)
# https://docs.openstack.org/cloudkitty/latest/api-reference/v2/ (summary): what the dataframes sum up to, already
# summed; the same source, so that a company that changes from one to the other is not billed twice.
CLOUDKITTY_SUMMARY = replace(
    CLOUDKITTY_USAGE,
    path="v2/summary",
    params={**CLOUDKITTY_USAGE.params, "groupby": ("project_id", "type")},
    data_selector="results",
    columns="columns",
    required="results",
    paginator={"type": "offset", "limit": 1000, "total_path": "total"},
)
# https://www.opencost.io/docs/integrations/api
KUBERNETES_ALLOCATION = HttpSource(
    "kubernetes.allocation",
    "opencost",
    "private_cloud",
    "metered",
    products=("kubernetes.cpu_core_hour", "kubernetes.ram_gib_hour", "kubernetes.pv_gib_hour"),
    path="allocation",
    params={"window": "{start}T00:00:00Z,{end}T00:00:00Z", "aggregate": "namespace", "includeIdle": "true"},
    data_selector="data[*].*",
    required="data",
    record_id="{name}",
)
# https://docs.gitlab.com/api/projects/#list-all-projects with statistics; keyset pagination is of
# https://docs.gitlab.com/api/rest/#keyset-based-pagination
GITLAB_STORAGE = HttpSource(
    "gitlab.storage",
    "gitlab",
    "native",
    "inventory",
    products=(
        "gitlab.repository_gib",
        "gitlab.lfs_gib",
        "gitlab.artifacts_gib",
        "gitlab.packages_gib",
        "gitlab.registry_gib",
    ),
    path="api/v4/projects",
    params={
        "statistics": "true",
        "with_custom_attributes": "true",  # GitLab gives them to administrators, and answers others without
        "pagination": "keyset",
        "order_by": "id",
        "sort": "asc",
        "per_page": "100",
    },
    data_selector="$[*]",
    record_id="{id}",
    paginator="header_link",
    supports_past_days=False,
)
# https://docs.gitlab.com/api/graphql/reference/#queryciminutesusage: the month's compute minutes of a top-level group,
# project by project. GitLab writes the month itself (monthIso8601), and what it says is what counts.
GITLAB_CI_MINUTES = HttpSource(
    "gitlab.ci_minutes",
    "gitlab",
    "native",
    "metered",
    products=("gitlab.ci_minute",),
    window="month",
    path="api/graphql",
    method="POST",
    json={
        "query": (
            "query ($namespaceId: NamespaceID, $date: Date, $after: String) {"
            " ciMinutesUsage(namespaceId: $namespaceId, date: $date) { nodes { month monthIso8601"
            " projects(first: 100, after: $after) { nodes { minutes sharedRunnersDuration"
            " project { id fullPath topics } } pageInfo { hasNextPage endCursor } } } } }"
        ),
        "variables": {"namespaceId": "{each}", "date": "{month}-01", "after": None},
    },
    each="ci_namespaces",
    data_selector="data.ciMinutesUsage.nodes[*].projects.nodes[*]",
    envelope={"monthIso8601": "data.ciMinutesUsage.nodes[*].monthIso8601"},
    # GitLab answers null where the token may not see the namespace, or where it is not a top-level group
    required="data.ciMinutesUsage.nodes",
    errors="errors",
    record_id="{project[id]}",
    paginator={
        "type": "cursor",
        "cursor_path": "data.ciMinutesUsage.nodes[0].projects.pageInfo.endCursor",
        "cursor_body_path": "variables.after",
        "has_more_path": "data.ciMinutesUsage.nodes[0].projects.pageInfo.hasNextPage",
    },
)
# https://jfrog.com/help/r/jfrog-rest-apis/get-storage-summary-info
ARTIFACTORY_STORAGE = HttpSource(
    "artifactory.storage",
    "artifactory",
    "native",
    "inventory",
    products=("artifactory.storage_gib",),
    path="api/storageinfo",
    data_selector="repositoriesSummaryList[*]",
    required="repositoriesSummaryList",
    envelope={"binariesSummary": "binariesSummary"},
    record_id="{repoKey}",
    skip={"repoKey": "TOTAL"},
    supports_past_days=False,
)
# https://cube.dev/docs/product/apis-integrations/rest-api/reference
CUBE_USAGE = HttpSource(
    "cube.usage",
    "cube",
    "native",
    "metered",
    products=("cube.query",),
    path="cubejs-api/v1/load",
    data_selector="data[*]",
    required="data",
    not_ready={"error": "Continue wait"},
)
# https://backstage.io/docs/features/software-catalog/software-catalog-api (GET /entities/by-query): conditions on
# one key in one filter are alternatives. `fields` leaves out what is personal (a group's members) or large (relations).
BACKSTAGE_CATALOG = HttpSource(
    "backstage.catalog",
    "backstage",
    "reference",
    "reference",
    path="api/catalog/entities/by-query",
    params={
        "filter": "kind=component,kind=system,kind=group",
        "fields": (
            "kind,metadata.namespace,metadata.name,metadata.title,metadata.annotations,"
            "spec.owner,spec.system,spec.parent,spec.children,spec.profile.displayName"
        ),
        "limit": "500",
    },
    data_selector="items[*]",
    required="items",
    record_id="{kind}:{metadata[namespace]}/{metadata[name]}",
    paginator={"type": "cursor", "cursor_path": "pageInfo.nextCursor"},
    supports_past_days=False,
)

SOURCES: tuple[MongoSource | HttpSource, ...] = (
    BACKSTAGE_CATALOG,
    CMDB_VM,
    CMDB_DISK,
    CMDB_LEGACY_STORAGE,
    OPENSTACK_USAGE,
    CLOUDKITTY_USAGE,
    KUBERNETES_ALLOCATION,
    GITLAB_STORAGE,
    GITLAB_CI_MINUTES,
    ARTIFACTORY_STORAGE,
    CUBE_USAGE,
)

# Where a product says the same in two ways: the source by what `sources.<service>.endpoint` says, the default first.
ENDPOINTS: Mapping[str, Mapping[str, HttpSource]] = {
    "cloudkitty": {"dataframes": CLOUDKITTY_USAGE, "summary": CLOUDKITTY_SUMMARY},
}
