"""One name for one thing: a source's raw table, staging model and intermediate model follow from its name."""

import pytest

from finops.ingest.sources.catalog import SOURCES
from finops.ingest.sources.kinds import HttpSource, MongoSource
from tests.conftest import ROOT

MODELS = ROOT / "dbt_project" / "models"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_source_s_table_and_models_are_named_after_it(source: MongoSource | HttpSource) -> None:
    product, records = source.name.split(".")
    assert source.raw_table == (f"raw_{source.domain}", f"{product}_{records}")
    assert (MODELS / "staging" / product / f"stg_{product}__{records}.sql").exists()
    if source.measure != "reference":
        assert (MODELS / "intermediate" / source.measure / f"int_{product}_{records}.sql").exists()
