"""What may be declared of files, databases and fixed amounts, and what is said of what can't be used."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from finops.ingest.config.settings import sources
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.kinds import ConfiguredSource, RowSource
from finops.ingest.sources.rows.declared import FileDeclaration, FixedDeclaration
from tests.conftest import ROOT
from tests.unit.ingest.sources.rows.declaring import of_amounts, of_files, of_query

TABLE = {"table": "usage"}
BY_DAY = {"query": "select * from usage where at >= :start and at::date < :end", "date": None}


@pytest.mark.parametrize(
    ("declare", "keys", "supports_past_days", "is_read_whole"),
    [
        (of_files, {}, True, True),
        (of_files, {"url": "{month}.csv"}, True, True),
        (of_files, {"url": "{month}.csv", "date": None, "window": "month"}, True, False),
        (of_files, {"url": "{day:%Y%m%d}.csv"}, True, False),
        (of_files, {"date": None, "measure": "inventory"}, False, False),
        (of_query, TABLE, True, True),
        (of_query, BY_DAY, True, False),
        (of_query, BY_DAY | {"window": "month"}, True, False),
        (of_query, TABLE | {"date": None, "measure": "inventory"}, False, False),
    ],
)
def test_what_is_asked_by_the_day_is_not_read_again_and_what_says_no_day_is_of_today(
    declare: Callable[..., ConfiguredSource],
    keys: dict[str, str],
    supports_past_days: bool,  # noqa: FBT001 a column of the table above
    is_read_whole: bool,  # noqa: FBT001
) -> None:
    source = declare(**({"url": "usage.csv"} if declare is of_files else {"connection": "sqlite://"}) | keys).source
    assert isinstance(source, RowSource)
    assert (source.supports_past_days, source.is_read_whole) == (supports_past_days, is_read_whole)
    assert source.raw_table == ("raw_native", "declared")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"date": None}, ": does not say which day a record is of: set date to the field that does, write {day} into"),
        ({"date": None, "url": "{month}.csv"}, ": does not say which day a record is of"),
        ({"date": None, "window": "month"}, ": has the window of a month: write {month} into url, or leave out window"),
        ({"window": "month", "url": "{month}.csv"}, ": a month is spread over its days: leave out date, or window"),
        ({"url": "{week}.csv"}, ": url has {week}: write {day}, {month}, or with a format {day:%Y%m%d}"),
        ({"format": "xls"}, ".format 'xls' is not known: write one of csv, jsonl, parquet, xlsx"),
        ({"delimiter": ";;"}, ".delimiter ';;': String should have at most 1 character"),
        ({"sheets": "A"}, ".sheets (in config.toml) is not a setting: did you mean sources.file.helpdesk.sheet?"),
    ],
)
def test_files_that_can_t_be_used_are_refused_by_their_key(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        of_files(**{"url": "usage.csv"} | keys)
    assert str(refusal.value).startswith(f"sources.file.helpdesk{said}")
    assert str(refusal.value).endswith("(docs/declared-sources.md)")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "needs query or table, one of them"),
        ({"query": "select 1", "table": "usage"}, "needs query or table, one of them"),
        ({"query": "select '10:30', ':x'"}, "query has :x: write :start, :end or :day; a colon that is not"),
        (TABLE | {"date": None}, "set date to the field that does, write :day, or :start and :end, into query, or"),
    ],
)
def test_a_query_that_can_t_be_asked_is_refused(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        of_query("sqlite://user:s3cret@", **keys)
    assert said in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ({"amount": "many"}, "sources.fixed.helpdesk.amounts.0.amount"),
        ({"currency": "euro"}, "amounts.0.currency 'euro' is not a currency: write its ISO 4217 code"),
        ({"valid_to": "2026-01-01"}, "amounts.0 ends on 2026-01-01, before it begins: valid_to is the first day"),
        ({"product": None}, "sources.fixed.helpdesk.amounts.0.product"),
        ({"vald_to": "2027-01-01"}, "sources.fixed.helpdesk.amounts.0.vald_to is not a setting"),
    ],
)
def test_an_amount_that_can_t_be_used_is_refused_by_its_key(amount: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        of_amounts(amount)
    assert said in str(refusal.value)


def test_the_documented_examples_are_declarations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "declared-sources.md").read_text("utf-8")
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("\n".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)))
    monkeypatch.setenv("SOURCES__SQL__BACKUPS__CONNECTION", "sqlite://")
    monkeypatch.chdir(tmp_path)
    assert sorted(found.source.name for found in sources()) == [
        "file.invoices",
        "fixed.contracts",
        "http.helpdesk",
        "http.platform",
        "sql.backups",
    ]


def test_two_amounts_of_one_name_may_follow_each_other_and_not_overlap() -> None:
    assert of_amounts({"valid_to": "2026-03-01"}, {"valid_from": "2026-03-01"}).source.name == "fixed.helpdesk"
    with pytest.raises(ConfigurationError, match="amounts has 'a' twice on 2026-02-28: end the first by valid_to"):
        of_amounts({"valid_to": "2026-03-01"}, {"valid_from": "2026-02-28"})


@pytest.mark.parametrize("written", ["12345678901234567.10", '"12345678901234567.10"'])
def test_an_amount_is_as_exact_as_it_is_written(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        f'[[sources.fixed.team.amounts]]\nname = "a"\nproduct = "p"\namount = {written}\ncurrency = "EUR"\n'
        "valid_from = 2026-01-01\n"
    )
    (found,) = sources()
    assert isinstance(found.options, FixedDeclaration)
    assert str(found.options.amounts[0].amount) == "12345678901234567.10"
    (tmp_path / ".dlt" / "config.toml").unlink()
    monkeypatch.setenv(
        "SOURCES__FIXED__TEAM",
        f'{{"amounts": [{{"name": "a", "product": "p", "amount": {written}, "currency": "EUR", '
        '"valid_from": "2026-01-01"}]}',
    )
    (found,) = sources()
    assert isinstance(found.options, FixedDeclaration)
    assert found.options.amounts[0].amount == Decimal("12345678901234567.10")


def test_lines_and_amounts_stand_in_a_variable_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    amount = '{"name": "a", "product": "p", "amount": 1250.10, "currency": "EUR", "valid_from": "2026-01-01"}'
    monkeypatch.setenv("SOURCES__FIXED__CONTRACTS__AMOUNTS", f"[{amount}]")
    monkeypatch.setenv("SOURCES__FILE__TICKETS__URL", "tickets.csv")
    monkeypatch.setenv("SOURCES__FILE__TICKETS__DATE", "day")
    monkeypatch.setenv("SOURCES__FILE__TICKETS__LINES", '[{"product": "p", "quantity": "n", "unit": "u"}]')
    options = {found.source.name: found.options for found in sources()}
    fixed, tickets = options["fixed.contracts"], options["file.tickets"]
    assert isinstance(fixed, FixedDeclaration)
    assert str(fixed.amounts[0].amount) == "1250.10"
    assert isinstance(tickets, FileDeclaration)
    assert tickets.lines[0].quantity == ("n",)
