"""MongoDB's wire protocol with one collection, for BSON that the full server in Python can't hold, and for speed.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import socketserver
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import bson
from bson import Int64
from bson.raw_bson import RawBSONDocument

OP_QUERY, OP_REPLY, OP_MSG = 2004, 1, 2013
HEADER = struct.Struct("<iiii")
HELLO = {"ok": 1, "ismaster": True, "helloOk": True, "minWireVersion": 0, "maxWireVersion": 21}


class _Handler(socketserver.StreamRequestHandler):
    """One connection: a document for each message."""

    server: "_Server"

    def handle(self) -> None:
        """Answer until the client leaves."""
        while header := self.rfile.read(HEADER.size):
            length, request_id, _, code = HEADER.unpack(header)
            body = self.rfile.read(length - HEADER.size)
            if code == OP_QUERY:  # the first greeting of a driver
                self._send(request_id, OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(HELLO))
            else:
                command = bson.decode(body[5:])
                self._send(request_id, OP_MSG, bytes(5) + self.server.answer(next(iter(command)), command))

    def _send(self, response_to: int, code: int, body: bytes) -> None:
        self.wfile.write(HEADER.pack(HEADER.size + len(body), 0, response_to, code) + body)


class _Server(socketserver.ThreadingTCPServer):
    """A server of the collection `vms`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, documents: Iterable[Mapping[str, Any]], batch_size: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        batches: list[list[bytes]] = []
        rest = iter(documents)
        while batch := [bson.encode(document) for document in islice(rest, batch_size)]:
            batches.append(batch)
        self._batches = [
            _cursor("nextBatch" if number else "firstBatch", batch, (number + 1) % len(batches))
            for number, batch in enumerate(batches)
        ]

    def answer(self, command: str, arguments: Mapping[str, Any]) -> bytes:
        """Answer a command; the id of a cursor is the number of its next batch."""
        if command == "listCollections":
            return _cursor("firstBatch", [bson.encode({"name": "vms", "type": "collection"})], 0)
        if command in {"find", "getMore"}:
            return self._batches[arguments["getMore"] if command == "getMore" else 0]
        return bson.encode(HELLO)


def _cursor(name: str, batch: Iterable[bytes], following: int) -> bytes:
    documents = [RawBSONDocument(document) for document in batch]
    return bson.encode({"ok": 1, "cursor": {"id": Int64(following), "ns": "cmdb.vms", name: documents}})


@contextmanager
def holding(*documents: Mapping[str, Any], batch_size: int = 1000) -> Iterator[str]:
    """Serve the documents in `cmdb.vms`, in batches of one size whatever the client asks for; yields the URI."""
    server = _Server(documents, batch_size)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"mongodb://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
