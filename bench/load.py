"""Callers over HTTP, on connections that stay open: one after the other, all they can, or at a given rate."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import cycle
from typing import cast
from urllib.parse import urlsplit

CALLERS = 16
MAX_CALLERS = 100


class WrongAnswerError(Exception):
    """Nothing is measured of a server that fails."""


class Caller(asyncio.Protocol):
    """A connection, and one question at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[None] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody answers any more."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        """Some of an answer, of which the length is said."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if self._answer is None or not found or len(body) < int(length):
            return
        answer, self._answer, self._received = self._answer, None, b""
        if int(head[9:12]) == HTTPStatus.OK:
            answer.set_result(None)
        else:
            answer.set_exception(WrongAnswerError(f"{head.decode()}\n{body.decode()}"))

    async def ask(self, request: bytes) -> None:
        """Send a request and wait for the end of its answer.

        Raises:
            WrongAnswerError: when it is not a 200.
        """
        assert self._transport  # noqa: S101 - connected before it was given to anybody
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport:
            self._transport.close()


@dataclass(frozen=True)
class Target:
    """Where to ask, with what token, for which paths in turn."""

    url: str
    token: str
    paths: tuple[str, ...]

    def requests(self) -> Iterator[bytes]:
        """Without end."""
        host = urlsplit(self.url).netloc
        rest = f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        return cycle([f"GET {path}{rest}".encode() for path in self.paths])

    async def connect(self, count: int) -> list[Caller]:
        """So many callers."""
        address = urlsplit(self.url)
        loop = asyncio.get_running_loop()
        made = [await loop.create_connection(Caller, str(address.hostname), address.port or 80) for _ in range(count)]
        return [caller for _, caller in made]


async def saturate(target: Target, seconds: float, callers: int = CALLERS) -> list[float]:
    """Each asks again as soon as it is answered: the seconds that each answer took."""
    requests, latencies = target.requests(), []
    over = time.perf_counter() + seconds

    async def ask_and_ask(caller: Caller) -> None:
        while (started := time.perf_counter()) < over:
            await caller.ask(next(requests))
            latencies.append(time.perf_counter() - started)

    made = await target.connect(callers)
    try:
        await asyncio.gather(*map(ask_and_ask, made))
    finally:
        for caller in made:
            caller.close()
    return latencies


async def at_rate(target: Target, rate: float, seconds: float) -> list[float]:
    """Requests come as they like (Poisson), so many a second, whether those before were answered or not.

    The seconds of each are counted from when it was due: who waits for a slow answer to another is not forgotten.
    """
    chance = random.Random(1)  # noqa: S311 - the same arrivals every time
    requests, latencies = target.requests(), []
    free: asyncio.LifoQueue[Caller] = asyncio.LifoQueue()
    made = await target.connect(MAX_CALLERS)
    for caller in made:
        free.put_nowait(caller)

    async def ask(due: float) -> None:
        caller = await free.get()
        await caller.ask(next(requests))
        latencies.append(time.perf_counter() - due)
        free.put_nowait(caller)

    due = started = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as tasks:
            while due < started + seconds:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(ask(due))
                due += chance.expovariate(rate)
    finally:
        for caller in made:
            caller.close()
    return latencies


def harass(url: str, request: bytes, callers: int) -> None:
    """Ask without end, whatever the answers are; print a line when all were answered once."""
    asyncio.run(_harass(url, request, callers))


async def _harass(url: str, request: bytes, callers: int) -> None:
    answered = [asyncio.Event() for _ in range(callers)]
    asking = [asyncio.create_task(_ask_without_end(url, request, event)) for event in answered]
    await asyncio.gather(*(event.wait() for event in answered))
    print("asking", flush=True)  # noqa: T201 - to who started this process
    await asyncio.gather(*asking)


async def _ask_without_end(url: str, request: bytes, answered: asyncio.Event) -> None:
    """On one connection; on another one when it is closed."""
    address = urlsplit(url)
    while True:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                while True:
                    writer.write(request)
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                    answered.set()
            finally:
                writer.close()
