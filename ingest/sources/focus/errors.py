"""What a bucket, a driver or a damaged file says, as one line that names the source, the file and the remedy."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from finops.ingest.config.redaction import redact, secrets_of
from finops.ingest.config.services import FocusExport
from finops.ingest.errors import SourceError

# The optional dependencies of pyproject.toml, by the scheme of an address.
_EXTRAS = {"s3": "s3", "s3a": "s3", "az": "az", "abfs": "az", "abfss": "az", "gs": "gs", "gcs": "gs"}
# Whose own exceptions come through fsspec; they are told by name, for they need not be installed.
_DRIVERS = frozenset({"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google"})
_DAMAGE = (pa.ArrowException, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error)


class IncompleteSetError(SourceError):
    """A file is not what its manifest says: the set does not count."""

    def __init__(self, message: str, manifest: str, reason: str) -> None:
        super().__init__(message)
        self.manifest = manifest
        self.reason = reason


class ErrorTranslator:
    """The errors of one source, as one line without its secrets."""

    def __init__(self, where: str, options: FocusExport) -> None:
        self._where = where
        self._url = options.url
        given = {"url": options.url, "storage_options": options.storage_options.get_secret_value()}
        self._secrets = sorted(secrets_of(given), key=len, reverse=True)

    @contextmanager
    def of(self, what: str, manifest: str | None = None) -> Iterator[None]:
        """Errors of reading `what`, which that manifest may have named.

        Raises:
            SourceError: for whatever a file or a place can do wrong; IncompleteSetError where the file is damaged and
                has a manifest.
        """
        try:
            yield
        except ImportError as error:
            raise SourceError(self._not_installed(error)) from error
        except _DAMAGE as error:
            raise self._damaged(what, manifest, error) from error
        except (OSError, ValueError) as error:
            if type(error) is OSError and error.errno is None:  # Arrow's word for a page that it can't read
                raise self._damaged(what, manifest, error) from error
            raise SourceError(self._unreadable(what, error)) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in _DRIVERS:
                raise SourceError(self._unreadable(what, error)) from error
            raise

    def _damaged(self, what: str, manifest: str | None, error: Exception) -> SourceError:
        message = f"{self._where}: {what} is damaged or no FOCUS file: {self._message(error)}; export it again"
        if manifest is None:
            return SourceError(message)
        return IncompleteSetError(message, manifest, f"{what} is damaged: {self._message(error)}")

    def _unreadable(self, what: str, error: Exception) -> str:
        return (
            f"{self._where}: can't read {what}: {self._message(error)}; "
            f"check sources.{self._where}.url, storage_options and their rights"
        )

    def _not_installed(self, error: ImportError) -> str:
        scheme = self._url.partition("://")[0]
        extra = _EXTRAS.get(scheme)
        remedy = f"pip install 'finops-module[{extra}]'" if extra else f"check sources.{self._where}.url"
        return f"{self._where}: {scheme}:// needs a library that is not installed ({self._message(error)}): {remedy}"

    def _message(self, error: Exception) -> str:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return redact(lines[0].rstrip(".;: "), self._secrets)
