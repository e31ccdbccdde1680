"""The files of a new project: each of their keys is a setting, and each source has a place in them."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import certifi
import pytest

from finops.ingest.cli import cli
from finops.ingest.config import settings
from finops.ingest.config.reading import RULES
from finops.ingest.config.reference import ReferencePlace
from finops.ingest.config.rules import Rules
from finops.ingest.config.services import SERVICES
from finops.ingest.project import create
from finops.ingest.reference.reading import read_all
from finops.ingest.reference.tables import TABLES
from tests.conftest import ROOT

TEMPLATE = ROOT / "ingest" / "project" / "template"
FILES = create.files()
CONFIG, SECRETS = (FILES[Path(".dlt", f"{name}.toml")] for name in ("config", "secrets"))


def uncommented(text: str) -> str:
    """A file whose settings, which have no space after the #, are all set."""
    return re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)


@pytest.fixture
def everything_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project in which every setting of the template is set."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(uncommented(text).replace("/etc/ssl/company.pem", certifi.where()))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("everything_set")
def test_every_key_of_the_template_is_a_setting_with_a_value_that_it_may_have() -> None:
    configured = {on.source.service for on in settings.load().sources}
    assert configured == {*SERVICES, "focus.aws", "http.helpdesk"} | configured
    settings.schedule()
    settings.exports()
    assert settings.reference()["prices"].url
    assert settings.reference()["applications"].connection


@pytest.mark.usefixtures("everything_set")
def test_the_rules_of_the_template_are_all_of_them_with_their_defaults() -> None:
    assert tomllib.loads(uncommented(FILES[Path("finops.toml")])).keys() == Rules.model_fields.keys()
    assert settings.rules() == Rules()


def test_a_new_project_sets_nothing() -> None:
    assert [tomllib.loads(text) for text in (CONFIG, SECRETS, FILES[Path("finops.toml")])] == [{}, {}, {}]


def test_reference_data_begins_with_its_columns_and_without_a_row(tmp_path: Path) -> None:
    for table in TABLES:
        (tmp_path / f"{table}.csv").write_text(FILES[Path("reference", f"{table}.csv")])
    read = read_all({table: ReferencePlace(url=str(tmp_path / f"{table}.csv")) for table in TABLES})
    assert [content.table for content in read] == list(TABLES)
    assert [content.table for content in read if content.is_missing or content.lines or content.problems] == []


def test_every_section_has_a_place_in_the_template() -> None:
    found = tomllib.loads(uncommented(CONFIG))
    of_sources = {*SERVICES, *settings._NAMED}  # noqa: SLF001 the kinds that a company names
    assert of_sources - found.pop("sources").keys() == set(), (
        "add the section to ingest/project/template/dlt/config.toml"
    )
    assert settings._OF_THE_LOADER.keys() - {RULES} - found.keys() == set()  # noqa: SLF001


def test_no_secret_is_asked_for_in_the_file_that_git_keeps() -> None:
    assert (
        re.findall(
            r"^#(?:token|password|client_secret|uri|connection|storage_options|pushgateway)\b", CONFIG, re.MULTILINE
        )
        == []
    )
    assert "\n.dlt/secrets.toml\n" in FILES[Path(".gitignore")]


def test_the_commands_of_a_project_s_makefile_can_be_typed() -> None:
    typed = re.findall(r"^\t@\$\(FINOPS\) (.*)$", FILES[Path("Makefile")], re.MULTILINE)
    assert len(typed) > 2
    for command in typed:
        name, *arguments = shlex.split(command.replace("$(ARGS)", ""))
        cli.commands[name].make_context(name, arguments)


def test_every_file_of_the_template_is_written() -> None:
    assert len(FILES) == 1 + len(TABLES) + sum(path.is_file() for path in TEMPLATE.rglob("*"))
