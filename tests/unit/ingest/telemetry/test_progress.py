"""What a run says on stderr: a line of JSON for each fact, none of which holds a secret."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from threading import Thread
from typing import Any

import pytest

from finops.ingest.config import redaction
from finops.ingest.telemetry.progress import Progress

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """What went to stderr since it was last asked, by line, without the time."""

    def written() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in capsys.readouterr().err.split("\n")[:-1]]
        return [{key: value for key, value in line.items() if key != "time"} for line in found]

    return written


def line(message: str, level: str = "info", **values: object) -> dict[str, object]:
    """A line as it should be."""
    return {"level": level, "logger": "finops.ingest", "message": message, **values}


def test_a_line_begins_with_the_time_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().event("started")
    first, *_ = json.loads(capsys.readouterr().err).items()
    assert first[0] == "time"
    assert datetime.fromisoformat(first[1]).utcoffset() == timedelta(0)


def test_a_fact_is_its_message_and_its_values_and_what_is_unknown_is_left_out(lines: Lines) -> None:
    Progress().event("extracted", "warning", source="cmdb.vm", rows=12, error=None)
    assert lines() == [line("extracted", "warning", source="cmdb.vm", rows=12)]


@pytest.mark.parametrize(
    "value", ["one\ntwo", 'say "no"', "tab\there", "accentué", "\x1b[2J\x9b\u2028\u202e\U000e0041"], ids=ascii
)
def test_a_value_is_read_back_as_it_was_on_one_line(lines: Lines, value: str) -> None:
    Progress().event("noted", what=value)
    assert lines() == [line("noted", what=value)]


@pytest.mark.parametrize("secret", ["s3cret", 's3"cret', "s3  cret", "s3\ncret"], ids=ascii)
def test_a_secret_never_reaches_a_line(capsys: pytest.CaptureFixture[str], secret: str) -> None:
    redaction.learn({"token": secret})
    Progress().event("failed", error=RuntimeError(f"no access with {secret} there"))
    assert "cret" not in capsys.readouterr().err


def test_a_source_says_how_many_rows_it_gave_and_what_was_skipped(lines: Lines) -> None:
    with Progress() as progress, progress.source("cmdb.vm") as source:
        source.advance(5_000)
        source.skipped("a document", "it has no id")
        source.advance(1)
    skipped, extracted = lines()
    assert skipped == line("skipped", source="cmdb.vm", what="a document", why="it has no id")
    assert extracted == line("extracted", source="cmdb.vm", rows=5001, seconds=extracted["seconds"])


def test_a_stage_says_how_long_it_took(lines: Lines) -> None:
    with Progress().stage("dbt build") as advance:
        advance(1, 2)
    (done,) = lines()
    assert done == line("done", stage="dbt build", seconds=done["seconds"])


def test_a_failure_says_what_and_why(lines: Lines) -> None:
    Progress().event("failed", "error", what="cmdb.vm", error="no server answers")
    assert lines() == [line("failed", "error", what="cmdb.vm", error="no server answers")]


class Terminal(StringIO):
    """Where a person looks."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_terminal_has_readable_lines_and_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    redaction.learn({"token": "s3cret"})
    with Progress() as progress, progress.source("cmdb.vm") as source:
        source.advance(12)
        progress.event("failed", "error", what="gitlab.storage", error="s3cret [is] refused")
    assert "what gitlab.storage  error *** [is] refused" in terminal.getvalue()
    assert "extract cmdb.vm" in terminal.getvalue()
    assert "12 records" in terminal.getvalue()


def test_nothing_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().event("started")
    assert capsys.readouterr().out == ""


def test_the_lines_of_several_threads_stay_lines(capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress()

    def say() -> None:
        for number in range(300):
            progress.event("said", number=number)

    threads = [Thread(target=say) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = capfd.readouterr().err.splitlines()
    assert len(found) == 1800
    assert {json.loads(one)["message"] for one in found} == {"said"}
