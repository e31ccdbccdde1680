"""When the scheduler begins a nightly, and when its health says that a restart helps."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from finops.ingest.config.sections import Schedule
from finops.ingest.config.settings import schedule
from finops.ingest.errors import ConfigurationError
from finops.ingest.scheduler.health import Health, serving
from finops.ingest.scheduler.nights import trigger


def fires(cron: str, zone: str, start: str, count: int) -> list[str]:
    """The first times after the start, in UTC."""
    found: list[str] = []
    times, now = trigger(cron, zone), datetime.fromisoformat(start).replace(tzinfo=UTC)
    for _ in range(count):
        at = times.get_next_fire_time(None, now)
        found.append(at.astimezone(UTC).strftime("%m-%d %H:%M:%S"))
        now = at.astimezone(UTC) + timedelta(seconds=1)
    return found


def test_an_expression_is_read_in_its_time_zone() -> None:
    assert fires("30 2 * * *", "Europe/Paris", "2026-07-01", 2) == ["07-01 00:30:00", "07-02 00:30:00"]


def test_six_fields_begin_with_seconds() -> None:
    assert fires("*/20 * * * * *", "UTC", "2026-07-01", 2) == ["07-01 00:00:00", "07-01 00:00:20"]


def test_no_night_is_lost_in_the_hour_that_spring_skips() -> None:
    assert fires("30 2 * * *", "Europe/Paris", "2026-03-28T12:00", 2) == ["03-29 01:30:00", "03-30 00:30:00"]


def test_the_hour_that_autumn_repeats_has_two() -> None:
    expected = ["10-25 00:30:00", "10-25 01:30:00", "10-26 01:30:00"]
    assert fires("30 2 * * *", "Europe/Paris", "2026-10-24T12:00", 3) == expected


def test_days_of_the_week_go_by_name() -> None:
    assert fires("0 4 * * mon-fri", "UTC", "2026-11-20T05:00", 1) == ["11-23 04:00:00"]  # a Friday, then a Monday


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("30 2 * * 1", "UTC", "write the days of the week as mon"),
        ("30 2", "UTC", "has 2 fields"),
        ("30 25 * * *", "UTC", "is not a cron expression"),
        ("30 2 * * *", "Paris", "schedule.timezone 'Paris' is not an IANA time zone"),
        ("30 2 * * *", "../etc/passwd", "is not an IANA time zone"),
    ],
)
def test_what_can_t_be_read_is_refused(cron: str, zone: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        trigger(cron, zone)


@pytest.mark.parametrize("text", ["8090", "localhost:", "localhost:http", "localhost:70000"])
def test_an_address_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULE__LISTEN", text)
    with pytest.raises(ConfigurationError, match="is not an address to listen on: write host:port"):
        schedule()


def asked(url: str) -> tuple[int, dict[str, object]]:
    """The status and the document that an address answers with."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 our own server
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def health(due: datetime | None = None, port: int = 0) -> Health:
    """The health of a scheduler whose next nightly is due then; without a time, it is starting."""
    found = Health(Schedule(cron="0 0 1 1 *", listen=f"127.0.0.1:{port}"))
    if due:
        found.job = BackgroundScheduler(timezone=UTC).add_job(print, next_run_time=due)
    return found


def test_a_scheduler_that_waits_for_its_time_is_healthy() -> None:
    due = datetime(2100, 1, 1, tzinfo=UTC)
    with serving(health(due)) as url:
        status, said = asked(url)
        assert asked(url + "/")[0] == 404
    assert (status, said["state"], said["next_run"]) == (200, "ok", "2100-01-01T00:00:00+00:00")


def test_a_scheduler_that_does_not_begin_what_is_due_is_not_healthy() -> None:
    with serving(health(datetime.now(UTC) - timedelta(hours=1))) as url:
        status, said = asked(url)
    assert (status, said["state"]) == (503, "dead")


def test_a_scheduler_is_healthy_while_it_starts_and_not_while_it_stops() -> None:
    starting = health()
    assert starting.answer()[0] == 200
    starting.stopping = True
    assert starting.answer()[0] == 503


def test_an_address_that_is_taken_is_named() -> None:
    with serving(health()) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        with (
            pytest.raises(ConfigurationError, match=f"'127.0.0.1:{port}' can't be listened on"),
            serving(health(port=port)),
        ):
            pass
