"""Where the outbox is on disk."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

REJECTED = "rejected"
"""Folder under the root for records that a server called bad."""


def find_root(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The root folder, made with mode 0700 where it is missing; None when there is no place to write.

    ``given`` is used or nothing. Else the first that works of: ``$XDG_STATE_HOME/taskmon/outbox``, the temp folder,
    ``/dev/shm`` (containers with a read-only root have it).
    """
    for path, shared in [(given, False)] if given is not None else _candidates(environ):
        with contextlib.suppress(OSError):
            root = path.absolute()  # a task may change the folder that the process is in
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(root, os.W_OK | os.X_OK) and (not shared or _is_ours_alone(root)):
                return root
    return None


def existing_root(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The root folder that ``find_root`` has made before; makes nothing. None when there is none."""
    for path, shared in [(given, False)] if given is not None else _candidates(environ):
        with contextlib.suppress(OSError):
            root = path.absolute()
            if root.is_dir() and os.access(root, os.R_OK | os.X_OK) and (not shared or _is_ours_alone(root)):
                return root
    return None


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    if state := environ.get("XDG_STATE_HOME"):
        yield Path(state) / "taskmon" / "outbox", False
    name = f"taskmon-outbox-{os.geteuid()}"
    for shared in (environ.get("TMPDIR"), "/tmp", "/dev/shm"):  # noqa: S108 - checked to be ours alone
        if shared:
            yield Path(shared) / name, True


def _is_ours_alone(path: Path) -> bool:
    """In a folder that all may write to, somebody else may have made ours, or a link in its place."""
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
