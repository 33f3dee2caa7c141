"""One cell of the matrix: a worker of one pool, watched by ours or by the stock instrumentation, and its truth."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import redis
from celery import Celery

from otel_taskmon.demo.broker import Broker
from tests.support.processes import Child
from tests.support.store import Store
from tests.support.waiting import wait_until
from tests.support.workers import start_worker
from tests.truth.expected import Expected, Told

APP = "tests.apps.truth"
OURS, STOCK = "ours", "stock"
HEARTBEAT_S = 0.5


@dataclass
class Cell:
    """Everything is its own: queue, node name, service name, outbox; used as a context manager it leaves no process."""

    kind: str
    pool: str
    row: str
    """What happens here: the row of the matrix, or the group of outcomes."""
    directory: Path
    broker: Broker
    store: Store
    minutes: float
    """How long the collector is out of order, where it is."""
    otlp_url: str = ""
    outbox: Path = Path()
    unfinished: tuple[str, str, str] | None = None
    """State, reason and exception of the executions that did not come to their end here."""
    lasting: bool = False
    """The worker is still there when the rows are counted."""
    closing: ExitStack = field(default_factory=ExitStack)
    _published: int = 0

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        self.otlp_url = self.store.otlp_url
        self.outbox = self.directory / "outbox"

    def __enter__(self) -> Cell:
        return self

    def __exit__(self, *_error: object) -> None:
        self.closing.close()
        self._redis.close()

    @cached_property
    def id(self) -> str:
        """Of the queue, the node and the service alike."""
        words = "".join(letter if letter.isalnum() else " " for letter in self.row).split()
        return "-".join((self.kind, self.pool, *words)).lower()

    @property
    def node(self) -> str:
        return f"{self.id}@tests"

    @cached_property
    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.broker.url, decode_responses=True)

    @cached_property
    def control(self) -> Any:
        """Remote control, from a process that nobody watches."""
        return Celery("control", broker=self.broker.url, set_as_current=False).control

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "TRUTH_BROKER": self.broker.url,
            "TRUTH_CELL": self.id,
            "TRUTH_QUEUE": self.id,
            "TRUTH_KIND": self.kind,
            "TRUTH_HEARTBEAT_S": str(HEARTBEAT_S),
            "TASKMON_OUTBOX_DIR": str(self.outbox),
            "TASKMON_TRUNCATE_NESTED_DATA": "false",
            "OTEL_SERVICE_NAME": self.id,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp_url,
            "AUTOSCALE_KEEPALIVE": "1",
            **more,
        }

    def worker(self, *flags: str, concurrency: int = 2, **environment: str) -> Child:
        """A worker that takes tasks; ended with the cell."""
        child = start_worker(
            self.directory,
            self.environment(**environment),
            pool=self.pool,
            concurrency=1 if self.pool == "solo" else concurrency,
            app=APP,
            name=self.id,
            queues=self.id,
            more=flags,
        )
        self.closing.callback(child.stop, timeout=10)
        return child

    def publish(
        self, what: str, *, environment: Mapping[str, str] | None = None, **arguments: Any
    ) -> list[Expected]:
        """Run ``publish.py`` to its end; what must come of what it published."""
        child, answer = self._publisher(what, environment or {}, arguments)
        try:
            code = child.process.wait(90)
        finally:
            child.stop()
        if code != 0:
            raise AssertionError(f"the publisher ended with {code}:\n{child.output()}")
        return [Expected(**one) for one in json.loads(answer.read_text())]

    def ticks(self, count: int, **arguments: Any) -> None:
        """Have them published, and do not wait: a worker is to end right after its last task."""
        child, _ = self._publisher("ticks", {}, {"count": count, **arguments})
        self.closing.callback(child.stop)

    def _publisher(
        self, what: str, environment: Mapping[str, str], arguments: dict[str, Any]
    ) -> tuple[Child, Path]:
        """A publisher process that begins, and the file where it will say what must come of it."""
        self._published += 1
        answer = self.directory / f"published-{self._published}.json"
        child = Child(
            [sys.executable, "-m", "tests.truth.publish", what, str(answer), json.dumps(arguments)],
            answer.with_suffix(".log"),
            env=self.environment(**environment),
        )
        return child, answer

    @property
    def anything_left(self) -> bool:
        """Records wait in the outbox for the next process on this host."""
        return self.kind == OURS and any(self.outbox.glob("*/*.v1"))

    # ---- the truth ---------------------------------------------------------------------------------------------
    def told(self) -> list[Told]:
        """Every execution that began, as the tasks wrote, in order."""
        return [Told(**json.loads(one)) for one in self._list("starts")]

    def ended(self) -> set[str]:
        """Those whose body came to its end."""
        return set(self._list("ends"))

    def _list(self, name: str) -> Sequence[str]:
        found: Any = self._redis.lrange(f"truth:{self.id}:{name}", 0, -1)
        return [str(one) for one in found]

    def wait_for(self, worker: Child, *, ended: int = 0, running: int = 0, timeout: float = 60.0) -> None:
        """Until so many executions ended, and so many more began."""

        def there() -> bool:
            finished = self._redis.llen(f"truth:{self.id}:over")  # the body wrote its end before it returned
            began = self._redis.llen(f"truth:{self.id}:starts")
            return bool(finished >= ended and began >= ended + running)

        wait_until(
            there, f"{ended} ends and {running} more starts in {self.id}", timeout=timeout, context=worker.output
        )  # fmt: skip

    def running_pid(self) -> int:
        """The process that runs what has not ended."""
        ended = self.ended()
        return next(told.pid for told in reversed(self.told()) if told.execution not in ended)


def pool_processes(worker: Child) -> list[int]:
    """The pool processes of a prefork worker."""
    return [process.pid for process in psutil.Process(worker.pid).children()]
