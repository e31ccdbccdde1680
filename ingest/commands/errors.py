"""Errors of commands: one line on stderr without a secret, and the exit code."""

from __future__ import annotations

from typing import Any

import click

from finops.ingest.errors import AlreadySucceededError, FinopsError, Terminated, one_line


class Commands(click.Group):
    """Prints an error as one line and exits with its code; with --debug, raises it."""

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
            if ctx.params.get("debug"):
                raise
            if not isinstance(error, FinopsError):
                text = f"{type(error).__name__}: {one_line(str(error))}"
                error = FinopsError(f"{text} (where: run again with `finops --debug …`)")
            click.echo(f"Error: {redacted(str(error))}", err=True)
            raise click.exceptions.Exit(error.exit_code) from error


def redacted(message: str) -> str:
    """The message without any secret of the configuration."""
    from finops.ingest.config.redaction import redact
    from finops.ingest.config.settings import known_secrets

    return redact(message, known_secrets())
