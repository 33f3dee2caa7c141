"""Every history, by its title: together they are what a state means."""

from __future__ import annotations

from dataclasses import replace

from tests.support.histories import (
    Execution,
    History,
    Told,
    beat,
    ended,
    offline,
    online,
    published,
    ran,
    received,
    started,
)

DAYS = 86_400.0
ONE = Execution()
AGAIN = Execution("2", received=100, redelivered=True)
"""The broker delivered the same message once more."""
ELSEWHERE = replace(AGAIN, worker="b")
RETRIED = Execution("2", received=20, retries=1)
RETRIED_ELSEWHERE = replace(RETRIED, worker="b")
WORKER_GONE = "worker gone"
COMES_BACK = "worker gone, the broker delivers it again"
KILLED = "pool process ended: signal 9 (SIGKILL)"

RUNNING: list[Told] = [published(), online(-60), received(ONE), started(2, ONE)]
SUCCEEDED: list[Told] = [published(), *ran("SUCCESS", 2, 3, ONE)]
ASKED_FOR_RETRY: list[Told] = [
    published(),
    *ran("RETRY", 2, 3, ONE, reason="flaky", exception="shop.Flaky"),
]
RETRY_PUBLISHED: list[Told] = [*ASKED_FOR_RETRY, published(3, retries=1)]
POOL_PROCESS_KILLED: list[Told] = [
    *RUNNING,
    ended("LOST", 2, 3, ONE, main=True, reason=KILLED, exception="billiard.exceptions.WorkerLostError"),
]

BEFORE_A_WORKER = {
    "published": History("SENT", [published()]),
    "its eta is ahead": History("SCHEDULED", [published(eta=10 * DAYS)]),
    "its eta has passed and nobody took it": History("SENT", [published(eta=5)]),
    "could not be published": History(
        "FAILURE", [published(error="OSError")], reason="could not be published"
    ),
    "could not be published, then it could": History("SENT", [published(error="OSError"), published(0.5)]),
    "could not be published, then it could and was done": History(
        "SUCCESS", [published(error="OSError"), published(0.5), *ran("SUCCESS", 2, 3, ONE)], executions=1
    ),
}

HELD = {
    "received": History("RECEIVED", [published(), online(-60), received(ONE)]),
    "held until its eta": History(
        "RECEIVED", [published(eta=10 * DAYS), online(-60), received(replace(ONE, eta=10 * DAYS))]
    ),
    "held by a worker that goes on, which runs other things": History(
        "RECEIVED", [published(), received(ONE), beat(5, "other"), beat(7205, "other"), beat(14405, "other")]
    ),
    "taken ahead by a worker that is gone": History(
        "RECEIVED", [published(), online(-60), received(ONE), beat(5)], reason=COMES_BACK, gone="a"
    ),
    "taken ahead by a worker that went": History(
        "RECEIVED", [published(), online(-60), received(ONE), offline(5)], reason=COMES_BACK, gone="a"
    ),
}

RUN = {
    "started": History("STARTED", RUNNING),
    "runs for hours and blocks its worker, whose heart beats on": History(
        "STARTED", [*RUNNING, beat(5, "1"), beat(7205, "1"), beat(14405, "1")]
    ),
    "heartbeat late, but alive": History("STARTED", [*RUNNING, beat(5, "1"), beat(18000, "1")]),
    "succeeded": History("SUCCESS", SUCCEEDED, executions=1),
    "succeeded, then its worker went": History(
        "SUCCESS", [online(-60), *SUCCEEDED, offline(9)], executions=1, gone="a"
    ),
    "succeeded, then its worker was killed": History(
        "SUCCESS", [online(-60), *SUCCEEDED, beat(9)], executions=1, gone="a"
    ),
    "its start is told after its end": History(
        "SUCCESS", [published(), received(ONE), ended("SUCCESS", 2, 3, ONE), started(9, ONE)], executions=1
    ),
    "failed": History(
        "FAILURE", [published(), *ran("FAILURE", 2, 3, ONE, exception="ValueError")], executions=1
    ),
    "failed as it declares": History(
        "FAILURE",
        [published(), *ran("FAILURE", 2, 3, ONE, exception="shop.Expected", expected=True)],
        executions=1,
        is_error=False,
    ),
    "ignored": History("IGNORED", [published(), *ran("IGNORED", 2, 3, ONE)], executions=1),
    "published by a program without us": History(
        "SUCCESS", ran("SUCCESS", 2, 3, ONE), executions=1, stamped=False
    ),
}

RETRIES = {
    "its retry is not published yet": History("RETRY", ASKED_FOR_RETRY, executions=1, reason="flaky"),
    "waits for its retry": History("SENT", RETRY_PUBLISHED, executions=1, retries=1),
    "waits for the time of its retry": History(
        "SCHEDULED", [*ASKED_FOR_RETRY, published(3, retries=1, eta=10 * DAYS)], executions=1, retries=1
    ),
    "its retry could not be published": History(
        "FAILURE",
        [*ASKED_FOR_RETRY, published(3, retries=1, error="OSError")],
        executions=1,
        retries=1,
        reason="could not be published",
    ),
    "waits for its retry, and the worker is gone": History(
        "SENT", [online(-60), *RETRY_PUBLISHED, beat(9)], executions=1, retries=1, gone="a"
    ),
    "recovered": History(
        "SUCCESS", [*RETRY_PUBLISHED, *ran("SUCCESS", 21, 22, RETRIED)], executions=2, retries=1
    ),
    "retried on another worker": History(
        "SUCCESS",
        [*RETRY_PUBLISHED, *ran("SUCCESS", 21, 22, RETRIED_ELSEWHERE)],
        executions=2,
        retries=1,
    ),
    "retried on a worker whose clock is an hour behind": History(
        "SUCCESS",
        [*RETRY_PUBLISHED, *ran("SUCCESS", 21, 22, RETRIED_ELSEWHERE)],
        executions=2,
        retries=1,
        clocks={"b": -3600},
    ),
    "failed after its last retry": History(
        "FAILURE",
        [
            *RETRY_PUBLISHED,
            *ran("RETRY", 21, 22, RETRIED, reason="flaky", exception="shop.Flaky"),
            published(22, retries=2),
            *ran("FAILURE", 41, 42, Execution("3", received=40, retries=2), exception="shop.Flaky"),
        ],
        executions=3,
        retries=2,
    ),
    "revoked while it waited for its retry": History(
        "REVOKED",
        [
            *RETRY_PUBLISHED,
            received(RETRIED),
            ended("REVOKED", None, 21, RETRIED, main=True, reason="revoked"),
        ],
        executions=2,
        retries=1,
        reason="revoked",
    ),
    "expired after a retry": History(
        "EXPIRED",
        [
            *ASKED_FOR_RETRY,
            published(3, retries=1, expires=10),
            ended("EXPIRED", None, 21, replace(RETRIED, expires=10), main=True, reason="expired"),
        ],
        executions=2,
        retries=1,
        reason="expired",
    ),
    "its retry runs on a worker that is gone": History(
        "LOST",
        [*RETRY_PUBLISHED, online(-60, "b"), received(RETRIED_ELSEWHERE), started(21, RETRIED_ELSEWHERE)],
        executions=1,
        retries=1,
        reason=WORKER_GONE,
        gone="b",
    ),
}

TOLD_BY_THE_MAIN_PROCESS = {
    "expired before it started": History(
        "EXPIRED",
        [published(expires=5), ended("EXPIRED", None, 8, ONE, main=True, reason="expired")],
        executions=1,
        reason="expired",
    ),
    "terminated while it ran": History(
        "REVOKED",
        [*RUNNING, ended("REVOKED", 2, 5, ONE, main=True, reason="terminated by SIGTERM")],
        executions=1,
        reason="terminated by SIGTERM",
    ),
    "terminated, and the pool process told that it was torn": History(
        "REVOKED",
        [
            *RUNNING,
            ended("", 2, 5, ONE, torn=True),
            ended("REVOKED", 2, 5, ONE, main=True, reason="terminated by SIGTERM"),
        ],
        executions=1,
        reason="terminated by SIGTERM",
    ),
    "hard limit, and the pool process had just ended it": History(
        "FAILURE",
        [
            *RUNNING,
            ended("SUCCESS", 2.1, 4, ONE),
            ended("FAILURE", 2, 4, ONE, main=True, reason="hard time limit (2 s) exceeded"),
        ],
        executions=1,
        reason="hard time limit (2 s) exceeded",
    ),
    "not known to the worker": History(
        "REJECTED",
        [
            published(),
            ended("REJECTED", None, 1, ONE, main=True, reason="the task is not registered on this worker"),
        ],
        executions=1,
        reason="the task is not registered on this worker",
    ),
    "pool process killed": History("LOST", POOL_PROCESS_KILLED, executions=1, reason=KILLED),
    "pool process killed, delivered again and done": History(
        "SUCCESS", [*POOL_PROCESS_KILLED, *ran("SUCCESS", 101, 102, AGAIN)], executions=2
    ),
    "pool process killed, delivered again and running": History(
        "STARTED", [*POOL_PROCESS_KILLED, received(AGAIN), started(101, AGAIN)], executions=1
    ),
    "cold shutdown": History(
        "LOST",
        [*RUNNING, ended("LOST", 2, 5, ONE, main=True, reason="worker shut down"), offline(5.1)],
        executions=1,
        reason="worker shut down",
        gone="a",
    ),
    "cold shutdown, delivered again and done": History(
        "SUCCESS",
        [
            *RUNNING,
            ended("LOST", 2, 5, ONE, main=True, reason="worker shut down"),
            offline(5.1),
            *ran("SUCCESS", 101, 102, ELSEWHERE),
        ],
        executions=2,
        gone="a",
    ),
    "requeued by reject": History(
        "RECEIVED",
        [published(), *ran("REJECTED", 2, 3, ONE, reason="busy"), online(-60), received(AGAIN)],
        executions=1,
    ),
    "requeued by reject, then done": History(
        "SUCCESS",
        [published(), *ran("REJECTED", 2, 3, ONE, reason="busy"), *ran("SUCCESS", 101, 102, AGAIN)],
        executions=2,
    ),
}

WORKERS_GONE = {
    "worker killed before its first heartbeat": History("LOST", RUNNING, reason=WORKER_GONE, gone="a"),
    "worker killed, its last heartbeat has it": History(
        "LOST", [*RUNNING, beat(5, "1"), beat(15, "1")], reason=WORKER_GONE, gone="a"
    ),
    "worker killed, its clock an hour ahead": History(
        "LOST", [*RUNNING, beat(5, "1")], reason=WORKER_GONE, gone="a", clocks={"a": 3600}
    ),
    "worker went and told no end": History("LOST", [*RUNNING, offline(5)], reason=WORKER_GONE, gone="a"),
    "worker went, the end came late": History(
        "SUCCESS", [*RUNNING, offline(5), ended("SUCCESS", 2, 4, ONE)], executions=1, gone="a"
    ),
    "worker started again under the same name": History(
        "LOST",
        [*RUNNING, beat(5, "1"), online(20, "a2"), beat(25, worker="a2"), beat(7225, worker="a2")],
        reason=WORKER_GONE,
        gone="a",
    ),
    "worker started again under the same name, and the task came again": History(
        "STARTED",
        [
            *RUNNING,
            online(20, "a2"),
            received(replace(AGAIN, worker="a2")),
            started(101, replace(AGAIN, worker="a2")),
            beat(105, "2", worker="a2"),
        ],
        gone="a",
    ),
    "worker gone, delivered again and held": History(
        "RECEIVED", [*RUNNING, online(50, "b"), received(ELSEWHERE)], gone="a"
    ),
    "worker gone, delivered again and running": History(
        "STARTED", [*RUNNING, online(50, "b"), received(ELSEWHERE), started(101, ELSEWHERE)], gone="a"
    ),
    "worker gone, delivered again and done": History(
        "SUCCESS", [*RUNNING, *ran("SUCCESS", 101, 102, ELSEWHERE)], executions=1, gone="a"
    ),
    "worker gone, delivered again, and that one is gone too": History(
        "LOST",
        [*RUNNING, online(50, "b"), received(ELSEWHERE), started(101, ELSEWHERE), beat(105, "2", worker="b")],
        reason=WORKER_GONE,
        gone="a b",
    ),
    "left out by a worker that goes on": History(
        "LOST", [*RUNNING, beat(5, "1"), beat(7205), beat(14405)], reason=WORKER_GONE
    ),
    "left out by a worker that goes on, whose clock is behind": History(
        "LOST", [*RUNNING, beat(7205), beat(14405)], reason=WORKER_GONE, clocks={"a": -1800}
    ),
    "left out by a worker that goes on, the end came late": History(
        "SUCCESS", [*RUNNING, beat(7205), beat(14405), ended("SUCCESS", 2, 3, ONE)], executions=1
    ),
    "left out by the newest heartbeat only, so its end may be on its way": History(
        "STARTED", [*RUNNING, beat(5, "1"), beat(7205)]
    ),
    "began after the heartbeat that leaves it out": History(
        "STARTED", [published(), beat(1.999), received(ONE), started(2, ONE), beat(7201.999)]
    ),
    "left out by lists that were cut": History(
        "STARTED",
        [*RUNNING, beat(5, "other", count=900), beat(7205, "other", count=900), beat(14405, count=900)],
    ),
    "left out by lists that were cut, of a worker that is gone": History(
        "LOST", [*RUNNING, beat(5, "other", count=900)], reason=WORKER_GONE, gone="a"
    ),
    "another worker with the same boot id leaves it out, the other way round": History(
        "STARTED",
        [
            published(),
            received(replace(ONE, worker="b")),
            started(2, replace(ONE, worker="b")),
            beat(5, "1", worker="b"),
            *(beat(at) for at in (7205, 14405, 21605)),
        ],
        shared_boot=True,
    ),
    "another worker with the same boot id leaves it out": History(
        "STARTED",
        [*RUNNING, beat(5, "1"), beat(7205, worker="b"), beat(14405, worker="b"), beat(21605, worker="b")],
        shared_boot=True,
    ),
}

TWO_AT_A_TIME = {
    "delivered again while the first still runs": History(
        "STARTED",
        [*RUNNING, received(ELSEWHERE), started(101, ELSEWHERE), beat(105, "1"), beat(105, "2", worker="b")],
    ),
    "delivered again while the first still ran, which is done now": History(
        "STARTED",
        [
            *RUNNING,
            online(50, "b"),
            received(ELSEWHERE),
            started(101, ELSEWHERE),
            ended("SUCCESS", 2, 150, ONE),
        ],
        executions=1,
    ),
    "delivered again while the first still ran, both ended": History(
        "FAILURE",
        [
            *RUNNING,
            *ran("FAILURE", 101, 102, ELSEWHERE, exception="ValueError"),
            ended("SUCCESS", 2, 150, ONE),
        ],
        executions=2,
    ),
}

CLOCKS = {
    "worker's clock an hour ahead": History("SUCCESS", SUCCEEDED, executions=1, clocks={"a": 3600}),
    "worker's clock an hour behind": History("SUCCESS", SUCCEEDED, executions=1, clocks={"a": -3600}),
    "runs on a worker whose clock is an hour behind": History(
        "STARTED", [*RUNNING, beat(5, "1")], clocks={"a": -3600}
    ),
    "runs on a worker whose clock is an hour ahead": History(
        "STARTED", [*RUNNING, beat(5, "1")], clocks={"a": 3600}
    ),
}

HISTORIES: dict[str, History] = {
    **BEFORE_A_WORKER,
    **HELD,
    **RUN,
    **RETRIES,
    **TOLD_BY_THE_MAIN_PROCESS,
    **WORKERS_GONE,
    **TWO_AT_A_TIME,
    **CLOCKS,
}
