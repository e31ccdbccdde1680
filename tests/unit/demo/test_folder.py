"""The made-up company's project, and the copy of it that the demo works in."""

from __future__ import annotations

import csv
import json
import tomllib
from datetime import date
from pathlib import Path

from finops.demo import cmdb, folder
from finops.demo.company import CI_GROUPS
from finops.demo.services.meters import DIMENSION, MEASURE, TIME
from finops.demo.story import TOLD_IN, Story


def cells(copy: Path, table: str, *columns: str) -> list[tuple[str, ...]]:
    """Some columns of a table of reference data."""
    with (copy / "reference" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row[column] for column in columns) for row in csv.DictReader(file)]


def test_the_configuration_asks_for_what_the_company_serves() -> None:
    sources = tomllib.loads((folder.PROJECT / ".dlt" / "config.toml").read_text("utf-8"))["sources"]
    assert sources["gitlab"]["ci_namespaces"] == list(CI_GROUPS)
    assert sources["cmdb"]["database"] == cmdb.DATABASE
    query = json.loads(sources["cube"]["query"])
    assert (query["measures"], query["dimensions"]) == ([MEASURE], [DIMENSION])
    assert query["timeDimensions"][0]["dimension"] == TIME


def test_in_the_month_of_its_dates_the_copy_is_the_project(tmp_path: Path) -> None:
    folder.renew(tmp_path, Story(TOLD_IN))
    copied = {path.relative_to(tmp_path): path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()}
    assert copied == {
        path: (folder.PROJECT / path).read_text("utf-8")
        for path in (path.relative_to(folder.PROJECT) for path in folder.PROJECT.rglob("*") if path.is_file())
        if ".finops" not in path.parts
    }


def test_rates_are_those_of_the_demo_s_months_and_prices_change_in_them(tmp_path: Path) -> None:
    story = Story(date(2028, 3, 9))
    folder.renew(tmp_path, story)
    months = [month for (month,) in cells(tmp_path, "fx_rates", "period")]
    assert (months[0], months[-1], len(months)) == ("2027-02-01", "2028-03-01", story.months)
    prices = cells(tmp_path, "prices", "product_id", "valid_from", "valid_to")
    assert [price[1:] for price in prices if price[0] == "vm.vcpu"] == [
        ("2025-05-01", "2027-05-01"),
        ("2027-05-01", "2028-02-15"),
        ("2028-02-15", ""),
    ]


def test_a_table_that_is_gone_leaves_the_copy_and_dbt_s_files_stay(tmp_path: Path) -> None:
    left = (tmp_path / "reference" / "seeds.csv", tmp_path / ".finops" / "dbt" / "manifest.json")
    for path in left:
        path.parent.mkdir(parents=True)
        path.touch()
    folder.renew(tmp_path, Story(TOLD_IN))
    assert [path.exists() for path in left] == [False, True]
