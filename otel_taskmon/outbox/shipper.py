"""What waits on disk (and in this process's memory) goes to the server: one round after the other, in one thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from otel_taskmon.outbox import held_files
from otel_taskmon.outbox.batch import Batch, collect
from otel_taskmon.outbox.data_file import DataFile, Item
from otel_taskmon.outbox.delivery import Lane, deliver
from otel_taskmon.outbox.folder import BootFolder, folders
from otel_taskmon.outbox.fork_gate import IMPORTING
from otel_taskmon.outbox.limits import ADOPT_EVERY_S, MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, Signal
from otel_taskmon.outbox.outage import why
from otel_taskmon.outbox.rejected import Rejected
from otel_taskmon.outbox.source import Source
from otel_taskmon.outbox.space import Space
from otel_taskmon.outbox.transport import Answer, Connect, Outcome, Transport
from otel_taskmon.outbox.writer import Writer

logger = logging.getLogger("otel_taskmon")

_BATCHES_A_TURN = 8  # then another signal has its turn


class HeldFolder:
    """A folder that we ship: nobody else does while we hold its lock."""

    def __init__(self, folder: BootFolder, lock: int) -> None:
        self.folder = folder
        self.lock = lock
        self._files: dict[str, DataFile] = {}

    def files(self) -> list[DataFile]:
        """Its data files as they are now; those known already keep what is known of them."""
        names = self.folder.data_files()
        self._files = {name: self._files.get(name) or DataFile.at(self.folder.path / name) for name in names}
        return list(self._files.values())


class Shipper:
    """Ships ``own`` and every folder of this host whose owner is gone. Not thread-safe: one thread runs it.

    After a fork it must not be used, and not be closed either: its connections are the parent's.
    """

    def __init__(
        self,
        root: Path | None,
        own: BootFolder | None,
        *,
        boot: str,
        connect: Connect,
        space: Space | None,
        writer: Writer | None = None,
        max_records: int = MAX_REQUEST_RECORDS,
        max_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        self._root, self._own, self._space, self._writer = root, own, space, writer
        self._connect = connect
        self._max_records, self._max_bytes = max_records, max_bytes
        self._held: dict[Path, HeldFolder] = {}
        self._adopt_at = 0.0
        self._transports: dict[Signal, Transport] = {}
        self.lanes = {signal: Lane(signal) for signal in Signal}
        self.rejected = Rejected(root, boot, space)
        self.lost = [0] * len(Signal)
        """Records per signal that writers could not keep, this process and the files shipped here."""
        self.torn = 0
        """Damaged places in files shipped here."""

    def round(self, deadline: float | None = None) -> bool:
        """Ship what there is now; whether more of it is known to wait that can be sent at once.

        ``deadline`` (monotonic clock): the last round; each signal that waits gets its part of the time, in an
        outage too.
        """
        self._hold_folders(adopt=deadline is None)
        files = [file for held in self._held.values() for file in held.files()]
        waiting = [] if deadline is None else [signal for signal in Signal if self._waits(signal, files)]
        more = False
        for signal, lane in self.lanes.items():
            if deadline is not None:
                now, later = time.monotonic(), sum(other > signal for other in waiting)
                more |= self._ship(lane, files, now + (deadline - now) / (1 + later))
            elif time.monotonic() >= lane.not_before:
                more |= self._ship(lane, files, None)
        self._clean_up(files)
        if self._space is not None and deadline is None:
            self._space.refresh()
        return more

    def close(self) -> None:
        """Let the folders go, the empty ones deleted. What waits in them waits for the next process."""
        for held in self._held.values():
            for file in held.files():
                file.store()
            held.folder.remove_if_empty()
            held_files.close(held.lock)
        self._held.clear()
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def survives_fork(self) -> bool:
        """Whether a process that is forked now may ship for itself."""
        return all(transport.survives_fork for transport in self._transports.values())

    def refused(self) -> list[int]:
        """Records per signal that servers refused for good: set aside, or left out of an accepted request."""
        return [self.rejected.records[s] + self.lanes[s].left_out for s in Signal]

    def take_over(self, former: Shipper) -> None:
        """Count on from where ``former``, now stopped, has ended."""
        self.lost, self.torn = list(former.lost), former.torn
        self.rejected.records = former.refused()
        for signal, lane in self.lanes.items():
            lane.shipped = former.lanes[signal].shipped

    def hold_own(self) -> None:
        """Before the first record is written: a folder that nobody holds may be adopted."""
        if self._own is not None and self._own.path not in self._held:
            self._hold(self._own)

    def _hold_folders(self, *, adopt: bool) -> None:
        for path, held in list(self._held.items()):
            if held_files.is_lost(held.lock):  # deleted from outside: a new one may be somebody else's
                held_files.close(held.lock)
                del self._held[path]
        self.hold_own()
        now = time.monotonic()
        if self._root is None or not adopt or now < self._adopt_at:
            return
        self._adopt_at = now + ADOPT_EVERY_S
        for folder in folders(self._root):
            if folder.path not in self._held and folder.is_of_this_host():
                self._hold(folder)

    def _hold(self, folder: BootFolder) -> None:
        try:
            lock = folder.claim() if folder == self._own else folder.hold()
        except OSError:
            return  # the disk; the writer has warned
        if lock is not None:
            self._held[folder.path] = HeldFolder(folder, lock)

    def _waits(self, signal: Signal, files: Sequence[DataFile]) -> bool:
        """Whether there is anything to send of it."""
        if self._writer is not None:
            with self._writer.memory() as memory:
                if memory.holds(signal):
                    return True
        return bool(collect(signal, files, max_records=1).items)

    def _ship(self, lane: Lane, files: Sequence[DataFile], deadline: float | None) -> bool:
        """Whether the lane has more to send and may."""

        def timeout() -> float | None:
            return None if deadline is None else deadline - time.monotonic()

        for _ in range(_BATCHES_A_TURN):
            batch = collect(lane.signal, files, max_records=self._max_records, max_bytes=self._max_bytes)
            if not batch.items:
                batch.finished()
                return self._ship_memory(lane, timeout())
            transport = self._transport(lane)
            if transport is None:
                return False
            answer = deliver(batch, transport, lane, self.rejected, timeout)
            if answer.outcome is Outcome.UNAVAILABLE and not (answer.unwanted and self._is_half_full()):
                lane.failed(answer, time.monotonic())
                return False
            if answer.outcome is Outcome.UNAVAILABLE:
                self._give_up(batch)
            batch.finished()
            if answer.outcome is not Outcome.ACCEPTED:  # nothing of it was good: hardly the records' fault
                lane.failed(answer, time.monotonic())
                return False
            lane.succeeded()
            # what came while this was sent waits for the next round: else a busy worker's thread never rests
            if deadline is None and not batch.full:
                return self._ship_memory(lane, None)
        return True

    def _is_half_full(self) -> bool:
        return self._space is not None and self._space.refresh() > self._space.max_bytes // 2

    def _give_up(self, batch: Batch) -> None:
        """A server that never takes this signal (Jaeger and logs) must not cost the signals that it takes."""
        self.lost[batch.signal] += len(batch.items)
        batch.done()
        logger.warning("%d %s dropped: the server does not take them", len(batch.items), batch.signal.word)

    def _ship_memory(self, lane: Lane, timeout_s: float | None) -> bool:
        """What this process could not write: sent from memory. Whether there is more."""
        if self._writer is None:
            return False
        with self._writer.memory() as memory:
            if not len(memory):
                return False
        self._writer.settle()
        with self._writer.memory() as memory:
            taken = memory.take(lane.signal, self._max_records, self._max_bytes)
            more = memory.holds(lane.signal)
        if not taken or (transport := self._transport(lane)) is None:
            with self._writer.memory() as memory:
                memory.put_back(lane.signal, taken)
            return False
        nowhere = DataFile(Path())
        items = [Item(nowhere, Source.unpacked(source), body, 0, 0) for source, body in taken]
        answer = deliver(Batch(lane.signal, items), transport, lane, self.rejected, lambda: timeout_s)
        if answer.outcome is Outcome.UNAVAILABLE:
            with self._writer.memory() as memory:
                memory.put_back(lane.signal, taken)
            lane.failed(answer, time.monotonic())
            return False
        lane.succeeded()
        if timeout_s is None:
            return more
        with self._writer.memory() as memory:  # the last round: what came meanwhile has no other
            return memory.holds(lane.signal)

    def _transport(self, lane: Lane) -> Transport | None:
        """Made when it is first needed: a process that ships nothing loads no HTTP library."""
        known = self._transports.get(lane.signal)
        if known is None:
            try:
                with IMPORTING:
                    known = self._transports[lane.signal] = self._connect(lane.signal)
            except Exception as error:  # noqa: BLE001 - a wrong certificate path is an outage that a person ends
                reason = f"{type(error).__name__}: {error}"
                lane.failed(Answer(Outcome.UNAVAILABLE, reason=reason, why=why(error)), time.monotonic())
        return known

    def _clean_up(self, files: Sequence[DataFile]) -> None:
        """Delete what is shipped and count what was lost and torn; adopted folders go when they are empty."""
        losses = [] if self._writer is None else [self._writer.take_loss()]
        for file in files:
            losses.append(file.take_loss())
            self.torn, file.torn = self.torn + file.torn, 0
            file.forget()
            if file.is_read_out():
                file.try_delete()
        for loss in losses:
            self.lost = [known + new for known, new in zip(self.lost, loss, strict=True)]
        for held in list(self._held.values()):
            if held.folder != self._own and not held.folder.data_files() and held.folder.remove_if_empty():
                held_files.close(held.lock)
                del self._held[held.folder.path]
