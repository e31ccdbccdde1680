"""What the driver asks a MongoDB server for, as it goes over the wire."""

from collections.abc import Mapping
from typing import Any

from pymongo import monitoring


class Finds(monitoring.CommandListener):
    """The `find` commands that went over the wire."""

    def __init__(self) -> None:
        self.commands: list[Mapping[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Keep a command."""
        if event.command_name == "find":
            self.commands.append({**event.command, "database": event.database_name})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to keep."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to keep."""
