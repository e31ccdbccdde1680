"""What can go wrong, in words for the person who has to mend it: each message names the value and the remedy.

An error is made into text here, and nowhere else: without secrets, and on one line (config/redaction.py). So whatever
prints, logs or stores it, the tables of runs included, holds none.
"""

import signal
from importlib.metadata import version

from finops.ingest.config.redaction import escaped, redact, safe

LONGEST = 600  # characters that a person reads


class FinopsError(Exception):
    """A failure that a person can act on; the command line prints it in one line and exits with 1."""

    exit_code: int = 1

    def __init__(self, message: str) -> None:
        super().__init__(safe(message))


class ConfigurationError(FinopsError):
    """A setting, option or environment variable that is missing or makes no sense; exit code 2."""

    exit_code = 2


class SourceError(FinopsError):
    """One source could not be read; the others go on."""


class LockedError(FinopsError):
    """Another run is writing."""


class AlreadySucceededError(FinopsError):
    """The run of this id has succeeded: there is nothing left to do, and nothing went wrong."""


class Terminated(SystemExit):
    """SIGTERM: Kubernetes sends it at a deadline, an eviction or a drain.

    A SystemExit, because psycopg and dbt know what to do at one: they cancel what the server is busy with.
    """

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)

    def __str__(self) -> str:
        return "ended by SIGTERM; what is missing is taken up by the next run"


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a message of somebody else's as a line to show, no longer than a person reads.

    What a secret is, is known by the whole of it: it is taken out before anything is cut off.
    """
    line = escaped(" ".join(redact(text).split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def first_line(error: BaseException) -> str:
    """Return the first line of an error, where the others tell of the library that raises it; else its type."""
    lines = redact(str(error)).strip().splitlines() or [type(error).__name__]
    return escaped(lines[0])


def describe(error: BaseException) -> str:
    """Return an error as a line; KeyboardInterrupt has no message of its own."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, FinopsError):
        return str(error)
    return one_line(str(error)) or type(error).__name__


def install_extra(extra: str) -> str:
    """Return the command that installs an extra; the product is in no package index, so it names the file."""
    wheel = f"finops_module-{version('finops-module')}-py3-none-any.whl"
    return f"pip install '{wheel}[{extra}]', or in a checkout: pip install --editable '.[{extra}]'"
