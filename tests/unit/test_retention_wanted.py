"""From settings to how long each table keeps its rows."""

from __future__ import annotations

import time

import pytest

from otel_taskmon import retention
from otel_taskmon._setting_ages import Forever
from otel_taskmon.errors import SettingError
from otel_taskmon.settings import RetentionSettings

OFF = Forever.FOREVER


def wanted(**settings: object) -> dict[str, retention.Keeping]:
    given = RetentionSettings.from_environment({}, **settings)
    return {keeping.table: keeping for keeping in retention.wanted(given)}


def test_one_number_is_for_every_table_with_rows_of_tasks() -> None:
    found = wanted(data_max_age=100)
    others = {table: each.age for table, each in found.items() if each.age != 100}
    metrics = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    assert others == {
        "celery_task_stats_1h": 9600,
        "celery_task_stats_1d": 9600,
        "celery_queue_depth": 2160,
    } | {f"otel_metrics_{kind}": 168 for kind in metrics}
    assert wanted()["celery_task_runs"].age == 720


def test_events_go_after_a_week_and_never_later_than_their_tasks() -> None:
    for table in ("otel_logs", "celery_task_events"):
        assert [wanted(data_max_age=hours)[table].age for hours in (24, 168, 720, "off")] == [
            24,
            168,
            168,
            OFF,
        ]
        assert wanted(table_max_age={table: 500})[table].age == 500


def test_single_tables_go_their_own_way() -> None:
    found = wanted(
        data_max_age="off", statistics_max_age=24, table_max_age={"otel_logs": "48", "otel_traces": "off"}
    )
    assert (found["otel_logs"].age, found["otel_traces"].age) == (48, OFF)
    assert (found["celery_tasks"].age, found["celery_task_stats_1h"].age) == (OFF, 24)
    assert found["celery_tasks"].hours == []


def test_rows_go_one_by_one_below_three_days() -> None:
    assert wanted(data_max_age=71)["celery_task_runs"].by_row
    assert not wanted(data_max_age=72)["celery_task_runs"].by_row
    assert wanted(data_max_age=1000)["celery_worker_boots"].by_row, "it has no partitions by time"


def test_failures_stay_longer_where_a_table_knows_them() -> None:
    found = wanted(failures_max_age=2000)
    for table in ("celery_tasks", "celery_task_runs", "otel_traces"):
        assert (found[table].hours, found[table].by_row) == ([720, 2000], True)
    assert found["otel_traces_trace_id_ts"].hours == [2000]
    assert found["celery_task_sends"].hours == [720]
    assert wanted(failures_max_age="off")["celery_tasks"].hours == [720]
    assert wanted(failures_max_age=720) == wanted()
    assert str(found["celery_tasks"]) == "celery_tasks: 720 h, failures 2000 h"


@pytest.mark.parametrize(
    "settings",
    [
        {"data_max_age": 0},
        {"data_max_age": True},
        {"data_max_age": "1.5"},
        {"data_max_age": "for ever"},
        {"table_max_age": {"otel_traces": 0}},
        {"table_max_age": {"no_such_table": 5}},
        {"table_max_age": "[]"},
        {"table_max_age": "{"},
        {"failures_max_age": 700},
        {"data_max_age": "off", "failures_max_age": 700},
    ],
)
def test_what_is_not_allowed(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="is not valid: allowed is"):
        wanted(**settings)


def test_no_age_is_so_long_that_rows_would_be_due_at_once() -> None:
    """What is due after 2106 would be due in 1970 to the engine: a DateTime has 32 bits of seconds."""
    twenty_years_on = time.time() + 20 * 366 * 86_400
    assert twenty_years_on + wanted(data_max_age=438_000)["otel_traces"].hours[0] * 3600 < 2**32
    for setting in ("data_max_age", "statistics_max_age", "failures_max_age"):
        with pytest.raises(SettingError, match="from 1 to 438000, or off"):
            wanted(**{setting: 438_001})
    with pytest.raises(SettingError, match="otel_logs"):
        wanted(table_max_age={"otel_logs": 438_001})
