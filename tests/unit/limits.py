"""The settings that hold for every source, as tests want them: short waits, few attempts."""

from decimal import Decimal

from finops.ingest.config.settings import ExtractionSettings

LIMITS = ExtractionSettings(
    lookback_days=3,
    max_shrink=Decimal("0.5"),
    mask_fields=frozenset({"password"}),
    keep_superseded_days=30,
    http_timeout=10,
    http_attempts=2,
)
