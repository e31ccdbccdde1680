from collections.abc import Generator
from contextlib import closing
from threading import Event

import pytest

from finops.ingest.sources.focus.batches import ahead


class Reader:
    """Reads numbers, and raises after the last one."""

    def __init__(self) -> None:
        self.read = [Event(), Event(), Event()]
        self.closed = Event()

    def numbers(self) -> Generator[int]:
        """Read them."""
        try:
            for number, event in enumerate(self.read):
                event.set()
                yield number
            raise ValueError("damaged")
        finally:
            self.closed.set()


def test_the_next_one_alone_is_read_while_one_is_used() -> None:
    reader = Reader()
    with closing(ahead(reader.numbers())) as numbers:
        next(numbers)
        assert reader.read[1].wait(10)
        assert not reader.read[2].is_set()


def test_what_is_read_ahead_keeps_its_order_and_its_error() -> None:
    found: list[int] = []
    with pytest.raises(ValueError, match="damaged"):
        found.extend(ahead(Reader().numbers()))
    assert found == [0, 1, 2]


def test_what_is_no_longer_wanted_is_closed() -> None:
    reader = Reader()
    with closing(ahead(reader.numbers())) as numbers:
        next(numbers)
    assert reader.closed.is_set()
