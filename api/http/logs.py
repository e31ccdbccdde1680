"""Logs on stderr, a line each: JSON objects, or on a terminal lines for people."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
REQUEST = "{method} {path} {status}, {milliseconds} ms"


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and whatever was added by `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """A line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_added(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # in ASCII: a line separator or a mark of direction is escaped, too


class TextFormatter(logging.Formatter):
    """The time here, level and message; of a request what was asked and answered; then what was added by `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """A line, and those of a traceback."""
        added = _added(record)
        message = record.getMessage()
        if record.name == "finops.api.access" and "status" in added:
            message = REQUEST.format(**added)
        elif added:
            message = f"{message} {json.dumps(added, default=str)}"
        lines = [f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower():7} {message}"]
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        return "\n".join(_printable(line) for line in lines)


def configure(form: Literal["auto", "json", "text"]) -> None:
    """Log everything this way, uvicorn's own lines included."""
    handler = logging.StreamHandler()
    is_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler.setFormatter(TextFormatter() if is_text else JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if is_text:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # four lines of its start


def _added(record: logging.LogRecord) -> Mapping[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in OWN and value is not None}


def _printable(text: str) -> str:
    """A text in which what would move the cursor, or turn the direction of writing, is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
