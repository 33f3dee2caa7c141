"""Programs that publish in odd places: threads that outlive the main one, exit handlers, forked processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, worker_environment

pytestmark = pytest.mark.integration

PROGRAMS = {
    "in the last thread": """
import threading
def publish():
    threading.main_thread().join()
    both()
threading.Thread(target=publish).start()
""",
    "at exit": """
import atexit
atexit.register(both)
""",
    "forked": """
first()
if os.fork() == 0:
    second()
    os._exit(0)
os.wait()
""",
    "multiprocessing": """
import multiprocessing
first()
process = multiprocessing.get_context("fork").Process(target=second)
process.start()
process.join()
""",
    "a daemon": """
first()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        second()
        sys.exit(0)
    os._exit(0)
os.wait()
""",
    "asyncio": """
import asyncio
async def publish():
    await asyncio.gather(asyncio.to_thread(first), asyncio.to_thread(second))
asyncio.run(publish())
""",
}
GIVEN = """
def first(): echo.delay(NAME, part=1)
def second(): echo.delay(NAME, part=2)
def both(): first(); second()
"""
LAST = """
import threading
from pathlib import Path
echo.delay("last", part=1)
for _ in range(200):  # what a process that ended at once left on disk is shipped by the thread of another
    if len([folder for folder in Path(os.environ["TASKMON_OUTBOX_DIR"]).iterdir() if folder.is_dir()]) <= 1:
        break
    threading.Event().wait(0.05)
"""


def test_each_publish_is_recorded_once(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        for name, program in PROGRAMS.items():
            run_publisher(tmp_path, environment, f"NAME = {name!r}\n{GIVEN}{program}")
        run_publisher(tmp_path, environment, LAST)
        wanted = sorted([*((name, part) for name in PROGRAMS for part in (1, 2)), ("last", 1)])

        def published() -> list[tuple[str, int]]:
            return sorted(
                (
                    json.loads(span.attributes[semconv.ARGS])[0],
                    json.loads(span.attributes[semconv.KWARGS])["part"],
                )
                for span in sink.publishes()
            )

        wait_until(lambda: len(published()) >= len(wanted), "all publishes", context=lambda: str(published()))
        assert published() == wanted
        assert {span.resource["service.name"] for span in sink.publishes()} == {"shop"}
    said = "".join(log.read_text() for log in tmp_path.glob("publish-*.log"))
    assert "the task goes on without it" not in said
