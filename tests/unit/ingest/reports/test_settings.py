"""`finops config`: every setting, where it was found, and what is wrong with it; never a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from finops.ingest.config import settings
from finops.ingest.config.rules import Rules
from finops.ingest.config.sections import Exports
from finops.ingest.config.services import SERVICES, FocusExport
from tests.e2e.finops import finops

CONFIG = """
max_vm_ram_gib = 3
[souces.gitlab]
url = "https://gitlab.example.com"
token = "hidden-0"
[sources.gitlab]
url = "nonsense"
tokn = "hidden-1"
[sources.cube]
url = "https://USER@cube.example.com"
params = { token = "hidden-3", at = "{day}" }
query = '{"measures": ["Usage.queries"], "token": "hidden-4"}'
[sources.artifactory]
token = "hidden-5"
[sources.gitlabb]
url = "https://hidden-6.example.com"
[sources.http.helpdesk]
url = "https://helpdesk.example.com"
[ingest]
max_shrink = 2
"""
RULES = 'reporting_curency = "CHF"\nfx_missing = "latest"\n'
MISPLACED = "is not read there: write it in finops.toml, or set FINOPS__{}"
PROBLEMS = [
    f"max_vm_ram_gib (in config.toml) {MISPLACED.format('MAX_VM_RAM_GIB')}",
    "souces (in config.toml) is not a section: did you mean sources?",
    f"fx_missing (FINOPS_FX_MISSING in the environment) {MISPLACED.format('FX_MISSING')}",
    "finops.reporting_curency (in finops.toml) is not a setting: did you mean finops.reporting_currency?",
    "sources.gitlab.tokn (in config.toml) is not a setting: did you mean sources.gitlab.token?",
    "sources.gitlabb (in config.toml) is not a source: did you mean sources.gitlab?",
    "ingest.max_shrink '2': Input should be less than or equal to 1",
    "sources.gitlab.url 'nonsense' is not an HTTP address: write https://host/path",
    "sources.http.helpdesk.lines is not set (docs/declared-sources.md)",
]


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project in which much is wrong."""
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(CONFIG.replace("USER", "reader:hidden-2"))
    (tmp_path / "finops.toml").write_text(RULES)
    monkeypatch.setenv("FINOPS_FX_MISSING", "reject")
    monkeypatch.setenv("FINOPS__MAX_DAY_FALL", "0.25")
    monkeypatch.setenv("PGPASSWORD", "hidden-7")
    monkeypatch.setenv("PGHOST", "db.example.com")


def shown(capfd: pytest.CaptureFixture[str], code: int) -> tuple[Mapping[str, tuple[str, str]], list[str]]:
    """What `finops config --json` says: value and place by setting, and the problems."""
    capfd.readouterr()
    assert finops("config", "--json") == code
    said: dict[str, Any] = json.loads(capfd.readouterr().out)
    return {row["setting"]: (row["value"], row["place"]) for row in said["settings"]}, said["problems"]


@pytest.mark.usefixtures("wrong")
def test_every_mistake_is_named_with_its_place_and_what_was_meant(capfd: pytest.CaptureFixture[str]) -> None:
    _, problems = shown(capfd, 1)
    assert problems == PROBLEMS


@pytest.mark.usefixtures("wrong")
def test_a_setting_is_shown_with_where_it_was_found(capfd: pytest.CaptureFixture[str]) -> None:
    found, _ = shown(capfd, 1)
    assert {
        name: found[name] for name in ("finops.fx_missing", "finops.max_day_fall", "finops.reporting_currency")
    } == {
        "finops.fx_missing": ("latest", "finops.toml"),
        "finops.max_day_fall": ("0.25", "FINOPS__MAX_DAY_FALL"),
        "finops.reporting_currency": ("EUR", "default"),
    }
    assert found["PGHOST"] == ("db.example.com", "environment")
    assert found["PGDATABASE"] == ("", "not set")
    assert found["sources.cube.params"] == ('{ "token" = "***", "at" = "{day}" }', "config.toml")
    assert found["sources.artifactory.url"] == ("", "not set")


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_secret_is_shown(options: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("config", *options) == 1
    said = "".join(capfd.readouterr())
    assert "hidden" not in said
    assert "***" in said


@pytest.mark.usefixtures("wrong")
def test_the_table_marks_what_is_wrong_and_lists_what_is_off(capfd: pytest.CaptureFixture[str]) -> None:
    finops("config")
    said = capfd.readouterr().out
    marked = {line.split()[2] for line in said.splitlines() if line.startswith("│ ✗ ")}
    assert marked == {
        "finops.reporting_curency",
        "ingest.max_shrink",
        "sources.gitlab.url",
        "sources.gitlab.tokn",
        "sources.gitlabb.url",
        "sources.http.helpdesk.lines",
    }
    assert "Off: sources.backstage, sources.cmdb," in said
    assert "sources.artifactory (its address is not set)" in said
    assert [problem for problem in PROBLEMS if f"✗ {problem}\n" not in said] == []


def test_a_new_project_has_every_rule_with_its_default_and_nothing_wrong(capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("init", ".") == 0
    found, problems = shown(capfd, 0)
    with_default = Rules.model_fields.keys() - {"catalog_claims"}  # of which there are none
    assert {name for name in found if name.startswith("finops.")} == {f"finops.{name}" for name in with_default}
    assert {place for _, place in found.values()} == {"default", "not set"}
    assert problems == []


def test_what_would_be_ignored_stops_a_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[source.gitlab]\nurl = "https://gitlab.example.com"\n')
    assert finops("nightly") == 2
    assert capfd.readouterr().err == "Error: source (in config.toml) is not a section: did you mean sources?\n"


def test_a_file_that_can_not_be_read_is_one_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "finops.toml").write_text("reporting_currency = EUR\n")
    assert finops("config") == 2
    assert "Error: finops.toml can't be read: " in capfd.readouterr().err


def test_the_description_of_a_secret_says_that_it_is_one() -> None:
    for model in (*SERVICES.values(), FocusExport, Exports, *settings._NAMED.values()):  # noqa: SLF001
        for name, field in model.model_fields.items():
            assert ("Secret" in repr(field)) == ("(a secret)" in (field.description or "")), name
