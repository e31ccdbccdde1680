"""The CMDB in MongoDB: the only module that talks to it.

A dated dump (`snapshot_field`) can be asked for any day again; a collection without one holds the state of today.
Documents stream through a cursor, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from bson import ObjectId, json_util
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError

from ingest.documents import Record, encode
from ingest.errors import SourceError
from ingest.settings import ConfiguredSource, Limits
from ingest.sources import Window

# Not authenticated, not authorized: https://www.mongodb.com/docs/manual/reference/error-codes/
REFUSED = (13, 18)


def records(configured: ConfiguredSource, limits: Limits, windows: list[Window]) -> Iterator[Record]:
    """Every document of the collection in each window, whole, with its BSON types.

    Raises:
        SourceError: when the server can't be reached, refuses, or the collection does not exist.
    """
    options = configured.options
    where = f"{configured.source.name} (sources.cmdb.uri)"
    try:
        with _client(options["uri"], limits) as client:
            database = client[options.get("database", "cmdb")]
            if options["collection"] not in database.list_collection_names():
                raise SourceError(
                    f"{where}: database '{database.name}' has no collection '{options['collection']}': "
                    f"set sources.{configured.source.name} to its name"
                )
            for window in windows:
                for document in database[options["collection"]].find(
                    _filter(options, window), _projection(options), batch_size=int(options.get("batch_size", "1000"))
                ):
                    yield Record(_identity(document["_id"]), window.start, encode(document, limits.mask_fields))
    except _AddressError as error:
        raise SourceError(
            f"{where}: the address is not valid: write mongodb://user:password@host:27017/?options, with the special "
            "characters of user and password percent-encoded, and check the files that it names"
        ) from error
    except ServerSelectionTimeoutError as error:
        raise SourceError(f"{where}: no MongoDB server answers: check host, port and TLS ({_first(error)})") from error
    except OperationFailure as error:
        remedy = "the user and its rights" if error.code in REFUSED else "sources.cmdb.filter and projection"
        raise SourceError(f"{where}: MongoDB refuses: {_first(error)}; check {remedy}") from error
    except (PyMongoError, BSONError) as error:
        raise SourceError(f"{where}: {_first(error)}") from error


class _AddressError(Exception):
    """The driver's own words may hold a piece of the password."""


def _client(uri: str, limits: Limits) -> MongoClient[dict[str, Any]]:
    try:
        return MongoClient(
            uri,
            serverSelectionTimeoutMS=max(1000, limits.http_timeout * 1000 // 6),
            appname="finops",
            tz_aware=True,
            datetime_conversion="DATETIME_AUTO",  # years that Python's datetime does not have
        )
    except (PyMongoError, ValueError, OSError) as error:
        raise _AddressError from error


def _filter(options: Mapping[str, str], window: Window) -> dict[str, Any]:
    configured = _extended_json(options, "filter")
    if not (snapshot_field := options.get("snapshot_field")):
        return configured
    day = {snapshot_field: {"$gte": _midnight(window.start), "$lt": _midnight(window.end)}}
    return {"$and": [configured, day]} if configured else day


def _projection(options: Mapping[str, str]) -> dict[str, Any] | None:
    """What to leave out or to keep; never the `_id`, a record's identity."""
    projection = _extended_json(options, "projection")
    projection.pop("_id", None)
    return projection or None


def _extended_json(options: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json_util.loads(options.get(key, "{}"))
    except (BSONError, ValueError, TypeError) as error:
        raise SourceError(f"sources.cmdb.{key} is not Extended JSON: {error}") from error
    return value


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _identity(value: Any) -> str:  # noqa: ANN401 any BSON value may be an _id
    return str(value) if isinstance(value, ObjectId | str) else encode({"_id": value}, frozenset())


def _first(error: Exception) -> str:
    return str(error).split(", full error")[0].split(", Timeout:")[0].splitlines()[0]
