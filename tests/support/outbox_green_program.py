"""``python -m tests.support.outbox_green_program gevent|eventlet <directory>``: an outbox among green threads."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path


def main() -> None:
    kind, directory = sys.argv[1:]
    if kind == "gevent":
        importlib.import_module("gevent.monkey").patch_all()
    else:
        importlib.import_module("eventlet").monkey_patch()

    import threading  # green from here on

    from otel_taskmon.outbox import Outbox
    from tests.support.outbox_records import Telemetry, numbered

    outbox = Outbox.for_process(directory=Path(directory), every_s=0.1)
    telemetry = Telemetry(outbox)
    outbox.start_shipping(at_exit_s=None)
    threads = [threading.Thread(target=telemetry.spans, args=(numbered(f"g{n}", 10),)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # no green thread gets a turn from here on
    deadline = time.monotonic() + 10
    while outbox.shipped()["traces"] < 1_000 and time.monotonic() < deadline:
        pass
    print("shipped", outbox.shipped()["traces"], "empty", outbox.stop(2.0), flush=True)


if __name__ == "__main__":
    main()
