"""No collector for a while, and no disk: what was executed meanwhile is there afterwards."""

from __future__ import annotations

import os
import subprocess
import threading
from functools import partial

from tests.truth.cell import OURS, Cell
from tests.truth.collector import Collector, Mode
from tests.truth.ends import COUNT, End

_PARTS = 5
DISK_KIB = 256


def out_of_order(mode: Mode, cell: Cell) -> None:
    """Fifty executions, spread over the time in which the collector does not do its work; then it does."""
    collector = cell.closing.enter_context(Collector(cell.store.otlp_url, mode))
    cell.otlp_url = collector.url
    worker = cell.worker()
    pause = threading.Event()
    for part in range(1, _PARTS + 1):
        cell.ticks(COUNT // _PARTS)
        cell.wait_for(worker, ended=part * COUNT // _PARTS)
        pause.wait(cell.minutes * 60 / _PARTS)  # the outage itself, not a wait for something
    collector.set("works")
    cell.lasting = True


def disk_full(cell: Cell) -> None:
    _mount(cell, f"size={DISK_KIB}k,mode=0700")
    with (cell.outbox / "everything").open("wb", buffering=0) as file:
        block = bytes(4096)
        try:
            while True:
                file.write(block)
        except OSError:  # that is what is wanted: full
            pass
    _fifty_on_that_disk(cell)


def disk_read_only(cell: Cell) -> None:
    _mount(cell, "ro,size=64k")
    _fifty_on_that_disk(cell)


def _fifty_on_that_disk(cell: Cell) -> None:
    worker = cell.worker()
    cell.ticks(COUNT)
    cell.wait_for(worker, ended=COUNT)
    worker.stop()


def _mount(cell: Cell, options: str) -> None:
    cell.outbox.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "taskmon-truth", str(cell.outbox)]
    subprocess.run(command, check=True, capture_output=True)
    cell.closing.callback(subprocess.run, ["umount", "--lazy", str(cell.outbox)], check=False)


OUTAGES: tuple[End, ...] = (
    End("collector refuses", partial(out_of_order, "refuses")),
    End("collector hangs", partial(out_of_order, "hangs")),
    End("collector answers 500", partial(out_of_order, "answers 500")),
    End("collector is slow", partial(out_of_order, "is slow")),
)
DISKS: tuple[End, ...] = (
    End("outbox on a full disk", disk_full, kinds=(OURS,)),
    End("outbox on a read-only disk", disk_read_only, kinds=(OURS,)),
)


def can_mount() -> bool:
    """Only root may make the disks that these need."""
    return os.geteuid() == 0
