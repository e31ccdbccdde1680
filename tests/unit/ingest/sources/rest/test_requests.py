from dataclasses import replace
from datetime import date

from finops.ingest.config.services import GitLab
from finops.ingest.sources.catalog import GITLAB_CI_MINUTES
from finops.ingest.sources.kinds import HttpSource, Window
from finops.ingest.sources.rest.requests import RequestTemplate, request_templates

SEPTEMBER = Window(date(2026, 9, 1), date(2026, 10, 1))


def asked(source: HttpSource, **options: str) -> list[RequestTemplate]:
    """What the source is asked for September."""
    return list(request_templates(source, GitLab.model_validate({"url": "https://gitlab", **options}), SEPTEMBER))


def test_placeholders_of_a_body_are_filled_in_at_any_depth() -> None:
    body = {"range": {"days": ["{start}", "{end}"], "label": "month {month} of {each}"}, "limit": 100, "all": True}
    (question,) = asked(replace(GITLAB_CI_MINUTES, json=body), ci_namespaces='["shop"]')
    assert question.json == {
        "range": {"days": ["2026-09-01", "2026-10-01"], "label": "month 2026-09 of shop"},
        "limit": 100,
        "all": True,
    }


def test_a_source_s_own_body_is_left_as_it_is() -> None:
    before = repr(GITLAB_CI_MINUTES.json)
    for question in asked(GITLAB_CI_MINUTES, ci_namespaces='["a", "b"]'):
        assert question.json is not None
        question.json["query"] = "changed"
    assert repr(GITLAB_CI_MINUTES.json) == before


def test_each_question_has_a_body_of_its_own() -> None:
    first, second = asked(GITLAB_CI_MINUTES, ci_namespaces='["a", "b"]')
    assert first.json is not None
    assert second.json is not None
    assert first.json["variables"] is not second.json["variables"]


def test_without_a_body_there_is_none() -> None:
    assert asked(replace(GITLAB_CI_MINUTES, json=None, each=None)) == [RequestTemplate({}, None)]
