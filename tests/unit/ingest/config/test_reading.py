"""Where settings are looked for: where dlt looks, in its order."""

import os
from pathlib import Path

import pytest
import tomlkit
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.ingest.config import reading
from tests.unit.ingest.config.conftest import write

KEYS = ("url", "token", "scope")
TEXTS = st.dictionaries(st.sampled_from(KEYS), st.text("ab\"'\\#é", min_size=1).map(lambda text: f"{text}."))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS, TEXTS)
def test_a_key_is_found_where_dlt_finds_it(
    folder: Path, variables: dict[str, str], secrets: dict[str, str], config: dict[str, str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for key, text in variables.items():
            patch.setenv(f"SOURCES__GITLAB__{key.upper()}", text)
        files = {"secrets": secrets, "config": config}
        write(folder, **{name: tomlkit.dumps({"sources": {"gitlab": table}}) for name, table in files.items()})
        context = Container()[PluggableRunContext]
        context.reload_providers()
        found = reading.read("sources.gitlab", KEYS)
        for key in KEYS:
            values = [place.get_value(key, str, "", "sources", "gitlab")[0] for place in context.providers.providers]
            assert found.values.get(key) == next((value for value in values if value is not None), None)


@pytest.mark.parametrize("file", ["sources--gitlab--client-secret", "sources--gitlab--client-secret/{0}"])
def test_a_mounted_secret_wins_over_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    path = tmp_path / file.format("sources--gitlab--client-secret")
    path.parent.mkdir(exist_ok=True)
    path.write_text("mounted-1\n")
    monkeypatch.setattr(reading, "_MOUNTED", tmp_path)
    os.environ["SOURCES__GITLAB__CLIENT_SECRET"] = "variable-1"
    assert reading.read("sources.gitlab", ["client_secret"]).values == {"client_secret": "mounted-1"}


def test_a_file_is_read_again_when_it_has_changed(folder: Path) -> None:
    write(folder, config="[ingest]\nlookback_days = 3\n")
    assert reading.read("ingest", ()).values == {"lookback_days": 3}
    write(folder, config="[ingest]\nlookback_days = 5\n")
    assert reading.read("ingest", ()).values == {"lookback_days": 5}


@pytest.mark.parametrize("content", [b"[sources.gitlab\n", b'[ingest]\nx = "\xff"\n'], ids=["no TOML", "no UTF-8"])
def test_a_file_that_is_not_toml_is_named(folder: Path, content: bytes) -> None:
    (folder / ".dlt" / "config.toml").write_bytes(content)
    assert str(reading.unreadable()).startswith(".dlt/config.toml can't be read: ")
