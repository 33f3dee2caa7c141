"""Queues on RabbitMQ, by AMQP alone: no management interface is needed.

AMQP can count and empty a queue. It cannot look at a message without taking it, so what waits is read from the tables
(tasks published and not started), and a purge of some messages takes all of them and puts the others back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from otel_taskmon import stamps
from otel_taskmon.broker.amqp_channel import AmqpChannel
from otel_taskmon.broker.amqp_lease import AmqpLease
from otel_taskmon.broker.model import (
    NotOnThisBroker,
    Progress,
    PurgePlan,
    PurgeStopped,
    QueueCounts,
    QueueDepth,
    UnknownQueue,
    WaitingPage,
    Wanted,
)
from otel_taskmon.errors import TaskmonError

SELECTION_WARNING: Final = (
    "RabbitMQ can only take messages out and put them back: the messages that stay are marked as redelivered, may "
    "change their order, and are hidden from workers until the end; on a quorum queue it counts as a delivery"
)
_NOT_LISTED: Final = (
    "RabbitMQ shows a message only to who takes it; what waits there is read from the tables: tasks that were "
    "published and not started"
)
_TOLD_EVERY: Final = 500


class AmqpBroker:
    """Every method raises BrokerUnavailable when RabbitMQ does not answer or refuses."""

    system: Final = "rabbitmq"
    lists_messages: Final = False

    def __init__(self, connection: Any) -> None:
        self._amqp = AmqpChannel(connection)

    @property
    def where(self) -> str:
        """The address, password masked."""
        return self._amqp.where

    def queue_names(self) -> list[str]:
        """None: AMQP has no list of queues; the tables know those that were seen."""
        return []

    def depths(self, queues: Sequence[str]) -> list[QueueDepth]:
        """One entry for each queue that exists and may be looked at."""
        found: list[QueueDepth] = []
        with self._amqp.errors():
            self._amqp.call(lambda _: None)  # to be refused as a whole is no matter of one queue
            for queue in dict.fromkeys(queues):
                try:
                    found.append(self._depth(queue))
                except self._amqp.connection.channel_errors:
                    continue  # no such queue, somebody's own, or no right to it: the others count
        return found

    def waiting(self, *_: object, **__: object) -> WaitingPage:
        """Raises NotOnThisBroker, always."""
        raise NotOnThisBroker(_NOT_LISTED)

    def counts(self, *_: object, **__: object) -> QueueCounts:
        """Raises NotOnThisBroker, always."""
        raise NotOnThisBroker(_NOT_LISTED)

    def plan(self, queue: str, wanted: Wanted, app_of: Callable[[str], str]) -> PurgePlan:
        """Counts a whole queue; what a selection matches is not known before. Raises UnknownQueue.

        Raises ValueError for a priority, as on Redis.
        """
        if wanted.priority is not None:
            raise ValueError("a purge does not select by priority")
        with self._amqp.errors():
            depth = self._known(queue).depth
        return PurgePlan(queue, wanted, depth, depth if wanted.everything else None, {}, app_of=app_of)

    def purge(self, planned: PurgePlan, progress: Progress = lambda *_: None) -> int:
        """Removes the waiting messages, all or those that were selected (see SELECTION_WARNING); how many that were.

        Raises PurgeStopped, UnknownQueue.
        """
        if planned.wanted.everything:
            with self._amqp.errors():
                self._known(planned.queue)
                removed: int = self._amqp.call(lambda channel: channel.queue_purge(planned.queue))
            progress(removed, removed, removed)
            return removed
        return _Selection(self._amqp, planned, progress).run()

    def lease(self, name: str, lasts_s: float) -> AmqpLease:
        """For electing one of several workers."""
        return AmqpLease(self._amqp, name, lasts_s)

    def close(self) -> None:
        self._amqp.close()

    def _depth(self, queue: str) -> QueueDepth:
        told = self._amqp.call(lambda channel: channel.queue_declare(queue=queue, passive=True))
        return QueueDepth(queue, told.message_count, None, told.consumer_count, None)

    def _known(self, queue: str) -> QueueDepth:
        from amqp.exceptions import NotFound

        try:
            return self._depth(queue)
        except NotFound:
            raise UnknownQueue(f"the broker at {self.where} has no queue {queue!r}") from None


class _Selection:
    """Takes every message that waits now, acknowledges those that match and gives the others back in one step."""

    def __init__(self, amqp: AmqpChannel, planned: PurgePlan, progress: Progress) -> None:
        self._amqp, self._planned, self._progress = amqp, planned, progress
        self.removed = self._looked = 0

    def run(self) -> int:
        try:
            with self._amqp.errors():
                self._amqp.call(self._on)
        except KeyboardInterrupt:
            self._amqp.close()  # which gives back all that was taken and not acknowledged
            raise PurgeStopped(self.removed, "interrupted", certain=True) from None
        except TaskmonError as error:
            raise PurgeStopped(self.removed, str(error), certain=False) from error
        return self.removed

    def _on(self, channel: Any) -> None:
        while self._looked < self._planned.depth:
            message = channel.basic_get(self._planned.queue, no_ack=False)
            if message is None:
                break
            self._looked += 1
            if self._fits(message):
                channel.basic_ack(message.delivery_tag)
                self.removed += 1
            if self._looked % _TOLD_EVERY == 0:
                self._progress(self.removed, self._looked, self._planned.depth)
        channel.basic_recover(requeue=True)  # the broker puts them back within moments
        self._progress(self.removed, self._looked, self._planned.depth)

    def _fits(self, message: Any) -> bool:
        wanted = self._planned.wanted
        headers = message.properties.get("application_headers") or {}
        task, task_id = stamps.name(headers.get("task")), stamps.name(headers.get("id"))
        return (
            (not wanted.task or task == wanted.task)
            and (wanted.app is None or (bool(task) and self._planned.app_of(task) == wanted.app))
            and (not wanted.task_id or task_id == wanted.task_id)
        )
