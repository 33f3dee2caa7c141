"""The writing half: what a process has finished goes to its own file, one ``os.write`` per record.

No fsync: the page cache survives the process, and it is processes that get killed. No lock between processes: each
writes its own file. Where the disk takes nothing, a forked process sends to the one that ships (see ``uplink``); what
does not go through stays in memory, bounded, and what does not fit there is counted.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from time import monotonic, time_ns
from typing import Final

from otel_taskmon._safely import record_failure
from otel_taskmon.outbox import held_files, real_thread
from otel_taskmon.outbox.folder import NEW, BootFolder
from otel_taskmon.outbox.limits import (
    DISK_RETRY_S,
    MAX_FILE_BYTES,
    MAX_MEMORY_BYTES,
    MAX_RECORD_BYTES,
    Signal,
)
from otel_taskmon.outbox.memory import Memory
from otel_taskmon.outbox.record import (
    KIND_LOSS,
    KIND_SIGNAL,
    KIND_SOURCE,
    SUFFIX,
    pack,
    pack_loss,
    unpack_loss,
)
from otel_taskmon.outbox.space import Space
from otel_taskmon.outbox.uplink import Sent, Uplink

logger = logging.getLogger("otel_taskmon")

_FIRST_SHARE: Final = 16 << 10  # many pool processes write one record in their life
_NEXT_SHARE: Final = 256 << 10
_PARTS: Final = 64  # of the bound: what is left of a share is beyond it when the sum is made anew
_SOURCES_AT_MOST: Final = 65_535
_CARRY_EVERY_S: Final = 0.05


class Writer:
    """Appends records of this process; any thread may call it, and it raises nothing.

    ``folder`` None: memory only.
    """

    def __init__(
        self,
        folder: BootFolder | None,
        space: Space | None,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> None:
        self._folder, self._space = folder, space
        self._max_file_bytes, self._max_memory_bytes = max_file_bytes, max_memory_bytes
        self._made = 0
        self._warned: set[str] = set()
        self.reset()

    def reset(self, folder: BootFolder | None = None, uplink: Uplink | None = None) -> None:
        """Begin anew after a fork: file, memory and counts are the parent's.

        ``uplink``: the way to the parent, for a process that does not ship and whose disk takes nothing.
        """
        if folder is not None:
            self._folder = folder
        self._uplink = uplink
        self._carrying = False
        # ids of processes come again, also within one boot: the renaming in _open() must not meet an older file
        self._pid, self._life = os.getpid(), os.urandom(8).hex()
        self._lock = real_thread.reentrant_lock()
        self._fd = -1
        self._size = 0
        self._share = 0
        self._full_until = self._disk_retry_at = self._checked_at = 0.0
        self._sources: dict[bytes, int] = {}
        self._memory = Memory(self._max_memory_bytes)
        self.lost = [0] * len(Signal)
        """Records per signal that this process could not keep, since it began."""
        self._told = [0] * len(Signal)

    def append(self, signal: Signal, source: bytes, body: bytes, *, over_bound: bool = False) -> bool:
        """Keep one serialised record; ``source`` is a packed source. False when it was not kept, but counted.

        ``over_bound``: also where the outbox holds as much as it may; for the few bytes that tell of a loss.
        """
        with self._lock:
            size = len(body)
            if size > MAX_RECORD_BYTES:
                return self._lose(signal)
            now = monotonic()
            if now - self._checked_at > 1.0:
                self._check(now)
            # the usual case in one go, as every call costs a task: a file with room, a source that stands in it
            elif (
                (number := self._sources.get(source)) is not None
                and size <= self._share
                and now >= self._disk_retry_at
                and not self._memory.records
                and self._fd >= 0
            ):
                data = pack(KIND_SIGNAL + signal, number, body, time_ns())
                if self._write_whole(data, now):
                    written = len(data)
                    self._share -= written
                    self._size += written
                    if self._size >= self._max_file_bytes:
                        self._close()
                    return True
            if self._memory.records and not self._empty_memory(now):
                return self._remember(signal, source, body)
            if self._share < size and not over_bound and not self._get_share(size, now):
                return self._lose(signal)
            if self._write(signal, source, body, now) or self._send(signal, source, body):
                return True
            return self._remember(signal, source, body)

    def append_sent(self, record: Sent) -> None:
        """Keep what a forked process could not keep itself."""
        if record.kind == KIND_LOSS:
            with self._lock:
                counts = unpack_loss(record.body)
                self.lost = [known + new for known, new in zip(self.lost, counts, strict=True)]
        else:
            self.append(Signal(record.kind - KIND_SIGNAL), record.source, record.body)

    def has_room(self) -> bool:
        """Whether memory would take more of what others send; only a quarter of it is a burst of our own."""
        return self._memory.room() > self._max_memory_bytes // 4

    def settle(self) -> bool:
        """What is in memory goes to disk if the disk takes it, and the loss of this process is written down.

        Whether nothing is left in memory.
        """
        with self._lock:
            self._tell_loss()
            return self._empty_memory(monotonic(), even_now=True)

    def settle_within(self, seconds: float) -> None:
        """The last of a process that does not ship: as long as its parent makes room, up to ``seconds``."""
        until = monotonic() + seconds
        pause = real_thread.Flag()
        while not self.settle() and self._has_uplink() and monotonic() < until:
            pause.wait(_CARRY_EVERY_S)

    def close_file(self) -> None:
        """The file may be deleted once it is shipped; the next record opens another."""
        with self._lock:
            self._close()

    def take_loss(self) -> list[int]:
        """The loss not told yet, for a shipper in this process: told by this."""
        with self._lock:
            new = [lost - told for lost, told in zip(self.lost, self._told, strict=True)]
            self._told = list(self.lost)
            return new

    @contextlib.contextmanager
    def memory(self) -> Iterator[Memory]:
        """The memory, for a shipper in this process."""
        with self._lock:
            yield self._memory

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """No append while this is held (a fork must not copy one half done); goes on after a second all the same."""
        taken = self._lock.acquire(timeout=1.0)
        try:
            yield
        finally:
            if taken:
                self._lock.release()

    def _has_written(self, size: int) -> None:
        self._size += size
        self._share -= size
        if self._size >= self._max_file_bytes or len(self._sources) >= _SOURCES_AT_MOST:
            self._close()

    def _write(self, signal: Signal, source: bytes, body: bytes, now: float) -> bool:
        if now < self._disk_retry_at:
            return False
        for _ in range(2):  # EFBIG: the next file has room again
            if self._fd < 0 and not self._open(now):
                return False
            number = self._sources.get(source)
            at = time_ns()
            if number is None:
                number = len(self._sources)
                data = pack(KIND_SOURCE, number, source, at) + pack(KIND_SIGNAL + signal, number, body, at)
            else:
                data = pack(KIND_SIGNAL + signal, number, body, at)
            if self._write_whole(data, now):
                self._sources[source] = number
                self._has_written(len(data))
                return True
            if now < self._disk_retry_at:
                return False
        return False

    def _write_whole(self, data: bytes, now: float) -> bool:
        """One write; half a record is taken back. The file is given up where it fails."""
        try:
            written = os.write(self._fd, data)
            if written == len(data):
                return True
            # by the file's own end, not by what we have counted: an exception may have struck between the two
            os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_END) - written)
            reason = OSError(errno.ENOSPC, "the disk took half a record")
        except OSError as error:
            reason = error
        was_used = self._size > 0
        self._close()
        if reason.errno != errno.EFBIG or not was_used:
            self._disk_failed(reason, now)
        return False

    def _open(self, now: float) -> bool:
        if self._folder is None:
            self._disk_failed(OSError(errno.EROFS, "no folder to write to"), now)
            return False
        for _ in range(2):  # the holder of a folder may remove it, empty, in the moment before
            self._made += 1
            final = self._folder.path / f"{self._pid}-{self._life}-{self._made:06d}{SUFFIX}"
            new = final.with_name(final.name + NEW)
            fd = -1
            try:
                # locked before it has its name, so that nobody ever sees it as a file without a writer
                fd = held_files.open_held(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
                new.rename(final)
            except FileNotFoundError:
                held_files.close(fd)
                with contextlib.suppress(OSError):
                    self._folder.make()
            except OSError as error:
                held_files.close(fd)
                self._disk_failed(error, now)
                return False
            else:
                self._fd, self._size = fd, 0
                self._sources = {}
                return True
        self._disk_failed(OSError(errno.ENOENT, "the folder cannot be made"), now)
        return False

    def _close(self) -> None:
        held_files.close(self._fd)
        self._fd = -1
        self._size = 0
        self._sources = {}

    def _check(self, now: float) -> None:
        """Once a second: our file may have been deleted or closed under us, and a loss may be due to be told."""
        self._checked_at = now
        if self._fd >= 0 and held_files.is_lost(self._fd):
            self._close()
        if now >= self._full_until:
            self._tell_loss()

    def _tell_loss(self) -> None:
        """A loss record, for whoever ships this file; it is kept even over the bound, being 46 bytes."""
        if self._told == self.lost:
            return
        new = [lost - told for lost, told in zip(self.lost, self._told, strict=True)]
        now, body = monotonic(), pack_loss(new)
        written = (self._fd >= 0 or self._open(now)) and self._write_whole(
            pack(KIND_LOSS, 0, body, time_ns()), now
        )
        if written or (self._uplink is not None and self._uplink.send(KIND_LOSS, b"", body)):
            self._told = list(self.lost)

    def _get_share(self, needed: int, now: float) -> bool:
        if self._space is None:  # memory has a bound of its own
            return True
        if now < self._full_until:
            return False
        share = min(_NEXT_SHARE, self._space.max_bytes // _PARTS) if self._size else _FIRST_SHARE
        wanted = max(needed + 1_024, share)
        self._share += self._space.share(wanted)
        if self._share >= needed:
            return True
        self._full_until = now + DISK_RETRY_S
        self._warn("the outbox holds as much as it may: new telemetry is counted and dropped")
        return False

    def _empty_memory(self, now: float, *, even_now: bool = False) -> bool:
        """Whether nothing is left in memory."""
        if even_now:
            self._disk_retry_at = 0.0
        while (first := self._memory.first()) is not None:
            if not (self._write(*first, now) or self._send(*first)):
                return False
            self._memory.drop_first(first[0])
        return self._uplink is None or self._uplink.finish()

    def _send(self, signal: Signal, source: bytes, body: bytes) -> bool:
        return self._uplink is not None and self._uplink.send(KIND_SIGNAL + signal, source, body)

    def _has_uplink(self) -> bool:
        return self._uplink is not None and self._uplink.is_open

    def _remember(self, signal: Signal, source: bytes, body: bytes) -> bool:
        kept = self._memory.add(signal, source, body)
        if self._has_uplink() and not self._carrying:
            self._carrying = True
            try:
                real_thread.start(self._carry)
            except RuntimeError:  # no more threads: the next record tries again
                self._carrying = False
        return kept or self._lose(signal)

    def _carry(self) -> None:
        """A thread, while there is something in memory that the pipe had no room for: there may be no next record."""
        pid, pause = self._pid, real_thread.Flag()
        try:
            while self._pid == pid:
                pause.wait(_CARRY_EVERY_S)
                with self._lock:
                    if self._empty_memory(monotonic()) or not self._has_uplink():
                        self._carrying = False
                        return
        except Exception as error:  # noqa: BLE001 - the last frame of a thread; the next record starts another
            self._carrying = False
            record_failure("carrying what the disk did not take", error)

    def _lose(self, signal: Signal) -> bool:
        self.lost[signal] += 1
        return False

    def _disk_failed(self, error: OSError, now: float) -> None:
        self._disk_retry_at = now + DISK_RETRY_S
        self._warn(f"the outbox cannot be written ({error.strerror}): telemetry is kept in memory, bounded")

    def _warn(self, text: str) -> None:
        """Once per process and cause: it would be the same line for every task."""
        if text not in self._warned:
            self._warned.add(text)
            logger.warning("%s (%s)", text, self._folder.path if self._folder else "no folder")
