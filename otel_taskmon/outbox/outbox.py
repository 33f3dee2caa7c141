"""The outbox of one process: what it finished is on disk before the task goes on, and a thread ships it.

Worker: the main process calls ``start_shipping()`` before it forks; its pool processes only write, into the folder
they share with it. Publisher: ``start_shipping(lazily=True, in_forks=True)``; a forked web server's processes ship for
themselves, each from a folder of its own. ``docs/adr/0006-outbox.md`` says why it is as it is.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel_taskmon._safely import record_failure
from otel_taskmon.outbox import real_thread
from otel_taskmon.outbox.folder import BootFolder
from otel_taskmon.outbox.limits import DEFAULT_MAX_BYTES, SHIP_EVERY_S, Signal
from otel_taskmon.outbox.location import find_root
from otel_taskmon.outbox.shipper import Shipper
from otel_taskmon.outbox.space import Space
from otel_taskmon.outbox.transport import Connect, connect, protocol_of
from otel_taskmon.outbox.uplink import Inlets
from otel_taskmon.outbox.writer import Writer

logger = logging.getLogger("otel_taskmon")

BeforeRound = Callable[["Outbox", bool], object]
"""Takes the outbox, and whether the round is the last one."""

_AT_EXIT_S: Final = 1.0
_LAST_S: Final = 0.5
"""For what a process that does not ship could neither write nor send: nothing to do, and no time, where it could."""
_all: weakref.WeakSet[Outbox] = weakref.WeakSet()
_abandoned: list[Shipper] = []
"""Shippers of the process that we were forked from: to destroy their connections here could disturb it, or hang."""


class _Shipping:
    """One run of the thread; another is made after a fork."""

    def __init__(self, shipper: Shipper, every_s: float, before_round: Callable[[bool], object]) -> None:
        self.shipper = shipper
        self._every_s, self._before_round = every_s, before_round
        self._stop, self._done = real_thread.Flag(), real_thread.Flag()
        self._deadline = 0.0

    def start(self) -> None:
        """Raises RuntimeError when the interpreter makes no more threads."""
        real_thread.start(self._run)

    def stop(self, deadline_s: float) -> bool:
        """Whether the thread has come to its end in time."""
        self._deadline = time.monotonic() + deadline_s
        self._stop.set()
        return self._done.wait(deadline_s)

    def _run(self) -> None:
        try:
            with suppress_instrumentation():  # our own requests are nobody's telemetry
                more = False
                while not self._stop.wait(0.0 if more else self._every_s):
                    more = self._round(None)
                more = True
                while more and time.monotonic() < self._deadline:
                    more = self._round(self._deadline)
                self.shipper.close()
        except Exception as error:  # noqa: BLE001 - the last frame of a thread; the records are on disk
            record_failure("the outbox's end", error)
        finally:
            self._done.set()

    def _round(self, deadline: float | None) -> bool:
        try:
            self._before_round(deadline is not None)
            return self.shipper.round(deadline)
        except Exception as error:  # noqa: BLE001 - the next round goes on from the positions kept
            record_failure("a round of the outbox", error)
            return False


class Outbox:
    """Made by ``for_process``. All methods may be called from any thread; ``append`` raises nothing."""

    def __init__(
        self,
        root: Path | None,
        *,
        max_bytes: int,
        boot: str,
        every_s: float,
        connect: Connect,
        before_round: BeforeRound,
    ) -> None:
        self.root = root
        self._space = None if root is None else Space(root, max_bytes)
        self._boot, self._every_s, self._connect = boot, every_s, connect
        self._before_round = before_round
        self._folder = None if root is None else BootFolder.of(root, boot)
        self._writer = Writer(self._folder, self._space)
        self._inlets = Inlets()
        self._pid = os.getpid()
        self._shipping: _Shipping | None = None
        self._last: Shipper | None = None
        self._wanted = self._in_forks = False
        self._lock = real_thread.reentrant_lock()
        _all.add(self)

    @classmethod
    def for_process(
        cls,
        *,
        directory: Path | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        boot: str = "",
        every_s: float = SHIP_EVERY_S,
        connect: Connect = connect,
        before_round: BeforeRound = lambda _outbox, _last: None,
    ) -> Outbox:
        """The outbox of this process and of those it forks; nothing is sent until ``start_shipping``.

        ``directory`` None: see ``location.find_root``. No folder to write to: memory only, with a warning. ``boot``:
        hex digits, drawn where none are given. ``every_s``: seconds between two rounds. ``before_round`` is called by
        the thread that ships, before each; what it appends goes with that round.
        Raises SettingError for a wrong OTEL_EXPORTER_OTLP_PROTOCOL.
        """
        for signal in Signal:
            protocol_of(signal)
        root = find_root(directory)
        if root is None:
            logger.warning(
                "no folder for the outbox can be written (%s): telemetry is kept in memory only",
                directory or "XDG_STATE_HOME, TMPDIR, /tmp, /dev/shm",
            )
        boot = boot or os.urandom(8).hex()
        return cls(
            root,
            max_bytes=max_bytes,
            boot=boot,
            every_s=every_s,
            connect=connect,
            before_round=before_round,
        )

    @property
    def boot(self) -> str:
        """Names the folder of this process; another one in a forked process that ships for itself."""
        return self._boot

    def append(self, signal: Signal, source: bytes, body: bytes, *, over_bound: bool = False) -> bool:
        """Keep one serialised record (see ``encode``, ``source``); False when it was lost, and counted.

        ``over_bound``: see ``Writer.append``.
        """
        if self._pid != os.getpid():  # a fork that Python did not see
            self._after_fork()
        if self._wanted and self._shipping is None:
            self._start()
        return self._writer.append(signal, source, body, over_bound=over_bound)

    def lose(self, signal: Signal) -> None:
        """Count a record that could not even be serialised."""
        self._writer.lost[signal] += 1

    def start_shipping(
        self, *, lazily: bool = False, in_forks: bool = False, at_exit_s: float | None = _AT_EXIT_S
    ) -> None:
        """Ship from this process, in a thread of the operating system.

        ``lazily``: from its first record on. ``in_forks``: processes forked from here do the same, lazily; else (and
        over gRPC once this process has sent anything) they only write. ``at_exit_s``: seconds for the last try when
        the interpreter ends; None: none.
        """
        self._wanted, self._in_forks = True, in_forks
        atexit.unregister(self.stop)
        if at_exit_s is not None:
            atexit.register(self.stop, at_exit_s)
        if not lazily:
            self._start()

    def stop(self, deadline_s: float) -> bool:
        """One last try, at most ``deadline_s`` seconds; what is left waits on disk. Whether nothing is left of ours.

        In a process that does not ship: memory goes to disk or to the process that ships, if it can, in at most half a
        second. Records that come later are still kept.
        """
        self._wanted = False
        began = time.monotonic()
        self._writer.settle_within(min(deadline_s, _LAST_S))
        self._writer.close_file()
        with self._lock:
            shipping, self._shipping = self._shipping, None
        if shipping is None:
            return False
        self._last = shipping.shipper
        return shipping.stop(max(0.0, deadline_s - (time.monotonic() - began))) and self._is_empty()

    def lost(self) -> dict[str, int]:
        """Records that could not be kept, by signal: of this process, and of those whose files it shipped."""
        shipper = self._shipper()
        counts = list(self._writer.lost) if shipper is None else shipper.lost
        return {signal.word: counts[signal] for signal in Signal}

    def rejected(self) -> dict[str, int]:
        """Records that servers refused for good, by signal: set aside, or left out of an accepted request."""
        shipper = self._shipper()
        if shipper is None:
            return {signal.word: 0 for signal in Signal}
        return {signal.word: count for signal, count in zip(Signal, shipper.refused(), strict=True)}

    def shipped(self) -> dict[str, int]:
        """Records that servers accepted from this process, by signal; adopted ones count too."""
        shipper = self._shipper()
        return {s.word: 0 if shipper is None else shipper.lanes[s].shipped for s in Signal}

    def _shipper(self) -> Shipper | None:
        shipping = self._shipping
        return self._last if shipping is None else shipping.shipper

    def _is_empty(self) -> bool:
        with self._writer.memory() as memory:
            return not len(memory) and (self._folder is None or not self._folder.data_files())

    def _start(self) -> None:
        with self._lock:
            if self._shipping is not None:
                return
            shipper = Shipper(
                self.root,
                self._folder,
                boot=self._boot,
                connect=self._connect,
                space=self._space,
                writer=self._writer,
            )
            if self._last is not None:  # stopped before: the counts go on
                shipper.take_over(self._last)
            shipper.hold_own()
            shipping = _Shipping(shipper, self._every_s, self._prepare_round)
            with contextlib.suppress(RuntimeError):  # the interpreter is ending: what we have is on disk
                shipping.start()
                self._shipping = shipping

    def _prepare_round(self, last: bool) -> None:
        self._inlets.read(self._writer.append_sent, self._writer.has_room)
        self._before_round(self, last)

    def _about_to_fork(self) -> None:
        shipping = self._shipping
        if shipping is not None and not (self._in_forks and shipping.shipper.survives_fork()):
            self._inlets.offer()

    def _after_fork(self) -> None:
        """Begin anew in a forked process: everything open or running is the parent's."""
        uplink = self._inlets.taken()
        self._pid = os.getpid()
        self._lock = real_thread.reentrant_lock()
        parents = (self._shipping.shipper if self._shipping else None, self._last)
        _abandoned.extend(shipper for shipper in parents if shipper is not None)
        self._shipping = self._last = None
        # else it writes into the parent's folder, and the parent ships that
        self._wanted = self._wanted and self._in_forks and all(s.survives_fork() for s in _abandoned)
        if self._wanted and self.root is not None:
            self._boot = os.urandom(8).hex()
            self._folder = BootFolder.of(self.root, self._boot)
        if uplink is not None and self._wanted:  # what was sent first in between decides
            uplink.close()
            uplink = None
        self._writer.reset(self._folder, uplink)


_stills: list[contextlib.ExitStack] = []


def _before_fork() -> None:
    still = contextlib.ExitStack()
    for outbox in list(_all):
        still.enter_context(outbox._writer.still())
        outbox._about_to_fork()
    _stills.append(still)


def _after_fork_in_parent() -> None:
    if _stills:
        _stills.pop().close()
    for outbox in list(_all):
        outbox._inlets.forked()


def _after_fork_in_child() -> None:
    _stills.clear()
    for outbox in list(_all):
        outbox._after_fork()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
