"""The loader's own sections of the configuration, `ingest`, `metrics` and `schedule`; and what every source may set."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import BeforeValidator, NonNegativeFloat, NonNegativeInt, PositiveInt, SecretStr, model_validator

from finops.ingest.config.masking import Action, Masks
from finops.ingest.config.transport import OverHttp
from finops.ingest.config.values import (
    ListeningAddress,
    MetricsFile,
    Names,
    SecretHttpAddress,
    Section,
    Share,
    from_json,
)


class Budgeted(Section):
    """How much may be read of a source at once: beyond it, that source fails, alone."""

    # a cloud bill of 10 million lines of 2 KB for each of five open months
    max_rows: PositiveInt = 50_000_000
    """Rows that one reading may have"""
    max_mib: PositiveInt = 102_400
    """MiB that one reading may have, unpacked"""


class ExtractionSettings(Section):
    """The section `ingest`: what holds for every run and every source."""

    removed: ClassVar[Mapping[str, str]] = {
        "dbt_project": "reference data and rules are in the company's project now, `finops init` writes one"
    }

    lookback_days: NonNegativeInt = 3
    """Days that a nightly extracts again"""
    max_shrink: Share = Decimal("0.5")
    """Largest share by which a window may shrink"""
    mask: Annotated[Mapping[str, Action], BeforeValidator(from_json)] = {}
    """What becomes of the values of a field before they land, by its name: `drop`, `hash` (a pseudonym, which needs
    `ingest.mask_key`) or `keep`; credentials are dropped without being named"""
    mask_fields: Names = ()
    """JSON list of field names, the same as `drop` in `ingest.mask`"""
    mask_key: SecretStr | None = None
    """Key of the pseudonyms, at least 16 characters that stay the same (a secret)"""
    keep_superseded_days: NonNegativeInt = 30
    """Days before superseded raw versions are purged"""
    max_memory_mib: PositiveInt | None = None
    """MiB of memory beyond which the source that is being read fails, alone; empty: nine tenths of the container's"""
    run_id: UUID | None = None
    """UUID of the run; the run of the same one goes on, where it failed: a Job's uid"""
    http_timeout: PositiveInt = 60
    """Seconds that an HTTP source may stay silent"""
    http_attempts: PositiveInt = 5
    """Attempts at an HTTP request"""
    http_backoff: NonNegativeFloat = 0.5
    """Seconds before the second attempt, twice as many before each one after it"""
    http_max_pages: PositiveInt = 10_000
    """Pages that an HTTP source may have for one window"""
    http_deadline: PositiveInt = 3600
    """Seconds to read the whole of an HTTP source, waits included"""
    http_max_answer_mib: PositiveInt = 64
    """MiB that one answer may have, unpacked, and as many times 65,536 values: all of it is in memory at once"""

    @model_validator(mode="after")
    def _masks_as_it_says(self) -> Self:
        _ = self.masks
        return self

    @cached_property
    def masks(self) -> Masks:
        """What becomes of each field before it lands."""
        key = self.mask_key.get_secret_value() if self.mask_key else ""
        for name in self.mask_fields:
            if self.mask.get(name, "drop") != "drop":
                raise ValueError(f"mask has '{name}' as {self.mask[name]}, and it is in mask_fields: remove it there")
        return Masks.of({**dict.fromkeys(self.mask_fields, "drop"), **self.mask}, key)


class Exports(OverHttp):
    """The section `metrics`: where the metrics of each run go; None: nowhere."""

    textfile: MetricsFile | None = None
    """File for the metrics of each run, ending in .prom, for node_exporter's collector"""
    pushgateway: SecretHttpAddress | None = None
    """Address of a Pushgateway to push them to, credentials included (a secret)"""


class Schedule(Section):
    """The section `schedule`: when a nightly begins, how late at most, and how it stops.

    The expression and the zone are the scheduler's to read.
    """

    cron: str = "30 2 * * *"
    """When `finops serve-schedule` begins a nightly; six fields begin with seconds"""
    timezone: str = "UTC"
    """IANA time zone of that expression"""
    starting_deadline: PositiveInt = 21_600
    """Seconds after its time that a nightly may still begin"""
    stop_grace: NonNegativeInt = 20
    """Seconds that a running nightly may go on when the process is to stop"""
    listen: ListeningAddress = "127.0.0.1:8090"
    """Address of its health endpoint; port 0 takes a free one"""

    @property
    def host(self) -> str:
        """The host of the health endpoint; IPv6 without its brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of the health endpoint."""
        return int(self.listen.rpartition(":")[2])
