"""MongoDB's wire protocol with one document in one collection, for BSON that the full server in Python can't hold.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bson

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
                command = next(iter(bson.decode(body[5:])))
                self._send(request_id, OP_MSG, bytes(5) + bson.encode(self.server.answers.get(command, HELLO)))

    def _send(self, response_to: int, code: int, body: bytes) -> None:
        self.wfile.write(HEADER.pack(HEADER.size + len(body), 0, response_to, code) + body)


class _Server(socketserver.ThreadingTCPServer):
    """A server of the collection `vms`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        found = {"listCollections": {"name": "vms", "type": "collection"}, "find": document}
        self.answers = {
            command: {"ok": 1, "cursor": {"id": 0, "ns": "cmdb.vms", "firstBatch": [first]}}
            for command, first in found.items()
        }


@contextmanager
def holding(document: Mapping[str, Any]) -> Iterator[str]:
    """Serve the document in `cmdb.vms`; yields the URI."""
    server = _Server(document)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"mongodb://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
