"""What is wrong with reference data is said line by line, before any of it is used."""

from __future__ import annotations

import gzip
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from finops.ingest.config import settings
from finops.ingest.errors import ConfigurationError
from finops.ingest.reference.checks import MAX_SHOWN, RefusedError
from finops.ingest.reference.load import Table, read
from finops.ingest.reference.tables import TABLES
from tests.conftest import REFERENCE, ROOT

FILES = {
    "groups": "group_id,group_name\npayments,Payments\n",
    "applications": "application_id,application_name,group_id\nPAY,Payments,payments\n",
    "products": "product_id,product_name,family,domain,unit\nvm.vcpu,vCPU,Compute,open_legacy,vCPU-month\n",
}
PRICES = "product_id,unit_price,currency,valid_from,valid_to"


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    for table, text in FILES.items():
        write(table, text)


def write(table: str, text: str) -> None:
    """Write a table's file."""
    Path("reference", f"{table}.csv").write_text(text, encoding="utf-8")


def tables() -> dict[str, Table]:
    """Read and check all of them, without a database."""
    return {table.name: table for table in read(settings.reference(), None)}


def problems(table: str, *lines: str) -> list[str]:
    """What is wrong with a table of these lines, the header among them."""
    write(table, "\n".join([*lines, ""]))
    with pytest.raises(RefusedError) as refused:
        tables()
    assert all(problem.startswith(f"reference/{table}.csv") for problem in refused.value.problems)
    return [problem.removeprefix(f"reference/{table}.csv") for problem in refused.value.problems]


def test_the_tables_have_the_columns_of_the_database() -> None:
    schema = (ROOT / "ingest" / "schema" / "reference.sql").read_text()
    for table, model in TABLES.items():
        body = schema.partition(f"finops_reference.{table} (")[2].partition(");")[0]
        assert [part.split()[0] for part in body.split(",")] == list(model.model_fields)


def test_a_parent_is_a_group_of_the_table_or_none() -> None:
    found = problems("groups", "group_id,group_name,parent_group_id", "payments,Payments,b", "b,B,", "c,C,nobody")
    assert found == [" line 4: parent_group_id 'nobody' is not in groups: add it to groups, or correct it"]


def test_an_entity_that_confirms_an_owner_is_a_component_or_a_system() -> None:
    lines = ("X,payments,Component:Default/X", "Y,payments,y", "Z,payments,group:default/a")
    wrong = "is not the reference of a Component or System: write it as component:default/shop"
    assert problems("applications", "application_id,group_id,entity_ref", *lines) == [
        f" line 3: entity_ref 'y' {wrong}",
        f" line 4: entity_ref 'group:default/a' {wrong}",
    ]


def test_files_that_are_not_there_are_empty_and_what_everybody_has_is_built_in() -> None:
    shutil.rmtree("reference")
    found = tables()
    assert all(table.content.is_missing for table in found.values())
    assert found["applications"].rows == [("UNALLOCATED", "Unallocated", "unallocated", None)]
    assert found["groups"].rows == [("unallocated", "Unallocated", None)]


def test_the_demos_reference_data_passes() -> None:
    shutil.copytree(REFERENCE, "reference", dirs_exist_ok=True)
    assert sum(len(table.rows) for table in tables().values()) > 100


def test_a_french_excel_writes_semicolons_a_bom_and_blank_lines() -> None:
    text = "\ufeffsep=;\r\nProduct_ID;unit_price ;currency;valid_from;valid_to;comment;\r\n"
    text += 'vm.vcpu ; 7.50;EUR;2026-01-01;;"wait; see";\r\n;;;;;;\r\n'
    Path("reference", "prices.csv").write_bytes(text.encode())
    assert tables()["prices"].rows[0][1:3] == (Decimal("7.50"), "EUR")


def test_a_file_may_be_packed_and_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prices.csv.gz").write_bytes(gzip.compress(f"{PRICES}\nvm.vcpu,1,EUR,2026-01-01,\n".encode()))
    monkeypatch.setenv("REFERENCE__PRICES__URL", f"file://{tmp_path}/prices.csv.gz")
    assert len(tables()["prices"].rows) == 1


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("vm.vcpu,'7,5',EUR,2026-01-01,", "unit_price '7,5' has a decimal comma: write it with a point"),
        ("vm.vcpu,'1 234,50',EUR,2026-01-01,", "unit_price '1 234,50' has a decimal comma"),
        ("vm.vcpu,7.5 EUR,EUR,2026-01-01,", "unit_price '7.5 EUR' is not a number: write it as 1234.50"),
        ("vm.vcpu,1_000,EUR,2026-01-01,", "unit_price '1_000' is not a number"),
        ("vm.vcpu,NaN,EUR,2026-01-01,", "unit_price 'NaN' is not a number"),
        ("vm.vcpu,-1,EUR,2026-01-01,", "unit_price '-1' is negative: a price is zero or more"),
        ("vm.vcpu,,EUR,2026-01-01,", "unit_price is empty (Price of one unit, exact): fill it in"),
        ("vm.vcpu,7.5,Euro,2026-01-01,", "currency 'Euro' is not a currency: write its ISO 4217 code, such as EUR"),
        ("vm.vcpu,7.5,EUR,01/01/2026,", "valid_from '01/01/2026' is not a day: write it as 2026-09-30"),
        ("vm.vcpu,7.5,EUR,2026-02-30,", "valid_from '2026-02-30' is not a day"),
        ("vm.vcpu,7.5,EUR,20260101,", "valid_from '20260101' is not a day"),
        ("vm.vcpu,7.5,EUR,2026-01-02,2026-01-02", "valid_to '2026-01-02' is not after valid_from 2026-01-02"),
        ("vm.cpu,7.5,EUR,2026-01-01,", "product_id 'vm.cpu' is not in products: add it to products, or correct it"),
        ("VM.vCPU,7.5,EUR,2026-01-01,", "product_id 'VM.vCPU' is not in products: write it as vm.vcpu"),
        ("vm.vcpu,7,5,EUR,2026-01-01,", "it has 6 values where there are 5 columns"),
        ("vm.vcpu,7.5,EUR,2026-01-01", "it has 4 values where there are 5 columns"),
    ],
)
def test_a_price_that_can_not_be_is_refused(row: str, problem: str) -> None:
    (said,) = problems("prices", PRICES, row.replace("'", '"'))
    assert said.startswith(f" line 2: {problem}")


@pytest.mark.parametrize(
    ("text", "size"),
    [("x" * 256, "256 characters in 256 bytes"), ("漢" * 171, "171 characters in 513 bytes")],
)
def test_a_text_that_is_longer_than_the_mart_takes_is_refused(text: str, size: str) -> None:
    lines = ["group_id,group_name", f"{text},a team", f"team,{text}", f"{'é' * 255},{'漢' * 170}"]
    shown = text if len(text) == 171 else f"{text[:40]}…"
    assert problems("groups", *lines) == [
        f" line {line}: {column} '{shown}' has {size}, more than 255 or 510: shorten it"
        for line, column in ((2, "group_id"), (3, "group_name"))
    ]


def test_a_number_of_too_many_digits_is_refused() -> None:
    (said,) = problems("prices", PRICES, f"vm.vcpu,0.{'1' * 100_000},EUR,2026-01-01,")
    assert said.endswith("has 100002 characters, more than the 100 of a number: round it")
    assert len(said) < 200


def test_prices_overlap_where_one_begins_before_another_ends() -> None:
    lines = ["vm.vcpu,1,EUR,2026-01-01,2026-06-01", "vm.vcpu,2,EUR,2026-02-01,2026-03-01"]
    lines += ["vm.vcpu,3,EUR,2026-05-31,"] * 2
    assert problems("prices", PRICES, *lines) == [
        " line 5: product_id and valid_from 'vm.vcpu, 2026-05-31' is in line 4 already: keep one of the two",
        (
            " line 3: valid_from '2026-02-01' of vm.vcpu is within the validity of line 2: end that one with valid_to"
            " 2026-02-01, or begin later"
        ),
        (
            " line 4: valid_from '2026-05-31' of vm.vcpu is within the validity of line 2: end that one with valid_to"
            " 2026-05-31, or begin later"
        ),
    ]


def test_a_column_that_is_not_known_is_refused_with_the_nearest() -> None:
    assert problems("prices", "product_id,unit_prise,currency,valid_from,colour,currency") == [
        ": unit_prise is not a column of prices: did you mean unit_price?",
        ": the column currency comes twice: remove one",
        (
            ": colour is not a column of prices: the columns are product_id, unit_price, currency, valid_from,"
            " valid_to; remove it"
        ),
        ": the column unit_price is missing (Price of one unit, exact): add it",
    ]


def test_codes_that_differ_by_case_alone_are_refused() -> None:
    header = "application_id,application_name,group_id"
    assert problems("applications", header, "PAY,,payments", "pay,,payments", "Unallocated,,unallocated") == [
        " line 3: application_id 'pay' is in line 2 already, whatever the case: keep one of the two",
        " line 4: application_id 'Unallocated' is built in as UNALLOCATED: write it so",
    ]


def test_an_alias_is_not_a_code() -> None:
    assert problems("application_aliases", "alias,application_id", "pay,PAY", "unallocated,PAY", "P,NOBODY") == [
        " line 4: application_id 'NOBODY' is not in applications: add it to applications, or correct it",
        " line 2: alias 'pay' is the code of an application already: remove it",
        " line 3: alias 'unallocated' is the code of an application already: remove it",
    ]


def test_rules_rates_mappings_and_products_have_rules_of_their_own() -> None:
    rules = "rule_id,source,field,match_type,pattern,application_id,priority,valid_from"
    assert problems("application_rules", rules, "r,,tag,glob,*,PAY,1.5,2026-01-01") == [
        (
            " line 2: field 'tag' is not known: write one of sub_account_id, sub_account_name, resource_id,"
            " resource_name, topic, custom_attribute, vm"
        ),
        " line 2: match_type 'glob' is not known: write one of exact, prefix, regex",
        " line 2: priority '1.5' is not a whole number: write it as 10",
    ]
    Path("reference", "application_rules.csv").unlink()
    rates = "period,from_currency,to_currency,rate"
    assert problems("fx_rates", rates, "2026-09-02,USD,EUR,0.9", "2026-09-01,USD,EUR,0", "2026-09-01,EUR,EUR,1") == [
        " line 2: period '2026-09-02' is not the first day of a month: write 2026-09-01",
        " line 3: rate '0' is not positive: a rate is more than zero",
        " line 4: from_currency and to_currency are both EUR: remove the line",
    ]
    Path("reference", "fx_rates.csv").unlink()
    mappings = "provider_name,sku_id,service_name,product_id"
    assert problems("product_mappings", mappings, "AWS,,,vm.vcpu", "AWS,s,a,vm.vcpu", "AWS,s,b,vm.vcpu") == [
        " line 2: it has neither a sku_id nor a service_name: write the one that bills name",
        " line 4: provider_name and sku_id and service_name 'AWS, s, b' is in line 3 already: keep one of the two",
    ]
    Path("reference", "product_mappings.csv").unlink()
    (said,) = problems("products", "product_id,family,domain", "x,Compute,nativ")
    assert said.startswith(" line 2: domain 'nativ' is not a domain: did you mean native?")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("group_id,group_name\né\n".encode("latin-1"), "line 2 is not UTF-8: save it as UTF-8 (in Excel: CSV UTF-8)"),
        (b"", "it is empty: write its columns into the first line: group_id,group_name"),
        (b'group_id\n"a\n', "line 2 is not CSV (unexpected end of data): close its quotes"),
        (b'group_id\n"a\nb"\n', r"group_id 'a\nb' holds a line break or another control character"),
        (b"group_id;\na;b\n", "'b' is in a column without a name: name it in the first line, or remove it"),
    ],
)
def test_a_damaged_file_is_told(data: bytes, problem: str) -> None:
    Path("reference", "groups.csv").write_bytes(data)
    with pytest.raises(RefusedError, match=r"reference/groups\.csv") as refused:
        tables()
    assert problem in refused.value.problems[0]


def test_a_long_list_of_problems_is_cut() -> None:
    write("groups", "group_id\npayments\n" + "a\n" * 100)
    with pytest.raises(RefusedError) as refused:
        tables()
    assert len(refused.value.problems) == 99
    assert str(refused.value).endswith(f"; and {99 - MAX_SHOWN} more")


def test_a_place_of_its_own_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFERENCE__PRICES__URL", "nowhere/prices.csv")
    with pytest.raises(RefusedError, match=r"nowhere/prices.csv: it does not exist: check reference\.prices\.url"):
        tables()


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"REFERENCE__PRICE__URL": "x"},
            r"reference\.price \(.*\) is not a table .*: did you mean reference\.prices",
        ),
        ({"REFERENCE__PRICES__ULR": "x"}, r"reference\.prices\.ulr \(.*\) is not a setting: did you mean reference"),
        ({"REFERENCE__PRICES__URL": "x", "REFERENCE__PRICES__QUERY": "y"}, "url and query are set: keep one place"),
        ({"REFERENCE__PRICES__CONNECTION": "host=x"}, "connection is set without table or query"),
        ({"REFERENCE__PRICES__CONNECTION": "host x"}, "is not a connection of libpq: write host=… dbname=… user=…"),
        ({"REFERENCE__PRICES__SHEET": "2026"}, "sheet is set without an url that ends in .xlsx"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(
    variables: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=problem):
        settings.reference()


@pytest.mark.parametrize(
    "connection", ["host=db user=finops password={}", "postgresql://finops:{}@db/erp", "host=db password='{}' port=1"]
)
def test_a_connection_s_password_is_a_secret(connection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFERENCE__PRICES__CONNECTION", connection.format("s3cret"))
    assert "s3cret" in settings.known_secrets()


RULES = "rule_id,source,field,match_type,pattern,application_id,priority,valid_from,valid_to"


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"(.*)-\1", "has the back reference \\1, which can take hours"),
        (r"\\\\(a+)\\\1", "has the back reference"),
        (r"^(?=.*(?!b))", "has a lookaround within another, which can take minutes"),
        (r"(?<=(a(?=b)))", "has a lookaround within another"),
    ],
)
def test_a_rule_that_may_take_forever_is_refused(pattern: str, problem: str) -> None:
    (said,) = problems("application_rules", RULES, f"slow,,vm,regex,{pattern},PAY,1,2026-01-01,")
    assert said.startswith(f" line 2: pattern '{pattern}' of rule slow {problem}")


@pytest.mark.parametrize(
    "pattern", [r"^(?!test)(?=.*-prod)", r"\\1", r"[\](?=(?!]a", r"(?:a|b)+\.(?<!x)", r"((a+)+)+$", r"[]\1](?=a)"]
)
def test_a_rule_that_takes_no_time_is_taken(pattern: str) -> None:
    write("application_rules", f'{RULES}\nrule,,vm,regex,"{pattern}",PAY,1,2026-01-01,\n')
    assert len(tables()["application_rules"].rows) == 1
