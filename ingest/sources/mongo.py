"""The CMDB in MongoDB: the only module that connects to it.

A dated dump (`snapshot_field`) can be read for any day; a collection without one holds the state of today. Documents
stream through a cursor, a batch at a time. The URI carries the replica set, TLS and the user, in the driver's own
options: https://www.mongodb.com/docs/manual/reference/connection-string-options/
"""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import product
from typing import Any
from urllib.parse import quote

from bson import ObjectId, UuidRepresentation, json_util
from bson.errors import BSONError
from pymongo import DESCENDING, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from finops.ingest.config.cmdb import Cmdb
from finops.ingest.config.masking import Place
from finops.ingest.config.sections import ExtractionSettings
from finops.ingest.errors import SourceError, first_line, one_line
from finops.ingest.periods import today
from finops.ingest.sources.documents import Identities, Record, encode
from finops.ingest.sources.exact_json import write
from finops.ingest.sources.kinds import ConfiguredSource, Probe, Window
from finops.ingest.sources.uses import figures

# https://www.mongodb.com/docs/manual/reference/error-codes/; 8000 is Atlas's code for a wrong password.
_REMEDIES = {
    13: "the rights of its user",
    18: "its user, password and authSource",
    8000: "its user, password and authSource",
}
MAX_MS_TO_COUNT = 5000
# By a part of the driver's message: these errors have no codes.
_UNREACHED = {
    "CERTIFICATE_VERIFY_FAILED": (
        "its certificate is not trusted: name its authority's PEM file by tlsCAFile in the address"
    ),
    "replica set name": "no member of that replica set answers: check replicaSet in the address",
    "match selector": "no member may be read: check sources.cmdb.read_preference and readPreference in the address",
}


def records(configured: ConfiguredSource, limits: ExtractionSettings, windows: list[Window]) -> Iterator[Record]:
    """Read every document of the source's collections in each window, whole, with its BSON types.

    Raises:
        SourceError: when the server can't be reached, refuses, or a collection does not exist.
    """
    options = _known(configured)
    gc.freeze()  # or each batch of documents would have the collector look at all that has been imported
    as_record = _Reader(limits.masks.root(configured.source.name, figures(configured.source, options))).record
    with _collections(configured, limits) as collections:
        for window, (prefix, collection) in product(windows, collections.items()):
            for document in collection.find(
                _filter(options, window), _projection(options), batch_size=options.batch_size
            ):
                yield as_record(document, prefix, window.start)


def sample(configured: ConfiguredSource, limits: ExtractionSettings, count: int) -> Iterator[Record]:
    """Read some documents of each collection, of the latest dump where it is dated.

    Raises:
        SourceError: as records() does.
    """
    options = _known(configured)
    as_record = _Reader(limits.masks.root(configured.source.name, figures(configured.source, options))).record
    with _collections(configured, limits) as collections:
        for prefix, collection in collections.items():
            found = collection.find(_extended_json("filter", options.filter), _projection(options)).limit(count)
            if options.snapshot_field:
                found = found.sort(options.snapshot_field, DESCENDING)
            for document in found:
                dumped_at = document.get(options.snapshot_field) if options.snapshot_field else None
                day = dumped_at.date() if isinstance(dumped_at, datetime) else today()
                yield as_record(document, prefix, day)


def probe(configured: ConfiguredSource, limits: ExtractionSettings, windows: Sequence[Window] = ()) -> Probe:
    """Check that the collections can be read, one document of each, of any day; and count those of the windows.

    Raises:
        SourceError: as records() does.
    """
    options = _known(configured)
    found, counts = {}, []
    with _collections(configured, limits) as collections:
        for collection in collections.values():
            document = collection.find_one(_extended_json("filter", options.filter), _projection(options))
            found[f"{collection.database.name}.{collection.name}"] = document is not None
            counts.append(_count(collection, options, windows) if windows else None)
        database = collection.database
        hello = database.command(
            "hello", codec_options=database.codec_options, read_preference=database.read_preference
        )
    clock_skew = hello["localTime"].replace(tzinfo=UTC) - datetime.now(UTC) if "localTime" in hello else None
    said = [f"{'a' if has_document else 'no'} document in {name}" for name, has_document in found.items()]
    count = None if None in counts else sum(filter(None, counts))
    if count == 0 and options.snapshot_field:
        said.append(f"none whose {options.snapshot_field} is from {windows[0].start} to {windows[-1].start}")
    return Probe(", ".join(said), clock_skew, is_empty=not all(found.values()), records=count)


def _count(collection: Collection[dict[str, Any]], options: Cmdb, windows: Sequence[Window]) -> int | None:
    """Count the documents from the first window to the last; None where MongoDB takes long, for want of an index."""
    try:
        if options.snapshot_field is None and not options.filter:
            return collection.estimated_document_count(maxTimeMS=MAX_MS_TO_COUNT)
        days = Window(windows[0].start, windows[-1].end)
        return collection.count_documents(_filter(options, days), maxTimeMS=MAX_MS_TO_COUNT)
    except ExecutionTimeout:
        return None


def _known(configured: ConfiguredSource) -> Cmdb:
    if not isinstance(configured.options, Cmdb):
        raise TypeError(f"{configured.source.name} is not read from MongoDB")
    return configured.options


@contextmanager
def _collections(
    configured: ConfiguredSource, limits: ExtractionSettings
) -> Iterator[dict[str, Collection[dict[str, Any]]]]:
    """Open the source's collections, which must exist, by what the identities of their records begin with.

    The driver's errors become a SourceError with a remedy.
    """
    options = _known(configured)
    names = options.collections(configured.source.name)
    where = f"{configured.source.name} (sources.cmdb.uri)"
    with _translate_errors(where), _client(where, options, limits) as client:
        codec = client.codec_options.with_options(
            # a byte that is not UTF-8 must not fail the whole collection
            unicode_decode_error_handler="backslashreplace",
            tz_aware=False,  # all dates of BSON are in UTC: to give each a zone takes a third of the decoding
            # a UUID lands with its subtype, whatever the address says of how to read one
            uuid_representation=UuidRepresentation.UNSPECIFIED,
        )
        database = client.get_database(options.database, codec_options=codec)
        for name in names:
            if not _exists(database, name):
                raise SourceError(
                    f"{where}: database '{database.name}' has no collection '{name}': "
                    f"set sources.{configured.source.name} to its name, or to [] if there is none"
                )
        # of one collection, as ever: what was published stands on these identities
        yield {f"{quote(name, safe='')}/" if len(names) > 1 else "": database[name] for name in names}


@contextmanager
def _translate_errors(where: str) -> Iterator[None]:
    try:
        yield
    except ServerSelectionTimeoutError as error:
        known = (why for part, why in _UNREACHED.items() if part in str(error))
        why = next(known, "no MongoDB server answers: check host, port and TLS")
        raise SourceError(f"{where}: {why} ({_first(error)})") from error
    except OperationFailure as error:
        remedy = _REMEDIES.get(error.code or 0, "sources.cmdb.filter, projection and read_concern")
        raise SourceError(f"{where}: MongoDB refuses: {_first(error)}; check {remedy}") from error
    except (BSONError, RecursionError) as error:  # MongoDB itself stores no more than 100 levels
        raise SourceError(
            f"{where}: a document is not BSON that can be read ({_first(error)}): find and correct it in the CMDB, or "
            "leave it out by sources.cmdb.filter"
        ) from error
    except PyMongoError as error:
        raise SourceError(f"{where}: {_first(error)}") from error


def _client(where: str, options: Cmdb, limits: ExtractionSettings) -> MongoClient[dict[str, Any]]:
    # these override the URI's
    wanted = {"readPreference": options.read_preference, "readConcernLevel": options.read_concern}
    settings: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    try:
        with warnings.catch_warnings():
            # the driver only warns of an option that it does not know, and would read with another preference
            warnings.simplefilter("error", UserWarning)
            return MongoClient(
                options.uri.get_secret_value(),
                serverSelectionTimeoutMS=max(1000, limits.http_timeout * 1000 // 6),
                appname="finops",
                tz_aware=True,
                datetime_conversion="DATETIME_AUTO",  # years that Python's datetime does not have
                **settings,
            )
    except (PyMongoError, ValueError, OSError, UserWarning) as error:
        # without the driver's message, which may hold a piece of the password
        raise SourceError(
            f"{where}: the address is not valid: write mongodb://user:password@host:27017/?options, with the special "
            "characters of user and password percent-encoded, and check the names and values of its options and the "
            "files that it names"
        ) from error


def _exists(database: Database[dict[str, Any]], collection: str) -> bool:
    """Whether the collection exists on the member that is read; pymongo's own listing asks the primary."""
    command = {"listCollections": 1, "nameOnly": True, "authorizedCollections": True, "filter": {"name": collection}}
    return bool(database.command(command, read_preference=database.read_preference)["cursor"]["firstBatch"])


def _filter(options: Cmdb, window: Window) -> dict[str, Any]:
    configured = _extended_json("filter", options.filter)
    if options.snapshot_field is None:
        return configured
    day = {options.snapshot_field: {"$gte": _midnight(window.start), "$lt": _midnight(window.end)}}
    return {"$and": [configured, day]} if configured else day


def _projection(options: Cmdb) -> dict[str, Any] | None:
    """The fields to leave out or to keep; `_id` is always read, as it identifies a record."""
    projection = _extended_json("projection", options.projection)
    projection.pop("_id", None)
    return projection or None


def _extended_json(key: str, configured: Mapping[str, Any]) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json_util.loads(json.dumps(configured))
    except (BSONError, ValueError, TypeError) as error:
        raise SourceError(f"sources.cmdb.{key} is not Extended JSON: {error}") from error
    return value


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True)
class _Reader:
    """Makes records of documents."""

    place: Place
    identities: Identities = field(default_factory=Identities)

    def record(self, document: dict[str, Any], prefix: str, day: date) -> Record:
        """Return a document as a record, masked."""
        original, was = document["_id"], None
        if type(original) is not ObjectId or self.place["_id"].rule:
            was = prefix + _identity(original)  # before its parts are masked, in place
        try:
            payload = encode(document, self.place)
        except ValueError as error:
            raise SourceError(
                f"the document {one_line(was or str(original))} can't be read, {error}: correct it in the CMDB, or "
                "leave it out by sources.cmdb.filter"
            ) from error
        record_id = prefix + _identity(document["_id"])
        return Record(record_id if was is None else self.identities.apart(record_id, was), day, payload)


def _identity(value: Any) -> str:  # noqa: ANN401 any BSON value may be an _id
    if isinstance(value, ObjectId):
        return str(value)
    if not isinstance(value, str):
        return write({"_id": value}).decode()
    # escaped, so that two _id that PostgreSQL can't store stay distinct
    return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def _first(error: Exception) -> str:
    return first_line(error).split(", full error")[0].split(", Timeout:")[0]
