"""A short form of `make torture`: some nightlies are disturbed, and one plain one puts everything right."""

from __future__ import annotations

from finops.demo.postgres import Embedded
from tests.e2e.readers import MAX_WAIT
from tests.torture import torture


def test_one_plain_nightly_puts_everything_right_and_readers_notice_nothing(server: Embedded, template: str) -> None:
    with torture(server, template, seed=7) as set_up:
        outcome = set_up.run(kills=4, a_round=4, say=print)
    assert outcome.survived, str(outcome)
    assert outcome.rounds == 1
    assert outcome.longest_wait < 10 * MAX_WAIT, str(outcome)  # two suites at once are slow; see make torture
