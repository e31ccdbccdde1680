"""A night on which every source but one is a bomb, in the memory of the nightly's pod."""

from __future__ import annotations

import gzip
import os
import re
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import bombs
from tests.conftest import ROOT
from tests.e2e.finops import FINOPS, Database, charge, total, write_bill
from tests.unit.http_service import Answer
from tests.unit.http_service import serving as answering

pytestmark = pytest.mark.hostile

POD = ROOT / "deploy" / "components" / "batch" / "pod.yaml"
ROWS = """
[sources.file.{name}]
url = "{folder}/{file}"
date = "day"
max_mib = 64
[[sources.file.{name}.lines]]
product = "p"
quantity = "day"
unit = "u"
"""
SERVICE = """
[sources.http.{name}]
url = "{url}"
path = "usage"
data_selector = "$[*]"
[[sources.http.{name}.lines]]
product = "p"
quantity = "n"
unit = "u"
"""
# What each of them says, by what comes after its name.
EXPECTED = {
    "focus.dictionary": "bill.parquet line 1 has 4,194,304 bytes of ServiceName, more than the 1,048,576",
    "focus.repeated": "it has more than 64 MiB, unpacked, and was not read further",
    "focus.tags": "it takes more memory than there is to read",
    "focus.lists": "5,000,000 values of x_Credits.list.element in 1 lines, more than 1,000 a line",
    "focus.lines": "it has more than 100,000 rows, and was not read further",
    "focus.blank": "it has more than 64 MiB, unpacked, and was not read further",
    "focus.header": "bill.csv has a header of more than 10,000 columns: export fewer",
    "focus.manifest": "manifest.json is not a manifest (it is nested deeper than can be read",
    "focus.names": r"bill\u001b[2J\n.csv has no column",
    "file.line": "rows.csv.gz line 2 has more than 16,777,216 bytes",
    "file.json": "rows.jsonl.gz line 1 has more than 16,777,216 bytes",
    "file.sheet": "bytes unpacked, more than 134,217,728: save its sheet as CSV",
    "file.entities": "it is not an XLSX workbook (limit on input amplification factor",
    "file.dictionary": "rows.parquet line 1 has 4,194,304 bytes of ServiceName",
    "http.packed": "an answer of more than 64 MiB",
    "http.dense": "an answer of more than 4,194,304 values",
}


def pod_mib() -> int:
    """What the pod of the nightly may have."""
    limit = re.search(r"limits:\s+cpu: \S+\s+memory: (\d+)Gi", POD.read_text(encoding="utf-8"))
    assert limit
    return int(limit[1]) * 1024


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every bomb is a source, and one bill is good, but for its tags."""
    folders = {name: tmp_path / name.partition(".")[2] for name in EXPECTED if name.startswith("focus.")}
    for name, folder in folders.items():
        folder.mkdir()
        monkeypatch.setenv(f"SOURCES__{name.replace('.', '__').upper()}__URL", str(folder))
        monkeypatch.setenv(f"SOURCES__{name.replace('.', '__').upper()}__MAX_MIB", "64")
        monkeypatch.setenv(f"SOURCES__{name.replace('.', '__').upper()}__MAX_ROWS", "100000")
    bombs.dictionary(folders["focus.dictionary"] / "bill.parquet", 4 * bombs.MIB)
    bombs.dictionary(folders["focus.repeated"] / "bill.parquet", bombs.MIB // 2)
    bombs.tags(folders["focus.tags"] / "bill.parquet", bombs.MIB // 2)
    bombs.lists(folders["focus.lists"] / "bill.parquet", 5_000_000)
    bombs.repeated(folders["focus.lines"] / "b.csv.gz", f"{bombs.LINE}\n".encode(), 1 << 18, bombs.header())
    bombs.repeated(folders["focus.blank"] / "b.csv.gz", b"\n" * 1024, 1 << 20, bombs.header())
    (folders["focus.header"] / "bill.csv").write_bytes(bombs.header(400_000))
    (folders["focus.manifest"] / "manifest.json").write_text("[" * 100_000)
    (folders["focus.names"] / "bill\x1b[2J\n.csv").write_text("a\n1\n")
    rows = {"line": "rows.csv.gz", "json": "rows.jsonl.gz", "sheet": "s.xlsx", "entities": "e.xlsx"}
    rows["dictionary"] = "rows.parquet"
    bombs.repeated(tmp_path / "rows.csv.gz", b"x" * 1024, 1 << 20, b"day\n")
    bombs.repeated(tmp_path / "rows.jsonl.gz", b"[" * 1024, 1 << 20)
    bombs.workbook(tmp_path / "s.xlsx", bombs.rows(b"<row/>" * 170_000, 200))
    bombs.workbook(tmp_path / "e.xlsx", bombs.rows(b'<row><c r="A2" t="s"><v>0</v></c></row>'), bombs.LAUGHS)
    bombs.dictionary(tmp_path / "rows.parquet", 4 * bombs.MIB)
    config = [ROWS.format(name=name, folder=tmp_path, file=file) for name, file in rows.items()]
    monkeypatch.setenv("SOURCES__FOCUS__GOOD__URL", str(tmp_path / "good"))
    line, hostile = charge("1", "2026-10-02"), ("[" * 500 + "]" * 500, "[" * 5000, "1e9999999999999999999")
    write_bill(tmp_path / "good", "10.csv", [line, *(line.replace("}", f', ""x"": {text}}}') for text in hostile)])
    monkeypatch.chdir(tmp_path)
    with answering() as packed, answering() as dense:
        packed.will(*[Answer(gzip.compress(bytes(1 << 27), 1), headers={"Content-Encoding": "gzip"})] * 5)
        dense.will(*[Answer(b"[" + b"[]," * 5_000_000 + b"[]]")] * 5)
        for name, url in (("packed", packed.url), ("dense", dense.url)):
            config.append(SERVICE.format(name=name, url=url))
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / "config.toml").write_text("".join(config), encoding="utf-8")
        yield


@pytest.mark.usefixtures("night")
def test_every_bomb_fails_alone_in_the_memory_of_the_pod(database: Database) -> None:
    environment = {**os.environ, "INGEST__HTTP_ATTEMPTS": "1", "INGEST__MAX_MEMORY_MIB": str(pod_mib() * 9 // 10)}
    nightly = [FINOPS, "nightly", "--period", "2026-10", "--as-of", "2026-11-01"]
    child = subprocess.run(nightly, env=environment, capture_output=True, text=True, timeout=170, check=False)
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    assert child.returncode == 1, child.stderr
    errors: dict[str, str] = dict(
        database.execute(
            "select source, error from finops.etl_steps where step = 'extract' and status = 'FAILED'"
        ).fetchall()
    )
    assert errors.keys() == EXPECTED.keys()
    for source, expected in EXPECTED.items():
        assert errors[source].startswith(source)
        assert expected in errors[source]
        assert errors[source].isprintable()
    assert total(database) == 4
    assert peak_mib < pod_mib(), child.stderr
