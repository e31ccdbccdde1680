"""Which folder a command works in, and what `finops init` writes there."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from finops.ingest.cli import cli
from finops.ingest.commands.options import CallersPath
from finops.ingest.project.create import files
from tests.e2e.finops import finops


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project, beside the current folder's others."""
    assert finops("init", "company") == 0
    return tmp_path / "company"


@pytest.fixture
def works_in(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which `finops where PATH` ran, and the paths that it got."""
    found: list[Path] = []

    @click.command()
    @click.argument("path", type=CallersPath(dir_okay=True))
    def where(path: Path) -> None:
        found.extend((Path.cwd(), path))

    monkeypatch.setitem(cli.commands, "where", where)
    return found


def error(capfd: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    (line,) = capfd.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("below", [".", "reference/old"])
def test_a_command_works_in_the_nearest_project_upwards(
    below: str, project: Path, works_in: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(project / below)
    assert finops("where", "out.html") == 0
    assert works_in[0] == project
    assert works_in[0] / works_in[1] == project / below / "out.html"


@pytest.mark.parametrize("named", ["company", "../{}/company", "{}/company"])
def test_a_command_works_in_the_project_that_is_named(named: str, project: Path, works_in: Sequence[Path]) -> None:
    where = Path.cwd()
    assert finops("--project", named.format(where.name if named.startswith("..") else where), "where", "out.html") == 0
    assert list(works_in) == [project, where / "out.html"]
    assert Path.cwd() == where


def test_the_environment_names_the_project_and_the_option_wins(
    project: Path, works_in: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    finops("init", "other")
    monkeypatch.setenv("FINOPS_PROJECT", "other")
    finops("where", ".")
    finops("--project", "company", "where", ".")
    assert list(works_in)[::2] == [project.with_name("other"), project]


def test_without_a_project_a_command_works_where_it_is_started(tmp_path: Path, works_in: Sequence[Path]) -> None:
    finops("where", "out.html")
    assert list(works_in) == [tmp_path, Path("out.html")]


def test_a_folder_that_is_no_project_is_refused_with_the_remedy(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert finops("--project", "elsewhere", "runs") == 2
    remedy = f"write one with `finops init {tmp_path / 'elsewhere'}`"
    assert error(capfd) == f"Error: --project elsewhere is not a project, it holds no finops.toml: {remedy}"


def test_a_folder_above_that_may_not_be_read_is_not_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert finops() == 0


def test_a_project_of_another_user_is_used_only_where_it_is_named(
    project: Path, works_in: Sequence[Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "reference").mkdir(exist_ok=True)
    monkeypatch.chdir(project / "reference")
    if os.getuid() == 0:  # whose files everybody trusts
        os.chown(project / "finops.toml", 12345, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert finops("where", ".") == 2
    remedy = f"if it is meant, name it with `finops --project {project}`"
    assert error(capfd) == f"Error: {project / 'finops.toml'} belongs to another user: {remedy}"
    assert finops("--project", str(project), "where", ".") == 0
    monkeypatch.chdir(project)
    assert finops("where", ".") == 0
    assert list(works_in)[::2] == [project, project]


def test_init_writes_where_the_environment_says_that_the_project_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS_PROJECT", str(tmp_path / "new"))
    assert (finops("init", "new"), finops()) == (0, 0)


def test_init_writes_every_file_and_only_its_owner_reads_the_secrets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert finops("init", "company") == 0
    project = tmp_path / "company"
    written = {path.relative_to(project): path.read_text() for path in project.rglob("*") if path.is_file()}
    assert written == files()
    modes = {path.name: path.stat().st_mode & 0o077 for path in project.rglob("*.toml")}
    assert modes["secrets.toml"] == 0
    assert modes["config.toml"] != 0
    shown = capfd.readouterr().out
    assert [path.name for path in written if path.name not in shown] == []
    assert len(re.findall(r"^  \d\. ", shown, re.MULTILINE)) == 3


def test_init_writes_into_an_existing_repository_and_overwrites_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "finops.toml").write_text('reporting_currency = "CHF"\n')
    assert finops("init", ".") == 2
    assert "holds finops.toml already, and `finops init` overwrites nothing: move it away" in error(capfd)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "finops.toml"]
    (tmp_path / "finops.toml").unlink()
    assert finops("init", ".") == 0
    assert (tmp_path / ".dlt" / "config.toml").exists()


def test_init_refuses_a_folder_that_can_not_be_made(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert finops("init", "file/company") == 1
    assert re.fullmatch(r"Error: the project can't be written to file/company: Not a directory .*", error(capfd))


@pytest.mark.parametrize(
    ("configured", "step"),
    [
        ("", "  1. finops init FOLDER"),
        ("company", "  1. its README.md"),
        ("source", "  1. finops doctor"),
        ("misspelt", "sources    the configuration is refused, `finops config` shows why: sources.gitlab.ulr"),
    ],
)
def test_finops_alone_says_where_one_stands_and_what_comes_next(
    configured: str, step: str, project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if configured:
        monkeypatch.chdir(project)
    if configured == "source":
        monkeypatch.setenv("SOURCES__GITLAB__URL", "https://gitlab.example.com")
        monkeypatch.setenv("PGHOST", "/nowhere")
        monkeypatch.setenv("PGUSER", "finops")
        monkeypatch.setenv("PGDATABASE", "finops")
    if configured == "misspelt":
        monkeypatch.setenv("SOURCES__GITLAB__ULR", "https://gitlab.example.com")
    capfd.readouterr()
    assert finops() == 0
    said = capfd.readouterr().out
    assert step in said
    assert re.match(r"finops \d+\.\d+\.\d+: ", said)
    assert ("is not set" in said) == (configured != "source")


def test_the_variables_of_a_project_are_set_where_the_environment_has_none(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, str | None] = {}

    @click.command()
    def variables() -> None:
        found.update((name, os.environ.get(name)) for name in ("PGHOST", "PGUSER", "PGSERVICE"))

    monkeypatch.setitem(cli.commands, "variables", variables)
    monkeypatch.setenv("PGUSER", "of-the-shell")
    monkeypatch.setenv("PGSERVICE", "")  # so that what is set below is forgotten after the test
    monkeypatch.delenv("PGSERVICE")
    (project / ".env").write_text("PGUSER=of-the-file\nPGSERVICE='cost$HOME #1'\n")
    assert finops("--project", str(project), "variables") == 0
    assert found == {"PGHOST": None, "PGUSER": "of-the-shell", "PGSERVICE": "cost$HOME #1"}
