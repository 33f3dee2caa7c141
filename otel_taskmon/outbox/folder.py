"""One folder per boot: its name, who owns it, and the lock that says who ships it.

``<root>/<host>-<pid>-<boot>/`` (mode 0700) holds one data file per process and 4 MB, a position beside each that has
been shipped in part, and ``owner``. Whoever holds the lock on ``owner`` ships the folder and deletes from it, and
nobody else does.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from otel_taskmon.outbox import held_files
from otel_taskmon.outbox.location import REJECTED
from otel_taskmon.outbox.record import SUFFIX

OWNER: Final = "owner"
NEW: Final = ".new"
"""Suffix of a data file that its writer has not locked yet."""
POSITION: Final = ".pos"
_ORPHANED_S: Final = 60.0
_MACHINE: Final = Path("/proc/sys/kernel/random/boot_id")


def this_host() -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", socket.gethostname()) or "host"


def this_machine() -> str:
    """The kernel's own boot id, which containers on one machine share; "" where there is none."""
    with contextlib.suppress(OSError):
        return _MACHINE.read_text().strip()
    return ""


@dataclass(frozen=True)
class BootFolder:
    """A folder by its path; the file system is asked each time."""

    path: Path

    @classmethod
    def of(cls, root: Path, boot: str) -> BootFolder:
        """The folder of this process for ``boot`` (letters and digits)."""
        return cls(root / f"{this_host()}-{os.getpid()}-{boot}")

    @property
    def boot(self) -> str:
        return self.path.name.rpartition("-")[2]

    @property
    def owner(self) -> Path:
        return self.path / OWNER

    def make(self) -> None:
        """Make it, with what others need to know about it. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), self.owner.open("xb") as out:
            out.write(self._about())

    def claim(self) -> int | None:
        """Make it and ship it, from the moment it can be seen: as ``hold``. Raises OSError where it cannot be made."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.owner.exists():
            return self.hold()
        new = self.path / f"{OWNER}.{os.getpid()}{NEW}"
        fd = held_files.open_held(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(fd, self._about())
            self.owner.hardlink_to(new)
        except FileExistsError:  # a pool process was first
            held_files.close(fd)
            return self.hold()
        except BaseException:
            held_files.close(fd)
            raise
        finally:
            new.unlink(missing_ok=True)
        return fd

    def _about(self) -> bytes:
        about = {"host": this_host(), "machine": this_machine(), "boot": self.boot, "pid": os.getpid()}
        return json.dumps(about).encode()

    def is_of_this_host(self) -> bool:
        """A folder on a network disk may be another host's: locks need not reach it, so it is left alone."""
        about: Any = None
        with contextlib.suppress(OSError, ValueError):
            about = json.loads(self.owner.read_text())
        if not isinstance(about, dict):
            return self.path.name.startswith(f"{this_host()}-")
        machine = this_machine()
        return about.get("host") == this_host() or (machine != "" and about.get("machine") == machine)

    def hold(self) -> int | None:
        """Become the one that ships it: the descriptor that keeps the lock, or None when somebody else is.

        A folder without an owner is being made; after a minute it was being made by a process that died.
        """
        with contextlib.suppress(OSError):
            orphaned = not self.owner.exists() and time.time() - self.path.stat().st_mtime > _ORPHANED_S
            return held_files.open_held(self.owner, os.O_RDWR | (os.O_CREAT if orphaned else 0))
        return None

    def data_files(self) -> list[str]:
        """Names of the data files of our version, oldest of each process first; empty when the folder is gone."""
        try:
            return sorted(path.name for path in self.path.iterdir() if path.name.endswith(SUFFIX))
        except OSError:
            return []

    def remove_if_empty(self) -> bool:
        """Delete it with all that belongs to files that are gone; only for the holder. False when something is left."""
        try:
            names = {path.name for path in self.path.iterdir()}
        except FileNotFoundError:
            return True
        except OSError:
            return False
        for name in names:
            path = self.path / name
            if (name.endswith(POSITION) and name.removesuffix(POSITION) not in names) or (
                name.endswith(NEW) and not held_files.is_held(path)
            ):
                path.unlink(missing_ok=True)
            elif name != OWNER:
                return False
        self.owner.unlink(missing_ok=True)
        try:
            self.path.rmdir()
        except OSError as error:  # a writer came back in this moment: the next holder finds its file
            return error.errno == errno.ENOENT
        return True


def folders(root: Path) -> list[BootFolder]:
    """All boot folders under ``root``; empty when the root is gone."""
    try:
        with os.scandir(root) as entries:
            found = [e.name for e in entries if e.name != REJECTED and e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [BootFolder(root / name) for name in sorted(found)]
