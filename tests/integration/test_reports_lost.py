"""Tasks whose worker is gone without a word have no execution; overview and statistics count them all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.overview_page import ask_overview
from otel_taskmon.queries.report_model import ReportFilter
from otel_taskmon.queries.statistics import statistics
from tests.support.store import Store, running_store
from tests.support.stored_tasks import at, event, insert, run

pytestmark = pytest.mark.integration

RANGE = ReportFilter(at(0), at(3600))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("lost")) as running:
        writer = running.client("admin", autogenerate_session_id=False)
        started = {
            task_id: event("started", task_id, at=first + 2, received=first + 1, first=first, name="shop.do")
            for task_id, first in (("gone", 10), ("ended", 20), ("failed", 30), ("earlier", -60))
        }
        told_lost = run("told", "LOST", first=40, received=41, started=42, ended=43, main=True)
        insert(
            writer,
            [
                *started.values(),
                told_lost,
                told_lost,
                run("ended", "SUCCESS", first=20, received=21, started=22, ended=23),
                run("failed", "FAILURE", first=30, received=31, started=32, ended=33),
            ],
        )
        yield running


def test_the_overview_counts_each_lost_task_once(reader: Client) -> None:
    overview = ask_overview(reader, RANGE)
    assert (overview.tasks.now, overview.failed.now) == (4, 3), "gone, failed and told"
    assert (overview.tasks.before, overview.failed.before) == (1, 1), "earlier"
    assert overview.runs.now == 3
    other = ask_overview(reader, ReportFilter(RANGE.since, RANGE.until, queues=("another",)))
    assert (other.tasks.now, other.failed.now, other.tasks.before) == (0, 0, 0)


def test_the_statistics_count_them_beside_the_executions(reader: Client) -> None:
    (row,) = statistics(reader, RANGE).rows
    assert (row.runs, row.failed, row.lost) == (3, 2, 2), "gone and told"
    assert statistics(reader, ReportFilter(at(-600), at(3600))).rows[0].lost == 3
    none = statistics(reader, ReportFilter(at(50), at(50) + timedelta(hours=1)))
    assert none.rows == ()
