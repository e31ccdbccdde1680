"""A line of the API's log is one line, whatever a caller writes into a path or an error holds."""

import json
import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finops.api.http.logs import JsonFormatter


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
