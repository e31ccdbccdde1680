"""Secrets that are planted in every setting come back in errors, in every form, and are found nowhere afterwards."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

from tests.e2e.finops import FINOPS, Database, charge, scalar, write_bill
from tests.forms import FORMS
from tests.hostility import times
from tests.unit.odd_service import Exchange, serving_oddly

pytestmark = pytest.mark.hostile

PLANTED = "token password client mongo sql odbc signed bucket account gateway traces libpq"
SECRETS = {name: f"{number:02}{name.title()}+/aZ%2F='\\{number}" for number, name in enumerate(PLANTED.split())}
ACCESS_TOKEN = "given-aZ+/=7"  # what the service gives for the client's secret


@dataclass
class Echo:
    """What a service says: in which form, and whether it still gives tokens; its address."""

    form: str
    url: str = ""
    gives_tokens: bool = True
    turns: Iterator[str] = field(default_factory=lambda: itertools.cycle(SECRETS.values()))

    def reply(self, asked: Exchange) -> None:
        """Refuse everything but a client's secret, and say in turn which secrets came."""
        if asked.path.startswith("/oauth") and self.gives_tokens:
            asked.send(json.dumps({"access_token": ACCESS_TOKEN}).encode(), 200)
            return
        secret = ACCESS_TOKEN if self.gives_tokens and "usage" in asked.path else next(self.turns)
        asked.send(f"not valid: '{FORMS[self.form](secret)}' {asked.path}".encode(), 403)


@pytest.fixture(params=list(FORMS)[1 :: max(2, 21 // times(1))])
def echo(request: pytest.FixtureRequest) -> Iterator[Echo]:
    """A service that says which secrets it was sent, in a form."""
    found = Echo(request.param)
    with serving_oddly(found.reply) as service:
        found.url = service.url
        yield found


@pytest.fixture
def environment(echo: Echo, tmp_path: Path, database: Database) -> Mapping[str, str]:  # noqa: ARG001 its variables
    """A source of each kind, none of which can be read, with the secrets that each takes."""
    url, closed, quickly = echo.url, "127.0.0.1:9", "serverSelectionTimeoutMS=50"
    address = quote(SECRETS["password"], safe="")
    bucket = {"key": "AKIA", "secret": SECRETS["bucket"], "client_kwargs": {"endpoint_url": url}}
    lines = [{"product": "x.y", "quantity": "n", "unit": "n"}]
    params = {"api_key": SECRETS["account"]}
    declared = {"path": "usage", "data_selector": "$[*]", "params": params, "lines": lines}
    odbc = quote(f"DRIVER=X;PWD={{{SECRETS['odbc']}}}", safe="")
    rows = {"query": "select 1 as n, :day", "lines": lines}
    write_bill(tmp_path / "bills\nSUCCESS \x1b[2J", "10.csv", [charge("1", "2026-10-02"), "damaged"])
    (tmp_path / "tmp").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "finops.toml").touch()
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "HOME")},
        **{name: value for name, value in os.environ.items() if name.startswith("PG")},
        "TMPDIR": str(tmp_path / "tmp"),
        "NO_PROXY": "127.0.0.1",
        "INGEST__HTTP_ATTEMPTS": "1",
        "SOURCES__OPENCOST__URL": url,
        "SOURCES__OPENCOST__TOKEN": SECRETS["token"],
        "SOURCES__GITLAB__URL": url.replace("//", f"//ci:{address}@"),
        "SOURCES__ARTIFACTORY__URL": url,
        "SOURCES__ARTIFACTORY__USERNAME": "ci",
        "SOURCES__ARTIFACTORY__PASSWORD": SECRETS["password"],
        "SOURCES__OPENSTACK__URL": url,
        "SOURCES__OPENSTACK__TOKEN_URL": f"{url}/oauth",
        "SOURCES__OPENSTACK__CLIENT_ID": "finops",
        "SOURCES__OPENSTACK__CLIENT_SECRET": SECRETS["client"],
        "SOURCES__CMDB__URI": f"mongodb://reader:{quote(SECRETS['mongo'], safe='')}@{closed}/?{quickly}",
        "SOURCES__HTTP__OWN": json.dumps(declared),
        "SOURCES__HTTP__OWN__URL": url,
        "SOURCES__SQL__ERP": json.dumps(rows),
        "SOURCES__SQL__ERP__CONNECTION": f"postgresql+psycopg://finops:{quote(SECRETS['sql'], safe='')}@{closed}/erp",
        "SOURCES__SQL__OTHER": json.dumps(rows),
        "SOURCES__SQL__OTHER__CONNECTION": f"mssql+pyodbc:///?odbc_connect={odbc}",
        "SOURCES__FOCUS__WEB__URL": f"{url}/bill.csv?sig={quote(SECRETS['signed'], safe='')}",
        "SOURCES__FOCUS__S3__URL": "s3://bills",
        "SOURCES__FOCUS__S3__STORAGE_OPTIONS": json.dumps(bucket),
        "SOURCES__FOCUS__NIMBUS__URL": str(tmp_path / "bills\nSUCCESS \x1b[2J"),
        "REFERENCE__PRICES__TABLE": "prices",
        "REFERENCE__PRICES__CONNECTION": f"host=127.0.0.1 port=9 password='{_quoted(SECRETS['libpq'])}'",
        "METRICS__PUSHGATEWAY": url.replace("//", f"//pusher:{quote(SECRETS['gateway'], safe='')}@"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{quote(SECRETS['traces'], safe='')}",
    }


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def run(environment: Mapping[str, str], folder: Path, *arguments: str) -> str:
    """What a command says, on both streams."""
    done = subprocess.run(
        [FINOPS, *arguments], env=dict(environment), cwd=folder / "project", capture_output=True, check=False
    )
    return (done.stdout + done.stderr).decode()


def leaked(text: str) -> list[str]:
    """The secrets that are in a text in any form, with the form."""
    return [
        f"{name} {form}"
        for name, secret in {**SECRETS, "access token": ACCESS_TOKEN}.items()
        for form, write in FORMS.items()
        if write(secret) in text or write(secret[:8]) in text
    ]


def stored(database: Database) -> str:
    """Every column of every table, view and materialized view of ours, as text."""
    relations = database.execute(
        "select nspname, relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
        " where relkind in ('r', 'm', 'v') and nspname ~ '^(finops|raw)' order by 1, 2"
    ).fetchall()
    found = []
    for relation in relations:
        query = sql.SQL("select concat_ws(' ', whole.*) from {} as whole").format(sql.Identifier(*relation))
        found += [row[0] for row in database.execute(query)]
    assert len(relations) > 40
    return "\n".join(found)


def written(folder: Path) -> str:
    """The content of every file of the project, and of those for a while."""
    files = [path for path in folder.rglob("*") if path.is_file() and "bills" not in str(path)]
    return "\n".join(f"{path} {path.read_bytes().decode(errors='replace')}" for path in files)


def test_no_secret_is_stored_written_or_said(
    echo: Echo, environment: Mapping[str, str], tmp_path: Path, database: Database
) -> None:
    said = run(environment, tmp_path, "extract")
    echo.gives_tokens = False
    said += run(environment, tmp_path, "--debug", "nightly")
    run_id = scalar(database, "select run_id::text from finops.etl_runs order by start_time desc limit 1")
    for command in ("runs", f"runs {run_id}", "config --json", "doctor"):
        said += run(environment, tmp_path, *command.split())
    assert said.count("not valid: '") > 20  # the secrets came back
    assert scalar(database, "select count(*) from finops.etl_steps where status = 'FAILED'") > 10
    assert [(line, found) for line in said.splitlines() if (found := leaked(line))] == []
    assert leaked(stored(database)) == []
    assert leaked(written(tmp_path)) == []
    assert "\x1b" not in said
    assert "\nSUCCESS" not in said
    errors = database.execute("select error from finops.etl_steps where error ~ '[[:cntrl:]]'").fetchall()
    assert errors == []
