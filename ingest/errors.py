"""What can go wrong, in words for the person who has to mend it: each message names the value and the remedy."""

import signal
from importlib.metadata import version


class FinopsError(Exception):
    """A failure that a person can act on; the command line prints it in one line and exits with 1."""

    exit_code: int = 1


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


def one_line(text: str) -> str:
    """Return a message of somebody else's as a line to show: without line breaks, and no longer than a person reads."""
    return " ".join(text.split())[:600]


def install_extra(extra: str) -> str:
    """Return the command that installs an extra; the product is in no package index, so it names the file."""
    wheel = f"finops_module-{version('finops-module')}-py3-none-any.whl"
    return f"pip install '{wheel}[{extra}]', or in a checkout: pip install --editable '.[{extra}]'"
