"""The docs site: everything that is in the database is described, column by column, and nothing else is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from finops.demo.postgres import Embedded
from finops.ingest.pipeline import dbt as transform
from tests.conftest import ROOT, variables
from tests.e2e.dbt import project_copy
from tests.e2e.finops import finops

COLUMNS_BUILT = """
    select nspname || '.' || relname, array_agg(attname::text)
    from pg_class
    inner join pg_namespace on relnamespace = pg_namespace.oid
    inner join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
    where relkind in ('r', 'v', 'm') and nspname ~ '^(finops|raw)(_|$)'
    group by 1
"""
VIEWS_OF_THE_API = {path.stem for path in (ROOT / "dbt_project" / "models" / "api").glob("*.sql")}


@dataclass(frozen=True)
class Docs:
    """What dbt makes of the project, and what the database has: columns by `schema.relation`."""

    manifest: dict[str, Any] = field(repr=False)
    built: dict[str, set[str]] = field(repr=False)
    page: str = field(repr=False)
    files_left: set[str] = field(repr=False)

    def relations(self) -> dict[str, dict[str, Any]]:
        """Models and sources, by `schema.relation`."""
        nodes = [node for node in self.manifest["nodes"].values() if node["resource_type"] == "model"]
        found = {f"{node['schema']}.{node['alias']}": node for node in nodes}
        return found | {f"{node['schema']}.{node['identifier']}": node for node in self.manifest["sources"].values()}

    def macros(self) -> list[dict[str, Any]]:
        """The project's own."""
        return [macro for macro in self.manifest["macros"].values() if macro["package_name"] == "finops"]

    def below(self, unique_id: str) -> set[str]:
        """Everything that reads it, however far away."""
        children = self.manifest["child_map"]
        found: set[str] = set()
        waiting = [unique_id]
        while waiting:
            for child in children[waiting.pop()]:
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return found


@pytest.fixture(scope="module")
def docs(server: Embedded, template: str, tmp_path_factory: pytest.TempPathFactory) -> Docs:
    """The docs of everything built, made from a copy of the project."""
    folder = tmp_path_factory.mktemp("docs")
    project = project_copy(folder)
    before = files(project)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(server, template).items():
            patch.setenv(name, value)
        patch.setattr(transform, "PROJECT", project)
        page = transform.write_docs(folder / "made").read_text(encoding="utf-8")
        with psycopg.connect() as connection:
            rows = connection.execute(COLUMNS_BUILT).fetchall()
    manifest = json.loads((folder / "made" / "manifest.json").read_text(encoding="utf-8"))
    return Docs(
        manifest,
        {name: set(columns) for name, columns in rows},
        page,
        files(project) - before,
    )


def files(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def says_too_little(described: dict[str, Any]) -> bool:
    """Whether a description is missing, shorter than three words, or only its name again."""
    words = re.findall(r"[a-z0-9]+", described["description"].lower())
    name = set(re.findall(r"[a-z0-9]+", described["name"].lower().replace("_", " ")))
    return len(words) < 3 or set(words) <= name | {"the", "a", "of", "its", "this"}


def test_every_table_and_view_in_the_database_is_in_the_docs(docs: Docs) -> None:
    assert len(docs.built) > 80
    # the queries of the aggregates by month, kept beside them
    queries = {name for name in docs.built if name.startswith("finops_intermediate.agg_")}
    assert len(queries) == 5
    assert sorted(set(docs.built) - set(docs.relations()) - queries) == []


def test_everything_in_the_docs_is_in_the_database(docs: Docs) -> None:
    assert sorted(set(docs.relations()) - set(docs.built)) == []


def test_every_column_is_described_and_no_column_that_is_gone(docs: Docs) -> None:
    different = {
        name: set(node["columns"]) ^ docs.built[name]
        for name, node in docs.relations().items()
        if set(node["columns"]) != docs.built[name]
    }
    assert different == {}


def test_every_column_s_description_says_something(docs: Docs) -> None:
    columns = [(name, column) for name, node in docs.relations().items() for column in node["columns"].values()]
    assert len(columns) > 800
    assert [f"{name}.{column['name']}" for name, column in columns if says_too_little(column)] == []


def test_every_table_macro_and_exposure_says_something(docs: Docs) -> None:
    described = [*docs.relations().values(), *docs.macros(), *docs.manifest["exposures"].values()]
    assert [one["unique_id"] for one in described if says_too_little(one)] == []


def test_every_argument_of_a_macro_is_described(docs: Docs) -> None:
    different = {}
    for macro in docs.macros():
        signature = re.search(rf"macro {macro['name']}\(([^)]*)\)|materialization \w+", macro["macro_sql"])
        assert signature, macro["name"]
        wanted = [name.partition("=")[0].strip() for name in (signature[1] or "").split(",") if name.strip()]
        described = [argument["name"] for argument in macro["arguments"] if not says_too_little(argument)]
        if described != wanted:
            different[macro["name"]] = (wanted, described)
    assert different == {}


def test_every_docs_block_is_used() -> None:
    written = re.findall(r"{% docs (\w+) %}", (ROOT / "dbt_project" / "models" / "_columns.md").read_text())
    files_of_ours = (ROOT / "dbt_project" / "models").rglob("_*.yml")
    used = "".join(path.read_text(encoding="utf-8") for path in files_of_ours)
    assert len(written) == len(set(written))
    assert [name for name in written if f"doc('{name}')" not in used] == []


def test_the_overview_links_to_pages_that_exist(docs: Docs) -> None:
    overview = docs.manifest["docs"]["doc.finops.__overview__"]["block_contents"]
    linked = set(re.findall(r"#!/\w+/([\w.]+)", overview))
    assert len(linked) > 20
    assert linked - set(docs.manifest["nodes"]) - set(docs.manifest["sources"]) == set()


def test_the_overview_names_every_mart_and_aggregate_that_people_read(docs: Docs) -> None:
    overview = docs.manifest["docs"]["doc.finops.__overview__"]["block_contents"]
    for_people = {
        node["name"]
        for node in docs.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] in ("marts", "reports", "aggregates")
    }
    # lists of what there is to ask about, made for the API
    for_the_api = {"mv_application", "mv_group", "mv_group_product"}
    assert {name for name in for_people if f"[{name}]" not in overview} == for_the_api


def test_lineage_leads_from_every_raw_table_to_the_aggregates(docs: Docs) -> None:
    raw = [unique_id for unique_id, node in docs.manifest["sources"].items() if node["schema"].startswith("raw_")]
    assert len(raw) == 16
    # the loader itself fills finops_reference from them
    raw.remove("source.finops.raw_reference.reference_tables")
    assert [table for table in raw if "model.finops.agg_group_product_month" not in docs.below(table)] == []


def test_an_exposure_reads_views_of_the_api_and_every_view_has_one(docs: Docs) -> None:
    read = [node for exposure in docs.manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]]
    assert {node.rpartition(".")[2] for node in read} == VIEWS_OF_THE_API


def test_no_exposure_names_an_address(docs: Docs) -> None:
    assert [exposure["name"] for exposure in docs.manifest["exposures"].values() if exposure["url"]] == []


def test_the_site_is_one_file_that_loads_nothing(docs: Docs) -> None:
    markup = re.sub(r"<script[^>]*>.*?</script>", "", docs.page, flags=re.DOTALL)
    assert (
        re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=|<link[^>]*stylesheet|@import|url\(\s*['\"]?https?:", markup)
        == []
    )
    assert re.findall(r"<script[^>]*\ssrc=[^>]*>", docs.page) == []
    assert "model.finops.fact_releve" in docs.page


def test_making_the_docs_writes_nothing_into_the_project(docs: Docs) -> None:
    assert docs.files_left == set()


def test_without_a_database_the_docs_are_what_the_project_says(tmp_path: Path) -> None:
    assert finops("docs", "build", "--output", str(tmp_path / "new" / "docs.html")) == 0
    assert "model.finops.fact_releve" in (tmp_path / "new" / "docs.html").read_text(encoding="utf-8")
    assert files(tmp_path) == {"new", "new/docs.html"}
