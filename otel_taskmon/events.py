"""Events: what is not finished yet, as OTel log records with an event name. Sent by workers' main processes only."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanContext

from otel_taskmon.exporting import CONSOLE, LOGS, ExportPlan, preload
from otel_taskmon.facts import Attributes
from otel_taskmon.flushing import BoundedFlush
from otel_taskmon.outbox.known import Known
from otel_taskmon.process_outbox import ProcessOutbox
from otel_taskmon.settings import Settings

if TYPE_CHECKING:
    from otel_taskmon.event_exporting import Append, Write


class Events:
    """Where events go: to the outbox, and to the exporters of other packages."""

    def __init__(
        self,
        plan: ExportPlan,
        settings: Settings,
        outbox: ProcessOutbox,
        resource: Callable[[], Resource],
        at_exit: Callable[[BoundedFlush], object],
    ) -> None:
        """``resource`` is asked at the first event.

        ``at_exit`` is told what to flush at the end of a process that has sent events to other exporters.
        """
        self._plan, self._settings, self._outbox = plan, settings, outbox
        # asked at each event, and both take longer than one may
        self._to_outbox = plan.to_outbox
        self._to_others = bool(plan.batched) or CONSOLE in plan.exporters
        self._resource = resource
        self._at_exit = at_exit
        self._append: Append | None = None
        self._keep: Write | None = None
        self._send: Write | None = None
        self._lock = threading.Lock()
        self._process = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def prepare(self, boot: str) -> None:
        """In the worker's main process, before it forks: whatever takes long is done here."""
        import otel_taskmon.event_exporting  # noqa: F401 - now, and not on the consumer's loop

        if self._plan.to_outbox:
            self._outbox.ship_from_here(boot)
        preload(self._plan, LOGS)

    def emit(
        self,
        name: str,
        attributes: Attributes,
        publish: SpanContext | None = None,
        at_ns: int | None = None,
        known: Known | None = None,
    ) -> None:
        """Keep one event, now or of ``at_ns``, in the trace of ``publish``. ``known``: attributes that it has too."""
        at_ns = at_ns if at_ns is not None else time.time_ns()
        if self._to_outbox:
            (self._keep or self._keeper())(name, attributes, publish, at_ns, known)
        if self._to_others:
            self._sender()(name, attributes, publish, at_ns, known)

    @property
    def takes_encoded(self) -> bool:
        """Whether nobody but the outbox gets events: it takes them as bytes, by ``append``."""
        return self._to_outbox and not self._to_others

    def append(self, event: bytes) -> None:
        """Keep one that ``outbox.encode`` has encoded."""
        (self._append or self._appender())(event)

    def _appender(self) -> Append:
        """Made at the first event: until then a user may set up a provider, whose resource ours is to be."""
        from otel_taskmon.event_exporting import appending

        self._append = appending(self._outbox.ready(), self._resource())
        return self._append

    def _keeper(self) -> Write:
        from otel_taskmon.event_exporting import to_outbox

        self._keep = to_outbox(self._append or self._appender())
        return self._keep

    def _sender(self) -> Write:
        """The provider is made at the first event, after the pool has been forked: it has a thread of its own."""
        send = self._send
        if send is not None and self._process == os.getpid():
            return send
        with self._lock:
            if self._send is None:
                from otel_taskmon.event_exporting import build_event_provider, to_provider

                provider = build_event_provider(self._plan, self._settings, self._resource())
                self._flush_now = provider.force_flush
                self._send = to_provider(provider)
            if self._process != os.getpid():
                flush = BoundedFlush(lambda: self._flush_now(), self._settings.flush_timeout_s)
                flush.prepare()
                self._at_exit(flush)
                self._process = os.getpid()
            return self._send

    def _renew_lock(self) -> None:
        """A lock that another thread held while we were forked would never be released here."""
        self._lock = threading.Lock()
