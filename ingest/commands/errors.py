"""Errors of commands: one line on stderr without a secret, and the exit code."""

from __future__ import annotations

import traceback
from typing import Any

import click

from finops.ingest.config.redaction import escaped, redact, safe
from finops.ingest.errors import AlreadySucceededError, FinopsError, Terminated, describe


class Commands(click.Group):
    """Prints an error as one line and exits with its code; with --debug, its traceback before it."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 whatever the command returns
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except AlreadySucceededError as done:
            click.echo(str(done))
        except Terminated as ended:
            click.echo(f"Error: {ended}", err=True)
            raise
        except Exception as error:
            _learn_secrets()
            if ctx.params.get("debug"):
                for line in redact(traceback.format_exc()).split("\n"):
                    click.echo(escaped(line), err=True)
            if not isinstance(error, FinopsError):
                text = f"{type(error).__name__}: {describe(error)}"
                error = FinopsError(f"{text} (where: run again with `finops --debug …`)")
            click.echo(f"Error: {safe(str(error))}", err=True)
            raise click.exceptions.Exit(error.exit_code) from error


def _learn_secrets() -> None:
    """Read the whole configuration, for an error may have come before that."""
    from finops.ingest.config.settings import known_secrets

    known_secrets()
