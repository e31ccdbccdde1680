"""What the image is, and that the nightly and the API run in it as Kubernetes runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import requests

from finops.demo import bills, cmdb, folder, settings
from finops.demo.services import server as services
from finops.demo.story import Story
from tests.conftest import ROOT
from tests.e2e.finops import Database, charge, last_run, scalar, total, wait_until, write_bill
from tests.e2e.sources.test_buckets import Bucket, bucket, csv_gz
from tests.image.conftest import Container, Image, process_one

pytestmark = pytest.mark.image

JOB = "8f14e45f-ceea-467f-a0e6-5d1c0de7a009"
NIGHTLY = ("finops", "nightly", "--period", "2026-10", "--as-of", "2026-11-20")
LIMIT_MB = 450

__all__ = ["bucket"]  # a fixture


@pytest.fixture
def _bills(container: Container) -> None:
    """An export in a folder that the pod sees, and the source in `.dlt/config.toml`."""
    write_bill(container.writable / "bills", "10.csv", [charge("4.40", "2026-10-02"), charge("5.60", "2026-10-03")])
    config = container.project / ".dlt" / "config.toml"
    config.write_text('[sources.focus.nimbus]\nurl = "/tmp/bills"\n', encoding="utf-8")


def megabytes(folder: Path) -> Decimal:
    """What the files of a folder take, in MB."""
    return Decimal(sum(path.lstat().st_size for path in folder.rglob("*"))) / 10**6


def test_it_is_small(image: Image) -> None:
    assert megabytes(image.root) - megabytes(image.base) < LIMIT_MB


def test_it_holds_what_the_lock_says_and_nothing_else(image: Image) -> None:
    lock = (ROOT / "requirements-image.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*])?==", lock, re.MULTILINE))
    installed = {
        path.name.partition("-")[0].lower().replace("_", "-").replace(".", "-")
        for path in image.root.glob("opt/venv/lib/python3*/site-packages/*.dist-info")
    }
    assert installed - locked == {"finops-module"}
    assert locked - installed <= {"colorama", "pywin32", "tzdata", "win-precise-time"}  # Windows'


def test_it_holds_no_compiler_no_pip_and_no_tests(image: Image) -> None:
    folders = ("usr/bin", "usr/local/bin", "opt/venv/bin")
    programs = {path.name for folder in folders for path in (image.root / folder).iterdir()}
    assert programs & {"cc", "gcc", "g++", "make", "pytest", "uv"} == set()
    assert not (image.root / "opt/venv/bin/pip").exists()
    assert {path.name for path in (image.root / "opt").iterdir()} == {"venv"}


def test_it_holds_the_product_and_no_company_s_data(image: Image) -> None:
    (product,) = image.root.glob("opt/venv/lib/python3*/site-packages/finops")
    held = {path.name for path in product.iterdir()} - {"__pycache__"}
    assert held == {"__init__.py", "api", "dbt_project", "ingest", "profiles.yml.example"}
    assert list(product.rglob("*.csv")) == []
    assert list((image.root / "project").iterdir()) == []


def test_it_says_who_it_is_and_runs_as_a_number(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["Cmd"] == ["finops", "nightly"]
    assert "Entrypoint" not in image.config
    assert "Healthcheck" not in image.config["docker"]
    assert image.config["Labels"]["org.opencontainers.image.title"] == "finops-module"


@pytest.mark.usefixtures("database")
def test_its_root_can_t_be_written_and_its_tmp_can(container: Container) -> None:
    program = (
        "import os, pathlib, tempfile\n"
        "tempfile.TemporaryFile().close()\n"
        "print(os.getpid(), os.getuid(), os.getgid(), os.getgroups(), os.getcwd())\n"
        "pathlib.Path('/opt/venv/new').touch()"
    )
    done = container.run("python", "-c", program)
    assert done.stdout == "1 10001 10001 [] /project\n"
    assert "Read-only file system" in done.stderr


@pytest.mark.usefixtures("_bills")
def test_the_nightly_runs_in_it(container: Container, database: Database) -> None:
    done = container.run(*NIGHTLY, INGEST__RUN_ID=JOB)
    said = f"Cost changed: 2026-10 by +10.00\nSUCCESS: run {JOB}. See it with: finops runs {JOB[:8]}\n"
    assert (done.returncode, done.stdout) == (0, said), done.stderr
    assert total(database) == Decimal(10)
    assert scalar(database, "select sum(total_cost) from finops.mv_cost_app_month") == Decimal(10)
    assert "had succeeded before" in container.run(*NIGHTLY, INGEST__RUN_ID=JOB).stdout


def test_every_source_of_the_demonstration_is_read_in_it(
    container: Container, database: Database, tmp_path: Path
) -> None:
    story = Story(date(2026, 11, 22), months=3)
    bills.write(container.writable / "bills", story)
    cmdb.fill(tmp_path / "cmdb", story)
    folder.renew(tmp_path / "company", story)
    container = replace(container, project=tmp_path / "company")
    with cmdb.serve(tmp_path / "cmdb") as mongo, services.serve(story) as address:
        variables = settings.pipeline(mongo, address, Path(container.image.variables["TMPDIR"], "bills"))
        asked = ("--period", story.period_range(), "--as-of", str(story.as_of))
        done = container.run("finops", "nightly", *asked, **variables)
    assert done.returncode == 0, done.stderr
    assert scalar(database, "select count(distinct source) from finops.fact_releve") == 14  # the demo's
    assert scalar(database, "select round(sum(total_cost), 2) from finops.fact_releve") == Decimal("113337.77")


def test_a_bill_in_a_bucket_is_read_in_it(container: Container, database: Database, bucket: Bucket) -> None:
    bucket.put("nimbus/billing_period=2026-10/10.csv.gz", csv_gz(charge("4.40", "2026-10-02")))
    variables = {name: value for name, value in os.environ.items() if name.startswith("SOURCES__")}
    done = container.run(*NIGHTLY, **variables)
    assert (done.returncode, total(database)) == (0, Decimal("4.40")), done.stderr


@pytest.mark.usefixtures("_bills")
def test_sigterm_to_process_1_closes_the_run_as_failed(container: Container, database: Database) -> None:
    with psycopg.connect() as blocker:
        blocker.execute("lock table finops.fact_releve in exclusive mode")
        process = container.start(*NIGHTLY, INGEST__RUN_ID=JOB)
        wait_until(database, "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'")
        os.kill(process_one(process), signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    run = last_run(database)
    ended = "ended by SIGTERM; what is missing is taken up by the next run"
    assert (process.returncode, run["status"], run["error"]) == (143, "FAILED", ended), errors
    assert container.run(*NIGHTLY, INGEST__RUN_ID=JOB).returncode == 0
    assert (last_run(database)["status"], total(database)) == ("SUCCESS", Decimal(10))


@contextmanager
def served(container: Container) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """The API of the container: its address, a token that shows everything, and its process."""
    made = container.run("finops-api", "token", "backstage", "--everything", "--expires", "2036-01-01")
    (container.writable / "tokens.toml").write_text(made.stdout, encoding="utf-8")
    token = made.stderr.split()[-1]
    process = container.start(
        "finops-api",
        "serve",
        "--port",
        "0",
        FINOPS_API_TOKENS_FILE="/tmp/tokens.toml",  # noqa: S108 the container's
    )
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"running on (http://[^ \"]+)", line):
            yield found[1], token, process
            break


@pytest.mark.usefixtures("_bills")
def test_the_api_runs_in_it(container: Container, database: Database) -> None:
    assert container.run(*NIGHTLY).returncode == 0
    with served(container) as (address, token, process):
        assert requests.get(f"{address}/readyz", timeout=10).status_code == 200
        asked = {"from": "2026-10", "to": "2026-10"}
        allowed = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{address}/v1/costs", params=asked, headers=allowed, timeout=10)
        assert Decimal(answer.json()["total"]["cost"]) == total(database)
        assert requests.get(f"{address}/v1/costs", params=asked, timeout=10).status_code == 401
        os.kill(process_one(process), signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in (0, 143)
    assert scalar(database, "select count(*) from finops.etl_runs") == 1


@pytest.mark.usefixtures("database")
def test_the_docs_are_served_in_it_without_a_database(container: Container) -> None:
    process = container.start("finops", "docs", "serve", "--port", "0", PGHOST="")
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said.startswith("Docs on http://"), process.communicate()
    assert "fact_releve" in requests.get(said.split()[2], timeout=30).text
    os.kill(process_one(process), signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
