"""Sizes become GiB to the last digit, whether their text says the unit or the configuration does."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from finops.ingest.config.cmdb import Cmdb
from tests.e2e.finops import Database

# Each is 1024 of the one before; a CMDB that says MB means MiB.
POWERS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
NUMBERS = some.decimals(0, 10**12, allow_nan=False, allow_infinity=False, places=6).map(lambda number: f"{number:f}")
SPELLINGS = some.sampled_from(
    [("B", "B"), *((letter, letter + rest) for letter in "KMGTP" for rest in ("B", "iB", "o"))]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=NUMBERS, spelling=SPELLINGS, blank=some.sampled_from(["", " ", "\u00a0"]), lower=some.booleans())
def test_a_size_is_as_many_gib_whoever_says_its_unit(
    database: Database, *, number: str, spelling: tuple[str, str], blank: str, lower: bool
) -> None:
    letter, unit = spelling
    written = unit.lower() if lower else unit
    options = Cmdb.model_validate({"uri": "mongodb://h", "fields": {"vm": {"ram": {"path": "x", "unit": written}}}})
    configured = options.mapping()["vm"]["ram"][0]["unit"]
    row = database.execute(
        "select finops.to_gib(%s), finops.to_gib(%s, %s), finops.to_gib(%s, 'PiB'), finops.to_gib(%s)",
        (number + blank + written, number, configured, number + blank + written, number),
    ).fetchone()
    assert row is not None
    exact = Fraction(Decimal(number)) * 1024 ** POWERS[letter] / 1024**3
    assert [None if gib is None else Fraction(gib) for gib in row] == [exact, exact, exact, None]
