"""The versions of FOCUS, 1.0 to 1.3: how one is told from another, and the columns that each requires.

A version that is chosen, or that a manifest states, is held to all of its mandatory columns (the specification's
"feature level"). One that is only guessed from the columns is held to what no figure can do without: AWS exports the
columns that its user selected, and a bill without a description is a bill all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from finops.ingest.sources.focus.columns import OLDER_NAMES

# What no figure can do without, whatever the version.
REQUIRED = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ProviderName",
    "ServiceName",
)
_EVER_SINCE = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
)
MANDATORY = {
    **dict.fromkeys(("1.0", "1.1", "1.2"), (*_EVER_SINCE, "ProviderName", "PublisherName")),
    "1.3": (*_EVER_SINCE, "ServiceProviderName", "HostProviderName"),
}
# 1.3 deprecates the first of each pair for the second, and exports write either or both.
_EITHER = (("ProviderName", "ServiceProviderName"), ("PublisherName", "HostProviderName"))
# The columns that came with a version, newest first. Not BillingAccountType and SubAccountType of 1.2: Azure's 1.0
# has them already.
_CAME_WITH = {
    "1.3": {
        "AllocatedMethodDetails",
        "AllocatedMethodId",
        "AllocatedResourceId",
        "AllocatedResourceName",
        "AllocatedTags",
        "ContractApplied",
        "HostProviderName",
        "ServiceProviderName",
    },
    "1.2": {
        "InvoiceId",
        "PricingCurrency",
        "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost",
        "PricingCurrencyListUnitPrice",
    },
    "1.1": {
        "CapacityReservationId",
        "CapacityReservationStatus",
        "CommitmentDiscountQuantity",
        "CommitmentDiscountUnit",
        "ServiceSubcategory",
        "SkuMeter",
        "SkuPriceDetails",
    },
}
# Azure writes 1.0, 1.0r2 and 1.2-preview; its 1.0-preview is older than FOCUS 1.0 and has other columns.
_STATED = re.compile(r"v?(1\.[0-3])(?!\d)(?!(?<=1\.0)-preview)")


def other_dataset(columns: Collection[str]) -> str | None:
    """The data set of FOCUS that a file holds instead of costs, None of a file of costs."""
    if "ContractCommitmentId" in columns and not {"BilledCost", "EffectiveCost"}.intersection(columns):
        return "Contract Commitment"
    return None


def stated_version(text: str) -> str | None:
    """The version that a setting or a manifest names, None where it is none of these."""
    found = _STATED.match(text.strip())
    return found[1] if found else None


def guessed_version(columns: Collection[str]) -> str:
    """The version that a file's columns speak of."""
    return next((version for version, came in _CAME_WITH.items() if came.intersection(columns)), "1.0")


def missing_columns(columns: Collection[str], version: str | None) -> list[str]:
    """The required columns that a file lacks, named as its version names them; `version` None: guessed."""
    required = MANDATORY[version] if version else REQUIRED
    newest = (version or guessed_version(columns)) == "1.3"
    lacking = []
    for name in required:
        names = next((pair for pair in _EITHER if name in pair), (name, name))
        older = [OLDER_NAMES[name] for name in names if name in OLDER_NAMES]
        if not any(accepted in columns for accepted in (*names, *older)):
            lacking.append(names[1] if newest else names[0])
    return lacking
