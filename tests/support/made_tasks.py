"""240 tasks of every kind with the records that they leave, for tests that compare the queries with plain counting."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from otel_taskmon.queries.model import TaskFilter
from tests.support.stored_tasks import Record, at, run, send


@dataclass(frozen=True)
class Made:
    """A task as it was made."""

    task_id: str
    first: float
    state: str
    name: str
    app: str
    queue: str
    worker: str
    priority: int | None
    exc_type: str
    runtime_ns: int | None
    wait_ns: int | None
    retries: int
    args: str


def make() -> tuple[list[Made], list[Record]]:
    dice = random.Random(7)
    tasks: list[Made] = []
    records: list[Record] = []
    for number in range(240):
        task_id = f"id-{dice.randrange(10**9):09d}-{number}"
        first = dice.choice([dice.uniform(0, 60), dice.uniform(0, 40_000), 1000.0])
        name, app = dice.choice(
            [("shop.pay", "shop"), ("shop.mail", "shop"), ("other.x", "other"), ("bare", "")]
        )
        state = dice.choice(["SENT", "SUCCESS", "SUCCESS", "FAILURE", "EXPIRED", "RECOVERED"])
        queue, priority = dice.choice(["q1", "q2"]), dice.choice([None, 0, 5])
        worker = dice.choice(["celery@a", "celery@b"]) if state != "SENT" else ""
        args = f'["customer-{number % 9}", {number}]'
        shared: dict[str, Any] = {"name": name, "app": app, "queue": queue, "args": args, "first": first}
        if priority is not None:
            shared["priority"] = priority
        records.append(send(task_id, sent=first, **shared))
        retries = dice.randint(1, 3) if state == "RECOVERED" else 0
        runtime = dice.choice([1, 2, 5, 60])
        wait = dice.choice([0, 1, 3])
        for retry in range(retries):
            start = first + retry * 10 + wait
            records.append(
                run(
                    task_id, "RETRY", started=start, ended=start + 1, received=start, retries=retry, worker=worker,
                    published=first + retry * 10, exception={"exception.type": "shop.Flaky", "exception.message":
                    f"try {number} again", "exception.stacktrace": "File pay.py"}, **shared,
                )
            )  # fmt: skip
        start = first + retries * 10 + wait
        ran = state not in ("SENT", "EXPIRED")
        real = "SUCCESS" if state == "RECOVERED" else state
        exc_type = dice.choice(["ValueError", "shop.errors.Declined"]) if state == "FAILURE" else ""
        if state != "SENT":
            records.append(
                run(
                    task_id, real, started=start if ran else None, ended=start + runtime, received=start,
                    retries=retries, published=first + retries * 10, worker=worker, main=not ran,
                    exception={"exception.type": exc_type, "exception.message": f"boom {number}"} if exc_type else None,
                    **shared,
                )
            )  # fmt: skip
        tasks.append(
            Made(
                task_id, first, real, name, app, queue, worker, priority, exc_type,
                runtime * 10**9 if ran else None, wait * 10**9 if ran else None, retries, args,
            )
        )  # fmt: skip
    return tasks, records


MADE, RECORDS = make()
SINCE, UNTIL = at(-5), at(50_000)
EVERYTHING = TaskFilter(since=SINCE, until=UNTIL)


def narrowed(wanted: TaskFilter) -> TaskFilter:
    """The same filter, within the time of these tasks."""
    return TaskFilter(**{**wanted.__dict__, "since": wanted.since or SINCE, "until": wanted.until or UNTIL})
