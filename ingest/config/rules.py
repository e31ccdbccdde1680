"""`finops.toml`: a company's decisions about its costs. Each run stores them in `finops.etl_settings` for dbt."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from finops.ingest.config.values import CurrencyCode, DomainName, EntityPattern, Names, Section, Share, from_json

MAX_GAP_DAYS = 31


class Rules(Section):
    """The keys of `finops.toml`."""

    may_be_empty: ClassVar[frozenset[str]] = frozenset(
        ("gitlab_application_attribute", "gitlab_application_topic_prefix")
    )

    reporting_currency: CurrencyCode = "EUR"
    """Currency of `total_cost`"""
    domains: Annotated[tuple[DomainName, ...], BeforeValidator(from_json)] = (
        "open_legacy",
        "private_cloud",
        "public_cloud",
        "native",
    )
    """Domains that costs are divided into: these four, and what the company adds, such as `saas`, `licences` or `ai`"""
    focus_cost_column: Literal["effective_cost", "billed_cost", "list_cost", "contracted_cost"] = "effective_cost"
    """FOCUS cost column that is the cost: effective_cost, billed_cost, list_cost or contracted_cost"""
    application_tag_keys: Names = ("application", "app", "application_id")
    """Tag keys of bills that name the application, most trusted first; case and blanks around a key do not matter"""
    snapshot_gap_days: Annotated[int, Field(ge=0, le=MAX_GAP_DAYS)] = 7
    """Days that an inventory snapshot may stand in for missing ones"""
    fx_missing: Literal["reject", "latest"] = "reject"
    """A currency without a rate for the month: `reject` its lines, or take the `latest` rate before and mark them as
    estimated"""
    max_closed_change: Annotated[Decimal, Field(ge=0)] = Decimal("0.2")
    """Share by which a source's cost may change in a month that is not open, before somebody has to accept it"""
    max_day_fall: Share = Decimal("0.5")
    """Share by which a day's quantity may fall when it is read again, before somebody has to accept it"""
    max_vm_ram_gib: PositiveInt = 4096
    """Memory in GiB beyond which a machine is rejected as IMPLAUSIBLE: its unit is probably wrong"""
    max_ram_gib_per_vcpu: PositiveInt = 64
    """Memory in GiB a vCPU beyond which a machine is rejected as IMPLAUSIBLE"""
    max_storage_gib: PositiveInt = 1_048_576
    """Size in GiB beyond which a disk or a volume is rejected as IMPLAUSIBLE"""
    gitlab_application_attribute: str = "application"
    """Custom attribute of a GitLab project that names its application; empty: none"""
    gitlab_application_topic_prefix: str = "application-"
    """Prefix of the topic of a GitLab project that names its application; empty: none"""
    artifactory_deduplicate: bool = False
    """Count binaries that Artifactory's repositories share once: × binariesSize ÷ artifactsSize, as a product of its
    own"""
    cube_application_member: str = "Usage.application"
    """Member of Cube's answer that names the application"""
    cube_quantity_member: str = "Usage.queries"
    """Member of Cube's answer that holds the quantity"""
    backstage_application_annotation: str = "finops/application-code"
    """Annotation of a Backstage Component or System that holds its application code; its name, where it has none"""
    catalog_claims: Annotated[Mapping[EntityPattern, Names], BeforeValidator(from_json)] = Field(default_factory=dict)
    """Which entities of Backstage may claim what, against the reference data and holders without this right: patterns
    of entities, each with those of application codes, or of groups to be children: {"component:default/*" = ["*"]}"""

    @model_validator(mode="before")
    @classmethod
    def _unset_if_empty(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take the default for an empty text, but where empty means none."""
        return {key: value for key, value in values.items() if value != "" or key in cls.may_be_empty}
