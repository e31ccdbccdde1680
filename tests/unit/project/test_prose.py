"""Documentation, docstrings, comments and messages are plain English: phrases that read as translated stay out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

WRITTEN = {".md", ".py", ".sql", ".yml", ".yaml", ".toml", ".ts", ""}
# Each phrase, as a regular expression, and what to write instead.
AVOIDED = {
    r"(?<!there )\bis no (?!longer\b|more\b|\w+er than\b|need\b|way\b|reason\b)": "'is not a …'",
    r"\blets? (nobody|everybody|somebody) in\b|\b(be|is|are) let in\b": "'is rejected' or 'is authenticated'",
    r"\bdearest\b": "'most expensive'",
    r"\bas a matter of course\b": "say when it happens",
    r"\bpass(ed|es) over\b": "'skipped' or 'ignored'",
    r"\banew\b": "'again', 'recreate' or 'rewrite'",
    r"\bwork(s|ed)? out again\b|\bwork (it|a month|them|those months) out again\b": "'recompute' or 'reprocess'",
    r"\bwhat is said\b": "name it: 'the message', 'the setting'",
    r"\bnone of its values\b": "'not one of: …'",
    r"\bwere (it|they) (always|a)\b": "'if it were'",
    r"\bill will\b": "say what happens",
}


def written() -> list[Path]:
    """The files of the project that people read, without its tests."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    names = [Path(name) for name in listed.stdout.split("\0") if name]
    return [
        ROOT / name for name in names if name.suffix in WRITTEN and name.parts[0] != "tests" and (ROOT / name).is_file()
    ]


def test_no_phrase_reads_as_translated() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: write {better}"
        for path in written()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for phrase, better in AVOIDED.items()
        for match in re.finditer(phrase, line, re.IGNORECASE)
    ]
    assert found == []


def test_the_phrases_are_found() -> None:
    calques = ("'x' is no month", "nobody is let in", "the dearest application", "it was passed over", "made anew")
    assert [text for text in calques if not any(re.search(phrase, text) for phrase in AVOIDED)] == []
    plain = ("there is no run", "it is no longer read", "it is no older than a day")
    assert [text for text in plain if any(re.search(phrase, text) for phrase in AVOIDED)] == []
