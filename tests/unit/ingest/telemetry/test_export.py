"""Where metrics and traces go, and where they do not."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from finops.ingest.config.sections import Exports
from finops.ingest.config.settings import exports, known_secrets
from finops.ingest.errors import ConfigurationError
from finops.ingest.telemetry.traces import endpoint


def test_nothing_goes_anywhere_until_it_is_set() -> None:
    assert exports() == Exports()
    assert endpoint() is None


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_opentelemetry_s_own_variables_turn_traces_on(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://collector:4318")
    assert endpoint() == "http://collector:4318"


@pytest.mark.parametrize(("variable", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_opentelemetry_s_own_variables_turn_traces_off(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv(variable, value)
    assert endpoint() is None


def test_a_file_that_node_exporter_would_not_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS__TEXTFILE", "/var/lib/finops.txt")
    with pytest.raises(ConfigurationError, match=r"end its name in \.prom"):
        exports()


def test_an_address_that_is_none_is_refused_and_its_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS__PUSHGATEWAY", "pusher:s3cret@gateway:9091")
    with pytest.raises(ConfigurationError, match=r"is not an HTTP address") as refused:
        exports()
    assert "s3cret" not in str(refused.value)


def test_the_password_of_a_pushgateway_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS__PUSHGATEWAY", "https://pusher:p%40ss@gateway:9091")
    monkeypatch.setenv("METRICS__TEXTFILE", "finops.prom")
    assert {"p%40ss", "p@ss"} <= set(known_secrets())
    assert exports() == Exports(
        textfile=Path("finops.prom"), pushgateway=SecretStr("https://pusher:p%40ss@gateway:9091")
    )
