"""The wheel: what is in it, and that what a company runs works where it alone is installed.

It is installed into an empty environment that nobody may write in, beside which Python finds the packages that the
tests' own environment has: no package index is asked.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests

from finops.api.page.files import files
from finops.demo.postgres import Embedded
from tests.conftest import NAME, ROOT, connected, copy_database, variables
from tests.e2e.finops import Database, charge, total, write_bill

PRODUCT = ("api", "ingest", "dbt_project")
INPUTS = (*PRODUCT, "demo", "finops", "profiles.yml.example", "pyproject.toml", "README.md")
OURS = shutil.ignore_patterns("__pycache__", "target", "logs", "profiles.yml", ".user.yml")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
OFFLINE = ("--no-deps", "--no-index")
STRANGERS = (
    "dbt_project/logs/dbt.log",
    "dbt_project/models/.user.yml.swp",
    "dbt_project/profiles.yml",
    "dbt_project/target/compiled/secret.sql",
    "ingest/.dlt/secrets.toml",
)


@dataclass(frozen=True)
class Installed:
    """An environment that has the wheel, and where its programs are started: outside any checkout."""

    environment: Path
    folder: Path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program of the environment, with libpq's variables and nothing else."""
        program = str(self.environment / "bin" / command[0])
        variables = {name: value for name, value in os.environ.items() if name.startswith("PG")}
        return subprocess.Popen(
            [program, *command[1:]],
            cwd=self.folder,
            env={"PATH": os.defpath, "HOME": str(self.folder), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> str:
        """Run a program of the environment to its end, which must be a good one; what it printed."""
        process = self.start(*command)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, (command, out, err)
        return out

    def files(self) -> Mapping[Path, int]:
        """Every file of the environment and when it was changed."""
        return {path: path.lstat().st_mtime_ns for path in self.environment.rglob("*")}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as it is exported, and what dbt and people leave in a checkout."""
    folder = tmp_path_factory.mktemp("tree")
    for name in INPUTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=OURS)
        else:
            shutil.copy(ROOT / name, folder / name)
    for name in STRANGERS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("left here", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the tree."""
    return built(tree, tmp_path_factory.mktemp("wheel"))


def built(tree: Path, folder: Path) -> Path:
    """Build the wheel of a tree into a folder."""
    subprocess.run([*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", folder, tree], check=True)
    (wheel,) = folder.iterdir()
    return wheel


def contents(wheel: Path) -> set[str]:
    """The names of a wheel's files, without what describes it."""
    with ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The wheel in an environment that can only be read."""
    environment, folder = tmp_path_factory.mktemp("environment") / "venv", tmp_path_factory.mktemp("user")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    bare = {"PATH": os.defpath, "HOME": str(folder)}  # pip would find a checkout on PYTHONPATH installed already
    subprocess.run([*PIP, "--python", python, "install", *OFFLINE, wheel], env=bare, check=True)
    (packages,) = environment.glob("lib/python3*/site-packages")
    # the packages alone: a folder that such a file names is not searched for further ones, as of an editable install
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    folders = [path for path in environment.rglob("*") if path.is_dir() and not path.is_symlink()]
    for path in folders:
        path.chmod(0o555)
    yield Installed(environment, folder)
    for path in folders:
        path.chmod(0o755)


def test_it_holds_the_product_and_nothing_else(wheel: Path) -> None:
    paths = [path for name in PRODUCT for path in (ROOT / name).rglob("*") if path.is_file()]
    caches = {"__pycache__", "target", "logs", "profiles.yml", ".user.yml"}
    product = {f"finops/{path.relative_to(ROOT)}" for path in paths if not caches & set(path.relative_to(ROOT).parts)}
    assert contents(wheel) == product | {"finops/__init__.py", "finops/profiles.yml.example"}


def test_a_source_distribution_gives_the_same_wheel(tree: Path, wheel: Path, tmp_path: Path) -> None:
    build = "import sys; from setuptools.build_meta import build_sdist; print(build_sdist(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=tree, stdout=subprocess.DEVNULL, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path)
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert contents(built(unpacked, tmp_path / "again")) == contents(wheel)


def test_it_says_its_version_and_its_commands(installed: Installed) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for program in ("finops", "finops-api"):
        assert installed.run(program, "--version").strip().endswith(f"version {version}")
        assert "Example: finops" in installed.run(program, "--help")


def test_it_has_every_file_of_the_page_as_it_is_here(installed: Installed) -> None:
    told = "from finops.api.page.files import files; print(*files(), sep='\\n')"
    assert set(installed.run("python", "-c", told).split()) == set(files())  # the paths have a digest of all contents


@pytest.fixture
def empty(server: Embedded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A new database under libpq's variables; the connection is for looking."""
    copy_database(server, "template1", NAME)
    for variable, value in variables(server, NAME).items():
        monkeypatch.setenv(variable, value)
    with connected(server, NAME) as connection:
        yield connection


def test_a_company_s_first_night_needs_nothing_but_it(installed: Installed, empty: Database) -> None:
    before = installed.files()
    assert "finops init FOLDER" in installed.run("finops")
    assert "finops.toml" in installed.run("finops", "init", "costs")
    company = replace(installed, folder=installed.folder / "costs")
    configure(company.folder)
    said = company.run("finops", "nightly", "--period", "2026-10", "--as-of", "2026-11-20")
    assert "Cost changed: 2026-10 by +10.00" in said
    assert total(empty) == Decimal(10)
    assert f"{packages(installed)}/finops/dbt_project with the example profile" in company.run("finops", "doctor")
    by_hand = company.run("finops", "dbt", "build", "--select", "fact_releve", "--vars", "period: 2026-10")
    assert "Completed successfully" in by_hand
    assert company.run("finops", "docs", "build") == "Written: finops-docs.html\n"
    assert "fact_releve" in (company.folder / "finops-docs.html").read_text(encoding="utf-8")
    assert cost_over_http(company, "2026-10") == Decimal(10)
    assert installed.files() == before
    assert (company.folder / ".finops" / "dbt" / "partial_parse.msgpack").exists()


def configure(folder: Path) -> None:
    """What a company adds to its new project: where its bill is."""
    write_bill(folder / "bills", "10.csv", [charge("4.40", "2026-10-02"), charge("5.60", "2026-10-03")])
    with (folder / ".dlt" / "config.toml").open("a", encoding="utf-8") as config:
        config.write('\n[sources.focus.nimbus]\nurl = "bills"\n')


def packages(installed: Installed) -> Path:
    """Where pip put the wheel."""
    (found,) = installed.environment.glob("lib/python3*/site-packages")
    return found


def cost_over_http(installed: Installed, period: str) -> Decimal:
    """The cost of a month, as the API says it."""
    process = installed.start("finops-api", "serve", "--insecure-local", "--port", "0")
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"running on (http://[^ \"]+)", line):
                asked = requests.get(f"{found[1]}/v1/costs", {"from": period, "to": period}, timeout=30)
                return Decimal(asked.json()["total"]["cost"])
        raise AssertionError("the API ended before it served")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
