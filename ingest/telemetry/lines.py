"""Lines of the log on stderr: one JSON object each, of ours and of the libraries that log something."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from finops.ingest.config.redaction import escaped, redact
from finops.ingest.errors import describe


class LibraryLog(logging.Handler):
    """Writes what libraries log as lines of ours: such as a server's answer that a client does not understand."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; of an exception, its last line."""
        error = record.exc_info[1] if record.exc_info else None
        write_line(
            record.levelname.lower(), record.name, redact(record.getMessage()), error=describe(error) if error else None
        )


def write_line(level: str, logger: str, message: str, **values: object) -> None:
    """Write a JSON object on one line of stderr; what nobody sees is escaped, too, though JSON does not ask for it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    known = {name: value for name, value in values.items() if value is not None}
    line = {"time": now, "level": level, "logger": logger, "message": message, **known}
    # one write a line: two threads' lines would else run into each other
    print(escaped(json.dumps(line, ensure_ascii=False)) + "\n", end="", file=sys.stderr, flush=True)  # noqa: T201
