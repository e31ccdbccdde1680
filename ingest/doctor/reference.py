"""The doctor's checks of the reference data: what a run would refuse, and what usage would have no price for."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from finops.ingest.config import settings as configuration
from finops.ingest.config.reference import ReferencePlace
from finops.ingest.doctor.finding import BAD, DOUBT, GOOD, Finding, counted
from finops.ingest.errors import FinopsError
from finops.ingest.periods import Period, today
from finops.ingest.pipeline.dbt import PROJECT
from finops.ingest.reference import load
from finops.ingest.reference.checks import RefusedError
from finops.ingest.reference.reading import read_all
from finops.ingest.reference.tables import FxRate, Price, Product
from finops.ingest.sources.declared import Declaration
from finops.ingest.sources.rows.declared import FixedDeclaration

MAX_LISTED = 5  # names of a list
# A made-up company's, where this is a checkout; three equal lines are no coincidence.
DEMO = PROJECT.parent / "demo" / "project" / "reference"
MADE_UP, LEAST_MADE_UP = ("applications", "prices", "fx_rates"), 3

Tables = Mapping[str, load.Table]


@dataclass(frozen=True)
class Rates:
    """Which months have a rate of each currency to the reporting currency."""

    reporting_currency: str
    months: Mapping[str, Collection[date]]
    takes_latest: bool

    @classmethod
    def of(cls, tables: Tables) -> Rates:
        """The rates that the reference data holds."""
        rules, months = configuration.rules(), defaultdict[str, set[date]](set)
        for row in (entry.row for entry in tables["fx_rates"].entries):
            if isinstance(row, FxRate) and row.to_currency == rules.reporting_currency:
                months[row.from_currency].add(row.period)
        return cls(rules.reporting_currency, months, rules.fx_missing == "latest")

    def lacks(self, currency: str, month: date) -> bool:
        """Whether amounts in this currency would be rejected in this month."""
        if currency == self.reporting_currency:
            return False
        known = self.months.get(currency, ())
        return month not in known and not (self.takes_latest and any(before < month for before in known))


def read_rates() -> Rates | None:
    """The rates; None where the reference data is refused, which has a line of its own."""
    try:
        return Rates.of(_read())
    except FinopsError:
        return None


def examine() -> Iterator[Finding]:
    """Check the reference data as a run does, but without a database; and what prices, products and rates lack."""
    try:
        tables = _read()
    except RefusedError as error:
        for problem in error.problems:
            yield Finding(BAD, "reference data", problem)  # its last words are the remedy
        return
    yield from _tables(tables)
    yield from _made_up(tables)
    yield from _prices(tables)


def _read() -> Tables:
    return {table.name: table for table in load.read(configuration.reference(), None)}


def _tables(tables: Tables) -> Iterator[Finding]:
    shown = ", ".join(f"{len(table.content.lines)} {name}" for name, table in tables.items() if table.content.lines)
    if not shown:
        found = f"no table has a row: see {tables['prices'].content.place}"
        remedy = "write what the company has: first applications, products and prices (docs/sources.md)"
        yield Finding(DOUBT, "reference data", found, remedy)
        return
    yield Finding(GOOD, "reference data", shown)
    if missing := {table.content.place for table in tables.values() if table.content.is_missing}:
        remedy = "an empty table; write it where the company has such data"
        yield Finding(DOUBT, "reference data", f"{_some(missing)} not there", remedy)


def _made_up(tables: Tables) -> Iterator[Finding]:
    """Report what is the demo's outside of it: its database, and lines of its reference data."""
    database, project = Path(os.environ.get("PGHOST", "")), Path.cwd()
    is_demos = database.parts[-2:] == (".finops", "postgres")
    if is_demos and project == database.with_name("project"):
        yield Finding(GOOD, "demo", "this is the made-up company, in a database of its own")
        return
    if is_demos:
        remedy = "set PGHOST to a database of your own: real costs would stand among made-up ones"
        yield Finding(DOUBT, "demo", f"PGHOST={database} is the demo's database", remedy)
    places = {name: ReferencePlace(url=str(DEMO / f"{name}.csv")) for name in MADE_UP if DEMO.exists()}
    demo = {content.table: content.lines for content in read_all(places) if content.table in places}
    for name, lines in demo.items():
        known = [line.cells for line in lines]
        same = sum(line.cells in known for line in tables[name].content.lines)
        if same >= LEAST_MADE_UP:
            found = f"{same} lines of {tables[name].content.place} are the made-up company's"
            yield Finding(DOUBT, "demo", found, "write your own: real usage would get made-up figures")


def _prices(tables: Tables) -> Iterator[Finding]:
    """Report what has no price today, or no rate: products of the catalog, and those that the sources bring."""
    day = today()
    prices = [entry.row for entry in tables["prices"].entries if entry.validity[0] <= day < entry.validity[1]]
    priced = {row.product_id: row.currency for row in prices if isinstance(row, Price)}
    rows = (entry.row for entry in tables["products"].entries)
    products = {row.product_id: row for row in rows if isinstance(row, Product)}
    to_price, with_cost = _brought()
    if not tables["applications"].content.lines and not _has_catalog():
        remedy = "write them into the reference table applications, or configure Backstage's catalog"
        yield Finding(DOUBT, "applications", "none is known: all cost is UNALLOCATED", remedy)
    if unlisted := to_price - products.keys():
        remedy = "add them to the reference tables products and prices: their usage is rejected"
        yield Finding(DOUBT, "products", f"the sources bring {_some(unlisted)}, not in products", remedy)
    # a bill brings its own costs and units
    charged = {product for product, row in products.items() if row.unit} - (with_cost - to_price)
    if without := charged - priced.keys():
        remedy = "add them to the reference table prices: their usage is rejected"
        yield Finding(DOUBT, "prices", f"none is valid today for {_some(without)}", remedy)
    elif charged:
        yield Finding(GOOD, "prices", f"{counted(len(charged), 'product')}, each with a price today")
    rates, month = Rates.of(tables), Period.of(day)
    if lacking := {currency for currency in priced.values() if rates.lacks(currency, month.first)}:
        remedy = "add it to the reference table fx_rates: what is priced in it is rejected"
        yield Finding(DOUBT, "rates", f"none from {_some(lacking)} to {rates.reporting_currency} for {month}", remedy)


def _has_catalog() -> bool:
    return any(configured.source.measure == "reference" for configured in configuration.sources())


def _brought() -> tuple[set[str], set[str]]:
    """The products of the configured sources, as far as they are known: those to price, those that bring a cost."""
    to_price, with_cost = set(), set()
    for configured in configuration.sources():
        to_price |= set(configured.source.products)
        match configured.options:
            case Declaration(lines=lines):
                to_price |= {line.product for line in lines if line.product and not line.cost}
                with_cost |= {line.product for line in lines if line.product and line.cost}
            case FixedDeclaration(amounts=amounts):
                with_cost |= {amount.product for amount in amounts}
    return to_price, with_cost


def _some(names: Collection[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(sorted(names)[:MAX_LISTED]) + more
