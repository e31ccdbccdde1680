"""The README and the pages behind it say what there is: a command, setting or model that none names fails here."""

from __future__ import annotations

import re

import click
import psycopg
import pytest

from finops.api.__main__ import cli as finops_api
from finops.demo.postgres import Embedded
from finops.ingest.cli import cli
from tests.conftest import ROOT, connected

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = README + "".join(
    (ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("running.md", "database.md", "api.md")
)
DATABASE = (ROOT / "docs" / "database.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
QUERIES = [
    pytest.param(query, id=f"{page}-{number}")
    for page in ("../README", "database", "runbook", "api")
    for number, query in enumerate(
        re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL), start=1
    )
]
MODELS = sorted(path.stem for path in (ROOT / "dbt_project" / "models").rglob("*.sql"))


def test_every_command_is_on_a_page() -> None:
    assert [name for name in cli.commands if f"finops {name}" not in COMMANDS] == []


def test_every_option_of_a_command_has_help() -> None:
    options = [
        option for command in cli.commands.values() for option in command.params if isinstance(option, click.Option)
    ]
    assert [option.name for option in options if not option.help] == []


def test_every_command_has_an_example() -> None:
    assert [name for name, command in cli.commands.items() if "Example: finops" not in (command.help or "")] == []


def test_every_command_of_the_api_is_on_a_page() -> None:
    assert [name for name in finops_api.commands if f"finops-api {name}" not in COMMANDS] == []


def test_every_model_is_in_the_architecture_or_the_database() -> None:
    assert len(MODELS) > 30
    assert [model for model in MODELS if f"`{model}`" not in DATABASE + ARCHITECTURE] == []


def test_every_folder_is_in_the_tree() -> None:
    tracked = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.*"))}
    ours = {name for name in tracked if not name.startswith(".") and not name.endswith((".egg-info", "build", "logs"))}
    assert [name for name in sorted(ours) if f"| `{name}/` |" not in README] == []


def test_every_make_target_has_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    promised = set(re.findall(r"(?:`|^    )make ([a-z-]+)", COMMANDS, re.MULTILINE))
    helped = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert promised - helped == set()


@pytest.mark.parametrize("query", QUERIES)
def test_the_sql_of_a_page_runs(query: str, server: Embedded, template: str) -> None:
    statements = re.sub(r"^(begin|commit);$", "", query, flags=re.MULTILINE)
    try:
        with connected(server, template) as database, database.transaction(force_rollback=True):
            database.execute(statements.encode())
    except psycopg.errors.DuplicateObject as error:
        assert "finops_api" in str(error)  # noqa: PT017 a test's server is not new: it has the role
