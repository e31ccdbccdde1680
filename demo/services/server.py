"""Serves the HTTP services of the company (GitLab, Artifactory, Cube, Nova, OpenCost …) on one loopback port.

One server means one thread pool. Each service has its own prefix and token, as it would have its own host.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from finops.demo.services.catalog import entities
from finops.demo.services.ci import ci_minutes
from finops.demo.services.declared import platform_usage, tickets
from finops.demo.services.meters import allocation, load, tenant_usage
from finops.demo.services.query import Answer, BadRequestError, Query
from finops.demo.services.rating import dataframes
from finops.demo.services.storage import projects, storage_info
from finops.demo.story import Story

GITLAB_TOKEN = "glpat-demo-0001"
ARTIFACTORY_TOKEN = "artifactory-demo-0002"
CUBE_TOKEN = "cube-demo-0003"
OPENSTACK_TOKEN = "openstack-demo-0004"
OPENCOST_TOKEN = "opencost-demo-0005"
HELPDESK_TOKEN = "helpdesk-demo-0006"
PLATFORM_TOKEN = "platform-demo-0007"
BACKSTAGE_TOKEN = "backstage-demo-0008"


@dataclass(frozen=True)
class Endpoint:
    """A served path, with the header that must carry its token and the function that answers."""

    header: str
    secret: str
    answer: Callable[[Query], Answer]


def _endpoints() -> dict[str, Endpoint]:
    return {
        "/gitlab/api/v4/projects": _bearer(GITLAB_TOKEN, projects),
        "/gitlab/api/graphql": _bearer(GITLAB_TOKEN, ci_minutes),
        "/artifactory/api/storageinfo": _bearer(ARTIFACTORY_TOKEN, storage_info),
        "/cube/cubejs-api/v1/load": _bearer(CUBE_TOKEN, partial(load, slow=set())),
        "/nova/v2.1/os-simple-tenant-usage": Endpoint("X-Auth-Token", OPENSTACK_TOKEN, tenant_usage),
        "/cloudkitty/v2/dataframes": Endpoint("X-Auth-Token", OPENSTACK_TOKEN, dataframes),
        "/opencost/allocation": _bearer(OPENCOST_TOKEN, allocation),
        "/helpdesk/v1/tickets/by-application": Endpoint("X-Api-Key", HELPDESK_TOKEN, tickets),
        "/platform/usage": _bearer(PLATFORM_TOKEN, platform_usage),
        "/backstage/api/catalog/entities/by-query": _bearer(BACKSTAGE_TOKEN, entities),
    }


def _bearer(token: str, answer: Callable[[Query], Answer]) -> Endpoint:
    return Endpoint("Authorization", f"Bearer {token}", answer)


class _Server(ThreadingHTTPServer):
    """A server that stops with its program, without waiting for open connections."""

    daemon_threads = True

    def __init__(self, story: Story) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.story = story
        self.endpoints = _endpoints()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """One keep-alive connection, without Nagle's algorithm: every answer would wait 40 ms for an ACK."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        """Answer every request in JSON, errors included."""
        posted = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self._answer(posted)
        body = json.dumps(answer.document).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the parent's name

    def _answer(self, posted: bytes) -> Answer:
        parts = urlsplit(self.path)
        endpoint = self.server.endpoints.get(parts.path)
        if endpoint is None:
            return Answer({"message": "404 Not Found"}, status=404)
        if self.headers.get(endpoint.header) != endpoint.secret:
            return Answer({"message": "401 Unauthorized"}, status=401)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            body = json.loads(posted) if posted else {}
            return endpoint.answer(Query(self.server.url + parts.path, params, self.server.story, body))
        except (BadRequestError, json.JSONDecodeError) as error:
            return Answer({"message": f"400 Bad request: {error}"}, status=400)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's signature
        """Do not log: the terminal shows the pipeline's output."""


@contextmanager
def serve(story: Story) -> Iterator[str]:
    """Serve the company's APIs on a free loopback port, as on the demo's last day; yields the address."""
    server = _Server(story)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
