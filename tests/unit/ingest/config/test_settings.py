import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import Secret, SecretStr

from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.masking import rule_for
from finops.ingest.config.redaction import escaped
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.config.settings import known_secrets, load, run_id
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.kinds import ConfiguredSource, HttpSource
from tests.unit.ingest.config.conftest import write

GITLAB = {"SOURCES__GITLAB__URL": "https://gitlab.example.com"}
CLIENT = {
    "SOURCES__GITLAB__TOKEN_URL": "https://sso.example.com/token",
    "SOURCES__GITLAB__CLIENT_ID": "finops",
    "SOURCES__GITLAB__CLIENT_SECRET": "client-s3cret",
}
CUBE_WITHOUT_QUERY = {"SOURCES__CUBE__URL": "https://cube.example.com"}
TOKEN = '[sources.gitlab]\ntoken = "glpat-1"\n'
CMDB = {"SOURCES__CMDB__URI": "mongodb://finops:cmdb-s3cret@cmdb-1.example.com:27017,cmdb-2.example.com/?tls=true"}
WHOLE_NUMBERS = (
    "lookback_days",
    "keep_superseded_days",
    "http_timeout",
    "http_attempts",
    "http_max_pages",
    "http_deadline",
    "http_max_answer_mib",
)


def configured(**variables: str) -> list[ConfiguredSource]:
    """The sources that these environment variables turn on."""
    os.environ.update(variables)  # conftest.py puts the environment back
    return list(load().sources)


def refusal(**variables: str) -> str:
    """What is said of these environment variables."""
    with pytest.raises(ConfigurationError) as failure:
        configured(**variables)
    return str(failure.value)


def chosen(found: ConfiguredSource) -> dict[str, object]:
    """What is set for a source that is not the default, secrets in the clear."""
    values: dict[str, object] = found.options.model_dump(exclude_defaults=True)
    return {
        key: value.get_secret_value() if isinstance(value, Secret | SecretStr) else value
        for key, value in values.items()
    }


def collections(found: list[ConfiguredSource]) -> list[tuple[str, tuple[str, ...]]]:
    """The collections of the CMDB by source."""
    return [
        (one.source.name, one.options.collections(one.source.name)) for one in found if isinstance(one.options, Cmdb)
    ]


def secrets(**variables: str) -> tuple[str, ...]:
    """What is hidden with these environment variables."""
    os.environ.update(variables)
    return known_secrets()


# Which sources are on


def test_nothing_configured_says_what_to_set_and_that_there_is_a_demo() -> None:
    said = refusal()
    assert ("SOURCES__CMDB__URI" in said, "make demo" in said) == (True, True)


def test_a_source_is_on_when_its_address_is_set() -> None:
    assert [(found.source.name, chosen(found)["url"]) for found in configured(**GITLAB)] == [
        ("gitlab.storage", "https://gitlab.example.com")
    ]


def test_a_token_alone_turns_nothing_on() -> None:
    assert "no source is configured" in refusal(SOURCES__GITLAB__TOKEN="glpat-1")


def test_an_empty_address_turns_nothing_on() -> None:
    assert "no source is configured" in refusal(SOURCES__GITLAB__URL="")


def test_the_cmdb_s_address_turns_its_three_collections_on() -> None:
    assert collections(configured(**CMDB)) == [
        ("cmdb.vm", ("vms",)),
        ("cmdb.disk", ("disks",)),
        ("cmdb.legacy_storage", ("legacy_storage",)),
    ]


def test_a_collection_can_have_another_name_and_company() -> None:
    found = configured(**CMDB, SOURCES__CMDB__DISK="volumes_v2", SOURCES__CMDB__VM='["vms", "servers"]')
    assert [names for _, names in collections(found)] == [("vms", "servers"), ("volumes_v2",), ("legacy_storage",)]


def test_a_service_s_options_are_read_with_it() -> None:
    found = configured(**GITLAB, SOURCES__GITLAB__TOKEN="glpat-1", SOURCES__GITLAB__PARAMS='{"membership": true}')
    assert chosen(found[0]) == {
        "url": "https://gitlab.example.com",
        "token": "glpat-1",
        "params": {"membership": True},
    }


def test_client_credentials_are_read_with_their_service() -> None:
    found = configured(**GITLAB, **CLIENT, SOURCES__GITLAB__SCOPE="usage.read")
    assert chosen(found[0]) == {
        "url": "https://gitlab.example.com",
        "token_url": "https://sso.example.com/token",
        "client_id": "finops",
        "client_secret": "client-s3cret",
        "scope": "usage.read",
    }


@pytest.mark.parametrize("token", ["12345", "true", "0123e5", "1.10"])
def test_a_token_that_looks_like_a_number_is_kept_to_the_letter(token: str) -> None:
    assert chosen(configured(**GITLAB, SOURCES__GITLAB__TOKEN=token)[0])["token"] == token


def test_the_line_break_at_the_end_of_a_mounted_secret_is_no_part_of_it() -> None:
    assert chosen(configured(**GITLAB, SOURCES__GITLAB__TOKEN="glpat-1\n")[0])["token"] == "glpat-1"


def test_focus_exports_are_found_by_their_names_in_the_environment() -> None:
    found = configured(SOURCES__FOCUS__AWS_PROD__URL="s3://bills/{period}", SOURCES__FOCUS__AZURE__URL="/bills/azure")
    assert [(source.source.name, chosen(source)["url"]) for source in found] == [
        ("focus.aws_prod", "s3://bills/{period}"),
        ("focus.azure", "/bills/azure"),
    ]


def test_focus_exports_are_bills_of_the_public_cloud() -> None:
    source = configured(SOURCES__FOCUS__AZURE__URL="/bills/azure")[0].source
    assert (source.domain, source.measure, source.raw_table) == (
        "public_cloud",
        "billed",
        ("raw_public_cloud", "focus"),
    )


SAAS = {"FINOPS__DOMAINS": '["open_legacy", "private_cloud", "public_cloud", "native", "saas"]'}
HELPDESK = '{"path": "x", "data_selector": "$[*]", "lines": [{"product": "p", "quantity": "q", "unit": "u"}], '


def test_a_source_may_be_of_a_domain_that_the_company_added() -> None:
    declared = f'{HELPDESK} "url": "https://x", "domain": "saas"}}'
    bill = {"SOURCES__FOCUS__CHAT__URL": "/bills/chat", "SOURCES__FOCUS__CHAT__DOMAIN": "saas"}
    found = configured(**SAAS, **bill, SOURCES__HTTP__HELPDESK=declared)
    assert [(on.source.name, on.source.domain, on.source.raw_table) for on in found] == [
        ("focus.chat", "saas", ("raw_public_cloud", "focus")),
        ("http.helpdesk", "saas", ("raw_native", "declared")),
    ]


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("sass", "did you mean saas? Write one of open_legacy, private_cloud, public_cloud, native, saas, or"),
        ("licences", "is not a domain: write one of open_legacy, private_cloud, public_cloud, native, saas, or"),
    ],
)
def test_a_domain_that_the_company_does_not_have_is_refused(domain: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        configured(**SAAS, SOURCES__FOCUS__CHAT__URL="/bills/chat", SOURCES__FOCUS__CHAT__DOMAIN=domain)
    assert f"sources.focus.chat.domain '{domain}' is not a domain: " in str(failure.value)
    assert said in str(failure.value)
    assert "domains in finops.toml" in str(failure.value)


def test_a_domain_that_the_company_left_out_is_refused_for_a_source_that_is_of_it() -> None:
    with pytest.raises(ConfigurationError, match=r"gitlab.storage 'native' is not a domain: write one of saas"):
        configured(**GITLAB, FINOPS__DOMAINS='["saas"]')


def test_a_domain_has_a_name_that_a_filter_can_hold() -> None:
    with pytest.raises(ConfigurationError, match="'SaaS, tools' is not a domain's name: write lower-case letters"):
        configured(**GITLAB, FINOPS__DOMAINS='["SaaS, tools"]')


def test_files_configure_what_the_environment_does_not(folder: Path) -> None:
    write(
        folder,
        config='[sources.gitlab]\nurl = "https://gitlab.example.com"\n[sources.focus.azure]\nurl = "/bills/azure"\n',
    )
    write(folder, secrets=TOKEN)
    assert [chosen(found) for found in configured()] == [
        {"url": "https://gitlab.example.com", "token": "glpat-1"},
        {"url": "/bills/azure"},
    ]


def test_the_environment_wins_over_a_file(folder: Path) -> None:
    write(folder, config='[sources.gitlab]\nurl = "https://from.a.file"\n')
    assert [chosen(found)["url"] for found in configured(**GITLAB)] == ["https://gitlab.example.com"]


def test_an_empty_variable_takes_back_what_a_file_sets(folder: Path) -> None:
    write(folder, config='[sources.gitlab]\nurl = "https://from.a.file"\nscope = "usage.read"\n', secrets=TOKEN)
    assert chosen(configured(SOURCES__GITLAB__TOKEN="", SOURCES__GITLAB__SCOPE="")[0]) == {"url": "https://from.a.file"}


def test_a_number_in_a_file_is_a_text_where_a_text_is_wanted(folder: Path) -> None:
    write(
        folder,
        config='[sources.gitlab]\nurl = "https://x"\ntoken = 12345\n[sources.focus.aws]\nurl = "/x"\nversion = 1.2',
    )
    assert [chosen(found) for found in configured()] == [
        {"url": "https://x", "token": "12345"},
        {"url": "/x", "version": "1.2"},
    ]


def test_exports_of_bills_are_one_variable_too() -> None:
    found = configured(SOURCES__FOCUS__AWS='{"url": "s3://bills", "tax": "apart"}', SOURCES__FOCUS__AWS__TAX="cost")
    assert [chosen(one) for one in found] == [{"url": "s3://bills"}]


def test_a_variable_of_somebody_else_s_is_left_alone() -> None:
    assert len(configured(**GITLAB, METRICS="true", INGEST="nginx", SOURCES="a b")) == 1


def test_tables_of_a_file_are_read_as_json(folder: Path) -> None:
    write(folder, config='[sources.gitlab]\nurl = "https://x"\nparams = { membership = true }\n')
    assert chosen(configured()[0])["params"] == {"membership": True}


# What makes no sense


def test_a_run_s_id_that_is_no_uuid_is_named() -> None:
    os.environ["INGEST__RUN_ID"] = "$(JOB)"
    with pytest.raises(ConfigurationError, match=r"^ingest.run_id '\$\(JOB\)' is not a UUID"):
        run_id()


@pytest.mark.parametrize("text", ["{x", "nonsense", '{"a": 1} {'])
def test_a_setting_that_is_no_json_is_named(text: str) -> None:
    assert refusal(**GITLAB, SOURCES__GITLAB__PARAMS=text).startswith("sources.gitlab.params is not JSON")


@pytest.mark.parametrize("text", ["[1]", "7", '"text"', "null"])
def test_a_setting_that_is_no_json_object_is_named(text: str) -> None:
    said = refusal(**GITLAB, SOURCES__GITLAB__PARAMS=text)
    assert said == 'sources.gitlab.params is not a JSON object: write {"key": "value"}'


def test_options_of_a_bucket_that_are_no_json_are_named() -> None:
    said = refusal(SOURCES__FOCUS__AWS__URL="s3://bills", SOURCES__FOCUS__AWS__STORAGE_OPTIONS="key=1")
    assert said.startswith("sources.focus.aws.storage_options is not JSON")


@pytest.mark.parametrize(
    "url", ["gitlab.example.com", "ftp://gitlab.example.com", "//gitlab", "https://[gitlab", "https:///api"]
)
def test_an_address_that_is_not_http_is_named(url: str) -> None:
    assert refusal(SOURCES__GITLAB__URL=url).startswith(f"sources.gitlab.url '{url}' is not an HTTP address")


def test_an_address_of_tokens_that_is_not_http_is_named() -> None:
    said = refusal(**GITLAB, **(CLIENT | {"SOURCES__GITLAB__TOKEN_URL": "sso.example.com"}))
    assert said.startswith("sources.gitlab.token_url 'sso.example.com' is not an HTTP address")


@pytest.mark.parametrize("header", ["X Token", "X-Token:", "jeton é", "a\tb"])
def test_a_header_s_name_that_is_none_is_named(header: str) -> None:
    said = refusal(**GITLAB, SOURCES__GITLAB__TOKEN="glpat-1", SOURCES__GITLAB__TOKEN_HEADER=header)
    assert said.startswith(f"sources.gitlab.token_header '{escaped(header)}' is not a header's name")


@pytest.mark.parametrize(
    ("ways", "named"),
    [
        ({"TOKEN": "t", "USERNAME": "u", "PASSWORD": "p"}, "token and username"),
        (
            {"TOKEN": "t", "TOKEN_URL": "https://sso", "CLIENT_ID": "c", "CLIENT_SECRET": "s"},
            "token and token_url",
        ),
    ],
    ids=["token and user", "token and client"],
)
def test_two_ways_to_authenticate_are_one_too_many(ways: dict[str, str], named: str) -> None:
    said = refusal(**GITLAB, **{f"SOURCES__GITLAB__{key}": value for key, value in ways.items()})
    assert said == f"sources.gitlab: {named} are set: keep one way to authenticate"


@pytest.mark.parametrize(
    ("half", "present", "missing"),
    [
        ({"USERNAME": "u"}, "username", "password"),
        ({"PASSWORD": "p"}, "password", "username"),
        ({"TOKEN_URL": "https://sso", "CLIENT_ID": "c"}, "token_url", "client_secret"),
        ({"TOKEN_URL": "https://sso", "CLIENT_SECRET": "s"}, "token_url", "client_id"),
        ({"CLIENT_ID": "c", "CLIENT_SECRET": "s"}, "client_id", "token_url"),
        ({"SCOPE": "usage.read"}, "scope", "token_url"),
        ({"TOKEN_HEADER": "X-Api-Key"}, "token_header", "token"),
    ],
    ids=lambda part: ",".join(part) if isinstance(part, dict) else part,
)
def test_half_of_the_credentials_says_what_is_missing(half: dict[str, str], present: str, missing: str) -> None:
    said = refusal(**GITLAB, **{f"SOURCES__GITLAB__{key}": value for key, value in half.items()})
    assert said == f"sources.gitlab: {present} is set without {missing}: set both"


def test_a_bundle_of_authorities_that_is_not_there_is_named(folder: Path) -> None:
    missing = folder / "ca.pem"
    said = refusal(**GITLAB, SOURCES__GITLAB__CA_BUNDLE=str(missing))
    assert said.startswith(f"sources.gitlab.ca_bundle '{missing}' is not a file of PEM certificates (No such file")


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_bundle_that_holds_no_certificate_is_named(folder: Path, text: str) -> None:
    bundle = folder / "ca.pem"
    bundle.write_text(text)
    said = refusal(**GITLAB, SOURCES__GITLAB__CA_BUNDLE=str(bundle))
    assert said.startswith(f"sources.gitlab.ca_bundle '{bundle}' is not a file of PEM certificates")


def test_cube_without_a_query_says_what_is_missing() -> None:
    assert refusal(**CUBE_WITHOUT_QUERY).startswith("sources.cube.query is not set")


@pytest.mark.parametrize("key", WHOLE_NUMBERS)
@pytest.mark.parametrize("text", ["x", "1.5", "²"])
def test_a_number_of_days_or_seconds_is_a_whole_number(key: str, text: str) -> None:
    said = refusal(**GITLAB, **{f"INGEST__{key.upper()}": text})
    assert said == f"ingest.{key} '{text}' is not a whole number: write for example 10"


@pytest.mark.parametrize("key", WHOLE_NUMBERS)
def test_a_number_of_days_or_seconds_is_not_negative(key: str) -> None:
    said = refusal(**GITLAB, **{f"INGEST__{key.upper()}": "-1"})
    assert said.startswith(f"ingest.{key} '-1': Input should be greater than")


@pytest.mark.parametrize("key", [key for key in WHOLE_NUMBERS if key.startswith("http_")])
def test_a_limit_of_nothing_is_refused(key: str) -> None:
    assert f"ingest.{key} '0'" in refusal(**GITLAB, **{f"INGEST__{key.upper()}": "0"})


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("half", " is not a number: write for example 0.5"),
        ("50%", " is not a number: write for example 0.5"),
        ("1.5", ": Input should be less than or equal to 1"),
        ("-0.1", ": Input should be greater than or equal to 0"),
        ("NaN", ": Input should be a finite number"),
        ("sNaN", ": Input should be a finite number"),
        ("Infinity", ": Input should be a finite number"),
    ],
)
def test_a_share_is_from_0_to_1(text: str, rule: str) -> None:
    assert refusal(**GITLAB, INGEST__MAX_SHRINK=text) == f"ingest.max_shrink '{text}'{rule}"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("password", "is not JSON: Expecting value"),
        ('{"a": 1}', "is not a JSON list"),
        ('"password"', "'password' is not a JSON list"),
        ("[{}]", "0: Input should be a valid string"),
    ],
)
def test_masked_names_are_a_list_of_names(text: str, rule: str) -> None:
    assert rule in refusal(**GITLAB, INGEST__MASK_FIELDS=text)


def test_a_batch_size_is_a_whole_number() -> None:
    assert "sources.cmdb.batch_size 'many'" in refusal(**CMDB, SOURCES__CMDB__BATCH_SIZE="many")


# ExtractionSettings


@pytest.mark.parametrize("key", ["max_shrink", *WHOLE_NUMBERS])
def test_a_limit_that_is_not_set_is_the_documented_default(key: str) -> None:
    configured(**GITLAB)
    assert getattr(load().limits, key) == ExtractionSettings.model_fields[key].default


def test_a_limit_that_is_empty_is_the_default() -> None:
    configured(**GITLAB, INGEST__LOOKBACK_DAYS="")
    assert load().limits.lookback_days == 3


def test_a_share_is_exact() -> None:
    configured(**GITLAB, INGEST__MAX_SHRINK="0.1")
    assert load().limits.max_shrink == Decimal("0.1")


# What is masked

LICENCE = {"product": "a", "cost": "amount", "currency": "EUR", "unit": "b"}
LICENCES = json.dumps({"url": "a.csv", "date": "day", "lines": [LICENCE]})


def of(*path: str) -> str | None:
    """What is done with a field of the CMDB's machines."""
    rule = rule_for(load().limits.masks.root("cmdb.vm"), path)
    return rule.action if rule else None


def test_masked_names_are_compared_in_their_normal_form() -> None:
    configured(**GITLAB, INGEST__MASK_FIELDS='["BadgeNumber", "PIN"]')
    assert [of("badge_number"), of("badge", "NUMBER"), of("Pin"), of("pins")] == ["drop", "drop", "drop", None]


def test_credentials_are_masked_without_being_asked_for() -> None:
    configured(**GITLAB, INGEST__MASK_FIELDS='["pin"]')
    names = ("adminPassword", "apiKey", "db.password", "client_secret", "runners_token", "AWS_SECRET_ACCESS_KEY")
    assert [of(name) for name in names] == ["drop"] * len(names)


def test_a_rule_says_what_becomes_of_a_field() -> None:
    key = "a key of sixteen characters"
    configured(**GITLAB, INGEST__MASK='{"owner_name": "hash", "next_token": "keep"}', INGEST__MASK_KEY=key)
    assert [of("OwnerName"), of("next_token"), of("token")] == ["hash", None, "drop"]
    assert key in known_secrets()


def test_a_rule_for_a_secret_is_no_secret() -> None:
    configured(**GITLAB, INGEST__MASK='{"password": "drop", "secret": "keep"}')
    assert not {"drop", "keep"} & set(known_secrets())


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"INGEST__MASK": '{"owner": "hash"}'}, "'owner' is hash, and ingest.mask_key is not set"),
        ({"INGEST__MASK": '{"owner": "hash"}', "INGEST__MASK_KEY": "short"}, "ingest.mask_key has 5 characters"),
        (
            {"INGEST__MASK": '{"owner": "forget"}'},
            "ingest.mask.owner 'forget' is not known: write one of drop, hash, keep",
        ),
        ({"INGEST__MASK": '["owner"]'}, "ingest.mask"),
        ({"INGEST__MASK": '{"-": "drop"}'}, "'-' names no field"),
        ({"INGEST__MASK": '{"cmdb.vm:": "drop"}'}, "'cmdb.vm:' names no field"),
        ({"INGEST__MASK": '{"ownerName": "drop", "owner_name": "keep"}'}, "and both are one name"),
        ({"INGEST__MASK": '{"owner": "keep"}', "INGEST__MASK_FIELDS": '["owner"]'}, "and it is in mask_fields"),
    ],
)
def test_rules_that_make_no_sense_are_refused(settings: dict[str, str], problem: str) -> None:
    assert problem in refusal(**GITLAB, **settings)


@pytest.mark.parametrize(
    ("record_id", "field", "rule"),
    [
        ("{user}/{hour}", "user", "USER"),
        ("{app[User]}", "app.User", "USER"),
        ("{secret[id]!s:>9}", "secret.id", "secret"),
    ],
)
def test_records_are_not_identified_by_a_dropped_field(record_id: str, field: str, rule: str) -> None:
    line = {"product": "helpdesk.ticket", "quantity": "opened", "unit": "ticket"}
    declaration = {"path": "tickets", "data_selector": "$[*]", "record_id": record_id, "lines": [line]}
    os.environ["SOURCES__HTTP__HELPDESK"] = json.dumps({"url": "https://helpdesk", **declaration})
    said = refusal(INGEST__MASK='{"USER": "drop", "secret": "drop"}')
    assert said.startswith(
        f"sources.http.helpdesk: ingest.mask has '{rule}' as drop, and that is also '{field}': it ident"
    )
    configured(INGEST__MASK='{"USER": "hash", "secret": "hash"}', INGEST__MASK_KEY="a key of sixteen characters")
    assert load().limits.mask["USER"] == "hash"


@pytest.mark.parametrize("action", ["drop", "hash"])
@pytest.mark.parametrize(
    ("rule", "environment", "field"),
    [
        ("hours", {"SOURCES__OPENSTACK__URL": "https://nova"}, "hours"),
        ("repository_size", GITLAB, "statistics.repository_size"),
        ("statistics", GITLAB, "statistics.repository_size"),
        ("effective_cost", {"SOURCES__FOCUS__AWS__URL": "bills"}, "EffectiveCost"),
        ("BillingCurrency", {"SOURCES__FOCUS__AWS__URL": "bills"}, "BillingCurrency"),
        ("ram*", CMDB, "ram_gib"),
        ("spec.owner", {"SOURCES__BACKSTAGE__URL": "https://backstage"}, "spec.owner"),
        ("usage.queries", {"SOURCES__CUBE__URL": "https://cube", "SOURCES__CUBE__QUERY": "{}"}, "Usage.queries"),
        (
            "amount",
            {
                "SOURCES__FILE__LICENCES": json.dumps(
                    {
                        "url": "a.csv",
                        "date": "day",
                        "lines": [{"product": "a", "cost": "amount", "currency": "EUR", "unit": "b"}],
                    }
                )
            },
            "amount",
        ),
    ],
)
def test_what_costs_are_counted_with_is_not_masked(
    rule: str, environment: dict[str, str], field: str, action: str
) -> None:
    settings = {"INGEST__MASK": json.dumps({rule: action}), "INGEST__MASK_KEY": "a key of sixteen characters"}
    said = refusal(**environment, **settings)
    assert f"ingest.mask has '{rule}' as {action}, and that is also '{field}': the costs are counted with it" in said


def test_a_bill_s_application_tag_is_hashed_and_not_dropped() -> None:
    bills = {"SOURCES__FOCUS__AWS__URL": "bills"}
    assert "'Tags.application': it names the application" in refusal(**bills, INGEST__MASK='{"application": "drop"}')
    configured(**bills, INGEST__MASK='{"application": "hash"}', INGEST__MASK_KEY="a key of sixteen characters")
    assert load().limits.mask == {"application": "hash"}


def test_a_quantity_that_is_called_as_a_credential_is_kept_by_a_rule() -> None:
    line = {"product": "ai.token", "quantity": "output_token", "unit": "token"}
    declaration = {"url": "https://ai", "path": "usage", "data_selector": "$[*]", "lines": [line]}
    os.environ["SOURCES__HTTP__AI"] = json.dumps(declaration)
    said = refusal()
    assert "'*token' is dropped as a credential, and that is also 'output_token'" in said
    configured(INGEST__MASK='{"http.ai:output_token": "keep"}')
    assert load().limits.mask == {"http.ai:output_token": "keep"}


# What is never printed


def test_a_token_is_a_secret() -> None:
    assert secrets(**GITLAB, SOURCES__GITLAB__TOKEN="glpat-1") == ("glpat-1",)


def test_a_user_s_password_is_a_secret_as_it_is_and_as_it_is_sent() -> None:
    found = secrets(**GITLAB, SOURCES__GITLAB__USERNAME="finops", SOURCES__GITLAB__PASSWORD="s3cret")
    assert found == ("Zmlub3BzOnMzY3JldA==", "s3cret")


def test_a_client_s_secret_is_a_secret_and_its_name_is_not() -> None:
    assert secrets(**GITLAB, **CLIENT) == ("client-s3cret",)


def test_the_password_in_an_address_of_tokens_is_a_secret() -> None:
    found = secrets(**GITLAB, SOURCES__GITLAB__TOKEN_URL="https://finops:url-s3cret@sso.example.com/token")
    assert found == ("url-s3cret",)


def test_the_password_in_an_address_is_a_secret_and_its_hosts_are_not() -> None:
    assert secrets(**CMDB) == ("cmdb-s3cret",)


def test_a_password_in_the_cmdb_s_address_is_a_secret_as_it_is_written_and_as_it_is() -> None:
    uri = "mongodb://finops:p%40ss@cmdb.example.com/?tls=true&tlsCertificateKeyFilePassword=k%2Fey&appName=x"
    assert set(secrets(SOURCES__CMDB__URI=uri)) == {"p%40ss", "p@ss", "k%2Fey", "k/ey"}


def test_the_password_of_the_database_is_a_secret() -> None:
    assert secrets(PGPASSWORD="pg-s3cret", PGHOST="db", PGUSER="finops") == ("pg-s3cret",)


def test_the_keys_of_a_bucket_are_secrets() -> None:
    options = '{"key": "AKIA7", "secret": "s3cret-1"}'
    found = secrets(SOURCES__FOCUS__AWS__URL="s3://bills", SOURCES__FOCUS__AWS__STORAGE_OPTIONS=options)
    assert {"AKIA7", "s3cret-1"} <= set(found)


def test_the_nested_keys_of_a_bucket_are_secrets() -> None:
    options = '{"client_kwargs": {"aws_secret_access_key": "s3cret-1"}}'
    found = secrets(SOURCES__FOCUS__AWS__URL="s3://bills", SOURCES__FOCUS__AWS__STORAGE_OPTIONS=options)
    assert "s3cret-1" in found


def test_a_switch_of_a_bucket_is_no_secret() -> None:
    found = secrets(SOURCES__FOCUS__AWS__URL="s3://bills", SOURCES__FOCUS__AWS__STORAGE_OPTIONS='{"anon": true}')
    assert found == ()


@pytest.mark.parametrize(
    "broken",
    [
        CUBE_WITHOUT_QUERY,
        {"SOURCES__ARTIFACTORY__URL": "nonsense"},
        {"SOURCES__ARTIFACTORY__URL": "https://[nonsense"},
        {"SOURCES__FOCUS__AWS__URL": "s3://bills", "SOURCES__FOCUS__AWS__STORAGE_OPTIONS": "{"},
    ],
    ids=["no query", "no address", "bad address", "no JSON"],
)
def test_one_broken_source_does_not_uncover_the_others_secrets(broken: dict[str, str]) -> None:
    assert "glpat-1" in secrets(**GITLAB, SOURCES__GITLAB__TOKEN="glpat-1", **broken)


def test_nothing_configured_is_nothing_to_hide() -> None:
    assert secrets() == ()


def test_a_service_is_declared_in_two_files_and_the_environment_together(folder: Path) -> None:
    write(
        folder,
        config='[sources.http.helpdesk]\nurl = "https://from.a.file"\npath = "tickets"\ndata_selector = "items[*]"\n'
        '[[sources.http.helpdesk.lines]]\nproduct = "helpdesk.ticket"\nquantity = "opened"\nunit = "ticket"\n',
    )
    write(folder, secrets='[sources.http.helpdesk]\ntoken = "hd-1"\n')
    (found,) = configured(SOURCES__HTTP__HELPDESK__URL="https://helpdesk.example.com")
    said = chosen(found)
    assert (found.source.name, said["url"], said["token"], said["path"]) == (
        "http.helpdesk",
        "https://helpdesk.example.com",
        "hd-1",
        "tickets",
    )
    assert known_secrets() == ("hd-1",)


def test_a_service_is_declared_by_one_variable() -> None:
    declaration = (
        '{"path": "usage", "data_selector": "$[*]", "domain": "private_cloud", "params": {"day": "{day}"},'
        ' "lines": [{"product": "platform.vcpu_hour", "quantity": "cpu", "unit": "vCPU-hour"}]}'
    )
    (found,) = configured(SOURCES__HTTP__PAAS=declaration, SOURCES__HTTP__PAAS__URL="https://paas.example.com")
    assert (found.source.name, found.source.domain, chosen(found)["params"]) == (
        "http.paas",
        "private_cloud",
        {"day": "{day}"},
    )


@pytest.mark.parametrize(("text", "said"), [("{", "is not JSON"), ("[]", "is not a JSON object"), ("7", "JSON object")])
def test_a_declaration_that_is_no_json_object_is_refused_and_hides_its_secrets(text: str, said: str) -> None:
    assert said in refusal(SOURCES__HTTP__PAAS=text, SOURCES__HTTP__PAAS__TOKEN="paas-1", SOURCES__HTTP__PAAS__URL="x")
    assert known_secrets() == ("paas-1",)


def test_a_declared_service_without_its_address_is_refused(folder: Path) -> None:
    write(folder, secrets='[sources.http.helpdesk]\ntoken = "hd-1"\n')
    assert "sources.http.helpdesk.url is not set" in refusal()
    assert known_secrets() == ("hd-1",)


# One product's own settings


def test_ci_minutes_are_off_without_their_namespaces() -> None:
    assert [found.source.name for found in configured(**GITLAB)] == ["gitlab.storage"]


def test_ci_minutes_are_on_with_their_namespaces() -> None:
    found = configured(**GITLAB, SOURCES__GITLAB__CI_NAMESPACES='["gid://gitlab/Group/42"]')
    assert [one.source.name for one in found] == ["gitlab.storage", "gitlab.ci_minutes"]


def test_namespaces_that_are_no_list_are_refused() -> None:
    said = refusal(**GITLAB, SOURCES__GITLAB__CI_NAMESPACES="42")
    assert said == "sources.gitlab.ci_namespaces '42' is not a JSON list: write [\"name\"]"


@pytest.mark.parametrize(("endpoint", "path"), [("dataframes", "v2/dataframes"), ("summary", "v2/summary")])
def test_cloudkitty_is_asked_for_what_is_set(endpoint: str, path: str) -> None:
    (found,) = configured(SOURCES__CLOUDKITTY__URL="https://rating.example.com", SOURCES__CLOUDKITTY__ENDPOINT=endpoint)
    assert isinstance(found.source, HttpSource)
    assert (found.source.name, found.source.path) == ("cloudkitty.usage", path)


def test_cloudkitty_is_asked_for_its_dataframes_by_default() -> None:
    (found,) = configured(SOURCES__CLOUDKITTY__URL="https://rating.example.com")
    assert isinstance(found.source, HttpSource)
    assert found.source.path == "v2/dataframes"


def test_an_endpoint_that_a_product_has_not_is_refused() -> None:
    said = refusal(SOURCES__CLOUDKITTY__URL="https://rating.example.com", SOURCES__CLOUDKITTY__ENDPOINT="report")
    assert said == "sources.cloudkitty.endpoint 'report' is not known: write one of dataframes, summary"


def test_an_endpoint_of_a_product_that_has_one_is_refused() -> None:
    said = refusal(**GITLAB, SOURCES__GITLAB__ENDPOINT="graphql")
    assert said.startswith("sources.gitlab.endpoint (SOURCES__GITLAB__ENDPOINT in the environment) is not a setting")
