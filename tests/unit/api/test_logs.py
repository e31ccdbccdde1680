"""A line of the API's log is one line, whatever a caller writes into a path or an error holds."""

import json
import logging
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finops.api.http.logs import JsonFormatter, TextFormatter


@pytest.mark.hostile
@given(st.text())
@example('/v1/x\n{"level": "info"}\x1b[2J\x9b\x85\u2028\u202e\u2066\ud800\U000e0041')
def test_a_line_for_people_moves_no_cursor(text: str) -> None:
    record = logging.LogRecord("finops.api.access", logging.INFO, __file__, 1, "request", (), None)
    vars(record).update(method="GET", path=text, status=200, milliseconds=1.5, caller="storefront")
    line = TextFormatter().format(record)
    assert line.isprintable()
    assert re.fullmatch(r"\d\d:\d\d:\d\d info    GET .* 200, 1\.5 ms", line)
    record = logging.LogRecord(
        "finops.api", logging.ERROR, __file__, 1, "%s", (text,), (ValueError, ValueError(text), None)
    )
    lines = TextFormatter().format(record).split("\n")
    assert all(map(str.isprintable, lines))
    assert re.fullmatch(r"\d\d:\d\d:\d\d error   .*", lines[0])
    assert any(line.startswith("ValueError") for line in lines[1:])


def test_a_line_for_people_loses_nothing_that_was_added() -> None:
    record = logging.LogRecord("finops.audit", logging.INFO, __file__, 1, "audit", (), None)
    vars(record).update(caller="storefront", keys=["storefront"], data_version=None)
    assert TextFormatter().format(record).endswith(' info    audit {"caller": "storefront", "keys": ["storefront"]}')


@pytest.mark.hostile
@given(st.text())
@example('/v1/x\n{"level": "info"}\x1b[2J\x9b\x85\u2028\u202e\u2066\ud800\U000e0041')
def test_a_line_holds_no_control_character_and_is_read_back_as_it_was(text: str) -> None:
    error = ValueError(text)
    record = logging.LogRecord("finops.api", logging.INFO, __file__, 1, "%s", (text,), (ValueError, error, None))
    record.path = text
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    read = json.loads(line)
    assert (read["message"], read["path"]) == (text, text)
