"""`finops doctor` on real failures: what it says, and that it goes on to the next."""

from __future__ import annotations

import json
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

from finops.demo.postgres import Embedded
from finops.ingest.doctor import bills as bills_check
from finops.ingest.doctor import reference as reference_check
from finops.ingest.doctor.finding import BAD, Finding, clock
from finops.ingest.periods import Period, today
from finops.ingest.pipeline import dbt as transform
from tests.conftest import API_LOGIN, LOADER_LOGIN, REFERENCE, copy_database
from tests.e2e.dbt import project_copy
from tests.e2e.finops import FINOPS, Database, charge, finops, scalar, write_bill

THIS_MONTH = str(Period.of(today()))


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good export of this month."""
    write_bill(tmp_path / "bills", "now.csv", [charge("4.40", f"{THIS_MONTH}-01")])
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    return tmp_path / "bills"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project, and reference data in which every product has a price."""
    copy = project_copy(tmp_path)
    monkeypatch.setattr(reference_check, "DEMO", tmp_path / "nowhere")  # the tests' company is the demo's
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
    subject = ""
    for line in lines[:-1]:
        if line.startswith(("✓", "!", "✗")):
            subject, _, said = line.partition(": ")
            found[subject] = found.get(subject, "") + said
        elif line.startswith("    "):
            found[subject] += line
    found["conclusion"] = lines[-1]
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


@pytest.mark.usefixtures("project")
def test_where_all_is_well_it_exits_0_and_leaves_no_trace(
    bills: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    found = findings(capfd, 0)
    assert found.pop("conclusion") == "0 problems, 0 warnings. Next: `finops nightly`."
    assert {sign for sign, _, _ in (subject.partition(" ") for subject in found)} == {"✓"}
    assert found["✓ focus.nimbus"].startswith(f"1 file at {bills}, of {THIS_MONTH}    {THIS_MONTH}  1 line  4.40 EUR")
    assert found["✓ next nightly"] == f"of {THIS_MONTH}: 1 source, 1 bill, 1 record; roughly 1 minute"
    assert "free: no run is at work" in found["✓ lock"]
    assert {"✓ packages", "✓ disk", "✓ configuration files", "✓ schedule", "✓ prices", "✓ dbt project"} <= set(found)
    assert {"✓ PostgreSQL", "✓ rights"} <= set(found)
    assert scalar(database, "select count(*) from finops.etl_runs") == 0


def test_with_nothing_configured_it_says_what_to_set(capfd: pytest.CaptureFixture[str]) -> None:
    found = findings(capfd)
    assert "set PGHOST, PGUSER, PGDATABASE" in found["✗ PostgreSQL"]
    assert "SOURCES__CMDB__URI" in found["✗ sources"]
    assert "docs/sources.md" in found["✗ sources"]


@pytest.mark.usefixtures("bills")
def test_a_database_that_is_off_does_not_keep_it_from_the_sources(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGDATABASE": "finops", "PGUSER": "finops"}.items():
        monkeypatch.setenv(name, value)
    found = findings(capfd)
    assert found["✗ PostgreSQL"] == (
        "PostgreSQL can't be reached with PGHOST=127.0.0.1 PGPORT=1 PGUSER=finops PGDATABASE=finops: "
        "Connection refused: start it there, or correct PGHOST and PGPORT"
    )
    assert "✓ focus.nimbus" in found


def test_a_wrong_password_is_told_and_not_shown(
    guarded_role: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGUSER", guarded_role)
    monkeypatch.setenv("PGPASSWORD", "battery-staple")
    found = findings(capfd)
    assert "password authentication failed" in found["✗ PostgreSQL"]
    assert "battery-staple" not in str(found)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PGHOST", "nowhere.invalid", "failed to resolve host"),
        ("PGHOST", "/nowhere", "No such file or directory: start it there"),
        ("PGDATABASE", "missing", 'database "missing" does not exist: create it, or correct PGDATABASE'),
        ("PGUSER", "stranger", 'role "stranger" does not exist: create it, or correct PGUSER'),
        ("PGHOST", "postgresql://finops:s3cret@db.example", "PGHOST is a URL: write the host alone"),
    ],
)
@pytest.mark.usefixtures("database")
def test_why_postgresql_refuses_is_told_with_the_remedy(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    found = findings(capfd)
    assert said in found["✗ PostgreSQL"]
    assert "s3cret" not in str(found)


def test_a_role_without_rights_is_told_what_to_grant(
    guarded_role: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGUSER", guarded_role)
    monkeypatch.setenv("PGPASSWORD", "right-horse")
    capfd.readouterr()
    assert finops("doctor") == 1
    said = capfd.readouterr().out
    assert "✗ rights: guest may not act as finops_loader" in said
    assert "→ as an administrator: finops init-db --loader-login guest" in said


def test_a_database_without_roles_is_told(
    server: Embedded, database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    copy_database(server, "template1", "finops_fresh")
    monkeypatch.setenv("PGDATABASE", "finops_fresh")
    found = findings(capfd)
    doubt, _, remedy = found["! rights"].partition("    → ")
    assert doubt == f"one login does everything: {LOADER_LOGIN} could rewrite the ledger"
    assert remedy == f"as an administrator: finops init-db --loader-login {LOADER_LOGIN}"
    assert found["✓ rights"] == f"{LOADER_LOGIN} may create schemas, and owns what is there"
    monkeypatch.setenv("PGUSER", API_LOGIN)
    assert findings(capfd)["✗ rights"].startswith(f"{API_LOGIN} may not create schemas in finops_fresh    → ")
    monkeypatch.setenv("PGDATABASE", database.info.dbname)
    monkeypatch.setenv("PGUSER", LOADER_LOGIN)
    assert findings(capfd)["✓ rights"] == f"{LOADER_LOGIN} acts as finops_loader and finops_transformer"
    database.execute("update finops.etl_schema set version = 'older'")
    said = "the database is not set up for this version    → as an administrator: finops init-db"
    assert findings(capfd)["✗ rights"] == said
    monkeypatch.setenv("PGUSER", database.info.user)
    assert "may act as finops_owner, too, and rewrite the ledger    → run" in findings(capfd)["! rights"]


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


@pytest.mark.usefixtures("database")
def test_a_bill_of_other_months_is_read_by_the_command_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = [charge("10.00", "2024-08-31"), charge("-0.25", "2024-09-01"), charge("7", "2024-09-02", currency="USD")]
    write_bill(tmp_path / "bills", "old.csv", lines)
    monkeypatch.setenv("SOURCES__FOCUS__SAMPLE__URL", str(tmp_path / "bills"))
    found = findings(capfd, 0)["! focus.sample"]
    assert "of 2024-08..2024-09    2024-08  1 line  10.00 EUR    2024-09  2 lines  -0.25 EUR, 7.00 USD" in found
    command = "`finops nightly --period 2024-08..2024-09` reads them"
    assert f"{command}; a nightly without --period reads {THIS_MONTH}" in found

    assert finops("nightly") == 0
    assert f"focus.sample {THIS_MONTH}: the export has no line of it; it has 2024-08..2024-09: {command}" in (
        capfd.readouterr().out
    )
    assert finops("nightly", "--period", "2024-08..2024-09") == 0
    capfd.readouterr()
    assert finops("nightly") == 0
    assert "reads them" not in capfd.readouterr().out
    assert "reads them" not in findings(capfd, 0)["! focus.sample"]


def test_a_bill_with_a_past_says_how_to_read_it(bills: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_bill(bills, "past.csv", [charge("1", f"2025-{month:02}-03") for month in (3, 4, 6)])
    found = findings(capfd)["✓ focus.nimbus"]
    assert f"of 2025-03..2025-04, 2025-06, {THIS_MONTH}" in found
    assert "not read yet: `finops nightly --period 2025-03..2025-06` reads them" in found


def test_an_address_with_the_month_says_which_months_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for month in ("2024-09", "2024-10"):
        write_bill(tmp_path / f"month={month}", "part.csv", [charge("1", f"{month}-03")])
    (tmp_path / "month=2024-99").mkdir()
    monkeypatch.setenv("SOURCES__FOCUS__SAMPLE__URL", f"{tmp_path}/month={{period}}/")
    found = findings(capfd)["! focus.sample"]
    assert "of 2024-09..2024-10" in found
    assert "`finops nightly --period 2024-09..2024-10` reads them" in found


def test_an_export_too_big_to_read_whole_is_told_in_part(
    bills: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_bill(bills, "earlier.csv", [charge("1", "2025-03-03")])
    monkeypatch.setattr(bills_check, "SECONDS_TO_READ", -1)
    assert f"of {THIS_MONTH} as far as 0 of them say" in findings(capfd)["✓ focus.nimbus"]


def test_each_setting_that_is_unknown_is_told_once_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__GITLAB__URL", "https://gitlab.example")
    monkeypatch.setenv("SOURCES__GITLAB__TOKN", "s3cret")
    monkeypatch.setenv("METRICS__TEXTFIL", "x.prom")
    capfd.readouterr()
    assert finops("doctor") == 1
    said = capfd.readouterr().out
    for name, near in {"sources.gitlab.tokn": "sources.gitlab.token", "metrics.textfil": "metrics.textfile"}.items():
        assert said.count(name + " ") == 1
        assert f"did you mean {near}?" in said
    assert "! sources: not checked, for what is wrong above" in said
    assert "s3cret" not in said


def test_the_conclusion_names_the_first_problem(capfd: pytest.CaptureFixture[str]) -> None:
    assert "Next: solve PostgreSQL (✗), the first of them" in findings(capfd)["conclusion"]


def test_a_long_line_is_folded_at_the_terminal_s_width() -> None:
    finding = Finding(BAD, "x", "word " * 20, "do " * 15, ["one", "two"])
    lines = finding.lines(60)
    assert max(map(len, lines)) <= 60
    assert [line.strip()[0] for line in lines] == ["✗", "w", "o", "t", "→"]
    assert " ".join(part.strip() for part in lines) == " ".join(part.strip() for part in finding.lines())


def written(folder: Path, **tables: str) -> None:
    """Reference data in the place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)


def test_products_that_sources_bring_and_nobody_listed_are_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written(
        Path("reference"),
        products="product_id,family,domain,unit\ngitlab.lfs_gib,CI/CD,native,GiB-month\n",
        prices="product_id,unit_price,currency,valid_from\ngitlab.lfs_gib,1,USD,2024-01-01\n",
    )
    monkeypatch.setenv("SOURCES__GITLAB__URL", "http://127.0.0.1:1")
    found = findings(capfd)
    assert "the sources bring gitlab.artifacts_gib, gitlab.packages_gib, gitlab.reg" in found["! products"]
    assert f"none from USD to EUR for {THIS_MONTH}" in found["! rates"]
    assert "none is known: all cost is UNALLOCATED" in found["! applications"]


def test_a_bill_in_a_currency_without_a_rate_is_named_with_its_months(
    bills: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_bill(bills, "dollars.csv", [charge("1", f"{THIS_MONTH}-02", currency="XXX")])
    assert f"no rate from XXX to EUR for {THIS_MONTH}" in findings(capfd)["! focus.nimbus"]


def test_what_is_the_demo_s_is_named_outside_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written(Path("reference"), **{name: (REFERENCE / f"{name}.csv").read_text() for name in ("products", "prices")})
    monkeypatch.setenv("PGHOST", str(tmp_path / ".finops" / "postgres"))
    capfd.readouterr()
    assert finops("doctor") == 1
    said = capfd.readouterr().out
    assert "is the demo's database" in said
    assert "lines of reference/prices.csv are the made-up company's" in said


def test_a_fresh_project_says_the_next_step_in_each_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert finops("init", str(tmp_path / "acme")) == 0
    monkeypatch.chdir(tmp_path / "acme")
    found = findings(capfd)
    assert {subject for subject in found if subject.startswith("✗")} == {"✗ PostgreSQL", "✗ sources"}
    assert "cp .env.example .env, and fill it" in found["✗ PostgreSQL"]
    assert "configure one in .dlt/config.toml" in found["✗ sources"]
    assert all("→" in said for subject, said in found.items() if subject.startswith(("!", "✗")))


def test_a_product_whose_cost_is_declared_needs_no_price(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written(
        Path("reference"),
        products="product_id,family,domain,unit\nlicence.office,Licences,native,month\nother.gib,Storage,native,GiB\n",
    )
    amount = {"name": "Office", "product": "licence.office", "amount": "10", "currency": "EUR"}
    amounts = [{**amount, "valid_from": "2026-01-01"}]
    monkeypatch.setenv("SOURCES__FIXED__OFFICE", json.dumps({"amounts": amounts}))
    assert findings(capfd)["! prices"].startswith("none is valid today for other.gib ")
