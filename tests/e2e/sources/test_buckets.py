"""A real S3 server over HTTP: bills in a bucket, what a person reads when it does not let them in, and its vault."""

from __future__ import annotations

import gzip
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from finops.ingest.errors import SourceError
from finops.ingest.periods import parse_range
from finops.ingest.sources.focus.export import Export
from finops.ingest.sources.kinds import focus_source
from tests.e2e.finops import HEADER, Database, charge, finops, scalar, total
from tests.unit.limits import configured

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")

SECRET = "wJalrXUtnFEMI/K7MDENG"


@dataclass(frozen=True)
class Bucket:
    """A bucket named `billing` of an S3 server at this address."""

    endpoint: str

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        requests.put(f"{self.endpoint}/billing/{key}", data=content, timeout=10).raise_for_status()

    def ask_for_credentials(self, after: float = 0) -> None:
        """From the request after so many on, every one needs credentials that are known."""
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data=str(after), timeout=10).raise_for_status()


def csv_gz(*lines: str) -> bytes:
    """An export of these lines, as AWS packs them."""
    return gzip.compress("\n".join([HEADER, *lines, ""]).encode())


def options(bucket: Bucket) -> str:
    """The bucket's options, as in `.dlt/secrets.toml`."""
    client = {"endpoint_url": bucket.endpoint, "region_name": "us-east-1"}
    return json.dumps({"key": "AKIAIOSFODNN7", "secret": SECRET, "client_kwargs": client})


def configure(monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str]) -> None:
    """Settings of the source focus.nimbus."""
    for name, value in settings.items():
        monkeypatch.setenv(f"SOURCES__FOCUS__NIMBUS__{name}", value)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket; focus.nimbus is configured to read its partitioned export."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Bucket(f"http://{host}:{port}")
    requests.post(f"{found.endpoint}/moto-api/reset", timeout=10).raise_for_status()
    requests.put(f"{found.endpoint}/billing", timeout=10).raise_for_status()
    configure(monkeypatch, {"URL": "s3://billing/nimbus/billing_period={period}", "STORAGE_OPTIONS": options(found)})
    try:
        yield found
    finally:
        server.stop()


def nightly(period: str = "2026-09") -> int:
    """A nightly of November 2026."""
    return finops("nightly", "--period", period, "--as-of", "2026-11-20")


def refusal(url: str, options: str) -> str:
    """What is said when a bill at this address is read."""
    bills = configured(focus_source("nimbus"), url=url, storage_options=options)
    with pytest.raises(SourceError) as failure:
        Export(bills, parse_range("2026-09")).count()
    return str(failure.value)


def test_a_partitioned_export_of_a_bucket_is_published_to_the_cent_and_listed_anew_each_night(
    bucket: Bucket, database: Database
) -> None:
    bucket.put("nimbus/billing_period=2026-08/part-00001.csv.gz", csv_gz(charge("1000", "2026-08-01")))
    bucket.put("nimbus/billing_period=2026-09/part-00001.csv.gz", csv_gz(charge("1.10", "2026-09-01")))
    bucket.put("nimbus/billing_period=2026-09/part-00002.csv.gz", csv_gz(charge("2.20", "2026-09-30")))
    bucket.put("nimbus/billing_period=2026-09/_SUCCESS", b"")
    bucket.put("nimbus/billing_period=2026-09/part-00003.csv.gz", b"")
    bucket.put("nimbus/billing_period=2026-10/part-00001.csv.gz", csv_gz(charge("4.40", "2026-10-02")))
    assert nightly("2026-09..2026-10") == 0
    assert total(database) == Decimal("7.70")
    assert scalar(database, "select count(*) from raw_public_cloud.focus") == 3
    bucket.put("nimbus/billing_period=2026-09/part-00004.csv.gz", csv_gz(charge("0.20", "2026-09-30")))
    assert nightly() == 0
    assert total(database) == Decimal("7.90")


def test_of_the_runs_of_an_aws_export_the_one_of_the_newest_manifest_counts(
    bucket: Bucket, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, {"URL": "s3://billing/exports/focus"})
    for run, cost in (("20260910T030405-aaaa", "1.10"), ("20260911T030405-bbbb", "2.20")):
        place = f"BILLING_PERIOD=2026-09/{run}"
        bucket.put(f"exports/focus/data/{place}/focus-00001.csv.gz", csv_gz(charge(cost, "2026-09-01")))
        manifest = {"dataFiles": [f"s3://billing/exports/focus/data/{place}/focus-00001.csv.gz"]}
        bucket.put(f"exports/focus/metadata/{place}/focus-Manifest.json", json.dumps(manifest).encode())
    unfinished = "exports/focus/data/BILLING_PERIOD=2026-09/20260912T030405-cccc/focus-00001.csv.gz"
    bucket.put(unfinished, csv_gz(charge("9.90", "2026-09-01")))
    assert nightly() == 0
    assert total(database) == Decimal("2.20")


def test_a_charge_of_the_year_1_is_a_reject_and_no_relevé_of_that_year(bucket: Bucket, database: Database) -> None:
    lost = charge("2.20", "0001-01-01", billed_in="2026-09")
    bucket.put("nimbus/billing_period=2026-09/part-00001.csv.gz", csv_gz(charge("1.10", "2026-09-01"), lost))
    assert nightly() == 0
    assert total(database) == Decimal("1.10")
    rejected = database.execute("select reason, amount from finops.rejected_usage").fetchall()
    assert rejected == [("UNPARSABLE", Decimal("2.20"))]


@pytest.mark.parametrize("url", ["s3://bulling/nimbus", "s3://bulling/nimbus/{period}"])
def test_a_bucket_that_is_not_there_is_told_by_its_address(bucket: Bucket, url: str) -> None:
    assert f"can't read {url}" in refusal(url, options(bucket))


def test_credentials_that_do_not_open_the_bucket_are_one_clear_line_without_them(
    bucket: Bucket, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    bucket.put("nimbus/billing_period=2026-09/part-00001.csv.gz", csv_gz(charge("1.10", "2026-09-01")))
    bucket.ask_for_credentials()
    try:
        assert nightly() == 1
        assert "can't read s3://billing/nimbus" in refusal("s3://billing/nimbus", options(bucket))
    finally:
        bucket.ask_for_credentials(after=math.inf)
    assert total(database) == 0
    shown = capfd.readouterr()
    assert SECRET not in shown.out + shown.err
    [error] = [line for line in shown.err.splitlines() if line.startswith("Error: ")]
    assert "focus.nimbus: can't read" in error


def test_no_credentials_at_all_are_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = {"endpoint_url": bucket.endpoint, "region_name": "us-east-1"}
    assert "can't read s3://billing/x" in refusal("s3://billing/x", json.dumps({"client_kwargs": client}))


def test_a_server_that_is_not_there_is_told() -> None:
    assert "can't read s3://billing/x" in refusal("s3://billing/x", options(Bucket("http://127.0.0.1:9")))


def test_an_option_that_the_driver_does_not_know_is_told() -> None:
    wrong = json.dumps({"key": "AKIAIOSFODNN7", "secret": SECRET, "client_kwargs": {"endpoint": "http://127.0.0.1:9"}})
    said = refusal("s3://billing/x", wrong)
    assert "can't read s3://billing/x: storage_options: " in said
    assert SECRET not in said


def test_a_secret_is_found_in_the_vault_that_dlt_is_told_of(bucket: Bucket, tmp_path: Path) -> None:
    key = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
    requests.post(
        bucket.endpoint,
        headers={
            "X-Amz-Target": "secretsmanager.CreateSecret",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7/20261122/us-east-1/secretsmanager/aws4_request",
        },
        json={"Name": "dlt/sources/gitlab", "SecretString": '[sources.gitlab]\ntoken = "vault-1"\n'},
        timeout=10,
    ).raise_for_status()
    code = "from finops.ingest.config.reading import read; print(read('sources.gitlab', ['token']).values['token'])"
    environment = os.environ | key | {"AWS_ENDPOINT_URL": bucket.endpoint, "PROVIDERS__ENABLE_AWS_SECRETS": "true"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("vault-1\n", 0), done.stderr
