import re
from collections.abc import Callable
from threading import Thread

import pytest

from finops.ingest.config.redaction import redact
from finops.ingest.telemetry.progress import Progress, progress_for

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """What went to stderr since it was last asked, by line."""

    def written() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return written


def fields(line: str) -> str:
    """A line without its time."""
    return line.partition(" ")[2]


def test_every_occurrence_of_a_secret_is_hidden() -> None:
    assert redact("user:s3cret@db, s3cret", ["s3cret"]) == "user:***@db, ***"


def test_secrets_are_hidden_in_the_order_given() -> None:
    assert redact("s3cret-and-more", ["s3cret-and-more", "s3cret"]) == "***"


def test_a_text_without_secrets_stays_as_it_is() -> None:
    assert redact("*** is not a secret", ["s3cret"]) == "*** is not a secret"


def test_a_secret_with_signs_of_a_pattern_is_hidden() -> None:
    assert redact("a.c abc", ["a.c"]) == "*** abc"


def test_a_line_begins_with_the_time_in_utc(lines: Lines) -> None:
    Progress().event("started")
    assert re.fullmatch(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 event=started", lines()[0])


def test_a_fact_is_its_keys_and_values_in_the_order_given(lines: Lines) -> None:
    Progress().event("extracted", source="cmdb.vm", rows=12)
    assert fields(lines()[0]) == "event=extracted source=cmdb.vm rows=12"


def test_an_unknown_value_is_left_out(lines: Lines) -> None:
    Progress().event("extracted", source="cmdb.vm", error=None)
    assert fields(lines()[0]) == "event=extracted source=cmdb.vm"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("", '""'),
        ('say "no" now', "\"say 'no' now\""),
        ("plain", "plain"),
        (0, "0"),
    ],
)
def test_a_value_that_would_split_the_line_is_quoted(lines: Lines, value: object, written: str) -> None:
    Progress().event("noted", what=value)
    assert fields(lines()[0]) == f"event=noted what={written}"


@pytest.mark.parametrize("value", ["one\ntwo", "one\r\ntwo", "one\t two", "one\u2028two"], ids=ascii)
def test_a_value_of_many_lines_is_one_line(lines: Lines, value: str) -> None:
    Progress().event("failed", error=value)
    assert [fields(line) for line in lines()] == ['event=failed error="one two"']


@pytest.mark.parametrize("value", ['"', 'x"y="', "tab\there"], ids=ascii)
def test_a_value_can_be_told_from_the_next_key(lines: Lines, value: str) -> None:
    Progress().event("noted", what=value, then=1)
    assert re.fullmatch(r'event=noted what=("[^"]*"|[^\s"=]+) then=1', fields(lines()[0]))


@pytest.mark.parametrize("secret", ["s3cret", 's3"cret', "s3  cret", "s3=cret", "s3\ncret"], ids=ascii)
def test_a_secret_never_reaches_a_line(lines: Lines, secret: str) -> None:
    Progress([secret]).event("failed", error=f"no access with {secret} there")
    assert "cret" not in lines()[0]


def test_a_source_says_how_many_rows_it_gave(lines: Lines) -> None:
    with Progress().source("cmdb.vm") as line:
        line.advance(5_000)
        line.advance(1)
    assert re.fullmatch(r"event=extracted source=cmdb\.vm rows=5001 seconds=\d+\.\d", fields(lines()[0]))


def test_a_stage_says_how_long_it_took(lines: Lines) -> None:
    with Progress().stage("dbt build") as advance:
        advance(1, 2)
    assert re.fullmatch(r'event=done stage="dbt build" seconds=\d+\.\d', fields(lines()[0]))


def test_a_failure_says_what_and_why(lines: Lines) -> None:
    Progress().failed("cmdb.vm", "no server answers")
    assert fields(lines()[0]) == 'event=failed what=cmdb.vm error="no server answers"'


def test_nothing_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().event("started")
    assert capsys.readouterr().out == ""


def test_where_a_log_collects_lines_there_are_no_bars() -> None:
    assert type(progress_for(())) is Progress


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
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1800
    assert [line for line in lines if line.count("event=said number=") != 1] == []
