"""A store that goes away is told as an outage, and the page comes back by itself."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages import rows, settled
from tests.support.otlp_requests import run_spans, send
from tests.support.processes import Child, free_port
from tests.support.store import start_store

pytestmark = pytest.mark.e2e


def test_an_outage_is_told_and_the_page_comes_back(page: Page, tmp_path: Path) -> None:
    store = start_store(tmp_path / "data", tmp_path / "store-1.log")
    port = free_port()
    viewer_command = [sys.executable, "-m", "otel_taskmon", "viewer", "--port", str(port)]
    viewer_command += ["--clickhouse-url", store.url]
    with Child(viewer_command, tmp_path / "viewer.log") as viewer:
        try:
            viewer.wait_for_port(port, timeout=60)
            # an empty store says what to do next
            page.goto(f"http://127.0.0.1:{port}/tasks")
            settled(page)
            expect(page.get_by_text("otel_taskmon.instrument").first).to_be_visible()
            spans = run_spans(0, 5, started_ns=time.time_ns()).SerializeToString()
            assert send(store.otlp_http_port, spans).status == 200
            refresh = page.get_by_role("button", name="Refresh")  # answers are cached for some seconds
            refresh.click()
            expect(rows(page)).to_have_count(5)
            store.child.stop(signal.SIGKILL)
            refresh.click()
            outage = page.get_by_text("does not answer since")
            expect(outage).to_be_visible()
            expect(page.get_by_text("No tasks")).to_have_count(0)
            store = start_store(tmp_path / "data", tmp_path / "store-2.log", http_port=store.http_port)
            expect(outage).to_have_count(0, timeout=30_000)
            expect(rows(page)).to_have_count(5)
        finally:
            store.child.stop()
