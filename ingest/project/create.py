"""`finops init`: write a company's project. A file that exists is never overwritten: it is the company's."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from rich.tree import Tree

from finops.ingest.config.reading import RULES_FILE
from finops.ingest.errors import ConfigurationError, FinopsError
from finops.ingest.project import toml
from finops.ingest.reference.tables import TABLES

TEMPLATE = Path(__file__).with_name("template")
# These begin with a dot in a project. In the template they do not: git would take its .gitignore as its own.
_DOTTED = {"dlt", "env.example", "gitignore"}
_SECRET = {"secrets.toml"}


def files() -> Mapping[Path, str]:
    """Return the text of each file of a new project, by its path in the project."""
    found = {RULES_FILE: toml.rules()}
    for table, model in TABLES.items():
        found[Path("reference", f"{table}.csv")] = ",".join(model.model_fields) + "\n"
    for path in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
        first, *others = path.relative_to(TEMPLATE).parts
        found[Path(f".{first}" if first in _DOTTED else first, *others)] = path.read_text(encoding="utf-8")
    return found


def create(folder: Path) -> Tree:
    """Write a new project into a folder, which is made if it is missing; return its files as a tree.

    Raises:
        ConfigurationError: when one of its files exists already; nothing is written then.
        FinopsError: when the folder can't be written.
    """
    written = files()
    try:
        if existing := [str(path) for path in written if (folder / path).exists() or (folder / path).is_symlink()]:
            raise ConfigurationError(
                f"{folder} holds {', '.join(sorted(existing))} already, and `finops init` overwrites nothing: move "
                f"{'it' if len(existing) == 1 else 'them'} away, or choose another folder"
            )
        for path, text in written.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch(mode=stat.S_IRUSR | stat.S_IWUSR if path.name in _SECRET else 0o666, exist_ok=False)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FinopsError(
            f"the project can't be written to {folder}: {error.strerror} ({error.filename}); choose another folder"
        ) from error
    return _tree(folder, written)


def _tree(folder: Path, written: Mapping[Path, str]) -> Tree:
    root = Tree(f"{folder}/")
    branches = {Path(): root}
    for path in sorted(written):
        for part in (*reversed(path.parents), path):
            if part not in branches:
                branches[part] = branches[part.parent].add(part.name + ("" if part == path else "/"))
    return root
