"""What differs from start to start of the company's systems, as environment variables: addresses and tokens.

The names are dlt's (`SOURCES__GITLAB__URL`). All else is in demo/project, as in any company's.
"""

from pathlib import Path

from finops.demo.services import server as services


def pipeline(mongo_uri: str, services_url: str, bills: Path) -> dict[str, str]:
    """Return the address and the token of every source, by environment variable."""
    return {
        "SOURCES__CMDB__URI": mongo_uri,
        "SOURCES__GITLAB__URL": f"{services_url}/gitlab",
        "SOURCES__GITLAB__TOKEN": services.GITLAB_TOKEN,
        "SOURCES__ARTIFACTORY__URL": f"{services_url}/artifactory",
        "SOURCES__ARTIFACTORY__TOKEN": services.ARTIFACTORY_TOKEN,
        "SOURCES__CUBE__URL": f"{services_url}/cube",
        "SOURCES__CUBE__TOKEN": services.CUBE_TOKEN,
        "SOURCES__OPENSTACK__URL": f"{services_url}/nova/v2.1",
        "SOURCES__OPENSTACK__TOKEN": services.OPENSTACK_TOKEN,
        "SOURCES__CLOUDKITTY__URL": f"{services_url}/cloudkitty",
        "SOURCES__CLOUDKITTY__TOKEN": services.OPENSTACK_TOKEN,
        "SOURCES__OPENCOST__URL": f"{services_url}/opencost",
        "SOURCES__OPENCOST__TOKEN": services.OPENCOST_TOKEN,
        "SOURCES__HTTP__HELPDESK__URL": f"{services_url}/helpdesk",
        "SOURCES__HTTP__HELPDESK__TOKEN": services.HELPDESK_TOKEN,
        "SOURCES__HTTP__PLATFORM__URL": f"{services_url}/platform",
        "SOURCES__HTTP__PLATFORM__TOKEN": services.PLATFORM_TOKEN,
        "SOURCES__BACKSTAGE__URL": f"{services_url}/backstage",
        "SOURCES__BACKSTAGE__TOKEN": services.BACKSTAGE_TOKEN,
        "SOURCES__FOCUS__AWS__URL": str(bills / "aws"),
        "SOURCES__FOCUS__AZURE__URL": str(bills / "azure"),
    }
