"""`finops doctor` on real failures: what it says, and that it goes on to the next."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from finops.ingest.doctor.finding import clock
from finops.ingest.pipeline import dbt as transform
from tests.conftest import REFERENCE
from tests.e2e.dbt import project_copy
from tests.e2e.finops import FINOPS, Database, charge, finops, scalar, write_bill


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good export of this month."""
    month = datetime.now(UTC).strftime("%Y-%m")
    write_bill(tmp_path / "bills", "now.csv", [charge("4.40", f"{month}-01")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    return tmp_path / "bills"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project, and reference data in which every product has a price."""
    copy = project_copy(tmp_path)
    if not Path("reference").exists():
        shutil.copytree(REFERENCE, "reference")
    monkeypatch.setattr(transform, "PROJECT", copy)
    return copy


def findings(capfd: pytest.CaptureFixture[str], code: int = 1) -> dict[str, str]:
    """What the doctor says, by sign and subject: what was found, and what to do."""
    capfd.readouterr()
    assert finops("doctor") == code
    found: dict[str, str] = {}
    lines = capfd.readouterr().out.splitlines()
    for number, line in enumerate(lines[:-1]):
        if not line.startswith("    → "):
            subject, _, said = line.partition(": ")
            remedy = lines[number + 1] if lines[number + 1].startswith("    → ") else ""
            found[subject] = said + remedy
    return found


@contextmanager
def answering(status: int, body: str = "[]", ahead: timedelta = timedelta()) -> Iterator[str]:
    """A server that answers so, and whose clock is ahead by so much."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def date_time_string(self, timestamp: float | None = None) -> str:
            assert timestamp is None
            return format_datetime(datetime.now(UTC) + ahead, usegmt=True)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.usefixtures("bills", "project")
def test_where_all_is_well_it_exits_0_and_leaves_no_trace(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    found = findings(capfd, 0)
    assert {sign for sign, _, _ in (subject.partition(" ") for subject in found)} == {"✓"}
    assert "1 files, the last now.csv" in found["✓ focus.nimbus"]
    assert "free: no run is at work" in found["✓ lock"]
    assert {"✓ packages", "✓ disk", "✓ configuration files", "✓ schedule", "✓ prices", "✓ dbt project"} <= set(found)
    assert {"✓ PostgreSQL", "✓ rights"} <= set(found)
    assert scalar(database, "select count(*) from finops.etl_runs") == 0


def test_with_nothing_configured_it_says_what_to_set(capfd: pytest.CaptureFixture[str]) -> None:
    found = findings(capfd)
    assert "set PGHOST, PGUSER, PGDATABASE" in found["✗ PostgreSQL"]
    assert "SOURCES__CMDB__URI" in found["✗ sources"]
    assert "make demo" in found["✗ sources"]


@pytest.mark.usefixtures("bills")
def test_a_database_that_is_off_does_not_keep_it_from_the_sources(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGDATABASE": "finops", "PGUSER": "finops"}.items():
        monkeypatch.setenv(name, value)
    found = findings(capfd)
    assert "PostgreSQL can't be reached with PGHOST=127.0.0.1" in found["✗ PostgreSQL"]
    assert "✓ focus.nimbus" in found


def test_a_wrong_password_is_told_and_not_shown(
    guarded_role: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGUSER", guarded_role)
    monkeypatch.setenv("PGPASSWORD", "battery-staple")
    found = findings(capfd)
    assert "password authentication failed" in found["✗ PostgreSQL"]
    assert "battery-staple" not in str(found)


def test_a_role_without_rights_is_told_what_to_grant(
    guarded_role: str, database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGUSER", guarded_role)
    monkeypatch.setenv("PGPASSWORD", "right-horse")
    capfd.readouterr()
    assert finops("doctor") == 1
    said = capfd.readouterr().out
    name = scalar(database, "select current_database()")
    assert f"→ grant create on database {name} to guest" in said
    assert "✗ rights: guest can't replace or refresh" in said
    assert f"reassign owned by {scalar(database, 'select current_user')} to guest" in said


def test_who_holds_the_lock_is_named(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    database.execute(
        "insert into finops.etl_runs (run_id, kind, periods, started_by) values"
        " ('22222222-2222-2222-2222-222222222222', 'nightly', '{}', 'the night shift')"
    )
    assert "free, and nightly 22222222-2222-2222-2222-222222222222" in findings(capfd)["! lock"]
    with psycopg.connect(autocommit=True) as other:
        other.execute("select pg_advisory_lock(7061746)")
        held = findings(capfd)["! lock"]
    assert held.startswith(f"held by process {other.info.backend_pid if not other.closed else ''}")
    assert "started by the night shift" in held


def test_a_source_that_refuses_our_token_says_which_setting_to_check(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with answering(401, '{"message": "bad s3cret-token"}') as url:
        monkeypatch.setenv("SOURCES__GITLAB__URL", url)
        monkeypatch.setenv("SOURCES__GITLAB__TOKEN", "s3cret-token")
        found = findings(capfd)
    assert "answered 401" in found["✗ gitlab.storage"]
    assert "check sources.gitlab.token and what it may read" in found["✗ gitlab.storage"]
    assert "s3cret-token" not in str(found)


def test_a_source_whose_clock_is_wrong_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with answering(200, '[{"id": 1}]', ahead=timedelta(hours=-1)) as url:
        monkeypatch.setenv("SOURCES__GITLAB__URL", url)
        found = findings(capfd)
    assert found["✗ gitlab.storage"].startswith("its clock is 360")
    assert "seconds behind this machine's" in found["✗ gitlab.storage"]
    assert "NTP" in found["✗ gitlab.storage"]
    assert "a record of" in found["✓ gitlab.storage"]


def test_a_source_that_is_empty_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with answering(200, "[]") as url:
        monkeypatch.setenv("SOURCES__GITLAB__URL", url)
        assert "no record of" in findings(capfd)["! gitlab.storage"]


def test_a_cmdb_that_does_not_answer_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__CMDB__URI", "mongodb://reader:s3cret@127.0.0.1:1/")
    found = findings(capfd)
    assert "no MongoDB server answers" in found["✗ cmdb.vm"]
    assert "s3cret" not in str(found)


@pytest.mark.usefixtures("project")
def test_prices_that_overlap_and_products_without_one_are_named(capfd: pytest.CaptureFixture[str]) -> None:
    with Path("reference", "products.csv").open("a") as products:
        products.write("tape.gib,Tape,Storage,open_legacy,GiB-month\n")
    assert "none is valid today for tape.gib" in findings(capfd)["! prices"]
    with Path("reference", "prices.csv").open("a") as prices:
        prices.write("vm.ram_gib,2.20,EUR,2026-01-01,\n")
    found = findings(capfd)["✗ reference data"]
    assert "valid_from '2026-01-01' of vm.ram_gib is within the validity of line 5" in found


@pytest.mark.usefixtures("database")
def test_a_project_that_dbt_can_t_read_is_told(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "models" / "marts" / "dim_product.sql").write_text("select * from {{ ref('nowhere') }}")
    assert "nowhere" in findings(capfd)["✗ dbt project"]


def test_a_disk_that_can_t_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:  # pytest writes there as well
        patch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        found = findings(capfd)
    assert "set TMPDIR to a folder that can" in found["✗ disk"]


def test_a_folder_of_dbt_that_can_t_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "file"))
    assert "set DBT_TARGET_PATH to a folder that can" in findings(capfd)["✗ disk of dbt"]


def test_what_the_metrics_can_t_be_told_to_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METRICS__TEXTFILE", str(tmp_path / "nowhere" / "finops.prom"))
    monkeypatch.setenv("METRICS__PUSHGATEWAY", "http://pusher:s3cret@127.0.0.1:1")
    found = findings(capfd)
    assert "nowhere can't be written" in found["✗ metrics"]
    assert "127.0.0.1:1 does not answer" in found["! metrics"]
    assert "s3cret" not in str(found)


def test_a_setting_that_makes_no_sense_is_told_and_the_rest_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHEDULE__TIMEZONE", "Mars/Olympus")
    found = findings(capfd)
    assert "is not an IANA time zone" in found["✗ schedule"]
    assert "✗ PostgreSQL" in found


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in that folder."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [FINOPS, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_file_that_is_no_toml_is_told_by_the_doctor_and_in_one_line_by_the_others(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.cmdb\n")
    told = run(tmp_path, "doctor")
    assert told.returncode == 1
    assert "✗ configuration files: .dlt/config.toml can't be read: Expected" in told.stdout
    assert "✗ PostgreSQL" in told.stdout
    refused = run(tmp_path, "nightly")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "config.toml" in refused.stderr


def test_secrets_that_others_can_read_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    secrets = tmp_path / ".dlt" / "secrets.toml"
    secrets.write_text('[sources.gitlab]\ntoken = "s3cret"\n')
    secrets.chmod(0o644)
    assert "! secrets: .dlt/secrets.toml can be read by other users" in run(tmp_path, "doctor").stdout.replace("./", "")


@pytest.mark.parametrize(
    ("ahead", "sign"),
    [(None, ""), (timedelta(seconds=5), ""), (timedelta(seconds=-40), "!"), (timedelta(minutes=6), "✗")],
)
def test_a_clock_is_looked_at_by_how_wrong_it_is(ahead: timedelta | None, sign: str) -> None:
    assert "".join(finding.sign for finding in clock("PostgreSQL's clock", ahead)) == sign
