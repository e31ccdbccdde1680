"""How the tests of HTTP sources read one, and what they look at."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.errors import SourceError
from finops.ingest.sources.documents import Record
from finops.ingest.sources.kinds import HttpSource, Window
from finops.ingest.sources.rest import records as rest

from .limits import LIMITS, changed, configured

FIRST = Window(date(2026, 9, 1), date(2026, 9, 2))
SECOND = Window(date(2026, 9, 2), date(2026, 9, 3))
QUICK = changed(LIMITS, http_backoff=0.01)
ONCE = changed(QUICK, http_attempts=1)


def read(
    source: HttpSource,
    url: str,
    windows: tuple[Window, ...] = (FIRST,),
    limits: ExtractionSettings = QUICK,
    /,
    **options: str,
) -> list[Record]:
    """The records of the source at this address, with these settings."""
    return list(rest.records(configured(source, url=url, **options), limits, list(windows)))


def ids(records: list[Record]) -> list[str]:
    """What the records are named."""
    return [record.record_id for record in records]


def payloads(records: list[Record]) -> list[Any]:
    """The documents of the records, numbers exact."""
    return [json.loads(record.payload, parse_float=Decimal) for record in records]


def failure(reading: Callable[[], object]) -> str:
    """What is said when the reading fails, as it must."""
    with pytest.raises(SourceError) as raised:
        reading()
    return str(raised.value)
