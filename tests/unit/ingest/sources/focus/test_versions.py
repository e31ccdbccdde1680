import csv
from pathlib import Path

import pytest
from pydantic import ValidationError

from finops.ingest.errors import SourceError
from finops.ingest.sources.focus.columns import KNOWN
from finops.ingest.sources.focus.errors import ExportError
from finops.ingest.sources.focus.versions import MANDATORY, NAMES_OF_1_3, REQUIRED, check_columns, stated_version
from tests.unit.ingest.sources.focus.test_export import SEPTEMBER, export, line, names, real_bill, refusal, rows, write

VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
WHOLE = {name: line().get(name, "") for name in MANDATORY}


def of_version(version: str) -> dict[str, str]:
    """A line with every column that a version requires."""
    names = NAMES_OF_1_3 if version in ("1.3", "1.4") else {}
    return {names.get(name, name): cell for name, cell in WHOLE.items()}


def without(cells: dict[str, str], name: str) -> dict[str, str]:
    """The line without a column."""
    return {key: cell for key, cell in cells.items() if key != name}


# Which version it is


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.0", "1.0"),
        ("1.0r2", "1.0"),
        ("1.2-preview", "1.2"),
        (" v1.3 ", "1.3"),
        ("1.4", "1.4"),
        ("1.0-preview (v1)", None),
        ("1.10", None),
        ("2.0", None),
        ("2023-05-01", None),
        ("", None),
    ],
)
def test_a_stated_version_is_one_that_is_read_here_or_none(text: str, version: str | None) -> None:
    assert stated_version(text) == version


# What it requires


@pytest.mark.parametrize("version", VERSIONS)
def test_a_line_of_a_version_lacks_nothing(version: str) -> None:
    check_columns("a.csv", of_version(version), version)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_unknown_version_requires_what_no_figure_can_do_without(name: str) -> None:
    with pytest.raises(ExportError, match=f"a.csv has no column {name}, which FOCUS requires: export it again"):
        check_columns("a.csv", without(line(), name), None)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["BillingAccountId", "ListCost", "ChargeDescription"])
def test_a_chosen_version_requires_all_its_columns(tmp_path: Path, version: str, name: str) -> None:
    write(tmp_path / "a.csv", without(of_version(version), name))
    with pytest.raises(SourceError) as failure:
        export(tmp_path, version=version).count()
    assert f"a.csv has no column {name}, which FOCUS {version} requires" in str(failure.value)


@pytest.mark.parametrize("version", ["1.3", "1.4"])
@pytest.mark.parametrize("name", NAMES_OF_1_3.values())
def test_a_chosen_version_requires_the_host_and_the_service_provider(tmp_path: Path, version: str, name: str) -> None:
    write(tmp_path / "a.csv", without(of_version(version), name))
    with pytest.raises(SourceError, match=f"no column {name}, which FOCUS {version} requires"):
        export(tmp_path, version=version).count()


def test_a_name_that_1_4_has_removed_is_read_all_the_same(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", of_version("1.2"))
    assert rows(export(tmp_path, version="1.4"), SEPTEMBER)[0]["provider_name"] == "AWS"


def test_a_version_that_is_not_read_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="version"):
        export(tmp_path, version="2.0")


def test_a_version_may_be_written_as_a_number(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", of_version("1.2"))
    assert names(export(tmp_path, version=1.2)) == ["a.csv"]


def test_a_column_is_missed_by_the_count_already(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", without(line(), "ServiceName"))
    assert "a.csv has no column ServiceName" in refusal(tmp_path)


def test_a_1_3_export_without_either_provider_misses_the_new_name(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", without(line(), "ProviderName") | {"HostProviderName": "AWS"})
    assert "a.csv has no column ServiceProviderName, which FOCUS requires" in refusal(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_real_bill_has_what_every_older_version_requires(real_input: Path, version: str) -> None:
    with real_bill(real_input).open(newline="") as file:
        header = next(csv.reader(file))
    check_columns("focus_sample.csv", header, version)


# Who the provider is


@pytest.mark.parametrize("version", ["1.3", "1.4", None])
def test_the_provider_since_1_3_is_the_service_provider(tmp_path: Path, version: str | None) -> None:
    write(tmp_path / "a.csv", of_version("1.4") | {"ServiceProviderName": "Oracle"})
    landed = rows(export(tmp_path, version=version), SEPTEMBER)[0]
    assert (landed["provider_name"], '"ServiceProviderName":"Oracle"' in landed["other_columns"]) == ("Oracle", True)


@pytest.mark.parametrize(("provider", "landed"), [("AWS", "AWS"), ("NULL", "Seller"), ("", "Seller")])
def test_the_older_name_of_the_provider_comes_first_where_it_says_something(
    tmp_path: Path, provider: str, landed: str
) -> None:
    write(tmp_path / "a.csv", line(ProviderName=provider, ServiceProviderName="Seller"))
    assert rows(export(tmp_path))[0]["provider_name"] == landed


def test_columns_of_every_version_land(tmp_path: Path) -> None:
    newer = {"InvoiceId": "i-1", "SkuMeter": "hours", "AllocatedTags": "{}"}
    write(tmp_path / "a.csv", line(**newer))
    assert rows(export(tmp_path))[0]["other_columns"] == '{"InvoiceId":"i-1","SkuMeter":"hours","AllocatedTags":"{}"}'


def test_a_column_that_figures_need_has_a_place_of_its_own() -> None:
    assert set(REQUIRED) <= KNOWN
