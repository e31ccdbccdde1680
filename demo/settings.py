"""The pipeline's configuration for the made-up company, as environment variables.

The names are dlt's (`SOURCES__GITLAB__URL`), so that the demo uses the same configuration path as production.
"""

import json
import tomllib
from pathlib import Path

from finops.demo.cmdb import DATABASE
from finops.demo.company import CI_GROUPS
from finops.demo.services import server as services
from finops.demo.services.meters import DIMENSION, MEASURE, TIME

REFERENCE = Path(__file__).with_name("project") / "reference"
DECLARED = Path(__file__).with_name("declared.toml")
AT_THE_DAY = json.dumps({"at": "{day}"})


def reference() -> dict[str, str]:
    """Return the configuration of the reference data, by environment variable."""
    return {f"REFERENCE__{file.stem.upper()}__URL": str(file) for file in REFERENCE.glob("*.csv")}


def pipeline(mongo_uri: str, services_url: str, bills: Path) -> dict[str, str]:
    """Return the configuration of every source, by environment variable."""
    declared = tomllib.loads(DECLARED.read_text("utf-8"))
    return {
        "SOURCES__CMDB__URI": mongo_uri,
        "SOURCES__CMDB__DATABASE": DATABASE,
        "SOURCES__CMDB__SNAPSHOT_FIELD": "snapshot_date",
        "SOURCES__GITLAB__URL": f"{services_url}/gitlab",
        "SOURCES__GITLAB__TOKEN": services.GITLAB_TOKEN,
        "SOURCES__GITLAB__PARAMS": AT_THE_DAY,
        "SOURCES__GITLAB__CI_NAMESPACES": json.dumps(list(CI_GROUPS)),
        "SOURCES__ARTIFACTORY__URL": f"{services_url}/artifactory",
        "SOURCES__ARTIFACTORY__TOKEN": services.ARTIFACTORY_TOKEN,
        "SOURCES__ARTIFACTORY__PARAMS": AT_THE_DAY,
        "SOURCES__CUBE__URL": f"{services_url}/cube",
        "SOURCES__CUBE__TOKEN": services.CUBE_TOKEN,
        "SOURCES__CUBE__QUERY": _queries_of_a_day(),
        "SOURCES__OPENSTACK__URL": f"{services_url}/nova/v2.1",
        "SOURCES__OPENSTACK__TOKEN": services.OPENSTACK_TOKEN,
        "SOURCES__CLOUDKITTY__URL": f"{services_url}/cloudkitty",
        "SOURCES__CLOUDKITTY__TOKEN": services.OPENSTACK_TOKEN,
        "SOURCES__OPENCOST__URL": f"{services_url}/opencost",
        "SOURCES__OPENCOST__TOKEN": services.OPENCOST_TOKEN,
        "SOURCES__HTTP__HELPDESK": json.dumps(declared["helpdesk"]),
        "SOURCES__HTTP__HELPDESK__URL": f"{services_url}/helpdesk",
        "SOURCES__HTTP__HELPDESK__TOKEN": services.HELPDESK_TOKEN,
        "SOURCES__HTTP__HELPDESK__TOKEN_HEADER": "X-Api-Key",
        "SOURCES__HTTP__PLATFORM": json.dumps(declared["platform"]),
        "SOURCES__HTTP__PLATFORM__URL": f"{services_url}/platform",
        "SOURCES__HTTP__PLATFORM__TOKEN": services.PLATFORM_TOKEN,
        "SOURCES__BACKSTAGE__URL": f"{services_url}/backstage",
        "SOURCES__BACKSTAGE__TOKEN": services.BACKSTAGE_TOKEN,
        "SOURCES__BACKSTAGE__PARAMS": AT_THE_DAY,
        "SOURCES__FOCUS__AWS__URL": str(bills / "aws"),
        "SOURCES__FOCUS__AWS__TAX": "apart",
        "SOURCES__FOCUS__AZURE__URL": str(bills / "azure"),
    }


def _queries_of_a_day() -> str:
    day = {"dimension": TIME, "granularity": "day", "dateRange": ["{day}", "{day}"]}
    return json.dumps({"measures": [MEASURE], "dimensions": [DIMENSION], "timeDimensions": [day]})
