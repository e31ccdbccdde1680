"""Application rules as a run applies them, once for each text, against the model that applies them line by line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dbt.cli.main import dbtRunner
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as some

from finops.ingest.reference.checks import slow
from tests.conftest import ROOT
from tests.e2e.finops import Database
from tests.hostility import times

# Made for the patterns: what a matcher that tracks back takes hours for; and a text that is longer than one looks at.
HOSTILE = ["a" * 1000, "a" * 999 + "b", "ab" * 500, "a" * 1001, "b" + "a" * 20_000]
TEXTS = some.sampled_from([None, "", " ", "a", "A", "ab", "a_%b", "été", "k=a", *HOSTILE])
SLOW = ["^(a+)+$", "(a|aa)+c", "(a*)*b$", "(.*a){20}", "^(?!.*c)(?=.*b)", "((?=.*b)a)*c", "(a|b)*a(a|b){100}"]
PATTERNS = some.sampled_from(["a", "ab", "a_%", " ", "k=", "k=a", "^.", "b$", "^$", "(?i)^A.*", "[ab]+", *SLOW])
DAYS = some.integers(0, 9).map(lambda number: date(2026, 8, 28) + timedelta(days=number))
LABELS = some.fixed_dictionaries(
    {},
    optional={
        "vm": TEXTS,
        "topics": some.lists(TEXTS, max_size=3),
        "attributes": some.dictionaries(some.sampled_from(["k", "a"]), TEXTS),
    },
).map(json.dumps)
SOURCES = some.sampled_from(["gitlab.storage", "gitlab.ci_minutes", "gitlabs.x", "cmdb.vm"])
CODES = some.sampled_from([None, "erp", "nobody"])
LINES = some.lists(some.tuples(SOURCES, DAYS, CODES, TEXTS, TEXTS, TEXTS, TEXTS, LABELS), min_size=20, max_size=40)
# Many rules for few texts: of two that match, one has to win.
RULES = some.lists(
    some.tuples(
        some.sampled_from([None, None, "gitlab", "gitlab.storage", "cmdb.vm"]),
        some.sampled_from(
            ["sub_account_id", "sub_account_name", "resource_id", "resource_name", "topic", "custom_attribute", "vm"]
        ),
        some.sampled_from(["exact", "prefix", "regex"]),
        PATTERNS,
        some.sampled_from(["ERP", "PAYMENTS", "BI"]),
        some.integers(1, 3),
        some.just(date(2024, 1, 1)) | DAYS,
        some.none() | DAYS,
    ),
    min_size=20,
    max_size=40,
)
STAGED = """
    select source, usage_date, listed_application_id, application_id as expected,
        case
            when listed_application_id is null
                then array[sub_account_id, sub_account_name, resource_id, resource_name, cast(labels as text)]
        end as subject
    from (
{model}
    ) as allocated
"""


@pytest.fixture
def compiled(database: Database, tmp_path: Path) -> tuple[str, str]:
    """The SQL of int_usage_application, on a table `given_lines`, and that of the macro apply_rules."""
    shutil.copy(ROOT / "profiles.yml.example", tmp_path / "profiles.yml")
    where = ["--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(tmp_path), "--log-path", str(tmp_path)]
    code = []
    for what in (["--select", "int_usage_application"], ["--inline", "{{ apply_rules() }}"]):
        done: Any = dbtRunner().invoke(["--quiet", "--no-write-json", "compile", *what, *where]).result
        code.append(str(done.results[0].node.compiled_code))
    lines = f'"{database.info.dbname}"."finops_intermediate"."int_usage_lines"'
    assert lines in code[0]
    return code[0].replace(lines, "given_lines"), code[1]


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.large_base_example],
)
@given(lines=LINES, rules=RULES)
def test_a_run_finds_the_application_that_the_model_finds(
    database: Database, compiled: tuple[str, str], lines: Sequence[Any], rules: Sequence[Any]
) -> None:
    model, macro = compiled
    with database.transaction(force_rollback=True), database.cursor() as cursor:
        cursor.execute("delete from finops_reference.application_rules")
        cursor.executemany(
            "insert into finops_reference.application_rules values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(f"rule {number}", *rule) for number, rule in enumerate(rules)],
        )
        cursor.execute(
            "create temporary table given_lines (source text, usage_date date, application_code text,"
            " sub_account_id text, sub_account_name text, resource_id text, resource_name text, labels jsonb)"
        )
        cursor.executemany("insert into given_lines values (%s, %s, %s, %s, %s, %s, %s, %s)", lines)
        cursor.execute(f"create temporary table scoped_lines on commit drop as {STAGED}".format(model=model).encode())
        cursor.execute(macro.encode())
        found = cursor.execute("select application_id, expected from scoped_usage").fetchall()
    assert len(found) == len(lines)
    assert [row for row in found if row[0] != row[1]] == []


@pytest.mark.hostile
@settings(max_examples=times(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=some.lists(
        some.sampled_from(["a", "b", ".", "(?:", "(", ")", "*", "+", "{0,9}", "?", "|", "$", "(?=", "(?!", "\\w"]),
        max_size=20,
    ),
    value=some.sampled_from(HOSTILE),
)
def test_no_pattern_that_is_accepted_takes_long_on_a_text_that_is_made_for_it(
    database: Database, parts: Sequence[str], value: str
) -> None:
    pattern = "".join(parts)
    assume(slow(pattern) is None)
    database.execute("set statement_timeout = '2s'")
    with suppress(psycopg.errors.InvalidRegularExpression):
        database.execute("select finops.rule_matches('regex', %s, %s)", (pattern, value))


@pytest.mark.hostile
def test_a_back_reference_is_what_takes_long_and_is_refused(database: Database) -> None:
    pattern = r"(.*)(.*)(.*)(.*)(.*)\1\2\3\4\5b"
    assert slow(pattern) == r"has the back reference \1, which can take hours: write it without, or as several rules"
    database.execute("set statement_timeout = '1s'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        database.execute("select finops.rule_matches('regex', %s, %s)", (pattern, "ab" * 127 + "!"))
