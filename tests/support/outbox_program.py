"""Programs with an outbox, for tests that kill them: ``python -m tests.support.outbox_program <which> <directory> …``.

Each prints what it has done, a line a time. Where to ship to is said by OTEL_EXPORTER_OTLP_*.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from otel_taskmon.outbox import Outbox
from tests.support.outbox_records import Telemetry, numbered
from tests.support.waiting import wait_until


def main() -> None:
    which, directory, *rest = sys.argv[1:]
    outbox = Outbox.for_process(directory=Path(directory), every_s=0.1)
    PROGRAMS[which](outbox, *rest)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def script(outbox: Outbox, name: str, count: str) -> None:
    """A publisher that ends at once."""
    outbox.start_shipping(lazily=True, in_forks=True)
    Telemetry(outbox).spans(numbered(name, int(count)))
    say("done")


def adopter(outbox: Outbox) -> None:
    """A publisher that lives on."""
    outbox.start_shipping(in_forks=True)
    say("ready")
    signal.pause()


def worker(outbox: Outbox, processes: str, count: str) -> None:
    """A main process that ships, and pool processes that finish ``count`` spans each and wait."""
    outbox.start_shipping(at_exit_s=None)
    telemetry = Telemetry(outbox)
    pids = []
    for number in range(int(processes)):
        pid = os.fork()
        if pid == 0:
            telemetry.spans(numbered(f"pool{number}", int(count)))
            say(f"pool{number} {os.getpid()} done")
            signal.pause()
        pids.append(pid)

    def end(*_: object) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        begin = time.monotonic()
        empty = outbox.stop(2.0)
        say(f"stopped in {time.monotonic() - begin:.2f} s, empty {empty}")
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    say("ready")
    while True:
        signal.pause()


def web(outbox: Outbox, processes: str, when: str = "") -> None:
    """A web server that forks after its publisher has begun to ship; a forked process forks once more.

    ``when`` "after-shipping": after the first record has arrived.
    """
    outbox.start_shipping(lazily=True, in_forks=True)
    telemetry = Telemetry(outbox)
    telemetry.spans(["parent"])
    if when:
        wait_until(lambda: outbox.shipped()["traces"] == 1, "the parent's first span")
    for number in range(int(processes)):
        if os.fork() == 0:
            telemetry.spans(numbered(f"web{number}", 5))
            if os.fork() == 0:
                telemetry.spans([f"grandchild{number}"])
                say(f"grandchild{number} done")
                os._exit(0)
            say(f"web{number} {os.getpid()} done")
            signal.pause()
    telemetry.spans(["parent again"])
    say("ready")
    signal.pause()


def task_that_forks(outbox: Outbox) -> None:
    """A pool process whose task forks; both write on."""
    outbox.start_shipping(at_exit_s=None)
    telemetry = Telemetry(outbox)
    if os.fork() == 0:
        telemetry.spans(["before"])
        if os.fork() == 0:
            telemetry.spans(["inside"])
            os._exit(0)
        os.wait()
        telemetry.spans(["after"])
        say("done")
        os._exit(0)
    signal.pause()


def limited(outbox: Outbox, file_bytes: str, count: str, size: str) -> None:
    """No file may grow beyond ``file_bytes``; tells how long the longest of its spans took."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_bytes), int(file_bytes)))
    outbox.start_shipping(lazily=True)
    telemetry = Telemetry(outbox)
    longest = 0.0
    for name in numbered("limited", int(count)):
        begin = time.monotonic()
        telemetry.spans([name], size=int(size))
        longest = max(longest, time.monotonic() - begin)
    say(f"longest {longest:.3f} s, lost {outbox.lost()}")
    signal.pause()


def writer(outbox: Outbox, name: str, count: str) -> None:
    """Only writes, and is killed with what it has."""
    Telemetry(outbox).spans(numbered(name, int(count)))
    say(f"done, lost {outbox.lost()['traces']}")
    os.kill(os.getpid(), signal.SIGKILL)


PROGRAMS: dict[str, Callable[..., None]] = {
    "script": script,
    "adopter": adopter,
    "worker": worker,
    "web": web,
    "task_that_forks": task_that_forks,
    "limited": limited,
    "writer": writer,
}

if __name__ == "__main__":
    main()
