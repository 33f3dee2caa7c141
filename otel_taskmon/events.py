"""Events: what is not finished yet, as OTel log records with an event name. Sent by workers' main processes only."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context

from otel_taskmon._version import __version__
from otel_taskmon.facts import Attributes
from otel_taskmon.flushing import BoundedFlush

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

SCOPE = "otel_taskmon"


class Events:
    """Where events go; the provider is made at the first one, after the pool has been forked."""

    def __init__(
        self,
        build_provider: Callable[[], LoggerProvider],
        preload: Callable[[], object],
        flush_timeout_s: float,
        at_exit: Callable[[BoundedFlush], object],
    ) -> None:
        """``preload`` imports what building takes.

        ``at_exit`` is told what to flush at the end of a process that has sent events.
        """
        self.preload = preload
        self._build_provider = build_provider
        self._flush_timeout_s = flush_timeout_s
        self._at_exit = at_exit
        self._lock = threading.Lock()
        self._process = 0
        self._logger: Logger | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def emit(
        self, name: str, attributes: Attributes, context: Context | None = None, at_ns: int | None = None
    ) -> None:
        """Queue one event, now or of ``at_ns``; ``context`` gives its trace."""
        self._ready().emit(
            timestamp=at_ns if at_ns is not None else time.time_ns(),
            context=context if context is not None else Context(),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=name,
            attributes=dict(attributes),
        )

    def _ready(self) -> Logger:
        logger = self._logger
        if logger is not None and self._process == os.getpid():
            return logger
        with self._lock:
            if self._logger is None:
                provider = self._build_provider()
                self._flush_now = provider.force_flush
                self._logger = provider.get_logger(SCOPE, __version__)
            if self._process != os.getpid():
                flush = BoundedFlush(lambda: self._flush_now(), self._flush_timeout_s)
                flush.prepare()
                self._at_exit(flush)
                self._process = os.getpid()
            return self._logger

    def _renew_lock(self) -> None:
        """A lock that another thread held while we were forked would never be released here."""
        self._lock = threading.Lock()
