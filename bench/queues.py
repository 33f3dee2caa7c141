"""What looking at queues costs the broker, and how long a purge takes. Goals stand beside what was measured.

A redis-server of its own is filled with messages as Celery writes them (about 1.2 KB each). Broker time is the
server's own processor time (``INFO cpu``). Run it with ``make bench-queues``; ``ARGS="--messages 100000"`` is quicker.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis

from otel_taskmon.app_names import AppNames
from otel_taskmon.broker import Reading, Wanted, connect
from otel_taskmon.broker.redis_broker import RedisBroker
from otel_taskmon.demo.broker import start_broker
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings
from tests.support.queued_messages import message, push

QUEUES, STEPS, SAMPLES = 50, 10, 200
SHARE = 10
"""One message in so many has the name that is purged."""


def broker_cpu_s(redis: Redis) -> float:
    info: Any = redis.info("cpu")
    return float(info["used_cpu_sys"]) + float(info["used_cpu_user"])


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def own_peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


def processors(redis: Redis, work: Callable[[], Any]) -> tuple[float, Any, str]:
    """Seconds, answer, and what broker and caller spent meanwhile, whatever else the machine does."""
    broker, own = broker_cpu_s(redis), own_cpu_s()
    taken, answer = timed(work)
    return taken, answer, f"{broker_cpu_s(redis) - broker:.2f} s, {own_cpu_s() - own:.2f} s"


def say(what: str, measured: str, goal: str) -> None:
    print(f"{what:<58} {measured:>22}   goal {goal}", flush=True)


def sampling(url: str, redis: Redis) -> None:
    broker = connect(url, {"priority_steps": list(range(STEPS))})
    queues = [f"queue{number}" for number in range(QUEUES)]
    for queue in queues:
        for step in range(STEPS):
            push(
                redis,
                queue if not step else f"{queue}\x06\x16{step}",
                [message("a.b", "x", queue=queue)] * 20,
            )
    for number in range(400):
        redis.hset("unacked", str(number), f'[{message("a.b", "x")}, "", "queue{number % QUEUES}"]')
    broker.depths(queues)
    before, own_before = broker_cpu_s(redis), own_cpu_s()
    taken, _ = timed(lambda: [broker.depths(queues) for _ in range(SAMPLES)])
    spent, own = broker_cpu_s(redis) - before, own_cpu_s() - own_before
    say(
        f"sample of {QUEUES} queues x {STEPS} priorities, 400 unacked: broker",
        f"{spent / SAMPLES * 1e3:.2f} ms",
        "5 ms",
    )
    say(
        "  the sampling worker's processor, every 10 s",
        f"{own / SAMPLES * 1e3:.1f} ms = {own / SAMPLES * 10:.2f} %",
        "1 %",
    )
    say("  wall", f"{taken / SAMPLES * 1e3:.1f} ms", "-")
    redis.flushall()
    redis.config_resetstat()


def waiting(broker: RedisBroker, messages: int) -> None:
    reading = Reading(PayloadEncoder(Settings()), AppNames().of)
    peak = own_peak_mb()
    times = sorted(
        timed(lambda: broker.waiting("celery", Wanted(), reading, rows=100, most=100_000))[0]
        for _ in range(20)
    )
    say(f"first page (100) of {messages:,} waiting, p95", f"{times[18] * 1e3:.1f} ms", "300 ms")
    deep, page = timed(
        lambda: broker.waiting("celery", Wanted(), reading, start=messages // 2, rows=100, most=100)
    )
    assert len(page.rows) == 100
    say("  a page in the middle", f"{deep * 1e3:.1f} ms", "-")
    sampled, counts = timed(lambda: broker.counts("celery", reading, most=100_000))
    say(f"counts by sampling ({counts.looked_at:,} read)", f"{sampled * 1e3:.0f} ms", "-")
    scan, page = timed(
        lambda: broker.waiting("celery", Wanted(app="nobody"), reading, rows=100, most=100_000)
    )
    say(f"a filter that nothing fits ({page.looked_at:,} read)", f"{scan:.1f} s", "-")
    say("memory of all that", f"{own_peak_mb():.0f} MB (before: {peak:.0f})", "100 MB")


def purging(broker: RedisBroker, redis: Redis, messages: int) -> None:
    counted, plan, spent = processors(
        redis, lambda: broker.plan("celery", Wanted(task="mails.tasks.doomed"), AppNames().of)
    )
    say(f"counting {plan.matching:,} of a name among {messages:,}", f"{counted:.2f} s", "-")
    say("  processor: broker, caller", spent, "-")
    longest = 0.0
    last = time.perf_counter()

    def progress(*_: int) -> None:
        nonlocal longest, last
        now = time.perf_counter()
        longest, last = max(longest, now - last), now

    one, plan_of_one = timed(lambda: broker.plan("celery", Wanted(task_id="id-000000007"), AppNames().of))
    purge_one, removed = timed(lambda: broker.purge(plan_of_one))
    assert removed == 1
    say("purging one by its id (counting + removing)", f"{one + purge_one:.2f} s", "-")
    last = time.perf_counter()
    taken, removed, spent = processors(redis, lambda: broker.purge(plan, progress))
    assert removed == plan.matching, (removed, plan.matching)
    assert redis.llen("celery") == messages - removed - 1
    say(f"purging {removed:,} by name among {messages:,}", f"{taken:.2f} s", "10 s")
    say("  processor: broker, caller", spent, "-")
    say("  longest step, waiting for a processor included", f"{longest * 1e3:.0f} ms", "-")
    whole, removed = timed(lambda: broker.purge(broker.plan("celery", Wanted(), AppNames().of)))
    say(f"purging all {removed:,}", f"{whole * 1e3:.1f} ms", "-")


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--messages", type=int, default=1_000_000)
    messages: int = given.parse_args().messages
    with tempfile.TemporaryDirectory() as folder:
        server = start_broker(Path(folder))
        try:
            redis = Redis.from_url(server.url)
            print(
                f"{server.program}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
                flush=True,
            )
            sampling(server.url, redis)
            names = ("shop.tasks.pay", "shop.tasks.ship", "office.tasks.report")
            push(
                redis,
                "celery",
                (
                    message(
                        "mails.tasks.doomed" if n % SHARE == 0 else names[n % 3], f"id-{n:09d}", [n, "x" * 40]
                    )
                    for n in range(messages)
                ),
            )
            broker = connect(server.url)
            assert isinstance(broker, RedisBroker)
            waiting(broker, messages)
            purging(broker, redis, messages)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
