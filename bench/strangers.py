"""How long one authenticated caller waits while 60 strangers ask without end: `python -m bench strangers`.

A stranger presents no credential, or a wrong one, on a connection that stays open, and asks again as soon as it is
answered. Strangers run in a process of their own; the caller's median is compared with its own of a moment before.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from urllib.parse import urlsplit

import jwt
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec

from bench.aggregates import CARELESS, Scale, build, fill
from bench.answers import questions
from bench.load import saturate
from bench.measure import Cost, Goal, Result, database
from bench.server import Server, serve

STRANGERS = 60
SCALE = Scale(applications=60, months=24, products=20)
MAX_RATIO = 3.0
WARM_UP = 2.0  # seconds, in which the strangers spend what they are allowed
NOBODY = jwt.encode({}, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "1"})
ATTACKS = {
    "no credential": "GET /v1/costs HTTP/1.1\r\n",
    "an unknown token": "GET /v1/costs HTTP/1.1\r\nAuthorization: Bearer finops_unknown\r\n",
    "a JWT of nobody": f"GET /v1/costs HTTP/1.1\r\nAuthorization: Bearer {NOBODY}\r\n",
    "wrong parameters": f"GET /v1/costs?{'&'.join(f'x{number}=1' for number in range(1000))} HTTP/1.1\r\n",
    "a long path": f"GET /{'x' * 8000} HTTP/1.1\r\n",
    "/openapi.json": "GET /openapi.json HTTP/1.1\r\nAccept-Encoding: gzip\r\n",
    "/metrics": "GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip\r\n",
    "/readyz": "GET /readyz HTTP/1.1\r\n",
    "/healthz": "GET /healthz HTTP/1.1\r\n",
    "new connections": "GET /v1/costs HTTP/1.1\r\nConnection: close\r\n",
}


@contextmanager
def strangers(server: Server, attack: str) -> Iterator[None]:
    """They ask meanwhile, in a process that imports nothing else: it is there at once."""
    request = f"{ATTACKS[attack]}Host: {urlsplit(server.url).netloc}\r\n\r\n"
    code = "import sys; from bench.load import harass; harass(sys.argv[1], sys.argv[2].encode(), int(sys.argv[3]))"
    command = [sys.executable, "-c", code, server.url, request, str(STRANGERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout  # noqa: S101 - asked for
            process.stdout.readline()  # they were answered once
            time.sleep(WARM_UP)
            yield
        finally:
            process.kill()


def run(short: bool) -> list[Result]:  # noqa: FBT001 as every bench
    """One authenticated caller's waiting, beside each kind of stranger, in milliseconds at the median and at 95 %."""
    with database(*CARELESS):
        build()
        fill(SCALE)
        return measure(2 if short else 10)


def measure(seconds: float) -> list[Result]:
    """On the database of libpq's variables."""
    with serve() as server:
        target = server.target(*questions(SCALE)[0].paths())
        uvloop.run(saturate(target, WARM_UP, callers=1))
        return [beside(server, attack, seconds) for attack in ATTACKS]


def beside(server: Server, attack: str, seconds: float) -> Result:
    """The caller alone, then with these strangers."""
    target = server.target(*questions(SCALE)[0].paths())
    alone = uvloop.run(saturate(target, seconds, callers=1))
    with strangers(server, attack):
        cpu = server.cpu()
        harassed = uvloop.run(saturate(target, seconds, callers=1))
        cpu = server.cpu() - cpu
    goals = [
        Goal("ms alone, p95", percentile95(alone) * 1000, float("inf")),
        Goal("ms, p95", percentile95(harassed) * 1000, float("inf")),
        Goal("ratio of medians", median(harassed) / median(alone), MAX_RATIO),
    ]
    costs = [Cost(median(found), 0, 0) for found in (alone, harassed)]
    return Result(f"{STRANGERS} strangers: {attack}", costs[0], Cost(costs[1].wall, cpu, server.mib()), goals)


def percentile95(latencies: list[float]) -> float:
    """The longest but 5 %."""
    return quantiles(latencies, n=20, method="inclusive")[-1] if len(latencies) > 1 else latencies[0]
