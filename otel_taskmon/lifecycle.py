"""A worker's or publisher's life: where its spans go, which worker it is, and its end."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import Any

from celery import Celery
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import Tracer

from otel_taskmon import _celery
from otel_taskmon._safely import safely
from otel_taskmon.boot import Boot
from otel_taskmon.exporting import ExportPlan, build_provider, preload, resource_of
from otel_taskmon.flushing import BoundedFlush, flush_all
from otel_taskmon.process_outbox import ProcessOutbox
from otel_taskmon.settings import Settings


class Lifecycle:
    """Holds what changes over a process's life.

    The provider is chosen at the first publish or execution, not at ``instrument()``: until then a user's own
    may be set up, and OpenTelemetry lets nobody replace one.
    """

    def __init__(
        self, plan: ExportPlan, settings: Settings, outbox: ProcessOutbox, app: Celery | None
    ) -> None:
        """``plan`` says where spans go of a provider that we build; ``app`` gives its ``service.name``."""
        self.boot = Boot()
        self._plan, self._outbox, self._app = plan, outbox, app
        self._build_provider = partial(build_provider, plan, settings, outbox)
        self._lock = threading.Lock()
        self._own: TracerProvider | None = None
        self._own_is_global = False
        self._attached: _celery.TakesProcessors | None = None
        self._ready: object = None
        self._flush = BoundedFlush(self._flush_now, settings.flush_timeout_s)
        self._more_flushes: list[BoundedFlush] = []
        self._asked: tuple[object, bool] = (None, False)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_locks)

    def attach(self, processor: SpanProcessor) -> bool:
        """Add ``processor`` to the provider that is set up now; False while there is none."""
        target = _celery.span_target()
        if target is None:
            return False
        if target is not self._attached:
            with self._lock:
                if target is not self._attached:
                    target.add_span_processor(processor)
                    if self._outbox.join is not None:
                        self._outbox.join(target)
                    self._attached = target
        return True

    def is_ready(self) -> bool:
        """Whether ``ensure`` would have nothing to do: nobody has changed where spans go since it was called."""
        return self._ready is not None and self._ready == _celery.span_way()

    @safely("provider")
    def ensure(self, processor: SpanProcessor) -> None:
        """Before the first span of a process: have a provider, build one if nobody did."""
        if not self.attach(processor):
            with self._lock:
                if _celery.span_target() is None:
                    trace.set_tracer_provider(self._built())
                    self._own_is_global = True
            self.attach(processor)
        self._prepare_flush()
        if self._attached is not None and not self._plan.batched:
            self._ready = _celery.span_way()

    def tracer(self) -> Tracer:
        """For spans that the main process makes.

        A provider that is built for these alone does not become the global one: the pool processes that are forked
        later inherit it, and a user may want to set up one of their own in there.
        """
        if _celery.span_target() is not None:
            return _celery.tracer_of(None)
        with self._lock:
            own = self._built()
        self._prepare_flush()
        return _celery.tracer_of(own)

    def drops_unsampled(self) -> bool:
        """Whether nothing becomes of a task that comes from a trace which is not sampled.

        So it is with a provider of the user's that goes by that mark, as the SDK's samplers do by default; with ours,
        see ``every_task``.
        """
        if self._own is not None:
            return False
        sampler = _celery.sampler()
        if sampler is not self._asked[0]:
            by_mark = isinstance(sampler, Sampler) and sampler.get_description().startswith("ParentBased")
            self._asked = (sampler, by_mark)
        return self._asked[1]

    def resource(self) -> Resource:
        """Of the provider that the user set up; the one that ours would have where that cannot be told."""
        for owner in (_celery.tracer_of(None), trace.get_tracer_provider()):
            found = getattr(owner, "resource", None)
            if isinstance(found, Resource):
                return found
        return resource_of(self._service_name())

    def _service_name(self) -> str:
        return service_name(_celery.app_or_current(self._app))

    def _built(self) -> TracerProvider:
        if self._own is None:
            self._own = self._build_provider(self._service_name())
        return self._own

    @safely("worker start")
    def worker_starts(self, sender: object = None, **_signal: Any) -> None:
        """``worker_init``, in the main process before it forks."""
        self.boot.start(str(getattr(sender, "hostname", "") or ""))
        if _celery.span_target() is None or self._own is not None:
            preload(self._plan)  # once, before the fork, and not in each pool process at its first task
            if self._plan.to_outbox:
                self._outbox.ship_from_here(self.boot.id)
        elif self._outbox.join is not None:
            self._outbox.ship_from_here(self.boot.id)

    @safely("pool process start")
    def pool_process_starts(self, sender: object = None, **_signal: Any) -> None:
        """``worker_process_init``; a pool process that was not forked has seen no ``worker_init``."""
        if not self.boot.worker and isinstance(sender, str):
            self.boot.start(sender)

    @safely("flush at shutdown")
    def worker_ends(self, **_signal: Any) -> None:
        """``worker_shutdown``: also a user's provider is flushed, bounded."""
        flush_all(self._flushes(), self._outbox.worker_ends)

    @safely("flush at a pool process's end")
    def pool_process_ends(self, **_signal: Any) -> None:
        """``worker_process_shutdown``; what is in the outbox is the main process's to ship."""
        flush_all(self._flushes(), self._outbox.stop)

    @safely("flush at exit")
    def process_ends(self) -> None:
        """``atexit``, for publishers and workers that end at once; a user's provider has its own exit handler."""
        own = [self._flush] if self._own is not None and self._plan.batched else []
        flush_all([*own, *self._more_flushes], self._outbox.stop)

    def _flushes(self) -> list[BoundedFlush]:
        """Whatever goes through the outbox alone needs none."""
        foreign = self._attached is not None and not self._own_is_global
        wanted = foreign or (self._own is not None and bool(self._plan.batched))
        return [*([self._flush] if wanted else []), *self._more_flushes]

    def _prepare_flush(self) -> None:
        if self._own is not None and self._plan.batched:
            self._flush.prepare()

    def also_flush(self, flush: BoundedFlush) -> None:
        """At the ends of this process, beside the spans and within the same time."""
        self._more_flushes.append(flush)

    def _renew_locks(self) -> None:
        """A lock that another thread held while we were forked would never be released here."""
        self._lock = threading.Lock()
        self._flush.renew_lock()
        self._more_flushes = []  # what they flush is of the process we were forked from

    def _flush_now(self) -> None:
        if self._attached is not None:
            self._attached.force_flush()
        if self._own is not None and self._own is not self._attached:
            self._own.force_flush()


def service_name(app: Any) -> str:
    """``service.name`` where the environment gives none: the app's name."""
    main = getattr(app, "main", None)
    return main if isinstance(main, str) and main and main != "__main__" else "celery"
