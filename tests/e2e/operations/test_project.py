"""A company's project, from `finops init` to its first figure, outside any checkout and from another folder."""

from __future__ import annotations

import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from finops.ingest.cli import cli
from tests.e2e.finops import FINOPS, Database, charge, finops, scalar, total, wait_until, write_bill

BROKEN = "daily_costs_sum_to_the_total"
# The tests' database has the demo's reference data, of which a new project has nothing.
OCTOBER = ("--period", "2026-10", "--as-of", "2026-11-20", "--accept-shrink")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project whose one source is a bill in the project itself, named by a path relative to it."""
    folder = tmp_path / "company"
    assert finops("init", "company") == 0
    write_bill(folder / "bills", "10.csv", [charge("4.40", "2026-10-02"), charge("5.60", "2026-10-03", currency="USD")])
    config = folder / ".dlt" / "config.toml"
    text = config.read_text().replace("#[sources.focus.aws]", "[sources.focus.nimbus]", 1)
    config.write_text(re.sub(r'^#url = "s3:.*$', 'url = "bills"', text, count=1, flags=re.MULTILINE))
    return folder


def test_a_night_of_a_new_project_runs_from_any_folder(
    project: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "finops.toml").write_text('reporting_currency = "USD"\nfx_missing = "latest"\n')
    monkeypatch.setenv("FINOPS_PROJECT", str(project))
    assert finops("nightly", *OCTOBER) == 0
    assert total(database) > 0
    assert scalar(database, "select distinct currency from finops.fact_releve") == "USD"


def test_dbt_reprocesses_a_month_from_a_folder_of_the_project(
    project: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finops("--project", "company", "nightly", *OCTOBER) == 0
    before = total(database)
    database.execute("delete from finops.fact_releve")
    (project / "notes").mkdir()
    monkeypatch.chdir(project / "notes")
    only = ("--exclude-resource-type", "unit_test")
    assert finops("dbt", "build", "--select", "fact_releve", *only, "--vars", "period: 2026-10") == 0
    assert total(database) == before > Decimal(4)
    assert list((project / "notes").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("ls", "--select", "fact_releve", "--quiet"), 0), (("test", "--select", BROKEN), 1), (("ls", "--no-such"), 2)],
)
def test_dbt_s_exit_code_is_passed_on(project: Path, database: Database, arguments: tuple[str, ...], code: int) -> None:
    database.execute("alter table finops.fact_releve rename daily_cost to broken")
    with pytest.raises(SystemExit) as ended:
        cli.main(["--project", str(project), "dbt", *arguments])
    assert ended.value.code == code


@pytest.mark.usefixtures("database")
def test_dbt_keeps_its_files_in_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Path(os.environ["DBT_TARGET_PATH"])
    monkeypatch.delenv("DBT_TARGET_PATH")
    (project / ".finops" / "dbt").mkdir(parents=True)
    (project / ".finops" / "dbt" / "partial_parse.msgpack").write_bytes((kept / "partial_parse.msgpack").read_bytes())
    assert finops("--project", "company", "dbt", "ls", "--select", "fact_releve", "--quiet") == 0
    assert {"dbt.log", "manifest.json"} <= {path.name for path in (project / ".finops" / "dbt").iterdir()}
    assert "DBT_PROJECT_DIR" not in os.environ


def test_the_nightlies_of_a_schedule_run_in_the_project(project: Path, database: Database, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "FINOPS_PROJECT": "company",
        "SCHEDULE__CRON": "* * * * * *",
        "SCHEDULE__LISTEN": "127.0.0.1:0",
    }
    with subprocess.Popen([FINOPS, "serve-schedule"], cwd=tmp_path, env=environment) as process:
        try:
            wait_until(database, "select exists (select from finops.etl_steps where source = 'focus.nimbus')")
        finally:
            process.terminate()
        assert process.wait(60) == 0
    assert (project / "bills").exists()


def test_a_new_project_is_examined_without_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    assert finops("init", "untouched") == 0
    codes = [finops("--project", "untouched", command) for command in ("config", "doctor", "nightly")]
    said = "".join(capfd.readouterr())
    assert codes == [0, 1, 2]
    assert "Traceback" not in said
    assert "PostgreSQL: not configured: PGHOST is not set" in said
    assert "no source is configured" in said
