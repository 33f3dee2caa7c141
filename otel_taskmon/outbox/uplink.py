"""The way of a forked process that only writes, when the disk takes nothing: a pipe to the process that ships.

What is in the pipe survives the death of who wrote it, and no library that sends is needed. One pipe per process, made
just before the fork; one writer, so that half a record is the writer's to finish. It holds 64 kB until it is needed,
then 1 MB where the system allows that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from otel_taskmon.outbox.fork_gate import OPENING
from otel_taskmon.outbox.limits import MAX_MEMORY_BYTES
from otel_taskmon.outbox.record import pack, scan

PIPE_BYTES: Final = 1 << 20
READ_AT_ONCE: Final = 256 << 10
_SET_SIZE: Final[int | None] = getattr(fcntl, "F_SETPIPE_SZ", None)
_LENGTH: Final = struct.Struct("<I")


class Sent(NamedTuple):
    """One record as it came out of a pipe; ``kind`` as in ``record``."""

    kind: int
    source: bytes
    body: bytes


class Uplink:
    """The writing end, in the forked process. Never blocks; its writer's lock covers it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""
        self._used = False

    def send(self, kind: int, source: bytes, body: bytes) -> bool:
        """Whether the record is on its way: in the pipe, or begun and kept here until :meth:`finish` writes the rest.

        ``source`` is a packed source. False when there is no room now, and for what is larger than memory may be.
        """
        if not self.finish() or len(body) > MAX_MEMORY_BYTES:
            return False
        data = pack(kind, 0, _LENGTH.pack(len(source)) + source + body, time.time_ns())
        written = self._write(data)
        self._rest = data[written:] if written else b""
        return written > 0

    def finish(self) -> bool:
        """Write what is left of a record begun; whether nothing is."""
        while self._rest:
            written = self._write(self._rest)
            if not written:
                return False
            self._rest = self._rest[written:]
        return True

    @property
    def is_open(self) -> bool:
        """False when the process that ships is gone."""
        return self._fd >= 0

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        self._rest = b""
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _write(self, data: bytes) -> int:
        if self._fd < 0:
            return 0
        if not self._used:
            self._used = True
            if _SET_SIZE is not None:
                with contextlib.suppress(OSError):  # the user has as many large pipes as one may have
                    fcntl.fcntl(self._fd, _SET_SIZE, PIPE_BYTES)
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError:  # nobody reads any more
            self.close()
            return 0


@dataclass
class _Inlet:
    """The reading end of one pipe."""

    fd: int
    held: bytearray = field(default_factory=bytearray)
    needs: int = 0
    """Bytes of the record at the front of ``held``, where that is known."""

    def read(self) -> tuple[list[Sent], bool]:
        """Records that are whole by now, and whether there was anything to read. Raises EOFError at the end."""
        try:
            data = os.read(self.fd, READ_AT_ONCE)
        except BlockingIOError:
            return [], False
        if not data:
            raise EOFError  # what is left of a record is of a process killed while it wrote: the rest never comes
        self.held += data
        if len(self.held) < self.needs:
            return [], True
        found = scan(bytes(self.held), 0, whole=True, finished=False)
        del self.held[: found.end]
        self.needs = found.needs
        return [_unpacked(record.kind, record.body) for record in found.records], True


class Inlets:
    """The reading ends of all processes forked from this one; read by one thread, the one that ships."""

    def __init__(self) -> None:
        self._inlets: list[_Inlet] = []
        self._offered: tuple[int, int] | None = None

    def offer(self) -> None:
        """Just before a fork. Without a pipe (no descriptors left) the new process has its memory alone."""
        with contextlib.suppress(OSError):
            self._offered = os.pipe()
            for fd in self._offered:
                os.set_blocking(fd, False)

    def forked(self) -> None:
        """In the process that forked: from now on read from the other one."""
        if self._offered is not None:
            (inner, outer), self._offered = self._offered, None
            os.close(outer)
            self._inlets.append(_Inlet(inner))

    def taken(self) -> Uplink | None:
        """In the forked process: its own way up. The reading ends, being the parent's, are closed."""
        offered, self._offered = self._offered, None
        for fd in (*(inlet.fd for inlet in self._inlets), *(offered[:1] if offered else ())):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._inlets.clear()
        return None if offered is None else Uplink(offered[1])

    def read(self, take: Callable[[Sent], object], has_room: Callable[[], bool]) -> None:
        """Hand over what has come, about 1 MB of each process and as long as there is room for more."""
        for inlet in list(self._inlets):
            for _ in range(PIPE_BYTES // READ_AT_ONCE):
                if not has_room():
                    return
                try:
                    records, more = inlet.read()
                except (EOFError, OSError):
                    with OPENING:  # a fork in between would close, over there, whatever gets this number next
                        self._inlets.remove(inlet)
                        os.close(inlet.fd)
                    break
                for record in records:
                    take(record)
                if not more:
                    break


def _unpacked(kind: int, body: bytes) -> Sent:
    (length,) = _LENGTH.unpack_from(body)
    return Sent(kind, body[_LENGTH.size : _LENGTH.size + length], body[_LENGTH.size + length :])
