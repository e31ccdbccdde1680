"""What can go wrong, in words for the person who has to mend it: each message names the value and the remedy."""


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
