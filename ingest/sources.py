"""The sources that the module knows: data, not code. What a company sets for each is in settings.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from ingest.pagination import LinkHeader, NextUrl, Offset, Pagination, SinglePage

Domain = Literal["open_legacy", "private_cloud", "public_cloud", "native"]
Measure = Literal["inventory", "metered", "billed"]

DOMAINS: tuple[Domain, ...] = ("open_legacy", "private_cloud", "public_cloud", "native")


@dataclass(frozen=True)
class Window:
    """What one extraction covers: the days from `start` up to, not including, `end` (UTC)."""

    start: date
    end: date


@dataclass(frozen=True)
class Source:
    """One feed of a domain.

    Attributes:
        name: as it stands in `fact_releve.source`, e.g. `cmdb.vm`.
        service: the section of the configuration that turns it on, e.g. `cmdb` for `sources.cmdb`.
        table: the raw table in the schema `raw_<domain>`.
        measure: how a record becomes a quantity (DESIGN: inventory, metered or billed).
    """

    name: str
    service: str
    domain: Domain
    table: str
    measure: Measure


@dataclass(frozen=True)
class MongoSource(Source):
    """A collection of the CMDB; `collection` is the default name, `sources.<service>.<name>` another."""

    collection: str


@dataclass(frozen=True)
class HttpSource(Source):
    """An endpoint that is paged through.

    Attributes:
        path: under the configured URL.
        params: query parameters; `{start}`, `{end}`, `{day}` and `{month}` stand for the window.
        records: JSONPath of the records in a page.
        required: top-level key that an answer must have (None: the answer is a list), so that an error body or a
            changed API is not read as "no records".
        record_id: format string over the record; None where the product gives its records no identity, and the
            content's own hash stands in.
        skip: records whose field has this value are no records, such as Artifactory's TOTAL row.
        pagination: how the pages follow each other.
        not_ready: an answer whose field has this value says to ask again.
        gives_past: whether the product can answer for a past day again.
        token_header: the header that carries the token; `Authorization` takes it as a bearer token;
            `sources.<service>.token_header` is another.
    """

    path: str
    records: str
    required: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    record_id: str | None = None
    skip: Mapping[str, str] = field(default_factory=dict)
    pagination: Pagination = field(default_factory=SinglePage)
    not_ready: Mapping[str, str] = field(default_factory=dict)
    gives_past: bool = True
    token_header: str = "Authorization"  # noqa: S105 a header's name


CMDB_VM = MongoSource("cmdb.vm", "cmdb", "open_legacy", "cmdb_vm", "inventory", collection="vms")
CMDB_DISK = MongoSource("cmdb.disk", "cmdb", "open_legacy", "cmdb_disk", "inventory", collection="disks")
CMDB_LEGACY_STORAGE = MongoSource(
    "cmdb.legacy_storage", "cmdb", "open_legacy", "cmdb_legacy_storage", "inventory", collection="legacy_storage"
)

# https://docs.openstack.org/api-ref/compute/#usage-reports-os-simple-tenant-usage
OPENSTACK_USAGE = HttpSource(
    "openstack.usage",
    "openstack",
    "private_cloud",
    "openstack_usage",
    "metered",
    path="os-simple-tenant-usage",
    params={"detailed": "1", "start": "{start}T00:00:00", "end": "{end}T00:00:00", "limit": "1000"},
    records="tenant_usages[*].server_usages[*]",
    required="tenant_usages",
    record_id="{tenant_id}/{instance_id}",
    pagination=NextUrl("tenant_usages_links[0].href"),
    token_header="X-Auth-Token",  # noqa: S106 a header's name
)
# https://docs.openstack.org/cloudkitty/latest/api-reference/v2/ (dataframes)
CLOUDKITTY_USAGE = HttpSource(
    "cloudkitty.usage",
    "cloudkitty",
    "private_cloud",
    "cloudkitty_usage",
    "metered",
    path="v2/dataframes",
    params={"begin": "{start}T00:00:00", "end": "{end}T00:00:00"},
    records="dataframes[*]",
    required="dataframes",
    pagination=Offset(total="total", grouped=True),
    token_header="X-Auth-Token",  # noqa: S106 a header's name
)
# https://www.opencost.io/docs/integrations/api
KUBERNETES_ALLOCATION = HttpSource(
    "kubernetes.allocation",
    "opencost",
    "private_cloud",
    "kubernetes_allocation",
    "metered",
    path="allocation",
    params={"window": "{start}T00:00:00Z,{end}T00:00:00Z", "aggregate": "namespace", "includeIdle": "true"},
    records="data[*].*",
    required="data",
    record_id="{name}",
)
# https://docs.gitlab.com/api/projects/ with statistics, keyset pagination
GITLAB_STORAGE = HttpSource(
    "gitlab.storage",
    "gitlab",
    "native",
    "gitlab_storage",
    "inventory",
    path="api/v4/projects",
    params={
        "statistics": "true",
        "pagination": "keyset",
        "order_by": "id",
        "sort": "asc",
        "per_page": "100",
    },
    records="$[*]",
    record_id="{id}",
    pagination=LinkHeader(),
    gives_past=False,
)
# https://jfrog.com/help/r/jfrog-rest-apis/get-storage-summary-info
ARTIFACTORY_STORAGE = HttpSource(
    "artifactory.storage",
    "artifactory",
    "native",
    "artifactory_storage",
    "inventory",
    path="api/storageinfo",
    records="repositoriesSummaryList[*]",
    required="repositoriesSummaryList",
    record_id="{repoKey}",
    skip={"repoKey": "TOTAL"},
    gives_past=False,
)
# https://cube.dev/docs/product/apis-integrations/rest-api/reference
CUBE_USAGE = HttpSource(
    "cube.usage",
    "cube",
    "native",
    "cube_usage",
    "metered",
    path="cubejs-api/v1/load",
    records="data[*]",
    required="data",
    not_ready={"error": "Continue wait"},
)

SOURCES: tuple[MongoSource | HttpSource, ...] = (
    CMDB_VM,
    CMDB_DISK,
    CMDB_LEGACY_STORAGE,
    OPENSTACK_USAGE,
    CLOUDKITTY_USAGE,
    KUBERNETES_ALLOCATION,
    GITLAB_STORAGE,
    ARTIFACTORY_STORAGE,
    CUBE_USAGE,
)


@dataclass(frozen=True)
class FocusSource(Source):
    """The FOCUS exports of one provider or account; there are as many as are configured."""


def focus_source(name: str) -> FocusSource:
    """The source of the exports configured as `sources.focus.<name>`."""
    return FocusSource(f"focus.{name}", f"focus.{name}", "public_cloud", "focus", "billed")
