"""The products that the catalog of sources names are those that the models make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from finops.ingest.sources.catalog import SOURCES
from finops.ingest.sources.kinds import Source

MODELS = Path(__file__).resolve().parents[3] / "dbt_project" / "models" / "intermediate"
OF_A_RULE = {"artifactory.deduplicated_gib"}  # instead of the other one, by artifactory_deduplicate


@pytest.mark.parametrize("source", [source for source in SOURCES if source.products], ids=lambda source: source.name)
def test_the_products_of_a_source_are_those_of_its_model(source: Source) -> None:
    [model] = MODELS.rglob(f"int_{source.name.replace('.', '_')}.sql")
    families = {product.partition(".")[0] for product in source.products}
    made = re.findall(rf"'((?:{'|'.join(families)})\.[a-z_]+)'", model.read_text("utf-8"))
    assert set(made) - {source.name} - OF_A_RULE == set(source.products)


def test_products_are_named_where_they_are_known() -> None:
    assert {source.name for source in SOURCES if source.products} == {
        "cmdb.vm",
        "openstack.usage",
        "kubernetes.allocation",
        "gitlab.storage",
        "gitlab.ci_minutes",
        "artifactory.storage",
        "cube.usage",
    }
