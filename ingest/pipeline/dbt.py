"""Stages 2 and 3: dbt, in this process, through its programmatic entry point.

dbt's terminal output and its use of environment variables stay in this module. dbt takes seconds to start, and as many
to compare every view with its model: a build leaves out what stands as the last complete one left it, and a nightly
without anything to publish does not start dbt.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finops.ingest.database import TRANSFORMER, Connection, connect, may_act_as
from finops.ingest.errors import FinopsError, one_line

SHOWN_FAILURES = 3
FAILED = ("error", "fail", "runtime error")
# Beside this package, in the repository and where it is installed.
PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
PROFILE_EXAMPLE = PROJECT.with_name("profiles.yml.example")

# What every run writes, with the tests of it; and what follows from reference data as well, with every test.
FACT = ("--select", "fact_releve+,config.materialized:incremental")
REFERENCE = ("--select", "config.materialized:incremental", "resource_type:test")
# All scopes that are due, unless some are named: see macros/stage.sql
SCOPES = "FINOPS_SCOPES"
# dbt would write two copies of its manifest, 12 MB of JSON, after each run; nothing here reads them.
NO_JSON = "--no-write-json"


Advance = Callable[[int, int], None]


class BuildError(FinopsError):
    """Nodes of a build failed.

    Attributes:
        published: whether the relevés and aggregates of the build are committed, and something else failed.
        is_of_data: whether only tables and tests failed, and no view: then everything is as this version has it.
    """

    def __init__(self, outcome: object) -> None:
        failures = list(_failures(outcome))
        more = f"; and {len(failures) - SHOWN_FAILURES} more" if len(failures) > SHOWN_FAILURES else ""
        super().__init__("dbt: " + "; ".join(failures[:SHOWN_FAILURES]) + more)
        nodes = {_name(result): result for result in _results(outcome)}
        failed = {_kind(result) for result in nodes.values() if str(result.status) in FAILED}
        self.published = "fact_releve" in nodes and str(nodes["fact_releve"].status) == "success"
        self.is_of_data = "fact_releve" in nodes and failed <= {"incremental", "test"}


def build(
    connection: Connection,
    run_id: str,
    advance: Advance,
    *,
    only_if_due: bool = False,
    scopes: Sequence[str] | None = None,
) -> bool:
    """Build views, the fact and the aggregates for a run that is open, with their data tests.

    Of all scopes that are due, or of those that are named, as '<source> <first day of the month>'.
    Returns False, without having started dbt, if only what is due was asked for and nothing is.

    Raises:
        BuildError: with what dbt says of each node that failed.
        FinopsError: when dbt itself failed.
    """
    selected = _selected(connection)
    if only_if_due and selected == FACT:
        due = connection.execute("select from finops.due_scopes(%s) limit 1", (run_id,))
        if due.fetchone() is None:
            return False
    if selected != FACT:  # it changes no view: where it fails, they are as the last complete build left them
        connection.execute("delete from finops.etl_project")
    _build(connection, run_id, scopes, selected, advance)
    note_build(connection)
    return True


def publish(connection: Connection, run_id: str, scopes: Sequence[str], advance: Advance) -> None:
    """Publish these scopes alone, by the views as they are.

    Raises:
        BuildError: with what dbt says of each node that failed.
    """
    _build(connection, run_id, scopes, ("--select", "fact_releve"), advance)


def _build(
    connection: Connection, run_id: str, scopes: Sequence[str] | None, selected: Sequence[str], advance: Advance
) -> None:
    named = {SCOPES: "" if scopes is None else json.dumps(scopes)}
    with _environment({"FINOPS_RUN_ID": run_id, **named, **_role(connection)}):  # see macros/runs.sql
        _invoke(["build", NO_JSON, "--exclude-resource-type", "unit_test", *selected], advance)


def note_build(connection: Connection) -> None:
    """After a complete build, store fingerprints of all that it stood on and made."""
    connection.execute("delete from finops.etl_project")
    connection.execute(
        "insert into finops.etl_project (code, relations, reference)"
        " select %s, relations, reference from finops.project_state()",
        (_code(),),
    )


def _selected(connection: Connection) -> Sequence[str]:
    """Select everything, or less where the rest stands as the last complete build left it."""
    known = connection.execute(
        "select built.reference is not distinct from state.reference as is_same"
        " from finops.etl_project as built join finops.project_state() as state using (relations) where code = %s",
        (_code(),),
    ).fetchone()
    if known is None:
        return ()
    return FACT if known["is_same"] else REFERENCE


def _code() -> str:
    """Hash everything that determines a view of the project."""
    digest = hashlib.sha256()
    folders = [PROJECT / name for name in ("models", "macros", "tests")]
    for path in sorted([*PROJECT.glob("*.yml"), *(path for folder in folders for path in folder.rglob("*.*"))]):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def write_docs(folder: Path) -> Path:
    """Write dbt's docs site into a folder and return its page: one HTML file that holds everything.

    With the columns' types as they are in the database that libpq's variables name; without one, as they are described.
    Unit tests are left out, or the lineage would be full of them. Nothing is written into the project's folder.

    Raises:
        FinopsError: when the database can't be reached, or with what dbt says is wrong.
    """
    where = ["--target-path", str(folder), "--log-path", str(folder)]
    # the profile requires these names, though nothing connects to a database that is not configured
    unset = {name: "finops" for name in ("PGUSER", "PGDATABASE") if name not in os.environ}
    with _environment({**unset, **_role_by_hand()}):
        manifest = _invoke(["parse", *where])
        manifest.unit_tests.clear()
        manifest.write(str(folder / "manifest.json"))  # dbt writes it only where it compiles, which takes a database
        without = [] if os.environ.get("PGHOST") else ["--no-compile", "--empty-catalog"]
        _invoke(["docs", "generate", "--static", *without, *where], manifest=manifest)
    return folder / "static_index.html"


def parse() -> None:
    """Parse the whole project and its profile, without connecting to the database.

    Raises:
        FinopsError: with what dbt says.
    """
    _invoke(["parse", NO_JSON])


def run(arguments: Sequence[str]) -> int:
    """Run dbt's own command line on the project, with its profile and dbt's files as for a nightly; its exit code.

    Raises:
        click.ClickException: dbt's, with the exit code that dbt has for it.
    """
    from dbt.cli.main import cli  # noqa: PLC0415 dbt takes seconds

    _, target, _, log = _options_of_folder(())
    with _profiles_directory() as profiles:
        folders = {"PROJECT_DIR": str(PROJECT), "PROFILES_DIR": profiles, "TARGET_PATH": target, "LOG_PATH": log}
        with _environment({**{f"DBT_{name}": folder for name, folder in folders.items()}, **_role_by_hand()}):
            code = cli.main(list(arguments), prog_name="finops dbt", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _invoke(
    arguments: Sequence[str],
    advance: Advance = lambda *_: None,
    manifest: Any = None,  # noqa: ANN401 dbt's
) -> Any:  # noqa: ANN401 whatever dbt's command returns
    # Imported late: dbt takes seconds, and `finops --help` should not.
    from dbt.adapters.postgres.connections import PostgresConnectionManager  # noqa: PLC0415
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    PostgresConnectionManager.cancel = _cancel  # type: ignore[method-assign]

    def watch(event: object) -> None:
        data = getattr(event, "data", None)
        total = getattr(data, "total", None) or getattr(data, "num_models", None)
        if total and getattr(getattr(event, "info", None), "name", "").endswith("Result"):
            advance(getattr(data, "index", 0), total)

    with _profiles_directory() as profiles:
        where = ["--project-dir", str(PROJECT), "--profiles-dir", profiles, *_options_of_folder(arguments)]
        result = dbtRunner(manifest=manifest, callbacks=[watch]).invoke(
            ["--log-level", "none", "--no-use-colors", *arguments, *where]
        )
    if isinstance(result.exception, KeyboardInterrupt | SystemExit):
        raise result.exception  # a signal: dbt has cancelled its queries, and says that it failed
    if result.exception is not None:
        raise FinopsError(f"dbt: {one_line(str(result.exception))}")
    if not result.success:
        raise BuildError(result.result)
    return result.result


def kept_in() -> Path:
    """Return where dbt keeps its log and what it has read of the project: DBT_TARGET_PATH, else `.finops/dbt` here.

    Never in the project's own folder, which is read-only where the product is installed.
    """
    return Path(os.environ.get("DBT_TARGET_PATH") or Path(".finops", "dbt")).resolve()


def _options_of_folder(arguments: Sequence[str]) -> Sequence[str]:
    """Make the folder of dbt's files, and return the options that name it, unless the arguments name one."""
    if "--target-path" in arguments:
        return ()
    folder = kept_in()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FinopsError(
            f"dbt keeps its files in {folder}, which can't be made ({error.strerror}): run in a folder in which this"
            " user can write, or set DBT_TARGET_PATH to one"
        ) from error
    return ("--target-path", str(folder), "--log-path", os.environ.get("DBT_LOG_PATH") or str(folder))


def _cancel(_: object, connection: Any) -> None:  # noqa: ANN401 dbt's
    """Cancel what a session of dbt's is busy with, after a signal.

    dbt would call pg_terminate_backend, which a role may not do to a session of its login.
    """
    connection.handle.cancel()


def _role(connection: Connection) -> dict[str, str]:
    """Return libpq's variable by which dbt's sessions act as its role, where the database has roles.

    Not by the profile's `role`: dbt takes that on in a transaction, and loses it where that is rolled back.
    """
    if not may_act_as(connection, TRANSFORMER):
        return {}
    return {"PGOPTIONS": f"{os.environ.get('PGOPTIONS', '')} -c role={TRANSFORMER}".strip()}


def _role_by_hand() -> dict[str, str]:
    try:
        with connect(role=None) as connection:
            return _role(connection)
    except FinopsError:  # dbt says what is wrong with the connection, where it needs one
        return {}


def _failures(results: object) -> Iterator[str]:
    for error in getattr(results, "errors", None) or ():  # of the catalogue that docs are made from
        yield one_line(str(error))
    for result in _results(results):
        if str(result.status) in FAILED:
            yield f"{_name(result)}: {one_line(result.message or str(result.status))}"


def _results(outcome: object) -> Sequence[Any]:
    return getattr(outcome, "results", None) or getattr(outcome, "_compile_results", None) or ()


def _name(result: Any) -> str:  # noqa: ANN401 dbt's
    return str(getattr(result.node, "name", "hook"))


def _kind(result: Any) -> str:  # noqa: ANN401 dbt's
    return str(getattr(getattr(result.node, "config", None), "materialized", ""))


@contextmanager
def _profiles_directory() -> Iterator[str]:
    """Yield the folder of the project's own profiles.yml, else of the example, which reads libpq's variables."""
    if (PROJECT / "profiles.yml").exists():
        yield str(PROJECT)
        return
    with tempfile.TemporaryDirectory(prefix="finops-") as directory:
        (Path(directory) / "profiles.yml").write_bytes(PROFILE_EXAMPLE.read_bytes())
        yield directory


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables that dbt reads while the block runs."""
    before = {name: os.environ.pop(name, None) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
