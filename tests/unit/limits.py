"""What is set for a source, and what holds for every source, as tests want it: short waits, few attempts."""

from decimal import Decimal

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.services import SERVICES, FocusExport, HttpService
from finops.ingest.sources.kinds import ConfiguredSource, FocusSource, Source

LIMITS = ExtractionSettings(
    lookback_days=3,
    max_shrink=Decimal("0.5"),
    mask_fields=("password",),
    keep_superseded_days=30,
    http_timeout=10,
    http_attempts=2,
)


def changed(limits: ExtractionSettings, **settings: object) -> ExtractionSettings:
    """The same limits, but for these."""
    return limits.model_copy(update=settings)


def configured(source: Source, **options: object) -> ConfiguredSource:
    """The source with these settings, as the environment would have them."""
    of_service = SERVICES.get(source.service, HttpService)
    model = FocusExport if isinstance(source, FocusSource) else of_service
    return ConfiguredSource(source, model.model_validate(options))
