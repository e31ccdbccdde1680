"""The day that a value says is the same where a record is given its window (Python) and where it is valued (SQL)."""

from __future__ import annotations

from datetime import date

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from finops.ingest.sources.rows.records import day_of
from tests.e2e.finops import Database

DAYS = some.dates(date(1969, 1, 1), date(2100, 1, 1))
CLOCKS = some.sampled_from(["", "T23:30", " 00:30:00", "T12:00:00.25", "T25:00"])
ZONES = some.sampled_from(["", "Z", "+02:00", "-0530", "+02", " Europe/Paris"])
FORMS = ["{0:%Y-%m-%d}", "{0.year:04}-{0.month}-{0.day}", "{0:%d/%m/%Y}", "{0.day}/{0.month}/{0.year:04}", "{0:%Y%m%d}"]
WRITTEN = some.builds(
    lambda form, day, clock, zone: form.format(day) + clock + (zone if clock else ""),
    some.sampled_from([*FORMS, "{0:%Y-W%W-1}", "{0:%m/%d/%Y}", " {0:%Y-%m-%d}"]),
    DAYS,
    CLOCKS,
    ZONES,
)
NUMBERS = some.integers(-1, 10**14).map(str)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=WRITTEN | NUMBERS | some.text("0123456789-/:TZ .", max_size=12))
@example(text="1788220800000.0")
@example(text="31/02/2026")
def test_a_text_says_the_same_day_in_python_and_in_sql(database: Database, *, text: str) -> None:
    row = database.execute("select finops.to_date_utc(finops.trimmed(%s))", (text,)).fetchone()
    assert row == (day_of(text),)
