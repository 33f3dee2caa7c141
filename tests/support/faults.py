"""A worker of ``tests.apps.faults``, one task at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery
from celery.result import AsyncResult

from otel_taskmon import semconv
from tests.support.processes import Child
from tests.support.workers import start_worker, with_outbox

APP = "tests.apps.faults"


class Faults:
    """Sends plans to the worker."""

    def __init__(self, worker: Child, url: str, main_report: Path) -> None:
        self.worker = worker
        self._main_report = main_report
        self._app = Celery("sender", broker=url, backend=url, set_as_current=False)
        self._app.conf.task_default_queue = "faults"
        self.stamped = False
        """Whether messages are as a publisher with otel-taskmon makes them."""

    def send(self, name: str, *args: Any, **kwargs: Any) -> AsyncResult:
        now = time.time_ns()
        headers = {
            "traceparent": f"00-{now:032x}-{now:016x}-01",
            semconv.HEADER_FIRST_PUBLISHED_AT: now,
            semconv.HEADER_PUBLISHED_AT: now,
        }
        return self._app.send_task(f"faults.{name}", args, kwargs, headers=headers if self.stamped else None)

    def run(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The result of the task ``faults.<name>``; of one that failed, its exception."""
        return self.result(self.send(name, *args, **kwargs))

    def run_all(self, name: str, many: Sequence[dict[str, Any]]) -> list[Any]:
        """The results of one task for each of ``many`` sets of arguments, which it runs one after the other."""
        return [self.result(sent) for sent in [self.send(name, **kwargs) for kwargs in many]]

    def result(self, sent: AsyncResult) -> Any:
        found = sent.get(timeout=90, propagate=False)
        sent.forget()
        return found

    def counted(self) -> tuple[int, str]:
        """Points of the last task in the pool process, and where it was struck."""
        count, struck = self.run("tell")
        return count, struck

    def counted_in_main(self) -> tuple[int, str]:
        self.run("tell")
        count, struck = self._main_report.read_text().split("\n")[:2]
        return int(count), struck


@contextmanager
def faulty_worker(directory: Path, url: str, otlp_url: str, **more: str) -> Iterator[Faults]:
    main_report = directory / "main-report"
    environment = with_outbox(
        directory,
        {
            "FAULTS_BROKER": url,
            "FAULTS_MAIN_REPORT": str(main_report),
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_url,
            "TASKMON_EXPORT_INTERVAL_MS": "200",
            **more,
        },
    )
    with start_worker(
        directory, environment, concurrency=1, app=APP, name="faults", queues="faults"
    ) as worker:
        yield Faults(worker, url, main_report)
