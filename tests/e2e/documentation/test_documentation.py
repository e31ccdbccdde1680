"""The README and the pages behind it say what there is: a command, setting or model that none names fails here."""

from __future__ import annotations

import re
from pathlib import Path

import click
import psycopg
import pytest
import yaml

from finops.api.__main__ import cli as finops_api
from finops.ingest.cli import cli
from tests.conftest import ROOT
from tests.e2e.finops import Database, charge, finops, write_bill

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


def test_every_model_macro_and_seed_has_a_description() -> None:
    described = set()
    for path in (ROOT / "dbt_project").rglob("*.yml"):
        if "target" in path.parts or path.name == "dbt_project.yml":
            continue
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for kind in ("models", "macros", "seeds"):
            described |= {entry["name"] for entry in content.get(kind, []) if entry.get("description")}
    macros = re.findall(
        r"{%-? macro (\w+)", "".join(path.read_text() for path in (ROOT / "dbt_project/macros").glob("*.sql"))
    )
    seeds = [path.stem for path in (ROOT / "dbt_project" / "seeds").glob("*.csv")]
    assert {*MODELS, *macros, *seeds} - described == set()


def test_every_folder_is_in_the_tree() -> None:
    tracked = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.*"))}
    ours = {name for name in tracked if not name.startswith(".") and not name.endswith((".egg-info", "build", "logs"))}
    assert [name for name in sorted(ours) if f"| `{name}/` |" not in README] == []


def test_every_make_target_has_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    promised = set(re.findall(r"(?:`|^    )make ([a-z-]+)", COMMANDS, re.MULTILINE))
    helped = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert promised - helped == set()


def test_the_lineage_query_runs(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bill(tmp_path / "bills", "10.csv", [charge("1", "2026-10-02")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    assert finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20") == 0
    query = re.search(r"```sql\n(.*?)```", DATABASE, re.DOTALL)
    assert query is not None
    assert database.execute(query[1].encode()).fetchall() == []


@pytest.mark.parametrize("query", QUERIES)
def test_the_sql_of_a_page_runs(query: str, database: Database) -> None:
    statements = re.sub(r"^(begin|commit);$", "", query, flags=re.MULTILINE)
    try:
        with database.transaction(force_rollback=True):
            database.execute(statements.encode())
    except psycopg.errors.DuplicateObject as error:
        assert "finops_api" in str(error)  # noqa: PT017 a test's server is not new: it has the role
