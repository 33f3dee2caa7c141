"""The demo's publisher: ``python -m otel_taskmon.demo.publisher [--once]``.

Without ``--once`` it goes on until SIGINT or SIGTERM, with a burst at the start and about once a minute.
"""

from __future__ import annotations

import random
import signal
import sys
import time

from otel_taskmon.demo import load
from otel_taskmon.demo.shop import QUEUES, app

CANVAS_DEADLINE_S = 60.0
BURST_EVERY_S = 60.0
BACKLOG_LIMIT = 400
"""Messages waiting at which we stop publishing for a while: a demo left alone must not fill its broker."""


def main() -> int:
    return publish_once() if "--once" in sys.argv[1:] else publish_for_ever()


def publish_once() -> int:
    """Publish the fixed load; 0 once all its messages are published, those of its chains and chords included."""
    endings = load.fixed_load()
    print("load published, waiting for the ends of its chains and chords", flush=True)
    deadline = time.monotonic() + CANVAS_DEADLINE_S
    for ending in endings:
        ending.get(timeout=max(0.1, deadline - time.monotonic()), propagate=False)
    print("load complete", flush=True)
    return 0


def publish_for_ever() -> int:
    """Publish a varied load until a signal; 0."""
    asked_to_stop: list[int] = []  # not an Event: its lock is not safe to take in a signal handler
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: asked_to_stop.append(received))
    dice = random.Random()
    # The fixed load first, so that there is one of everything to look at within seconds.
    load.fixed_load()
    print("first burst published", flush=True)
    next_burst = time.monotonic() + BURST_EVERY_S
    while not asked_to_stop:
        if waiting() > BACKLOG_LIMIT:
            time.sleep(1.0)
            continue
        if time.monotonic() >= next_burst:
            next_burst += BURST_EVERY_S * dice.uniform(0.5, 1.5)
            for _ in range(dice.randint(10, 40)):
                load.one_scene(dice)
        load.one_scene(dice)
        time.sleep(min(1.0, dice.expovariate(load.scenes_per_second())))
    print("publisher ends", flush=True)
    return 0


def waiting() -> int:
    """Messages that wait in the shop's queues, all priorities."""
    with app.pool.acquire(block=True) as connection:
        # Not passive: on Redis an empty queue does not exist, and asking passively would be an error.
        return sum(connection.default_channel.queue_declare(queue=queue).message_count for queue in QUEUES)


if __name__ == "__main__":
    sys.exit(main())
