"""A key that is not a setting is refused with its place and the nearest key, and what it holds is hidden."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from finops.ingest.config import redaction
from finops.ingest.config.sections import Exports, ExtractionSettings, Schedule
from finops.ingest.config.services import SERVICES, FocusExport
from finops.ingest.config.settings import exports, known_secrets, load, schedule
from finops.ingest.config.values import Section
from finops.ingest.doctor.report import findings
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.declared import HttpDeclaration
from finops.ingest.sources.rows.declared import FileDeclaration, FixedDeclaration, SqlDeclaration
from tests.unit.ingest.config.conftest import write

SECTIONS: dict[str, type[Section]] = {
    "ingest": ExtractionSettings,
    "metrics": Exports,
    "schedule": Schedule,
    "sources.focus.aws": FocusExport,
    "sources.http.helpdesk": HttpDeclaration,
    "sources.file.invoices": FileDeclaration,
    "sources.sql.licences": SqlDeclaration,
    "sources.fixed.contracts": FixedDeclaration,
    **{f"sources.{name}": model for name, model in SERVICES.items()},
}
KEYS = [(section, key) for section, model in SECTIONS.items() for key in model.model_fields]
GITLAB = {"SOURCES__GITLAB__URL": "https://gitlab.example.com"}


def variable(key: str) -> str:
    """The variable of the environment for a key."""
    return key.replace(".", "__").upper()


def refusal(**variables: str) -> str:
    """What is said of the files and these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with pytest.raises(ConfigurationError) as failure:
            load()
    return str(failure.value)


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, str, str]:
    """A section, one of its keys, and the key with a letter left out, doubled or swapped with the next."""
    section, key = draw(st.sampled_from(KEYS))
    at = draw(st.integers(0, len(key) - 1))
    left_out, doubled = key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:]
    swapped = key[:at] + key[at + 1 : at + 2] + key[at] + key[at + 2 :]
    return section, key, draw(st.sampled_from([left_out, doubled, swapped]))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(misspelt())
def test_a_misspelt_key_is_refused_with_its_place_and_a_key_that_exists(word: tuple[str, str, str]) -> None:
    section, key, wrong = word
    assume(wrong.strip("_") == wrong and "__" not in wrong and wrong not in {"", *SECTIONS[section].model_fields})
    said = refusal(**{variable(f"{section}.{wrong}"): "1"})
    assert said.startswith(
        f"{section}.{wrong} ({variable(f'{section}.{wrong}')} in the environment) is not a setting: "
    )
    nearest = said.partition(f"did you mean {section}.")[2].partition("?")[0]
    assert nearest in SECTIONS[section].model_fields or len(key) < 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("ingest.maxshrink", "is not a setting: did you mean ingest.max_shrink?"),
        ("sources.gitlab.tokn", "is not a setting: did you mean sources.gitlab.token?"),
        ("sources.http.helpdesk.paginator.type", "did you mean sources.http.helpdesk.paginator?"),
        ("ingest.frequency", "is not a setting: remove it (docs/configuration.md has them all)"),
        ("sources.gitlb.token", "is not a source: did you mean sources.gitlab?"),
        ("sources.jenkins.url", "is not a source: one of your own is sources.http.<name>, file, sql or fixed"),
    ],
)
def test_the_nearest_key_is_named_where_there_is_one(wrong: str, said: str) -> None:
    assert said in refusal(**{variable(wrong): "1"})


def test_a_key_that_is_not_a_setting_in_a_file_is_refused_with_the_file(folder: Path) -> None:
    write(folder, config="[ingest]\nlookback_day = 3\n")
    write(folder, secrets='[sources.gitlab]\ntokn = "glpat-1"\n')
    assert refusal() == (
        "ingest.lookback_day (in config.toml) is not a setting: did you mean ingest.lookback_days?; "
        "sources.gitlab.tokn (in secrets.toml) is not a setting: did you mean sources.gitlab.token?"
    )


def test_a_key_of_a_declaration_in_one_variable_is_refused_with_the_variable() -> None:
    said = refusal(SOURCES__HTTP__HELPDESK=json.dumps({"url": "https://helpdesk", "data_selektor": "$[*]"}))
    assert said.startswith(
        "sources.http.helpdesk.data_selektor (SOURCES__HTTP__HELPDESK in the environment) is not a setting: "
        "did you mean sources.http.helpdesk.data_selector?"
    )


def test_a_service_that_is_off_may_hold_anything_but_a_misspelt_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**GITLAB, "SOURCES__CUBE__PARAMS": "nonsense"}.items():
        monkeypatch.setenv(name, value)
    assert [found.source.name for found in load().sources] == ["gitlab.storage"]


def test_dlt_s_own_sections_are_left_to_dlt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        folder,
        config='[sources.gitlab]\nurl = "https://gitlab"\n[sources.data_writer]\nfile_max_items = 1000\n'
        '[runtime]\nlog_level = "INFO"\n[normalize]\nworkers = 2\n[load]\nworkers = 2\n[data_writer]\nbuffer = 1\n',
    )
    for name in (
        "RUNTIME__LOG_LEVEL",
        "NORMALIZE__WORKERS",
        "SOURCES__DATA_WRITER__FILE_MAX_ITEMS",
        "EXTRACT__WORKERS",
    ):
        monkeypatch.setenv(name, "1")
    assert [found.source.name for found in load().sources] == ["gitlab.storage"]


def test_each_section_refuses_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULE__CRONE", "30 2 * * *")
    monkeypatch.setenv("METRICS__TEXT_FILE", "finops.prom")
    with pytest.raises(ConfigurationError, match=r"did you mean schedule\.cron\?"):
        schedule()
    with pytest.raises(ConfigurationError, match=r"did you mean metrics\.textfile\?"):
        exports()


def test_the_doctor_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**GITLAB, "INGEST__MAXSHRINK": "1", "SCHEDULE__CRONE": "30 2 * * *"}.items():
        monkeypatch.setenv(name, value)
    problems = " ".join(finding.found for _, finding in findings() if finding.what == "settings")
    assert "did you mean ingest.max_shrink?" in problems
    assert "did you mean schedule.cron?" in problems


@pytest.mark.parametrize(
    "key",
    [
        "sources.gitlab.tokn",
        "sources.gitlab.pasword",
        "sources.gitlb.token",
        "sources.gitlb.tokn",
        "sources.cloudkitty.clientsecret",
        "sources.http.helpdesk.tokn",
    ],
)
def test_a_secret_under_a_misspelt_key_or_service_is_hidden(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable(key), "s3cret-1")
    assert known_secrets() == ("s3cret-1",)
    assert "s3cret-1" not in refusal()


@pytest.mark.parametrize("section", SECTIONS)
def test_every_secret_of_every_section_is_hidden(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said_to_be_secret = [
        key for key, field in SECTIONS[section].model_fields.items() if "(a secret)" in str(field.description)
    ]
    texts = {"storage_options": '{"key": "s3cret-1"}'} | dict.fromkeys(("uri", "pushgateway"), "https://a:s3cret-1@b")
    for key in said_to_be_secret:
        redaction.forget()
        monkeypatch.setenv(variable(f"{section}.{key}"), texts.get(key, "s3cret-1"))
        assert "s3cret-1" in known_secrets(), key
        monkeypatch.delenv(variable(f"{section}.{key}"))


def test_a_setting_that_is_gone_is_refused_with_what_took_its_place() -> None:
    said = refusal(**GITLAB, INGEST__DBT_PROJECT="/srv/dbt")
    assert said.startswith("ingest.dbt_project (INGEST__DBT_PROJECT in the environment) is not a setting: remove it, ")
    assert "`finops init` writes one (docs/upgrading.md)" in said
