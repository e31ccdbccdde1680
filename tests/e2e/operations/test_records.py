"""`finops records`: from a figure to the lines of a bill that it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.finops import Database, charge, finops, scalar, write_bill


def test_a_figure_leads_to_the_lines_of_its_bill(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert finops("records", "--period", "2026-10") == 1
    assert "nothing was published yet" in capfd.readouterr().err
    bill = [
        charge("70.25", "2026-10-01", application="ERP", quantity="7"),
        charge("-0.25", "2026-10-02", application="ERP", service="Refunds"),
        charge("20", "2026-10-02", application="PAYMENTS"),
    ]
    write_bill(tmp_path / "bills", "10.csv", bill)
    monkeypatch.setenv("SOURCES__FOCUS__NIMBUS__URL", str(tmp_path / "bills"))
    assert finops("nightly", "--period", "2026-10", "--as-of", "2026-11-20") == 0
    group = scalar(database, "select group_id from finops.owned_releves where application_id = 'PAYMENTS'")

    def shown(*options: str) -> list[bool]:
        """Which lines of the bill a question leads to."""
        capfd.readouterr()
        assert finops("records", "--period", "2026-10", *options) == 0
        found = "".join(capfd.readouterr().out.split())
        assert '"service_name":"' in found
        return [f"10.csv#{number}" in found for number in (1, 2, 3)]

    assert shown() == [True, True, True]
    assert shown("--application", "ERP") == [True, True, False]
    assert shown("--application", "ERP", "--product", "nimbus.queue") == [True, False, False]
    assert shown("--group", str(group).upper()) == [False, False, True]
    assert shown("--limit", "1", "--source", "focus.nimbus") == [True, False, False]

    assert finops("records", "--period", "2026-10..2026-11", "--application", "erp") == 1
    refusal = capfd.readouterr().err
    assert "there is no cost of application 'erp' in 2026-10..2026-11: write ids as the page" in refusal
