"""What is a secret is never shown: not in any encoding that it comes back in, nor where it is cut off."""

import base64
from collections.abc import Callable, Mapping

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from finops.ingest.config import redaction
from finops.ingest.config.redaction import LONGEST, STARS, escaped, redact, safe
from finops.ingest.config.services import FocusExport, HttpService
from finops.ingest.errors import FinopsError, SourceError, describe, first_line, one_line
from tests.forms import FORMS
from tests.hostility import times

PEM = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(base64.b64encode(bytes(range(n, n + 48))).decode() for n in range(9))
CHARACTERS = st.characters(exclude_categories=["C", "Z"]) | st.sampled_from("%+/ \\\"'&=@:#é🔑")

# Forms that another form is often written in.
WRAPPED: Mapping[str, Callable[[str], str]] = {
    name: FORMS[name] for name in ("as it is", "percent-encoded", "JSON", "Python", "HTML", "folded")
}


@pytest.mark.hostile
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=times(8))
@given(wrap=st.sampled_from(list(WRAPPED)), secret=st.text(CHARACTERS, min_size=7, max_size=40))
@example(wrap="as it is", secret="hunter2%2Furl")
@example(wrap="percent-encoded", secret="glpat-aB3+/xyz==")
@example(wrap="JSON", secret="pa\\ss\"w'ord")
@example(wrap="HTML", secret=PEM)
def test_a_secret_is_hidden_in_every_form(form: str, wrap: str, secret: str) -> None:
    assume(secret == secret.strip("+= \n"))  # what may be left out of it
    redaction.forget()
    redaction.learn({"token": secret})
    shown = safe(f"before {WRAPPED[wrap](FORMS[form](secret))} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    # of what basic authentication begins with, and of padding, some characters may stay
    assert len(shown) - len(f"before {STARS} after") <= 12, shown


@pytest.mark.parametrize(
    ("section", "secret"),
    [
        ({"token": "s3cret-1"}, "s3cret-1"),
        ({"password": "s3cret-1"}, "s3cret-1"),
        ({"client_secret": "s3cret-1"}, "s3cret-1"),
        ({"mask_key": "s3cret-1"}, "s3cret-1"),
        ({"uri": "mongodb://reader:s3cret%2F1@cmdb:27017/?tlsCertificateKeyFilePassword=s3cret-2"}, "s3cret/1"),
        ({"uri": "mongodb://reader@cmdb/?tlsCertificateKeyFilePassword=s3cret%202"}, "s3cret 2"),
        ({"url": "https://ci:s3c@ret/1@gitlab.example.com"}, "s3c@ret/1"),
        ({"url": "https://bucket.s3.amazonaws.com/bill.csv?X-Amz-Signature=s3cret%2B1"}, "s3cret+1"),
        ({"url": "https://account.blob.core.windows.net/bills?sv=2022&sig=s3cret%3D"}, "s3cret="),
        ({"url": "https://api.example.com/usage?private_token=s3cret-1"}, "s3cret-1"),
        ({"pushgateway": "https://pusher:s3cret-1@gateway:9091"}, "s3cret-1"),
        ({"connection": "host=erp user=finops password='s3cret 1'"}, "s3cret 1"),
        ({"connection": "postgresql://finops:s3cret-1@erp/db"}, "s3cret-1"),
        ({"connection": "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3D%7Bs3cret-1%7D%3BEncrypt%3Dyes"}, "s3cret-1"),
        ({"connection": "snowflake://reader@host/db?token=s3cret-1"}, "s3cret-1"),
        ({"storage_options": {"key": "AKIA", "secret": "s3cret-1"}}, "s3cret-1"),
        ({"storage_options": '{"account_key": "s3cret=="}'}, "s3cret=="),
        ({"storage_options": {"connection_string": "AccountName=a;AccountKey=s3cret=="}}, "s3cret=="),
        ({"storage_options": {"token": {"private_key": PEM}}}, PEM),
        ({"params": '{"api-key": "s3cret-1", "page": 1}'}, "s3cret-1"),
        ({"paginator": {"type": "cursor", "nested": [{"accessToken": "s3cret-1"}]}}, "s3cret-1"),
    ],
)
def test_every_kind_of_secret_is_known_once_its_section_is_read(section: dict[str, object], secret: str) -> None:
    redaction.learn(section)
    for form in FORMS.values():
        assert "s3cret" not in redact(f"it says '{form(secret)}'")
        assert "AQID" not in redact(f"it says '{form(secret)}'")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPASSWORD", "s3cret-1"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret-1"),
        ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=a;AccountKey=s3cret-1"),
        ("AZURE_STORAGE_SAS_TOKEN", "sv=2022&sig=s3cret-1"),
        ("HTTPS_PROXY", "http://ci:s3cret-1@proxy:3128"),
        ("PGHOST", "postgresql://finops:s3cret-1@db"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret-1,x-scope=a"),
    ],
)
def test_a_secret_of_the_environment_is_known(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert redact("it says s3cret-1, and x-scope") == f"it says {STARS}, and x-scope"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://finops:s3cret@db/costs",
        "https://host/x?access_token=s3cret&page=2",
        "connection to 'host=db password=s3cret dbname=x' failed",
        "connection to \"password='s3 s3cret'\" failed",
        '{"error": "bad", "client_secret": "s3cret"}',
        "{'Authorization': 'x', 'api_key': 's3cret'}",
        "Authorization: Bearer s3cret",
        "sent with Bearer s3cret-s3cret-1",
        "PRIVATE-TOKEN: s3cret",
        "the JWT eyJhbGciOi.eyJzM2NyZXQ.c2lnbmF0dXJl is not valid",
        "glpat-s3crets3crets3crets3 is revoked",
        "-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_credential_is_hidden_though_nobody_knows_it(text: str) -> None:
    shown = redact(text)
    assert "s3cret" not in shown
    assert "eyJzM2NyZXQ" not in shown
    assert STARS in shown


@pytest.mark.parametrize(
    "text",
    [
        "check sources.gitlab.token and what it may read",
        "sources.gitlab.password is set without username: set both",
        "set PGPASSWORD, PGSSLMODE=require or PGSSLROOTCERT",
        "write such as postgresql+psycopg2://user:…@host:5432/database",
        "write host=… dbname=… password=…, or postgresql://…",
        "http://gateway:9091/metrics has 3 tokens",
        "HTTP basic authentication, a bearer token",
        "sources.gitlab.token_url is set without client_id: set both",
        'write {"key": "value"}',
    ],
)
def test_a_remedy_stays_as_it_is(text: str) -> None:
    redaction.learn({"token": "s3cret-1", "url": "http://gateway:9091"})
    assert safe(text) == text


def test_the_words_of_a_mask_are_no_secrets() -> None:
    redaction.learn({"mask": {"password": "drop", "http.ai:output_token": "keep"}})
    assert redact("keep or drop") == "keep or drop"


def test_a_short_secret_is_hidden_where_it_stands_alone() -> None:
    redaction.learn({"password": "ab1"})
    assert redact("user:ab1@db, table ab12 and cab1") == f"user:{STARS}@db, table ab12 and cab1"


def test_of_overlapping_secrets_nothing_is_left() -> None:
    redaction.learn({"token": "s3cret-and"})
    redaction.learn({"token": "and-more-s3cret"})
    assert redact("s3cret-and-more-s3cret") == STARS


@pytest.mark.hostile
@given(kept=st.integers(min_value=3, max_value=39), others=st.integers(min_value=0, max_value=3))
def test_a_secret_that_is_cut_off_is_hidden_too(kept: int, others: int) -> None:
    secret = "s3cret-0123456789-abcdefghijklmnopqrstuv"
    redaction.learn({"token": secret})
    before = (secret + " ") * others
    text = before + " " * (LONGEST - kept - len(before)) + secret
    for shown in (redact(text), one_line(text, 120)):
        assert "s3c" not in shown


def test_the_beginning_that_is_shown_is_cut_after_the_secrets_are_gone() -> None:
    redaction.learn({"token": "s3cret-" + "x" * 200})
    assert one_line("the token s3cret-" + "x" * 200 + " is not valid", 40) == "the token *** is not valid"
    assert one_line("a" * 50, 40) == "a" * 39 + "…"


def test_a_section_that_is_made_makes_its_secrets_known() -> None:
    HttpService(url="https://x.example.com", token="s3cret-1")  # type: ignore[arg-type]
    FocusExport(url="s3://bills", storage_options={"secret": "s3cret-2"})  # type: ignore[arg-type]
    assert str(SourceError("x: s3cret-1 and s3cret-2")) == f"x: {STARS} and {STARS}"


# One line


@given(st.text())
@example("bill\n2026-11-28 SUCCESS.csv")
@example("\x1b]0;title\x07\x1b[31m\x9b2J\x85\u2028\u2029\u202e\u2066\u200b\ufeff\ud800\U000e0041")
def test_a_text_is_one_line_that_no_terminal_obeys(text: str) -> None:
    for shown in (
        escaped(text),
        str(FinopsError(text)),
        one_line(text),
        first_line(ValueError(text)),
        describe(OSError(text)),
    ):
        assert len(shown.splitlines()) <= 1
        assert all(character.isprintable() or character.isspace() for character in shown)
        assert not set(shown) & set("\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029")
        shown.encode()


def test_what_is_escaped_is_written_as_json_writes_it() -> None:
    assert escaped("a\nb\x1b[2J\u202ec\u00a0é") == "a\\nb\\u001b[2J\\u202ec\u00a0é"
