"""Errors of an export, a bucket, a driver or a damaged file, as one line: the source, the file and the remedy."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from finops.ingest.config.services import FocusExport
from finops.ingest.errors import SourceError, first_line, install_extra
from finops.ingest.sources.rows.declared import FileDeclaration

# The optional dependencies of pyproject.toml, by the scheme of an address.
_EXTRAS = {"s3": "s3", "s3a": "s3", "az": "az", "abfs": "az", "abfss": "az", "gs": "gs", "gcs": "gs"}
# Libraries whose own exceptions come through fsspec, by name: they need not be installed.
_DRIVERS = frozenset({"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google"})
_DAMAGE = (pa.ArrowException, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error)


class ExportError(Exception):
    """What is wrong with an export, as a sentence; `translate_errors` puts its source before it."""


class DamagedFileError(SourceError):
    """A file that can't be read as CSV or Parquet; `problem` says so without its source and the remedy."""

    def __init__(self, message: str, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


class ErrorTranslator:
    """Turns the errors of one source into one line."""

    def __init__(self, source: str, options: FocusExport | FileDeclaration, expected: str = "a FOCUS file") -> None:
        self._source, self._expected = source, expected
        self._url = options.url

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Name the source, and `what` is read, in every error of the block.

        Raises:
            DamagedFileError: for a file that is not CSV or Parquet, or not whole.
            SourceError: for whatever else a file or a place can do wrong.
        """
        try:
            yield
        except ExportError as error:
            raise SourceError(f"{self._source}: {error}") from error
        except MemoryError:  # one of Arrow's errors, too
            raise
        except ImportError as error:
            raise SourceError(self._not_installed(error)) from error
        except Exception as error:
            # Arrow raises a plain OSError for a page that it can't read
            if isinstance(error, _DAMAGE) or (type(error) is OSError and error.errno is None):
                problem = f"{what} is damaged or not {self._expected}: {self._message(error)}"
                raise DamagedFileError(f"{self._source}: {problem}; export it again", problem) from error
            if isinstance(error, OSError | ValueError) or type(error).__module__.partition(".")[0] in _DRIVERS:
                raise SourceError(
                    f"{self._source}: can't read {what}: {self._message(error)}; "
                    f"check sources.{self._source}.url, storage_options and their rights"
                ) from error
            raise

    def _not_installed(self, error: ImportError) -> str:
        scheme = self._url.partition("://")[0]
        extra = _EXTRAS.get(scheme)
        remedy = install_extra(extra) if extra else f"check sources.{self._source}.url"
        return f"{self._source}: {scheme}:// needs a library that is not installed ({self._message(error)}): {remedy}"

    def _message(self, error: Exception) -> str:
        return first_line(error).rstrip(".;: ")
