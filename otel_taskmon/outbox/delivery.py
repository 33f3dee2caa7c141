"""Handing one batch to the server, whatever it answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel_taskmon.outbox.batch import Batch
from otel_taskmon.outbox.limits import BACKOFF_FIRST_S, BACKOFF_LAST_S, RETRY_AFTER_MOST_S, Signal
from otel_taskmon.outbox.outage import one_line, where
from otel_taskmon.outbox.rejected import Rejected
from otel_taskmon.outbox.transport import Answer, Outcome, Transport

logger = logging.getLogger("otel_taskmon")

Timeout = Callable[[], float | None]
"""Seconds that the next request may take; None: as configured. 0: no further request."""

OUT_OF_TIME: Final = Answer(Outcome.UNAVAILABLE, reason="no time left")


@dataclass
class Lane:
    """One signal's way out: when it may be tried next, and what became of its records in this process."""

    signal: Signal
    not_before: float = 0.0
    """By the monotonic clock."""
    shipped: int = 0
    left_out: int = 0
    """Records that a server accepted a request without (partial success)."""
    reason: str = ""
    """Why the last try failed; "" when it did not."""
    _backoff_s: float = BACKOFF_FIRST_S
    _failing: bool = False

    def failed(self, answer: Answer, now: float) -> None:
        """Wait 0.5 s, then twice as long each time up to 5 s; longer where the server says so."""
        wait = self._backoff_s
        if answer.retry_after_s is not None:
            wait = min(max(wait, answer.retry_after_s), RETRY_AFTER_MOST_S)
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_LAST_S)
        self.not_before = now + wait
        self.reason = answer.reason
        if not self._failing and answer is not OUT_OF_TIME:
            self._failing = True
            logger.warning(
                "%s cannot be shipped to %s: %s; they wait in the outbox, next try in %.3g s",
                self.signal.word,
                where(self.signal),
                answer.why or one_line(answer.reason),
                wait,
            )

    def succeeded(self) -> None:
        self.not_before, self._backoff_s, self.reason = 0.0, BACKOFF_FIRST_S, ""
        if self._failing:
            self._failing = False
            logger.info("%s are shipped again", self.signal.word)


def deliver(batch: Batch, transport: Transport, lane: Lane, rejected: Rejected, timeout: Timeout) -> Answer:
    """Send it; the answer that ended it: ACCEPTED when all its records are done with, BAD when all were set aside.

    A request that the server calls bad is halved until the bad records stand alone. Positions move with every part
    that is done with, in order, so that nothing done is sent again when a later part fails.
    """
    todo = [batch]
    outcome = Outcome.BAD
    while todo:
        part = todo.pop()
        limit = timeout()
        if limit is not None and limit <= 0:
            return OUT_OF_TIME
        answer = transport.send(part.body(), limit)
        if answer.outcome is Outcome.UNAVAILABLE:
            return answer
        if answer.outcome is Outcome.BAD and len(part.items) > 1:
            first, second = part.halves()
            todo += [second, first]
            continue
        if answer.outcome is Outcome.BAD:
            rejected.set_aside(lane.signal, part.items[0])
            logger.warning(
                "one record of %s was called bad and is set aside: %s", lane.signal.word, answer.reason
            )
        else:
            outcome = Outcome.ACCEPTED
            lane.shipped += len(part.items) - answer.rejected
            if answer.rejected:
                lane.left_out += answer.rejected
                logger.warning(
                    "the server left out %d %s: %s", answer.rejected, lane.signal.word, answer.reason
                )
        part.done()
    return Answer(outcome, reason="" if outcome is Outcome.ACCEPTED else "every record was called bad")
