"""The company's own estate: the contents of its CMDB, private cloud and tools.

Codes and figures are as the company's systems record them. Errors are deliberate and commented: each shows one rule of
the pipeline. The matching reference data (applications, aliases, rules, prices) is in demo/project/reference; the
public clouds are in cloud.py. Dates are of the story that story.py moves to the demo's days.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

TENANT_SEARCH = "9d1e4f7a2b8c4c05a6f3e1d27b90c584"
TENANT_DELIVERY = "3b7f20c19ae84d6fb5d8a4c6e2017f93"
TENANT_ANALYTICS = "c4a85e16d0b34927a1fe6c39d7524b08"
TENANT_SANDBOX = "e07b3d5c4f1249a8b6c2903fd8a17e64"  # matches no rule: UNALLOCATED


@dataclass(frozen=True)
class Vm:
    """A virtual machine; `disks` are (tier, GiB) pairs, exact sizes as text."""

    name: str
    application: str | None
    cluster: str
    vcpu: int
    ram_gib: str
    os: str
    disks: tuple[tuple[str, str], ...]
    status: str = "running"
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Volume:
    """A volume of legacy storage; `used_gib` is None if the dump has no number."""

    name: str
    kind: str
    application: str
    used_gib: float | None
    until: date | None = None


@dataclass(frozen=True)
class Project:
    """A GitLab project: its size in MiB, by kind of content."""

    id: int
    path: str
    repository: int
    lfs: int = 0
    artifacts: int = 0
    packages: int = 0
    registry: int = 0


@dataclass(frozen=True)
class Repository:
    """An Artifactory repository; a VIRTUAL one stores nothing itself."""

    key: str
    type: str
    package_type: str
    used_mib: int = 0


@dataclass(frozen=True)
class Server:
    """An OpenStack server; times are UTC."""

    name: str
    tenant_id: str
    flavor: str
    vcpus: int
    memory_mb: int
    local_gb: int
    started: datetime
    ended: datetime | None = None


@dataclass(frozen=True)
class Namespace:
    """A Kubernetes namespace: cores and GiB in place on an ordinary day; no volume means `pvs: null`."""

    name: str
    cores: float
    ram_gib: float
    volume_gib: float = 0


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SEARCH_GREW = date(2026, 10, 12)
TILLS_REPLACED = date(2026, 7, 1)
VMS = (
    Vm("prd-shop-01", "SHOP-WEB", "paris-a", 8, "32", "debian-12", (("ssd", "120"), ("hdd", "500"))),
    Vm("prd-shop-02", "SHOP-WEB", "paris-b", 8, "32", "debian-12", (("ssd", "120"), ("hdd", "500"))),
    # lower case
    Vm("prd-shop-03", "shop-web", "paris-a", 8, "32", "debian-12", (("ssd", "120"),)),
    # alias
    Vm("prd-shop-db-01", "WEBSHOP", "paris-a", 16, "96", "rhel-9", (("ssd", "900"), ("hdd", "2000"))),
    Vm("prd-shop-db-02", "WEBSHOP", "paris-b", 16, "96", "rhel-9", (("ssd", "900"), ("hdd", "2000"))),
    Vm("prd-mobile-01", "SHOP-MOBILE", "paris-a", 4, "16", "debian-12", (("ssd", "80"),)),
    Vm("prd-mobile-02", "SHOP-MOBILE", "paris-b", 4, "16", "debian-12", (("ssd", "80"),), since=date(2026, 2, 16)),
    Vm("prd-search-01", "SEARCH", "paris-a", 12, "64", "debian-12", (("ssd", "600"),)),
    Vm("prd-search-02", "SEARCH", "paris-b", 12, "64", "debian-12", (("ssd", "600"),), since=SEARCH_GREW),
    Vm("prd-pay-01", "PAYMENTS", "paris-a", 8, "32", "rhel-9", (("ssd", "200"),)),
    # spaces, mixed case
    Vm("prd-pay-02", " Payments ", "paris-b", 8, "32", "rhel-9", (("ssd", "200"),)),
    # a price of nvme since the last month only
    Vm("prd-pay-db-01", "PAYMENTS", "paris-a", 16, "128", "rhel-9", (("nvme", "800"), ("hdd", "1500"))),
    Vm("stg-pay-01", "PAYMENTS", "paris-b", 4, "16", "rhel-9", (("ssd", "100"),), "stopped"),
    Vm("prd-fraud-01", "FRAUD", "paris-a", 16, "64", "debian-12", (("ssd", "400"),)),
    Vm("prd-fraud-02", "FRAUD", "paris-b", 16, "64", "debian-12", (("ssd", "400"),), since=date(2026, 4, 13)),
    Vm("prd-orders-01", "ORDERS", "paris-a", 8, "24.5", "rhel-8", (("ssd", "150"), ("hdd", "372.5"))),
    Vm("prd-orders-02", "ORDERS", "paris-b", 8, "24.5", "rhel-8", (("ssd", "150"), ("hdd", "372.5"))),
    Vm("prd-orders-db-01", "ORDERS", "paris-a", 12, "96", "rhel-9", (("ssd", "1200"), ("hdd", "3000"))),
    # alias
    Vm("prd-wms-01", "WMS", "lille-a", 8, "32", "windows-2019", (("ssd", "250"),)),
    Vm("prd-wms-02", "WMS", "lille-a", 8, "32", "windows-2019", (("ssd", "250"),)),
    Vm("prd-wms-db-01", "WAREHOUSE", "lille-a", 12, "64", "windows-2022", (("ssd", "700"), ("hdd", "1800"))),
    Vm("prd-delivery-01", "DELIVERY", "lille-a", 6, "24", "debian-12", (("ssd", "160"),)),
    Vm("prd-delivery-02", "DELIVERY", "paris-a", 6, "24", "debian-12", (("ssd", "160"),)),
    Vm("prd-lake-01", "DATA-LAKE", "paris-a", 24, "192", "rhel-9", (("ssd", "500"), ("hdd", "8000"))),
    # lower-case alias
    Vm("prd-lake-02", "dwh", "paris-b", 24, "192", "rhel-9", (("ssd", "500"), ("hdd", "8000"))),
    Vm(
        "prd-lake-03", "DATA-LAKE", "paris-a", 24, "192", "rhel-9", (("ssd", "500"), ("hdd", "8000")),
        since=date(2026, 3, 9),
    ),
    Vm("prd-bi-01", "BI", "paris-a", 12, "96", "windows-2022", (("ssd", "450"),)),
    Vm("prd-erp-01", "ERP", "lille-a", 16, "128", "suse-15", (("ssd", "800"),)),
    Vm("prd-erp-02", "ERP", "lille-a", 16, "128", "suse-15", (("ssd", "800"),)),
    # alias
    Vm("prd-erp-db-01", "SAP", "lille-a", 32, "512", "suse-15", (("ssd", "3200"), ("hdd", "6000.25"))),
    Vm("prd-hr-01", "HR-PORTAL", "lille-a", 4, "16", "windows-2019", (("ssd", "120"),)),
    Vm("prd-tools-01", "DEV-TOOLS", "paris-a", 8, "32", "debian-12", (("ssd", "300"), ("hdd", "1000"))),
    # a rule on names finds it
    Vm("prd-mon-01", None, "paris-a", 8, "48", "debian-12", (("ssd", "600"), ("hdd", "2500"))),
    # a code in no catalogue: UNALLOCATED
    Vm("prd-crm-01", "OLD-CRM-2011", "lille-a", 4, "16", "windows-2012", (("ssd", "200"),)),
    # a tier that is not a product
    Vm("prd-fax-01", "ERP", "lille-a", 1, "2", "windows-2008", (("floppy", "0.0014"),)),
    # retired
    Vm("prd-till-01", "TILLS", "lille-a", 8, "32", "windows-2016", (("ssd", "300"),), until=TILLS_REPLACED),
    Vm("prd-till-02", "TILLS", "lille-a", 8, "32", "windows-2016", (("ssd", "300"),), until=TILLS_REPLACED),
    Vm("prd-till-db-01", "TILLS", "lille-a", 8, "64", "windows-2016", (("ssd", "800"),), until=TILLS_REPLACED),
)  # fmt: skip

VOLUMES = (
    Volume("nas-shop-media", "nas", "SHOP-WEB", 4200.0),
    Volume("nas-lake-landing", "nas", "DATA-LAKE", 18500.0),
    Volume("nas-hr-documents", "nas", "HR-PORTAL", 730.5),
    Volume("nas-shared-01", "nas", "OLD-CRM-2011", 910.0),
    Volume("san-erp-01", "san", "SAP", 6400.0),
    Volume("san-orders-01", "san", "orders", 2750.0),
    Volume("san-wms-01", "san", "WAREHOUSE", 1980.0),
    Volume("san-tills-01", "san", "TILLS", 2100.0, until=TILLS_REPLACED),
    Volume("tape-lake", "tape", "DATA-LAKE", 92000.0),
    Volume("tape-payments", "tape", "PAYMENTS", 14500.0),
    Volume("tape-erp", "tape", "ERP", None),  # the library answers "n/a"
)

PROJECTS = (
    Project(101, "storefront/web/shop-web", 3400, 1200, 8600, 900, 5200),
    Project(102, "storefront/web/design-system", 640, 2100, 1500, 720),
    Project(107, "storefront/web/content", 1150, 14800, 300),
    Project(111, "storefront/mobile/android", 2900, 5200, 19400, 2600),
    Project(112, "storefront/mobile/ios", 3100, 6800, 22100, 2400),
    Project(118, "storefront/search/indexer", 480, 0, 2100, 350, 1900),
    Project(119, "storefront/search/ranking", 390, 7300, 3800, 0, 2700),
    Project(130, "payments/gateway", 1250, 0, 5400, 1100, 3600),
    Project(131, "payments/ledger", 860, 0, 3300, 640, 2100),
    Project(137, "payments/fraud/models", 720, 26500, 6200, 0, 7900),
    Project(138, "payments/fraud/scoring-api", 310, 0, 1700, 260, 1500),
    Project(150, "logistics/orders/order-api", 1480, 0, 6100, 950, 3400),
    Project(151, "logistics/orders/order-events", 420, 0, 1900, 310, 1200),
    Project(156, "logistics/warehouse/wms", 5200, 380, 9700, 1400),
    Project(157, "logistics/warehouse/scanners", 270, 640, 1300),
    Project(160, "logistics/delivery/tracking", 590, 0, 2400, 280, 1700),
    Project(203, "data/lake/pipelines", 930, 4100, 7800, 510, 6400),
    Project(204, "data/lake/notebooks", 2700, 9800, 200),
    Project(209, "data/bi/dashboards", 350, 1600, 900),
    Project(220, "corporate/erp/interfaces", 1900, 0, 2600, 870),
    Project(226, "corporate/hr/portal", 780, 210, 1800, 120, 640),
    Project(301, "platform/pipelines/templates", 140, 0, 400),
    Project(302, "platform/images/base-images", 260, 0, 1200, 0, 21500),
    Project(305, "platform/observability/collectors", 330, 0, 1600, 190, 2300),
    Project(1042, "sandbox/hackathon-2025", 3800, 11200, 900),  # outside every team's group: UNALLOCATED
)

# GitLab's top-level groups by global id; their CI minutes are read.
CI_GROUPS = {
    f"gid://gitlab/Group/{number}": group
    for number, group in enumerate(sorted({project.path.partition("/")[0] for project in PROJECTS}), start=11)
}

REPOSITORIES = (
    Repository("shop-docker-local", "LOCAL", "Docker", 182_000),
    Repository("shop-npm-local", "LOCAL", "Npm", 14_300),
    Repository("shop-mobile-maven-local", "LOCAL", "Maven", 38_900),
    Repository("pay-docker-local", "LOCAL", "Docker", 96_500),
    Repository("pay-maven-local", "LOCAL", "Maven", 27_400),
    Repository("logistics-docker-local", "LOCAL", "Docker", 121_000),
    Repository("data-pypi-local", "LOCAL", "Pypi", 44_800),
    Repository("erp-generic-local", "LOCAL", "Generic", 61_200),
    Repository("npm-remote-cache", "CACHE", "Npm", 73_600),
    Repository("old-releases", "LOCAL", "Maven", 52_100),  # matches no rule: UNALLOCATED
    Repository("npm-all", "VIRTUAL", "Npm"),
    Repository("maven-all", "VIRTUAL", "Maven"),
)

MIGRATION_STARTED = _utc("2026-09-08 07:45")
MIGRATION_ENDED = _utc("2026-10-21 18:20:15")
SERVERS = (
    Server("search-node-1", TENANT_SEARCH, "r5.2xlarge", 8, 65536, 400, _utc("2025-03-04 09:12")),
    Server("search-node-2", TENANT_SEARCH, "r5.2xlarge", 8, 65536, 400, _utc("2025-03-04 09:14")),
    Server("search-node-3", TENANT_SEARCH, "r5.2xlarge", 8, 65536, 400, _utc("2026-10-06 14:25:30")),
    Server("delivery-api-1", TENANT_DELIVERY, "m5.large", 4, 16384, 80, _utc("2025-11-18 06:40")),
    Server("delivery-api-2", TENANT_DELIVERY, "m5.large", 4, 16384, 80, _utc("2025-11-18 06:41")),
    Server("delivery-queue", TENANT_DELIVERY, "m5.xlarge", 8, 32768, 160, _utc("2026-02-02 22:05")),
    Server("notebook-1", TENANT_ANALYTICS, "c5.4xlarge", 16, 65536, 200, _utc("2026-01-12 08:30")),
    Server("notebook-2", TENANT_ANALYTICS, "c5.4xlarge", 16, 65536, 200, _utc("2026-04-20 10:00")),
    Server("migration", TENANT_ANALYTICS, "c5.4xlarge", 16, 65536, 500, MIGRATION_STARTED, MIGRATION_ENDED),
    Server("try-gpu", TENANT_SANDBOX, "m5.large", 4, 16384, 40, _utc("2026-06-01 12:00")),
)

# Cinder's volumes and Neutron's addresses, by project, as CloudKitty rates them.
CINDER_VOLUMES = (
    ("be966c6d-0001", TENANT_SEARCH, 800),
    ("be966c6d-0002", TENANT_DELIVERY, 250),
    ("be966c6d-0003", TENANT_ANALYTICS, 4000),
    ("be966c6d-0004", TENANT_SANDBOX, 120),
)
FLOATING_ADDRESSES = (("f10a7000-0001", TENANT_SEARCH), ("f10a7000-0002", TENANT_DELIVERY))

NAMESPACES = (
    Namespace("shop-web", 18.5, 44.0, 120.0),
    Namespace("shop-mobile-api", 7.2, 18.5),
    Namespace("payments", 11.4, 30.0, 80.0),
    Namespace("orders", 9.8, 26.0, 250.0),
    Namespace("bi-dashboards", 5.1, 22.0, 40.0),
    Namespace("monitoring", 6.3, 48.0, 900.0),
    Namespace("kube-system", 3.9, 9.5),
    Namespace("__idle__", 21.0, 62.0),  # unrequested node capacity: UNALLOCATED
)
