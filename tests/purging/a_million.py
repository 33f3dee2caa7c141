"""``make test-purge-million``: two purges by name among a million messages, a publisher and a worker going on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from redis import Redis

from otel_taskmon.demo.broker import start_broker
from tests.support import purge_under_load

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

MESSAGES = int(os.environ.get("PURGE_MESSAGES", "1000000"))


def test_exactly_those_gone_the_rest_in_order_all_executed_once(tmp_path: Path) -> None:
    """Needs 3 GB of memory: the queue, and the copy of what stays."""
    server = start_broker(tmp_path)
    try:
        ledger = purge_under_load.run(server.url, tmp_path, MESSAGES, publish_every_s=0.02, timeout_s=1200)
        print(f"\n{ledger}")
        ledger.check()
        with Redis.from_url(server.url) as redis:
            assert redis.keys("taskmon.purge.*") == []
    finally:
        server.stop()
