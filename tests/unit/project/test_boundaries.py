import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

INGEST = sorted((ROOT / "ingest").rglob("*.py"))
API = sorted((ROOT / "api").rglob("*.py"))
MODELS = ROOT / "dbt_project" / "models"

# Refuses connections and name look-ups, then imports every module that is named.
IMPORT_ALL = """
import importlib, sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError(f"{event}{args}")

sys.addaudithook(refuse)
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def name_of(path: Path) -> str:
    """A path from the project's folder, for a test's name."""
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """The full names that a module imports: `from a import b` is `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(*names: str) -> set[str]:
    """The modules of the loader and the API that import one of these packages, or something in it."""
    return {
        name_of(path)
        for path in (*INGEST, *API)
        if any(f"{found}.".startswith(f"{name}.") for found in imported(path) for name in names)
    }


def programs(names: Iterable[str]) -> set[str]:
    """What these full names belong to: `finops.api`, or `bench`."""
    return {".".join(name.split(".")[: 2 if name.startswith("finops.") else 1]) for name in names}


def read_by(model: Path, call: str) -> set[tuple[str, ...]]:
    """The quoted arguments of a model's `ref` or `source` calls."""
    sql = re.sub(r"\{#.*?#\}", "", model.read_text(), flags=re.DOTALL)
    calls: list[str] = re.findall(rf"\b{call}\(([^)]*)\)", sql)
    return {tuple(re.findall(r"['\"]([^'\"]+)['\"]", arguments)) for arguments in calls}


def models(folder: str) -> list[Path]:
    """The models of a layer."""
    return sorted((MODELS / folder).rglob("*.sql"))


def refs(model: Path) -> set[str]:
    """The models that a model reads."""
    return {arguments[-1] for arguments in read_by(model, "ref")}


def of_layers(*folders: str) -> set[str]:
    """The names of these layers' models."""
    return {model.stem for folder in folders for model in models(folder)}


def each_model(folder: str) -> pytest.MarkDecorator:
    """Runs a test for each model of a layer."""
    return pytest.mark.parametrize("model", models(folder), ids=name_of)


# Python


def test_mongodb_is_one_module_s_business() -> None:
    assert importers("pymongo", "gridfs", "motor") == {"ingest/sources/mongo.py"}


def test_http_is_the_business_of_rest_and_its_parts_alone() -> None:
    users = importers("requests", "urllib3", "urllib.request", "http.client", "httpx", "tenacity", "dlt.sources")
    assert {name for name in users if not name.startswith("ingest/sources/rest/")} == set()


def test_no_other_module_knows_the_parts_of_rest() -> None:
    known = {"__init__", "paginators", "records"}
    parts = {path.stem for path in (ROOT / "ingest" / "sources" / "rest").glob("*.py")} - known
    users = importers(*(f"finops.ingest.sources.rest.{part}" for part in parts))
    assert {name for name in users if not name.startswith("ingest/sources/rest/")} == set()


def test_adbc_is_one_module_s_business() -> None:
    assert importers("adbc_driver_postgresql", "adbc_driver_manager") == {"ingest/pipeline/load.py"}


def test_dlt_is_known_to_configuration_and_transport_alone() -> None:
    users = {name for name in importers("dlt") if not name.startswith("ingest/sources/rest/")}
    assert users == {"ingest/config/reading.py"}


def test_dbt_is_one_module_s_business() -> None:
    assert importers("dbt") == {"ingest/pipeline/dbt.py"}


@pytest.mark.parametrize("path", INGEST, ids=name_of)
def test_the_loader_knows_neither_the_api_nor_the_demonstration(path: Path) -> None:
    assert programs(imported(path)) & {"finops.api", "finops.demo", "bench", "tests"} == set()


def test_the_api_knows_neither_the_loader_nor_the_demonstration() -> None:
    known = programs(name for path in API for name in imported(path))
    assert known & {"finops.ingest", "finops.demo", "bench", "tests"} == set()


def test_nothing_imported_is_named_as_dbt_s_plugins_are() -> None:
    named = {name for path in (*INGEST, *API) for name in imported(path) if name.startswith("dbt_")}
    assert named == set()


def test_no_module_of_ours_is_named_as_dbt_s_plugins_are() -> None:
    modules = {path.name for path in ROOT.glob("dbt_*.py")} | {
        path.parent.name for path in ROOT.glob("dbt_*/__init__.py")
    }
    assert modules == set()


def test_importing_the_loader_needs_no_environment_and_no_network(tmp_path: Path) -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in INGEST]
    modules = [f"finops.{name}".removesuffix(".__init__") for name in names]
    command = [sys.executable, "-c", IMPORT_ALL, str(ROOT), *modules]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_help_imports_none_of_the_packages_that_a_run_needs() -> None:
    code = "import sys; from finops.ingest.cli import cli; cli.main(['--help'], standalone_mode=False); "
    code += "print({'dbt', 'dlt', 'psycopg', 'pyarrow', 'pydantic', 'rich'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_nightly_imports_the_clients_of_those_sources_alone_that_it_reads() -> None:
    code = "import sys, finops.ingest.pipeline.nightly; print({'dlt', 'pymongo', 'requests'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# dbt


@pytest.mark.parametrize("folder", ["staging", "intermediate", "marts", "aggregates", "reports", "api"])
def test_a_layer_has_models(folder: str) -> None:
    assert models(folder)


@each_model("staging")
def test_staging_reads_raw_tables_only(model: Path) -> None:
    schemas = {arguments[0].partition("_")[0] for arguments in read_by(model, "source")}
    assert (schemas, refs(model)) == ({"raw"}, set())


@each_model("intermediate")
def test_intermediate_reads_no_raw_table(model: Path) -> None:
    assert {arguments[0] for arguments in read_by(model, "source")} <= {"finops", "reference"}


@each_model("intermediate")
def test_intermediate_reads_staging_and_intermediate_models(model: Path) -> None:
    assert refs(model) <= of_layers("staging", "intermediate")


@each_model("marts")
def test_a_mart_reads_no_source_but_reference_data(model: Path) -> None:
    assert {arguments[0] for arguments in read_by(model, "source")} <= {"reference"}


@each_model("marts")
def test_a_mart_reads_intermediate_models(model: Path) -> None:
    assert refs(model) <= of_layers("intermediate")


@each_model("reports")
def test_a_report_reads_marts_aggregates_and_the_loaders_tables(model: Path) -> None:
    assert {arguments[0] for arguments in read_by(model, "source")} <= {"finops"}
    assert refs(model) <= of_layers("marts", "aggregates")


@each_model("aggregates")
def test_an_aggregate_reads_marts_other_aggregates_and_what_is_published_with_the_fact(model: Path) -> None:
    published = {"rejected_usage", "set_apart_charges", "etl_published", "etl_accepted", "etl_steps", "etl_runs"}
    published |= {"etl_bill_status", "etl_scope_lookups", "unallocated_usage"}
    assert read_by(model, "source") <= {("finops", name) for name in published}
    assert refs(model) <= of_layers("marts", "aggregates")


@each_model("api")
def test_a_view_of_the_api_reads_aggregates_reports_and_what_the_loader_says_of_runs(model: Path) -> None:
    assert {arguments[0] for arguments in read_by(model, "source")} <= {"finops"}
    assert refs(model) <= of_layers("aggregates", "reports")


def test_the_api_reads_its_own_views_alone() -> None:
    text = "".join(path.read_text() for path in API)
    read = set(
        re.findall(r"\b(?:from|join)\s+(\w+\.\w+)", re.sub(r"^(?:from|import) .*$", "", text, flags=re.MULTILINE))
    )
    assert read == {f"finops_api.{model.stem}" for model in models("api") if f"finops_api.{model.stem}" in text}
    assert read


@pytest.mark.parametrize("model", sorted(MODELS.rglob("*.sql")), ids=name_of)
def test_a_model_reads_no_table_by_its_name(model: Path) -> None:
    sql = re.sub(r"\{#.*?#\}|--[^\n]*", "", model.read_text(), flags=re.DOTALL)
    assert re.findall(r"\b(?:raw_\w+|finops)\.\w+\b(?!\s*\()", sql) == []


def test_every_function_that_a_model_calls_leaves_its_query_parallel() -> None:
    schema = "".join(path.read_text() for path in (ROOT / "ingest" / "schema").glob("*.sql"))
    declared = re.findall(r"function finops\.(\w+)\((.*?)(?:\bas \$\$|\nreturn\b|begin atomic)", schema, re.DOTALL)
    safe = {name for name, heading in declared if "parallel safe" in heading}
    called = {name for model in MODELS.rglob("*.sql") for name in re.findall(r"\bfinops\.(\w+)\(", model.read_text())}
    assert {"owned_in_month", "to_gib", "open_periods"} <= called
    assert called - safe == set()
