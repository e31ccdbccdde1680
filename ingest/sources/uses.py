"""What the models read of a record: no rule masks a field that costs are counted with, or that says whose they are.

The fields of the products that the module knows are listed here, as the staging models of dbt read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter

from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.masking import Masks, rule_for
from finops.ingest.config.rules import Rules
from finops.ingest.config.services import FocusExport
from finops.ingest.config.values import Section
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.kinds import ConfiguredSource, HttpSource, MongoSource, RowSource, Source
from finops.ingest.sources.rows.declared import mapping_of

Path = Sequence[str]
_FIGURES: Mapping[str, tuple[str, ...]] = {
    "openstack.usage": ("hours", "vcpus", "memory_mb", "local_gb"),
    "cloudkitty.usage": ("period.begin", "begin", "type", "usage", "usage.vol.qty", "usage.vol.unit", "qty"),
    "kubernetes.allocation": ("cpuCoreHours", "ramByteHours", "pvByteHours", "window.start"),
    "gitlab.storage": (
        "statistics.repository_size",
        "statistics.wiki_size",
        "statistics.snippets_size",
        "statistics.uploads_size",
        "statistics.lfs_objects_size",
        "statistics.job_artifacts_size",
        "statistics.pipeline_artifacts_size",
        "statistics.packages_size",
        "statistics.container_registry_size",
    ),
    "gitlab.ci_minutes": ("minutes", "monthIso8601"),
    "artifactory.storage": (
        "usedSpace",
        "usedSpaceInBytes",
        "binariesSummary.binariesSize",
        "binariesSummary.artifactsSize",
    ),
    # a reference and the name that it refers to would have two pseudonyms
    "backstage.catalog": (
        "kind",
        "metadata.name",
        "metadata.namespace",
        "spec.owner",
        "spec.system",
        "spec.parent",
        "spec.children",
    ),
}
_OF_BILLS = (
    "BillingCurrency",
    "ChargeCategory",
    "ChargeClass",
    "ConsumedUnit",
    "PricingUnit",
    "ProviderName",
    "ServiceName",
    "ServiceCategory",
    "SkuId",
)
_OF_CMDB = {"vm": ("vcpu", "ram"), "disk": ("tier", "size"), "legacy_storage": ("kind", "used")}


def figures(source: Source, options: Section, rules: Rules | None = None) -> Iterator[Path]:
    """The fields that costs are counted with: quantities, amounts, units, products, dates, whether a thing is there."""
    yield from (path.split(".") for path in _FIGURES.get(source.name, ()))
    kind = source.name.partition(".")[2]
    if source.name == "cube.usage" and rules:
        yield [rules.cube_quantity_member]
    if source.name == "backstage.catalog" and rules:
        yield ["metadata", "annotations", rules.backstage_application_annotation]
    if isinstance(options, Cmdb):
        for name in (*_OF_CMDB[kind], "status", "decommissioned"):
            yield from _places(options, kind, name)
    if isinstance(options, FocusExport):
        from finops.ingest.sources.focus.columns import DECIMALS, INSTANTS  # noqa: PLC0415 Arrow takes long to import

        yield from ([name] for name in (*DECIMALS, *INSTANTS, *_OF_BILLS))
    if declared := mapping_of(options):
        lines = declared.lines
        fields = [line.quantity for line in lines] + [line.cost for line in lines] + [declared.date]
        fields += [line.unit_field for line in lines] + [line.product_field for line in lines]
        yield from filter(None, [*fields, *(line.currency_field for line in lines)])


def applications(source: Source, options: Section, rules: Rules) -> Iterator[Path]:
    """The fields that name the application."""
    if source.name == "cube.usage":
        yield [rules.cube_application_member]
    if isinstance(options, Cmdb):
        yield from _places(options, source.name.partition(".")[2], "application")
    if isinstance(options, FocusExport):
        yield from (["Tags", key] for key in rules.application_tag_keys)
    if (declared := mapping_of(options)) and declared.application:
        yield declared.application


def identities(source: Source) -> Iterator[Path]:
    """The fields that identify a record."""
    if isinstance(source, MongoSource):
        yield ["_id"]
    template = source.record_id if isinstance(source, HttpSource | RowSource) else None
    for _, name, _, _ in Formatter().parse(template or ""):
        if name:
            yield re.findall(r"[^][.]+", name)


def refuse_masked(configured: ConfiguredSource, masks: Masks, rules: Rules) -> None:
    """Refuse rules that would mask what a source is read for.

    Raises:
        ConfigurationError: names the field, the rule, what it is read for, and the remedy.
    """
    source, options = configured.source, configured.options
    root = masks.root(source.name)
    template = getattr(source, "record_id", None) or "_id"
    uses = [
        (figures(source, options, rules), ("drop", "hash"), "the costs are counted with it", "keep"),
        (applications(source, options, rules), ("drop",), "it names the application", "hash"),
        (identities(source), ("drop",), f"it identifies a record (record_id '{template}')", "hash"),
    ]
    for paths, actions, why, remedy in uses:
        for path in paths:
            rule = rule_for(root, path)
            if rule and rule.action in actions:
                field = ".".join(path)
                said = (
                    f"ingest.mask has '{rule.pattern}' as {rule.action}"
                    if not rule.built_in
                    else (f"'{rule.pattern}' is dropped as a credential")
                )
                raise ConfigurationError(
                    f"{source.switch}: {said}, and that is also '{field}': {why}; write \"{source.name}:{field}\" = "
                    f'"{remedy}" into [ingest.mask], or a rule that does not match it'
                )


def _places(options: Cmdb, kind: str, name: str) -> Iterator[Path]:
    for place in options.mapping()[kind][name]:
        path = place["path"]
        if isinstance(path, list):
            yield [str(part) for part in path]
