"""A worker's or publisher's life: where its spans go, which worker it is, and its end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from celery import Celery
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from otel_taskmon import _celery
from otel_taskmon._safely import safely
from otel_taskmon.boot import Boot
from otel_taskmon.flushing import BoundedFlush


class Lifecycle:
    """Holds what changes over a process's life.

    The provider is chosen at the first publish or execution, not at ``instrument()``: until then a user's own
    may be set up, and OpenTelemetry lets nobody replace one.
    """

    def __init__(
        self,
        build_provider: Callable[[str], TracerProvider],
        preload: Callable[[], None],
        flush_timeout_s: float,
        app: Celery | None,
    ) -> None:
        """``build_provider`` makes a provider for a ``service.name``; ``app`` gives that name.

        ``preload`` imports what that needs.
        """
        self.boot = Boot()
        self._build_provider = build_provider
        self._preload = preload
        self._app = app
        self._lock = threading.Lock()
        self._own: object = None
        self._attached: _celery.TakesProcessors | None = None
        self._flush = BoundedFlush(self._flush_now, flush_timeout_s)
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
                    self._attached = target
        return True

    @safely("provider")
    def ensure(self, processor: SpanProcessor) -> None:
        """Before the first span of a process: have a provider, build one if nobody did."""
        if not self.attach(processor):
            with self._lock:
                if _celery.span_target() is None:
                    app = _celery.app_or_current(self._app)
                    own = self._build_provider(service_name(app))
                    trace.set_tracer_provider(own)
                    self._own = own
            self.attach(processor)
        if self._own is not None:
            self._flush.prepare()

    @safely("worker start")
    def worker_starts(self, sender: object = None, **_signal: Any) -> None:
        """``worker_init``, in the main process before it forks."""
        self.boot.start(str(getattr(sender, "hostname", "") or ""))
        if _celery.span_target() is None:
            self._preload()  # once, before the fork, and not in each pool process at its first task

    @safely("pool process start")
    def pool_process_starts(self, sender: object = None, **_signal: Any) -> None:
        """``worker_process_init``; a pool process that was not forked has seen no ``worker_init``."""
        if not self.boot.worker and isinstance(sender, str):
            self.boot.start(sender)

    @safely("flush at shutdown")
    def worker_ends(self, **_signal: Any) -> None:
        """``worker_process_shutdown`` and ``worker_shutdown``: also a user's provider is flushed, bounded."""
        if self._attached is not None:
            self._flush.flush()

    @safely("flush at exit")
    def process_ends(self) -> None:
        """``atexit``, for publishers; a user's provider has its own exit handler."""
        if self._own is not None:
            self._flush.flush()

    def _renew_locks(self) -> None:
        """A lock that another thread held while we were forked would never be released here."""
        self._lock = threading.Lock()
        self._flush.renew_lock()

    def _flush_now(self) -> None:
        if self._attached is not None:
            self._attached.force_flush()


def service_name(app: Any) -> str:
    """``service.name`` where the environment gives none: the app's name."""
    main = getattr(app, "main", None)
    return main if isinstance(main, str) and main and main != "__main__" else "celery"
