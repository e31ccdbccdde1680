"""The versions of FOCUS, 1.0 to 1.4: its data sets, the columns that each requires, and the names that they have had.

A file whose version is chosen, or stated by a manifest, is held to all mandatory columns (the specification's "feature
level"). Any other one is held to what no figure can do without: AWS exports the columns that its user selected, and a
bill without a description is a bill all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from finops.ingest.sources.focus.errors import ExportError

# What no figure can do without.
REQUIRED = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ProviderName",
    "ServiceName",
)
# The same in every version, but for two names that 1.3 has changed. What later versions added is required only of a
# provider that it applies to.
MANDATORY = (
    *REQUIRED,
    "BillingAccountId",
    "BillingAccountName",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ContractedCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "PublisherName",
    "ServiceCategory",
)
# Exports of 1.3 write either name, or both. 1.4 has removed the older one, which is read all the same.
NAMES_OF_1_3 = {"ProviderName": "ServiceProviderName", "PublisherName": "HostProviderName"}
# FOCUS before 1.0 had other names, and Oracle's cost reports still have them: "FOCUS Cost Report Schema" at
# https://docs.oracle.com/en-us/iaas/Content/Billing/Concepts/costusagereportsoverview.htm
OLDER_NAMES = {
    "ConsumedQuantity": "UsageQuantity",
    "ConsumedUnit": "UsageUnit",
    "InvoiceIssuerName": "InvoiceIssuer",
    "ProviderName": "Provider",
    "PublisherName": "Publisher",
    "RegionId": "Region",
}
# No other data set has these.
OF_COSTS_ALONE = frozenset(("EffectiveCost", "ChargePeriodStart"))
# The other data sets, and a column that they require and no other has: 1.3 has added the first, 1.4 the other two.
CONTRACT_COMMITMENT, BILLING_PERIOD, INVOICE_DETAIL = "Contract Commitment", "Billing Period", "Invoice Detail"
OTHER_DATASETS = {
    CONTRACT_COMMITMENT: "ContractCommitmentId",
    BILLING_PERIOD: "BillingPeriodStatus",
    INVOICE_DETAIL: "InvoiceDetailId",
}
# Azure writes 1.0, 1.0r2 and 1.2-preview; its 1.0-preview is older than FOCUS 1.0 and has other columns.
_STATED = re.compile(r"v?(1\.[0-4])(?!\d)(?!(?<=1\.0)-preview)")


def stated_version(text: str) -> str | None:
    """Return the version that a setting or a manifest names, None where it is none of these."""
    found = _STATED.match(text.strip())
    return found[1] if found else None


def other_dataset(columns: Collection[str]) -> str | None:
    """Return the data set of FOCUS that a file holds instead of costs, None of a file of costs."""
    if not OF_COSTS_ALONE.isdisjoint(columns):
        return None
    return next((name for name, column in OTHER_DATASETS.items() if column in columns), None)


def check_columns(file_name: str, columns: Collection[str], version: str | None) -> None:
    """Check that a file has the columns that its version requires, None being an unknown one.

    Raises:
        ExportError: when it lacks one; it is named as the version names it.
    """
    missing = []
    has_new_names = version in ("1.3", "1.4") or (
        version is None and not set(columns).isdisjoint(NAMES_OF_1_3.values())
    )
    for name in MANDATORY if version else REQUIRED:
        newer = NAMES_OF_1_3.get(name, name)
        if not {name, newer, OLDER_NAMES.get(name, name)}.intersection(columns):
            missing.append(newer if has_new_names else name)
    if missing:
        of = f"FOCUS {version}" if version else "FOCUS"
        raise ExportError(
            f"{file_name} has no column {', '.join(missing)}, which {of} requires: export it again, or remove the file"
        )
