"""A store that is full of generated tasks, in a folder that may be kept, so that several benches share one load.

A kept folder holds ``loaded.json`` beside the store's data: what was asked of the generator and how far it came. The
same request finds it as it was left, or goes on where a load was cut off; another request is refused, and nothing is
deleted. All ranges of a bench end where the tasks end, so a folder of yesterday answers as it did then.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.generate import (
    HERE,
    LOAD_SECONDS,
    Generated,
    load,
    load_queue_samples,
    merge,
    settle,
    sizes,
)
from otel_taskmon.queries.connection import connect
from tests.support.store import READY, Store, start_store

_MANIFEST: Final = "loaded.json"


@dataclass(frozen=True)
class Loaded:
    """A running store with its tasks; ``end`` is just after the newest."""

    store: Store
    tasks: int
    days: int
    end: datetime

    @property
    def day(self) -> datetime:
        """Begin of the last day, with a little before it where the day is all there is."""
        return self.end - timedelta(days=1, minutes=5 if self.days == 1 else 0)

    @property
    def beginning(self) -> datetime:
        """Before everything."""
        return self.end - timedelta(days=self.days, hours=1)


@dataclass
class _Manifest:
    generator: str
    tasks: int
    days: int
    raw: bool
    end_ns: int
    loaded: int = 0
    seconds: float = 0.0

    def asks_the_same(self, other: _Manifest) -> bool:
        return (self.generator, self.tasks, self.days, self.raw) == (
            other.generator,
            other.tasks,
            other.days,
            other.raw,
        )

    def described(self) -> str:
        raw = "with" if self.raw else "without"
        return f"{self.tasks:,} tasks over {self.days} days {raw} raw spans, generator {self.generator}"


@contextmanager
def loaded_store(
    tasks: int, *, days: int = 1, raw: bool = True, data_dir: Path | None = None
) -> Iterator[Loaded]:
    """A store with these tasks, which ends with the block; ``data_dir`` is kept, without it a temporary folder goes.

    ``raw``: with the spans that the tasks came from. Ends the program where ``data_dir`` holds something else.
    """
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _filled(data_dir, tasks, days, raw) as loaded:
            yield loaded
        return
    with (
        tempfile.TemporaryDirectory(prefix="taskmon-bench-") as folder,
        _filled(Path(folder), tasks, days, raw) as loaded,
    ):
        yield loaded


@contextmanager
def _filled(folder: Path, tasks: int, days: int, raw: bool) -> Iterator[Loaded]:
    manifest = _manifest(folder, _Manifest(_generator(), tasks, days, raw, time.time_ns()))
    with _started(folder) as store:
        with connect(store.url, "admin", store.admin_password, read_seconds=LOAD_SECONDS) as admin:
            if manifest.loaded < tasks:
                _load(store, folder, manifest)
                load_queue_samples(admin, days, manifest.end_ns)
            else:
                print(f"found {manifest.described()}, loaded in {manifest.seconds:.0f} s")
            merge(admin)
            print(settle(admin))
            for table, rows, size in sizes(admin)[:6]:
                print(f"  {table:<28}{rows:>12,} rows {size / 1e6:>9.1f} MB")
        yield Loaded(
            store, tasks, days, datetime.fromtimestamp(manifest.end_ns / 1e9, UTC) + timedelta(minutes=1)
        )


@contextmanager
def _started(folder: Path) -> Iterator[Store]:
    """A store on the folder's data; new migrations of millions of rows may take it minutes."""
    log = folder / "store.log"
    log.unlink(missing_ok=True)  # it says of an earlier start that the store is ready
    store = start_store(folder / "data", log, wait=False)
    try:
        store.child.wait_for_output(READY, timeout=LOAD_SECONDS)
        yield store
    finally:
        store.child.stop()


def _load(store: Store, folder: Path, manifest: _Manifest) -> None:
    wanted = Generated(manifest.tasks, manifest.days, manifest.end_ns)
    before_s, began = manifest.seconds, time.perf_counter()
    for done in load(store, wanted, first=manifest.loaded, raw=manifest.raw):
        manifest.loaded, manifest.seconds = done, before_s + time.perf_counter() - began
        _write(folder, manifest)
    print(f"{manifest.described()}: loaded in {manifest.seconds:.0f} s")


def _manifest(folder: Path, asked: _Manifest) -> _Manifest:
    """What the folder holds, or ``asked`` for a new one."""
    path = folder / _MANIFEST
    if not path.exists():
        if any(folder.iterdir()):
            raise SystemExit(f"{folder} is not empty and holds no {_MANIFEST}: give another folder")
        return asked
    found = _Manifest(**json.loads(path.read_text(encoding="utf-8")))
    if not found.asks_the_same(asked):
        raise SystemExit(
            f"{folder} holds {found.described()}, not {asked.described()}: give another folder or delete it"
        )
    return found


def _write(folder: Path, manifest: _Manifest) -> None:
    part = folder / f"{_MANIFEST}.part"
    part.write_text(json.dumps(asdict(manifest)), encoding="utf-8")
    part.replace(folder / _MANIFEST)


def _generator() -> str:
    """Changes with the generator."""
    return hashlib.sha256((HERE / "generate.sql").read_bytes()).hexdigest()[:12]
