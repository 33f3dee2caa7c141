"""The one outbox of this process: made when the first record needs it, shipping as the process's part asks for.

A publisher ships from its first record on, and so does each process forked from it (a web server's). A worker's main
process ships before it forks, and its pool processes only write, into its folder.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from otel_taskmon.settings import Settings

if TYPE_CHECKING:
    from otel_taskmon.outbox import Outbox

_shared: ProcessOutbox | None = None


class ProcessOutbox:
    """Made by :func:`shared`; nothing is opened before :meth:`ready` or :meth:`ship_from_here`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._made: Outbox | None = None
        self._exit_s = settings.flush_timeout_s
        self.before_round: Callable[[Outbox, bool], object] | None = None
        """Called by the thread that ships, before it looks what there is; True: for the last time."""
        self.join: Callable[[Any], None] | None = None
        """Set by an exporter of ours that the SDK made: to be called with the tracer provider that is set up."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def ready(self) -> Outbox:
        """The outbox, for a record that is about to come."""
        made = self._made
        if made is not None:
            return made
        with self._lock:
            if self._made is None:
                self._made = self._make("")
                self._made.start_shipping(lazily=True, in_forks=True, at_exit_s=None)
            return self._made

    def ship_from_here(self, boot: str) -> None:
        """A worker's main process, before it forks; ``boot`` names the folder (hex digits)."""
        with self._lock:
            if self._made is None:
                self._made = self._make(boot)
            self._made.start_shipping(at_exit_s=None)

    def worker_ends(self) -> None:
        """The worker of this process has ended; the process itself may live on, and publish."""
        if self._made is not None:
            self.stop()
            self._made.start_shipping(lazily=True, in_forks=True, at_exit_s=None)

    def stop(self) -> None:
        """One last try. All those of one process take no longer than ``flush_timeout_s`` together.

        In a process that only writes: no try, and no time.
        """
        if self._made is not None:
            began = time.monotonic()
            self._made.stop(max(0.0, self._exit_s))
            self._exit_s -= time.monotonic() - began

    def _make(self, boot: str) -> Outbox:
        from otel_taskmon.outbox import Outbox  # 80 ms, which a program that never publishes need not spend

        wanted = self._settings
        return Outbox.for_process(
            directory=wanted.outbox_dir,
            max_bytes=wanted.outbox_max_bytes,
            boot=boot,
            every_s=wanted.export_interval_ms / 1000,
            before_round=self._before_round,
        )

    def _before_round(self, outbox: Outbox, last: bool) -> None:
        if self.before_round is not None:
            self.before_round(outbox, last)

    def _renew(self) -> None:
        """A lock that another thread held while we were forked would never be released here."""
        self._lock = threading.Lock()
        self._exit_s = self._settings.flush_timeout_s


def shared(settings: Settings | None = None) -> ProcessOutbox:
    """That of this process; ``settings`` of the first call count, None reads the environment.

    Raises SettingError.
    """
    global _shared
    if _shared is None:
        _shared = ProcessOutbox(settings if settings is not None else Settings.from_environment())
    return _shared
