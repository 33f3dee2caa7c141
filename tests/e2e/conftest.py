"""One demo and one browser for all end-to-end tests; a new browser context per test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.conftest import missing
from tests.support.processes import ROOT, Child, free_port
from tests.support.waiting import wait_until

expect.set_options(timeout=20_000)
SCREENSHOTS = ROOT / "docs" / "screenshots"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Demo:
    """The running demo: where its viewer is, and a client of its tables."""

    child: Child
    viewer: str
    http_port: int
    data_dir: Path

    def finished_window(self) -> tuple[datetime, datetime]:
        """Half an hour until now, once all tasks first published in it have ended: its rows stand still."""
        until = datetime.now(UTC).replace(microsecond=0)
        since = until - timedelta(minutes=30)
        client = self.client()

        def unfinished() -> int:
            (count,) = client.query(
                """SELECT count() FROM otel.celery_tasks_latest
                   WHERE first_published_at >= {since:DateTime64(6)} AND first_published_at < {until:DateTime64(6)}
                       AND state IN ('SENT', 'SCHEDULED', 'RECEIVED', 'STARTED', 'RETRY')""",
                {"since": since, "until": until},
            ).result_rows[0]
            return int(count)

        wait_until(
            # some seconds, since what was published before may not have arrived yet
            lambda: datetime.now(UTC) > until + timedelta(seconds=3) and unfinished() == 0,
            f"the end of every task published before {until}",
            timeout=60,
            interval=0.5,
            context=self.child.output,
        )
        return since, until

    def client(self) -> Client:
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.http_port, autogenerate_session_id=False
        )

    def writer(self) -> Client:
        """For what the demo's tasks do not do."""
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.http_port,
            username="admin",
            password=(self.data_dir / "admin.password").read_text().strip(),
            autogenerate_session_id=False,
        )


# Package and not session: while Playwright runs, its event loop is the thread's, and no test could run its own.
@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """``taskmon demo`` as a user starts it, on ports of its own."""
    folder: Path = tmp_path_factory.mktemp("demo")
    http, viewer = free_port(), free_port()
    data_dir = folder / "data"
    command = [str(ROOT / ".venv" / "bin" / "taskmon"), "demo"]
    if not Path(command[0]).exists():
        command[0] = shutil.which("taskmon") or "taskmon"
    command += ["--http-port", str(http), "--otlp-http-port", str(free_port())]
    command += ["--otlp-grpc-port", str(free_port()), "--port", str(viewer)]
    command += ["--data-dir", str(data_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TASKMON_")}
    child = Child(command, folder / "demo.log", env=environment)
    try:
        child.wait_for_output(f"Open http://127.0.0.1:{viewer}", timeout=90)
        running = Demo(child, f"http://127.0.0.1:{viewer}", http, data_dir)
        client = running.client()

        def seeded() -> bool:
            successes, failures, recovered, given_up = client.query(
                """SELECT countIf(state = 'SUCCESS'), countIf(state = 'FAILURE'),
                          countIf(state = 'SUCCESS' AND retries = 2), countIf(state = 'FAILURE' AND retries = 3)
                   FROM otel.celery_tasks_latest"""
            ).result_rows[0]
            hostile = client.query(
                "SELECT count() FROM otel.celery_task_runs WHERE position(args, '<script>') > 0"
            ).result_rows[0][0]
            return bool(successes > 150 and failures > 5 and recovered and given_up and hostile)

        wait_until(
            seeded, "the demo's first tasks in the tables", timeout=90, interval=0.5, context=child.output
        )
        yield running
    finally:
        # each of four groups of children has eight seconds
        assert child.stop(timeout=60) in (0, 130), child.output()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, the system's; playwright's own download is never used."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield running
        running.close()


def _new_page(browser: Browser, scheme: str) -> tuple[BrowserContext, Page, list[str]]:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        accept_downloads=True,
        timezone_id="UTC",
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    outside: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            outside.append(request.url)

    page.on("request", watch)
    return context, page, outside


@pytest.fixture(params=["light"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that may speak to loopback only: anything else fails the test."""
    context, page, outside = _new_page(browser, request.param)
    yield page
    context.close()
    assert not outside, f"the page asked other hosts: {outside}"
