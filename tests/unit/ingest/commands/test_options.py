"""What the command line refuses before it reads a setting or connects to anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from finops.ingest.cli import cli
from finops.ingest.periods import Period, today

THIS_MONTH = Period.of(today())
NEXT_MONTH = THIS_MONTH.next
REPROCESS = ("reprocess", "--reason", "a test")


def refusal(*arguments: str) -> str:
    """The last line that a command prints before it exits as misused."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2, result.output
    return result.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", [("nightly",), ("extract",), REPROCESS, ("coverage",)], ids=lambda words: words[0])
@pytest.mark.parametrize("period", [str(NEXT_MONTH), f"2026-01..{NEXT_MONTH}"])
def test_a_month_in_the_future_is_refused_as_such(command: tuple[str, ...], period: str) -> None:
    said = refusal(*command, "--period", period)
    assert f"{NEXT_MONTH} is in the future: the latest month is {THIS_MONTH} (UTC)" in said


def test_a_range_to_the_end_of_time_is_refused_as_such() -> None:
    assert "9999-12 is in the future" in refusal("nightly", "--period", "2026-09..9999-12")


def test_a_month_after_the_day_of_the_run_is_refused() -> None:
    as_of = THIS_MONTH.first - timedelta(days=1)
    said = refusal("nightly", "--period", str(THIS_MONTH), "--as-of", str(as_of))
    assert f"{THIS_MONTH} begins after --as-of {as_of}" in said


@pytest.mark.parametrize("reason", ["", "  ", "\t\n"])
def test_a_reason_that_says_nothing_is_refused(reason: str) -> None:
    said = refusal("reprocess", "--period", "2026-09", "--reason", reason)
    assert "says nothing: write why, such as 'the price of nvme was missing'" in said


def test_what_make_passes_on_without_its_variables_is_refused() -> None:
    """`make reprocess` without PERIOD and REASON."""
    assert "'' is not a month: write it as YYYY-MM" in refusal("reprocess", "--period", "", "--reason", "")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("", "these are: gitlab.storage"), ("nowhere", "these are: gitlab.storage"), ("gitlab.storag", "did you mean")],
)
def test_a_source_that_is_not_configured_is_refused_by_its_name(
    name: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__GITLAB__URL", "https://gitlab.example")
    assert f"--source '{name}' is not configured: {remedy}" in refusal("nightly", "--source", name)
