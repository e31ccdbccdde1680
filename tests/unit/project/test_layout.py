"""A newcomer guesses the room of a rule from the tree: few things in a folder, short modules, few floors of imports."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROGRAMS = ("api",)
MAX_LINES = 250
MAX_ENTRIES = 15
MAX_FLOORS = 7


def modules(program: str) -> Mapping[str, Path]:
    """The modules of a program by their full name."""
    found = {path.relative_to(ROOT).with_suffix(""): path for path in (ROOT / program).rglob("*.py")}
    return {f"finops.{'.'.join(name.parts)}".removesuffix(".__init__"): path for name, path in found.items()}


def floors(program: str) -> Mapping[str, int]:
    """How many modules stand on each other up to each module, itself included."""
    known = modules(program)

    def below(name: str) -> set[str]:
        found = set()
        for node in ast.walk(ast.parse(known[name].read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    found.add(full if full in known else node.module)
        return (found & known.keys()) - {name}

    @cache
    def floor(name: str) -> int:
        return 1 + max((floor(other) for other in below(name)), default=0)

    return {name: floor(name) for name in known}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_module_is_long(program: str) -> None:
    lengths = {name: len(path.read_text().splitlines()) for name, path in modules(program).items()}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_folder_is_crowded(program: str) -> None:
    folders = {path.parent for path in modules(program).values()}
    entries = {folder: sum(entry.name != "__pycache__" for entry in folder.iterdir()) for folder in folders}
    assert {folder: count for folder, count in entries.items() if count > MAX_ENTRIES} == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_imports_have_few_floors(program: str) -> None:
    assert {name: floor for name, floor in floors(program).items() if floor > MAX_FLOORS} == {}
