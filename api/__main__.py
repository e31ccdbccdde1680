"""`finops-api`: serve it, or make a token. Results on stdout, the rest on stderr; exit 0 done, 1 failed, 2 misused."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from finops.api.app import LOOPBACK, create_app
from finops.api.auth import tokens
from finops.api.auth.references import GroupKey
from finops.api.http import logs
from finops.api.http.protocol import ListenError, Server, configuration, listen
from finops.api.settings import Settings

FULL_NAME = re.compile(r"[A-Za-z0-9_-]+")


def _keys(_context: click.Context, _option: click.Parameter, groups: tuple[str, ...]) -> list[str]:
    """The keys of the groups that were given."""
    try:
        return TypeAdapter(list[GroupKey]).validate_python(list(groups))
    except ValidationError as error:
        raise click.BadParameter("; ".join(fault["msg"] for fault in error.errors())) from error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="finops-module")
def cli() -> None:
    """What applications cost, over HTTP: read-only, each caller its own groups.

    Example: finops-api serve --insecure-local
    """


@cli.command("serve")
@click.option("--host", help="Address to listen on, instead of FINOPS_API_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of FINOPS_API_PORT.")
@click.option("--insecure-local", is_flag=True, help="Ask for no token; only on this machine's loopback address.")
def serve(host: str | None, port: int | None, insecure_local: bool) -> None:  # noqa: FBT001
    """Serve the API on the database that libpq's variables name, until it is told to stop.

    Example: finops-api serve --insecure-local --port 8000
    """
    given = {"host": host, "port": port}
    settings = _settings({name: value for name, value in given.items() if value is not None})
    logs.configure(settings.log)
    notice = _notice(settings, insecure_local=insecure_local)
    try:
        sockets = listen(settings.host, settings.port)
    except ListenError as error:
        raise click.ClickException(str(error)) from error
    if notice:
        click.echo(notice, err=True)
    server = Server(configuration(create_app(settings, insecure_local=insecure_local), settings))
    with suppress(KeyboardInterrupt):  # it has stopped in good order, and says so by this
        server.run(sockets)
    if not server.started:
        sys.exit(1)


def _notice(settings: Settings, *, insecure_local: bool) -> str | None:
    """What has to be said of who will be authenticated."""
    if insecure_local:
        if settings.host not in LOOPBACK:
            raise click.UsageError(
                "--insecure-local lets everybody see everything, so it listens on 127.0.0.1 only, not on "
                f"{settings.host}: drop one of the two"
            )
        return "--insecure-local: everybody on this machine sees every cost, without a token"
    if not settings.tokens_file and not settings.issuers:
        return (
            "no authentication is configured, every request will get 401: set FINOPS_API_TOKENS_FILE or "
            "FINOPS_API_ISSUERS, or try --insecure-local"
        )
    if not settings.claims_key:
        raise click.UsageError(
            "FINOPS_API_CLAIMS_KEY is not set, and PostgreSQL shows nothing without it: `finops init-db` makes the "
            "key, stores it in the database and shows it once"
        )
    return None


@cli.command("token")
@click.argument("name")
@click.option("--group", "groups", multiple=True, metavar="ID", callback=_keys, help="A group it shows; repeatable.")
@click.option("--everything", is_flag=True, help="It shows the costs of all groups.")
@click.option("--expires", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Day (UTC) on which it expires.")
def token(name: str, groups: list[str], everything: bool, expires: datetime) -> None:  # noqa: FBT001
    """Make a token: shown once, on stderr; on stdout what to append to FINOPS_API_TOKENS_FILE.

    Example: finops-api token backstage --everything --expires 2027-06-30 >> tokens.toml
    """
    if bool(groups) == everything:
        raise click.UsageError("choose what it shows: --group, once or more, or --everything")
    if not FULL_NAME.fullmatch(name):
        raise click.BadParameter(f"'{name}' has more than letters, digits, - and _", param_hint="NAME")
    day: date = expires.date()
    if day <= datetime.now(UTC).date():
        raise click.BadParameter(f"{day} is not in the future: the token would have expired", param_hint="--expires")
    made, entry = tokens.create(name, day, "*" if everything else groups)
    click.echo(f"The token, shown this once: {made}", err=True)
    click.echo(entry)


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f"FINOPS_API_{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors()
        )
        raise click.UsageError(wrong) from error


def main() -> None:
    """The `finops-api` command."""
    cli.main(prog_name="finops-api")


if __name__ == "__main__":
    main()
