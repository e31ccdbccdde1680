"""`finops-api serve` in a process of its own, for whoever measures it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

from bench.load import Target
from finops.api.auth import tokens
from finops.ingest.access import new_claim_key, store_claim_key
from finops.ingest.database import connect

KEY = new_claim_key()


@dataclass(frozen=True)
class Server:
    """The running API."""

    url: str
    token: str
    process: psutil.Process

    def target(self, *paths: str) -> Target:
        """These paths of it."""
        return Target(self.url, self.token, paths)

    def mib(self) -> float:
        """Its memory."""
        return float(self.process.memory_info().rss / (1 << 20))

    def cpu(self) -> float:
        """Its CPU seconds so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def serve() -> Iterator[Server]:
    """`finops-api serve`, on the database of libpq's variables."""
    with connect(role=None) as connection:
        store_claim_key(connection, KEY)
    with tempfile.TemporaryDirectory() as folder:
        token, entry = tokens.create("bench", date(2099, 1, 1), "*")
        (Path(folder) / "tokens.toml").write_text(entry, encoding="utf-8")
        environment = {
            **os.environ,
            "FINOPS_API_TOKENS_FILE": f"{folder}/tokens.toml",
            "FINOPS_API_RATE_LIMIT": "",
            "FINOPS_API_CLAIMS_KEY": KEY,
        }
        command = [str(Path(sys.executable).with_name("finops-api")), "serve", "--port", "0"]
        log = Path(folder) / "log"
        with log.open("w") as output, subprocess.Popen(command, env=environment, stderr=output) as process:
            try:
                while not (found := re.search(r"running on (http://[0-9.:]+)", log.read_text(encoding="utf-8"))):
                    if process.poll() is not None:
                        raise RuntimeError(log.read_text(encoding="utf-8"))
                    time.sleep(0.1)
                yield Server(found[1], token, psutil.Process(process.pid))
            finally:
                process.terminate()
