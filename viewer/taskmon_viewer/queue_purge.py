"""A purge that goes on to its end, and notes itself in the audit, also when the page that asked for it is closed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass

from otel_taskmon.broker import PurgePlan, PurgeStopped
from otel_taskmon.errors import TaskmonError
from otel_taskmon.queries.audit import Actor, record_audit
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.writing import connect_to_write
from otel_taskmon.settings import ReaderSettings
from taskmon_viewer import queue_broker


@dataclass(frozen=True)
class PurgeResult:
    """What came of a purge."""

    removed: int
    problem: str = ""
    """Why it stopped before its end, or why it stands in no audit; "" when all went well."""


class PurgeRun:
    """A purge under way, in a thread of its own."""

    def __init__(
        self, settings: ReaderSettings, broker: queue_broker.Address, planned: PurgePlan, actor: Actor
    ) -> None:
        """Begins at once. Whoever may not write to the audit removes nothing: the result says why."""
        self._settings, self._broker, self._planned, self._actor = settings, broker, planned, actor
        self.looked = self.removed = 0
        self.total = max(planned.depth, 1)
        executor = ThreadPoolExecutor(1, thread_name_prefix="taskmon-purge")
        self._future: Future[PurgeResult] = executor.submit(self._run)
        executor.shutdown(wait=False)

    def wait(self, seconds: float) -> PurgeResult | None:
        """The result; None while it is not there. Raises TaskmonError when nothing could be begun."""
        try:
            return self._future.result(timeout=seconds)
        except StillRunning:
            return None

    def result(self, tell: Callable[[float, int], object]) -> PurgeResult:
        """Waits for the end; ``tell`` is told the part that is done, from 0 to 1, and the messages removed."""
        while (found := self.wait(0.2)) is None:
            tell(min(self.looked / self.total, 1.0), self.removed)
        return found

    def _run(self) -> PurgeResult:
        with connect_to_write(self._settings) as client, queue_broker.opened(self._broker) as broker:
            try:
                removed, stopped = broker.purge(self._planned, self._progress), ""
            except PurgeStopped as error:
                removed, stopped = error.removed, str(error)
            return PurgeResult(
                removed, " ".join(filter(None, (stopped, self._note(client, removed, stopped, broker.where))))
            )

    def _progress(self, removed: int, looked: int, total: int) -> None:
        self.removed, self.looked, self.total = removed, looked, max(total, 1)

    def _note(self, client: Client, removed: int, stopped: str, where: str) -> str:
        """Why there is no row in the audit; "" when there is."""
        detail = f"{self._planned.wanted.text()} at {where}" + (f"; stopped: {stopped}" if stopped else "")
        try:
            record_audit(
                client,
                self._actor,
                action="purge queue",
                target=self._planned.queue,
                affected=removed,
                detail=detail,
            )
        except TaskmonError as error:
            return f"It could not be noted in the audit: {error}"
        return ""
