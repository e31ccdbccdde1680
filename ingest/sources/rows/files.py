"""Files that a company declares, in a file system or a bucket that fsspec knows."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import fsspec

from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.errors import SourceError
from finops.ingest.periods import Period
from finops.ingest.sources.budget import Budget
from finops.ingest.sources.documents import Record
from finops.ingest.sources.focus.errors import ErrorTranslator
from finops.ingest.sources.kinds import ConfiguredSource, Probe, RowSource, Window
from finops.ingest.sources.rows.declared import PLACEHOLDER, FileDeclaration
from finops.ingest.sources.rows.formats import SUFFIXES, format_of, rows
from finops.ingest.sources.rows.records import Row
from finops.ingest.sources.rows.records import records as as_records


def records(configured: ConfiguredSource, limits: ExtractionSettings, windows: list[Window]) -> Iterator[Record]:
    """Read the rows of each window.

    Raises:
        SourceError: for a file that can't be read, or is not what is declared.
    """
    files = Files(configured)
    return as_records(files.source, files.options, windows, files.rows, limits.masks)


def missing(configured: ConfiguredSource, windows: list[Window]) -> dict[Window, str]:
    """Return the windows that have no file, each with its address: they are not read, and so remain missing.

    Raises:
        SourceError: when no window has a file.
    """
    files = Files(configured)
    return files.missing(windows) if files.options.placeholders else {}


def probe(configured: ConfiguredSource) -> Probe:
    """Check that the files can be read: the first row of the last one.

    Raises:
        SourceError: as records() does.
    """
    return Files(configured).probe()


class Files:
    """The files of one source."""

    def __init__(self, configured: ConfiguredSource) -> None:
        source, options = configured.source, configured.options
        if not isinstance(source, RowSource) or not isinstance(options, FileDeclaration):
            raise TypeError(f"{source.name} is not read from files")
        self.source, self.options = source, options
        self._budget = Budget(configured)
        self._errors = ErrorTranslator(source.name, options, expected="the format that its name or `format` says")

    def rows(self, window: Window | None) -> Iterator[Row]:
        """Read the files of a window, or all there are."""
        for path in self._find(self._address(window)) if window and self.options.placeholders else self._require_any():
            yield from self._read(path)

    def missing(self, windows: Sequence[Window]) -> dict[Window, str]:
        """Return the windows without a file, by the address that it would have."""
        absent = {window: address for window in windows if not self._find(address := self._address(window))}
        if len(absent) == len(windows):
            self._require_any()
        return absent

    def probe(self) -> Probe:
        """Read the first row of the last file by name."""
        found = self._require_any()
        row = next(self._read(found[-1]), None)
        name = self._name(found[-1])
        what = f"{len(found)} files, the last {name}" if len(found) > 1 else name
        return Probe(f"{what}, at {self.options.url}" if row else f"no row in {name}", is_empty=row is None)

    def _read(self, path: str) -> Iterator[Row]:
        name = self._name(path)
        with self._errors.reading(name), self._filesystem.open(path, "rb", compression="infer") as binary:
            yield from rows(name, binary, self.options, self._budget)

    def _require_any(self) -> list[str]:
        """All files, of any window."""
        if not self._everything:
            raise SourceError(
                f"{self.source.name}: no file is at {self._pattern}: check sources.{self.source.service}.url"
            )
        return self._everything

    @cached_property
    def _everything(self) -> list[str]:
        return self._find(self._pattern)

    @property
    def _pattern(self) -> str:
        """The address with a star for each part of the path that a placeholder stands for."""
        return PLACEHOLDER.sub(lambda found: "/".join("*" for _ in (found[2] or "").split("/")), self.options.url)

    @cached_property
    def _filesystem(self) -> Any:  # noqa: ANN401 fsspec
        options = self.options.storage_options.get_secret_value()
        try:
            filesystem, self._root = fsspec.core.url_to_fs(PLACEHOLDER.split(self.options.url)[0], **options)
        except TypeError as error:  # some file systems look at their options when they first connect
            raise ValueError(f"storage_options: {error}") from error
        filesystem.invalidate_cache()  # file systems outlive a run
        return filesystem

    def _find(self, address: str) -> list[str]:
        """The files at an address, by name; what is hidden is somebody's bookkeeping."""
        with self._errors.reading(address):
            filesystem = self._filesystem
            path = filesystem._strip_protocol(address)  # noqa: SLF001 as fsspec's own commands do
            if glob.has_magic(path):
                found = [one for one in filesystem.glob(path) if not filesystem.isdir(one)]
            else:
                found = filesystem.find(path)
            kept = sorted(one for one in found if not one.rpartition("/")[2].startswith(("_", ".")))
            for one in kept:
                if format_of(one, self.options) is None:
                    raise ValueError(
                        f"{one.rpartition('/')[2]} does not end in {', '.join(SUFFIXES)}: set format, or name the "
                        "files by a glob such as *.csv"
                    )
            return kept

    def _name(self, path: str) -> str:
        folder = re.split(r"[*?\[{]", self._filesystem._strip_protocol(self.options.url))[0].rpartition("/")[0]  # noqa: SLF001
        return path.removeprefix(folder).lstrip("/") or path.rpartition("/")[2]

    def _address(self, window: Window) -> str:
        def text(placeholder: re.Match[str]) -> str:
            name, form = placeholder.groups()
            day: date = window.start if name == "day" else Period.of(window.start).first
            return day.strftime(form) if form else day.isoformat() if name == "day" else str(Period.of(day))

        return PLACEHOLDER.sub(text, self.options.url)
