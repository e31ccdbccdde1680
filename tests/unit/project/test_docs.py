"""The pages for people: links lead somewhere, commands can be typed, messages are those of the code."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from dbt.cli.main import cli as dbt

from docs.configuration import PAGE, text
from finops.api.__main__ import cli as finops_api
from finops.demo import postgres
from finops.ingest.cli import cli as finops
from tests.conftest import ROOT

PAGES = sorted(
    page
    for folder in ("", "docs/**/", "deploy/**/", "ingest/project/template/")
    for page in ROOT.glob(f"{folder}*.md")
    if "node_modules" not in page.parts
)
RUNBOOK = ROOT / "docs" / "runbook.md"
CLICK: Mapping[str, click.Group] = {"finops": finops, "finops-api": finops_api, "dbt": dbt}
POSTGRESQL = {"pg_dump", "pg_restore", "createdb"}


def name_of(page: Path) -> str:
    """A page from the project's folder, for a test's name."""
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    found: list[str] = re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def commands(page: Path) -> Iterator[list[str]]:
    """The commands that a page shows, in blocks of shell and in indented ones, up to where another one begins."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    for line in lines + re.findall(r"^    (\S.*)$", prose(page), re.MULTILINE):
        if line.split()[0] in {*CLICK, *POSTGRESQL, "make"}:
            words = shlex.split(line, comments=True)
            ends = [words.index(sign) for sign in (">", ">>", "|", "&&") if sign in words]
            yield words[: min(ends, default=len(words))]


@each_page
def test_every_command_of_a_page_can_be_typed(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("PROJECT", "PROFILES"):
        monkeypatch.setenv(f"DBT_{folder}_DIR", str(ROOT / "dbt_project"))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in commands(page):
        if words[0] == "make":
            assert [word for word in words[1:] if "=" not in word and word not in targets] == [], words
        elif words[0] in POSTGRESQL:
            shown = subprocess.run(
                [postgres.binaries() / words[0], "--help"], capture_output=True, text=True, check=True
            )
            options = [word.partition("=")[0] for word in words if word.startswith("--")]
            assert [option for option in options if option not in shown.stdout] == [], words
        else:
            parses(CLICK[words[0]], words[1:])


def parses(group: click.Group, arguments: list[str]) -> None:
    """Whether click takes these arguments; nothing is run."""
    context = group.make_context(group.name, list(arguments), resilient_parsing=False)
    for name in context._protected_args:  # noqa: SLF001 click keeps the command's name there; `finops` alone has none
        group.commands[name].make_context(name, list(context.args), parent=context)


def test_the_commands_of_the_runbook_are_found() -> None:
    assert {words[0] for words in commands(RUNBOOK)} == {"finops", "finops-api", "dbt", *POSTGRESQL}


def test_the_runbook_has_the_headings_that_alerts_link_to() -> None:
    assert re.findall(r"^## (.*)$", RUNBOOK.read_text(), re.MULTILINE) == [
        "A source failed",
        "A shrink was refused",
        "A price is missing",
        "The night did not run",
        "The data is old",
        "Rejects grow",
        "An ownership is contested",
        "The API is down",
        "Nothing reconciles",
        "One source and month can't be published",
        "A month would change too much",
        "Restore",
        "Rotate secrets",
        "Erase personal data",
        "Move to a bigger PostgreSQL",
        "Reprocess a period",
        "A run hangs or died",
    ]


def said_by_the_code() -> str:
    """Every text of the two programs and of dbt's project."""
    trees = [ast.parse(path.read_text()) for folder in ("ingest", "api") for path in (ROOT / folder).rglob("*.py")]
    texts = [
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    sql = [path.read_text() for path in (ROOT / "dbt_project").glob("m*/**/*.sql")]
    return "\n".join([*texts, *sql, *(path.stem for path in (ROOT / "dbt_project" / "tests").glob("*.sql"))])


def test_every_message_that_the_runbook_quotes_is_one_of_the_code() -> None:
    said = said_by_the_code()
    quoted = re.findall(r"^> (.*)$", RUNBOOK.read_text(), re.MULTILINE)
    parts = {part.strip() for message in quoted for part in re.split(r"…|[:;,()+]\s|[:;()]$", message)} - {""}
    assert len(quoted) > 20
    assert {part for part in parts if part not in said} == set()


def test_the_configuration_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == text(), "run `make docs-configuration`"


def test_every_variable_of_postgresql_that_is_read_is_on_the_configuration_page() -> None:
    sources = [*ROOT.glob("ingest/**/*.py"), *ROOT.glob("api/**/*.py"), ROOT / "profiles.yml.example"]
    read = {name for path in sources for name in re.findall(r"\bPG[A-Z]+\b", path.read_text())}
    assert {name for name in read if f"| `{name}` |" not in PAGE.read_text()} == set()
