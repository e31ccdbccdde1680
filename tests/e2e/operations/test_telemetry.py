"""What a run tells Prometheus and a collector of traces, over real HTTP, compared with what is in PostgreSQL."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from finops.demo.postgres import Embedded
from finops.ingest.telemetry.metrics import METRICS, PREFIX
from tests.conftest import copy_database
from tests.e2e.finops import FINOPS, Database, charge, finops, last_run, scalar, serving, wait_until, write_bill
from tests.e2e.receiver import Receiver, receiving

NIGHTLY = ("nightly", "--period", "2026-10", "--as-of", "2026-11-20")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def _configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export with a line that nobody claims and one without a rate."""
    lines = [
        charge("4.40", "2026-10-02"),
        charge("0.60", "2026-10-03", application=None),
        charge("7.25", "2026-10-03", currency="XTS", quantity="3"),
    ]
    write_bill(tmp_path / "bills", "10.csv", lines)
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """What the run sends to."""
    with receiving() as started:
        yield started


@pytest.fixture
def _a_source_that_fails(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """OpenCost, whose token is in what the server says, refuses it."""
    with serving({}) as url:
        monkeypatch.setenv("SOURCES__OPENCOST__URL", f"{url}/s3cret-token")
        monkeypatch.setenv("SOURCES__OPENCOST__TOKEN", "s3cret-token")
        monkeypatch.setenv("INGEST__HTTP_ATTEMPTS", "1")
        yield


def samples(families: Iterable[Metric]) -> Samples:
    """The values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in families
        for sample in metric.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """The one value of a metric with these labels."""
    return found[f"{PREFIX}{name}", frozenset(labels.items())]


@pytest.mark.usefixtures("_a_source_that_fails")
def test_a_run_writes_what_sql_says_to_a_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "finops.prom"
    path.write_text("what was there\n")
    monkeypatch.setenv("METRICS__TEXTFILE", str(path))
    assert finops(*NIGHTLY) == 1
    found = samples(read_text(path.read_text()))
    run = last_run(database)
    assert value(found, "run_succeeded", kind="nightly") == 0
    assert value(found, "run_last_end_timestamp_seconds", kind="nightly") == run["end_time"].timestamp()
    assert value(found, "run_records", kind="nightly") == 3
    assert value(found, "source_succeeded", source="focus.nimbus") == 1
    assert value(found, "source_succeeded", source="kubernetes.allocation") == 0
    assert value(found, "source_last_success_timestamp_seconds", source="kubernetes.allocation") == 0
    assert value(found, "source_read_records", source="focus.nimbus") == 3
    assert value(found, "source_data_until_timestamp_seconds", source="focus.nimbus") == 1793491200  # 2026-11-01, UTC
    month = {"period": "2026-10", "source": "focus.nimbus"}
    cost = scalar(database, "select sum(total_cost) from finops.fact_releve")
    assert value(found, "cost", currency="EUR", **month) == float(cost) == 5
    assert value(found, "cost_unallocated", currency="EUR", **month) == 0.6
    assert value(found, "cost_estimated", currency="EUR", **month) == 0
    assert value(found, "releves", currency="EUR", **month) == 2
    assert value(found, "rejected_lines", reason="NO_FX_RATE", **month) == 1
    assert value(found, "rejected_unpriced_lines", reason="NO_FX_RATE", **month) == 0
    assert value(found, "rejected_amount", reason="NO_FX_RATE", currency="XTS", **month) == 7.25
    took = scalar(
        database,
        "select extract(epoch from sum(end_time - start_time)) from finops.etl_steps where step = 'consolidate'",
    )
    assert value(found, "step_duration_seconds", kind="nightly", step="consolidate", source="") == float(took)
    assert [file.name for file in tmp_path.glob("finops.prom*")] == ["finops.prom"]


def test_what_is_printed_is_openmetrics_and_has_every_metric(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    assert finops(*NIGHTLY) == 0
    capfd.readouterr()
    assert finops("metrics") == 0
    families = list(read_openmetrics(capfd.readouterr().out))
    assert {(family.name, family.documentation) for family in families} == {
        (PREFIX + name, text) for name, text in METRICS.items()
    }
    assert {family.type for family in families} == {"gauge"}
    assert scalar(database, "select count(*) from finops.etl_runs") == 1


def test_before_the_first_run_there_is_nothing_to_say_but_that_nothing_was_read(
    server: Embedded, database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    copy_database(server, "template1", "finops_fresh")
    for name in (database.info.dbname, "finops_fresh"):  # in the second, nothing is set up yet
        monkeypatch.setenv("PGDATABASE", name)
        assert finops("metrics") == 0
        found = samples(read_openmetrics(capfd.readouterr().out))
        assert value(found, "source_last_success_timestamp_seconds", source="focus.nimbus") == 0
        assert not any(name.startswith("finops_run") for name, _ in found)


def test_a_run_pushes_in_place_of_the_last_one_with_its_password_and_shows_it_to_nobody(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    host = receiver.url.removeprefix("http://")
    monkeypatch.setenv("METRICS__PUSHGATEWAY", f"http://pusher:p%40ss-w0rd@{host}/under/")
    assert finops(*NIGHTLY) == 0
    (sent,) = receiver.sent
    assert (sent.method, sent.path) == ("PUT", "/under/metrics/job/finops")
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(b"pusher:p@ss-w0rd").decode()
    found = samples(read_text(sent.body.decode()))
    assert value(found, "run_succeeded", kind="nightly") == 1
    assert (
        value(found, "run_last_success_timestamp_seconds", kind="nightly") == last_run(database)["end_time"].timestamp()
    )
    assert "p@ss-w0rd" not in "".join(capfd.readouterr())


def test_receivers_that_refuse_or_are_off_fail_no_run_and_are_told_of_without_the_password(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.status = 401
    monkeypatch.setenv("METRICS__PUSHGATEWAY", receiver.url.replace("http://", "http://pusher:p%40ss-w0rd@"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    assert finops(*NIGHTLY) == 0
    said = capfd.readouterr().err
    assert '"not_exported", "what": "metrics", "error": "HTTPError: HTTP Error 401' in said
    assert "the receiver of traces at http://127.0.0.1:9 does not answer" in said
    assert "p@ss-w0rd" not in said
    assert "p%40ss" not in said
    assert last_run(database)["status"] == "SUCCESS"


def spans(receiver: Receiver) -> list[Span]:
    """What was sent, decoded."""
    found = []
    for sent in receiver.sent:
        assert (sent.method, sent.path) == ("POST", "/v1/traces")
        request = ExportTraceServiceRequest.FromString(sent.body)
        found += [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return found


def attributes(span: Span) -> dict[str, Any]:
    """The attributes of a span by name."""
    return {
        pair.key.removeprefix("finops."): getattr(pair.value, str(pair.value.WhichOneof("value")))
        for pair in span.attributes
    }


@pytest.mark.usefixtures("_a_source_that_fails")
def test_a_run_is_a_trace_with_a_span_for_each_step(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "finops-of-nimbus")
    assert finops(*NIGHTLY) == 1
    run, (root, *steps) = last_run(database), spans(receiver)
    assert root.name == "finops nightly"
    assert {span.trace_id.hex() for span in (root, *steps)} == {run["run_id"].hex}
    assert {span.parent_span_id for span in steps} == {root.span_id}
    assert root.status.code == Status.STATUS_CODE_ERROR
    assert root.end_time_unix_nano == int(run["end_time"].timestamp() * 1_000_000) * 1000
    by_name = {span.name: span for span in steps}
    assert set(by_name) == {
        *("extract focus.nimbus", "extract kubernetes.allocation"),
        *("reference", "consolidate", "refresh", "purge"),
    }
    read = attributes(by_name["extract focus.nimbus"])
    assert (read["source"], read["rows"], read["status"], read["windows"]) == ("focus.nimbus", 3, "SUCCESS", 1)
    assert (read["window_start"], read["window_end"]) == ("2026-10-01", "2026-11-01")
    refused = by_name["extract kubernetes.allocation"].status
    assert refused.code == Status.STATUS_CODE_ERROR
    assert "answered 404" in refused.message
    assert "s3cret-token" not in str(spans(receiver))
    resource = ExportTraceServiceRequest.FromString(receiver.sent[0].body).resource_spans[0].resource
    assert {pair.key: pair.value.string_value for pair in resource.attributes}["service.name"] == "finops-of-nimbus"


def test_a_run_that_is_interrupted_has_its_metrics_and_its_trace(
    database: Database, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("METRICS__TEXTFILE", str(tmp_path / "finops.prom"))
    with psycopg.connect(database.info.dsn) as blocker:
        blocker.execute("lock table finops.fact_releve in exclusive mode")
        child = subprocess.Popen([FINOPS, *NIGHTLY], stderr=subprocess.DEVNULL)
        wait_until(database, "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'")
        os.kill(child.pid, signal.SIGTERM)
        child.wait(timeout=60)
    found = samples(read_text((tmp_path / "finops.prom").read_text()))
    assert value(found, "run_succeeded", kind="nightly") == 0
    assert spans(receiver)[0].status.code == Status.STATUS_CODE_ERROR
    assert spans(receiver)[0].trace_id.hex() == last_run(database)["run_id"].hex
