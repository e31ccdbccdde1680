"""Credentials over plain http go to this machine alone, unless a setting says so; PostgreSQL has to prove who it is."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import pytest
import yaml
from jinja2 import Environment
from pydantic import ValidationError

from finops.api.database import _ssl_mode as ssl_mode_of_api
from finops.ingest.config.reference import ReferencePlace
from finops.ingest.config.sections import Exports
from finops.ingest.config.services import SERVICES, FocusExport
from finops.ingest.config.settings import load
from finops.ingest.config.transport import OverHttp, is_here
from finops.ingest.config.values import Section
from finops.ingest.database import connect, conninfo, ssl_mode
from finops.ingest.errors import ConfigurationError, FinopsError
from finops.ingest.sources.declared import HttpDeclaration
from finops.ingest.sources.rows.declared import FileDeclaration
from finops.ingest.telemetry import traces
from tests.conftest import ROOT

FAR = "http://gitlab.internal:8080"
LINES = [{"product": "x.y", "quantity": "n", "unit": "n"}]
OVER_HTTP: list[type[Section]] = [model for model in SERVICES.values() if issubclass(model, OverHttp)]
CREDENTIALS: list[tuple[type[Section], Mapping[str, object]]] = [
    *((model, {"url": FAR, "token": "t-1", "query": {}}) for model in OVER_HTTP),
    (SERVICES["openstack"], {"url": FAR, "username": "u", "password": "p-1"}),
    (SERVICES["openstack"], {"url": "http://ci:p-1@nova"}),
    (SERVICES["openstack"], {"url": FAR, "token_url": "https://sso", "client_id": "c", "client_secret": "s-1"}),
    (SERVICES["openstack"], {"url": "https://nova", "token_url": FAR, "client_id": "c", "client_secret": "s-1"}),
    (SERVICES["openstack"], {"url": FAR, "params": {"private_token": "t-1"}}),
    (HttpDeclaration, {"url": FAR, "token": "t-1", "path": "x", "data_selector": "$[*]", "lines": LINES}),
    (FocusExport, {"url": "http://u:p-1@bills/{period}"}),
    (FocusExport, {"url": "HTTP://bills/bill.csv?sig=s-1"}),
    (FocusExport, {"url": "http://bills/bill.csv", "storage_options": {"headers": {"Authorization": "Bearer t-1"}}}),
    (FileDeclaration, {"url": "http://u:p-1@files/{day}.csv", "lines": LINES}),
    (ReferencePlace, {"url": "http://u:p-1@files/prices.csv"}),
    (Exports, {"pushgateway": "http://pusher:p-1@gateway:9091"}),
]


def made(model: type[Section], values: Mapping[str, object], **more: object) -> Section:
    """A section with these keys that it has."""
    return model.model_validate({key: value for key, value in {**values, **more}.items() if key in model.model_fields})


@pytest.mark.parametrize(("model", "values"), CREDENTIALS)
def test_a_credential_over_plain_http_to_another_machine_is_refused(
    model: type[Section], values: Mapping[str, object]
) -> None:
    with pytest.raises(ValidationError, match=r"http://[a-z.]+ is not encrypted.*insecure_http = true") as refused:
        made(model, values)
    assert "-1" not in str(refused.value)


@pytest.mark.parametrize(("model", "values"), CREDENTIALS)
def test_it_is_allowed_where_a_setting_says_so_or_the_machine_is_this_one(
    model: type[Section], values: Mapping[str, object]
) -> None:
    made(model, values, insecure_http="true")
    for near in ("localhost:1", "127.0.0.1:1", "[::1]:1", "127.8.9.1"):
        text = json.dumps(values)
        for far in ("gitlab.internal:8080", "nova", "bills", "files", "gateway:9091"):
            text = text.replace(f"//{far}", f"//{near}").replace(f"@{far}", f"@{near}")
        made(model, json.loads(text))


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (SERVICES["opencost"], {"url": "http://opencost.opencost:9003"}),
        (FocusExport, {"url": "http://bills/bill.csv", "storage_options": {"block_size": "1"}}),
        (FocusExport, {"url": "s3://bills", "storage_options": {"client_kwargs": {"endpoint_url": "http://minio"}}}),
        (Exports, {"pushgateway": "http://gateway:9091"}),
        (SERVICES["gitlab"], {"url": "https://gitlab.internal", "token": "t-1"}),
    ],
)
def test_what_sends_no_credential_or_encrypts_needs_no_setting(
    model: type[Section], values: Mapping[str, object]
) -> None:
    assert made(model, values)


@pytest.mark.parametrize(
    "host",
    ["localhost.evil.com", "127.0.0.1.evil.com", "0.0.0.0", "127.evil.com", "[::ffff:10.0.0.1]", "", "2130706433"],  # noqa: S104
)
def test_a_name_that_only_looks_like_this_machine_is_another(host: str) -> None:
    assert not is_here(host.strip("[]"))


def test_the_error_names_the_source_the_rule_and_the_remedy() -> None:
    os.environ |= {"SOURCES__GITLAB__URL": FAR, "SOURCES__GITLAB__TOKEN": "t-1"}  # conftest.py puts it back
    with pytest.raises(ConfigurationError) as refused:
        load()
    assert str(refused.value) == (
        "sources.gitlab: url http://gitlab.internal is not encrypted, and would be sent a credential: write https://, "
        "or set insecure_http = true where nobody can listen in between"
    )
    os.environ["SOURCES__GITLAB__INSECURE_HTTP"] = "true"
    assert load().sources


@pytest.mark.parametrize(
    ("uri", "is_refused"),
    [
        ("mongodb://u:p-1@cmdb-1:27017,cmdb-2/?authMechanism=PLAIN", True),
        ("mongodb://u:p-1@cmdb/db?authmechanism=plain&tls=false", True),
        ("mongodb://u:p-1@127.0.0.1,cmdb/?authMechanism=PLAIN", True),
        ("mongodb://u:p-1@cmdb/?authMechanism=PLAIN&tls=true", False),
        ("mongodb://u:p-1@cmdb/?authMechanism=PLAIN&ssl=true", False),
        ("mongodb://u:p-1@127.0.0.1:27017/?authMechanism=PLAIN", False),
        ("mongodb://u:p-1@cmdb:27017/?replicaSet=rs0", False),
        ("mongodb+srv://u:p-1@cmdb/?authMechanism=PLAIN", False),
    ],
)
def test_a_password_that_mongodb_would_have_sent_as_it_is_is_refused(uri: str, *, is_refused: bool) -> None:
    os.environ["SOURCES__CMDB__URI"] = uri
    if not is_refused:
        assert load().sources
        return
    with pytest.raises(ConfigurationError, match="unencrypted, by authMechanism=PLAIN: add tls=true") as refused:
        load()
    assert "p-1" not in str(refused.value)


def test_headers_of_traces_go_over_plain_http_only_if_a_variable_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t-1")
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_INSECURE=true"):
        traces.export(None, {})  # type: ignore[arg-type] # it comes to no query


# PostgreSQL

HOSTS = {
    "": "prefer",
    "/var/run/postgresql": "prefer",
    "@abstract": "prefer",
    "localhost": "prefer",
    "127.0.0.1": "prefer",
    "::1": "prefer",
    "db.example.com": "verify-full",
    "10.0.0.7": "verify-full",
    "localhost.example.com": "verify-full",
    "127.0.0.1,10.0.0.7": "verify-full",
}


@pytest.mark.parametrize("said", [None, "require", "disable"])
@pytest.mark.parametrize("host", HOSTS)
def test_loader_api_and_dbt_verify_a_server_on_another_machine_alike(
    host: str, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", host)
    if said:
        monkeypatch.setenv("PGSSLMODE", said)
    expected = said or HOSTS[host]
    profile = yaml.safe_load((ROOT / "profiles.yml.example").read_text())["finops"]["outputs"]["default"]
    rendered = Environment(autoescape=True).from_string(profile["sslmode"]).render(env_var=os.environ.get)
    assert rendered.strip() == expected
    assert ssl_mode().get("sslmode", said) == expected
    assert ssl_mode_of_api().get("sslmode", said or "prefer") == expected
    assert ("sslmode=" in conninfo()) == (said is None)


def test_a_connection_of_reference_data_is_verified_by_its_own_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "/var/run/postgresql")
    assert "sslmode=verify-full" in conninfo("host=erp.example.com dbname=erp")
    assert "sslmode=verify-full" in conninfo("postgresql://reader@erp.example.com/erp")
    assert "sslmode=require" in conninfo("host=erp.example.com sslmode=require")
    assert "sslmode" not in conninfo("service=erp")


def test_nothing_is_sent_to_a_server_that_does_not_encrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    received = bytearray()
    with socket.create_server(("127.0.0.2", 0)) as server:  # an address that counts as another machine's
        for name, value in {"HOST": "127.0.0.2", "PORT": str(server.getsockname()[1]), "PASSWORD": "s3cret"}.items():
            monkeypatch.setenv(f"PG{name}", value)
        monkeypatch.setenv("PGUSER", "finops")
        monkeypatch.setenv("PGDATABASE", "finops")

        def refuse() -> None:
            with server.accept()[0] as client:
                received.extend(client.recv(100))
                client.sendall(b"N")
                received.extend(client.recv(100))

        thread = Thread(target=refuse)
        thread.start()
        with pytest.raises(FinopsError) as refused:
            connect()
        thread.join()
    assert len(received) == 8  # SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html
    for part in ("does not support SSL", "PGSSLMODE=verify-full", "PGSSLROOTCERT", "prefer and disable"):
        assert part in str(refused.value)


def test_a_server_whose_authority_nobody_names_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with socket.create_server(("127.0.0.2", 0)) as server:
        monkeypatch.setenv("PGHOST", "127.0.0.2")
        monkeypatch.setenv("PGPORT", str(server.getsockname()[1]))
        monkeypatch.setenv("PGUSER", "finops")
        monkeypatch.setenv("PGDATABASE", "finops")

        def accept() -> None:
            with server.accept()[0] as client:
                client.recv(100)
                client.sendall(b"S")
                client.recv(100)

        thread = Thread(target=accept)
        thread.start()
        with pytest.raises(FinopsError, match="set PGSSLROOTCERT to its authority's PEM file; PGSSLMODE=require"):
            connect()
        thread.join()
