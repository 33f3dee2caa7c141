"""What executions that are alike say: kept for what is alike, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from otel_taskmon import alike, semconv
from otel_taskmon.app_names import AppNames
from otel_taskmon.boot import Boot
from otel_taskmon.facts import Recorder
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings

APP = Celery("shop", broker="memory://", set_as_current=False)
MESSAGE: dict[str, Any] = {
    "id": "t1",
    "hostname": "w@host",
    "retries": 0,
    "taskmon_queue": "fast",
    "delivery_info": {"exchange": "", "routing_key": "fast", "priority": 1, "redelivered": False},
}


@pytest.fixture
def recorder() -> Recorder:
    settings = Settings()
    return Recorder(settings, PayloadEncoder(settings), AppNames({}).of)


def said(recorder: Recorder, message: dict[str, Any], boot: Boot | None = None) -> dict[str, Any]:
    boot = boot or Boot("b" * 32, "w@host")
    known, _ = alike.said_of(recorder, boot, APP, "shop.tasks.add", message.get)
    return dict(known.attributes)


def test_the_next_one_has_the_very_same(recorder: Recorder) -> None:
    boot = Boot("b" * 32, "w@host")
    first, second = (
        alike.said_of(recorder, boot, APP, "shop.tasks.add", {**MESSAGE, "id": of_one}.get)[0]
        for of_one in ("t1", "t2")
    )
    assert first is second
    assert first.attributes[semconv.QUEUE] == "fast"


@pytest.mark.parametrize(
    "change",
    [
        {"hostname": "v@host"},
        {"retries": 1},
        {"taskmon_queue": "slow"},
        {"delivery_info": {**MESSAGE["delivery_info"], "redelivered": True}},
        {"delivery_info": {**MESSAGE["delivery_info"], "priority": 2}},
        {"delivery_info": {**MESSAGE["delivery_info"], "priority": True}},
        {"delivery_info": {**MESSAGE["delivery_info"], "priority": 1.0}},
        {"is_eager": True},
    ],
)
def test_what_differs_is_worked_out_anew(recorder: Recorder, change: dict[str, Any]) -> None:
    before = said(recorder, MESSAGE)
    after = said(recorder, {**MESSAGE, **change})
    fresh = Recorder(recorder.settings, recorder.encoder, recorder.app_name)
    assert after == said(fresh, {**MESSAGE, **change}) != before
    assert {key: type(value) for key, value in after.items()} == {
        key: type(value) for key, value in said(fresh, {**MESSAGE, **change}).items()
    }


def test_a_restarted_worker_has_another_boot(recorder: Recorder) -> None:
    said(recorder, MESSAGE)
    assert said(recorder, MESSAGE, Boot("c" * 32, "w@host"))[semconv.BOOT_ID] == "c" * 32


@pytest.mark.parametrize(
    "change",
    [{"hostname": ["a"]}, {"taskmon_queue": "q" * 100_000}, {"delivery_info": {"routing_key": {"a": 1}}}],
)
def test_nothing_is_kept_by_headers_that_cannot_be_compared_or_are_long(
    recorder: Recorder, change: dict[str, Any]
) -> None:
    assert said(recorder, {**MESSAGE, **change})[semconv.APP] == "shop"
    assert recorder.remembered == {}


def test_made_up_kinds_do_not_fill_the_memory(recorder: Recorder) -> None:
    for number in range(2_500):
        said(recorder, {**MESSAGE, "retries": number})
    assert 0 < len(recorder.remembered) <= 1_000


def test_stock_attributes_that_failed_once_are_asked_for_again(recorder: Recorder) -> None:
    boot, answers = Boot("b" * 32, "w@host"), [None, {"celery.hostname": "h", "celery.timelimit": ["1", ""]}]
    for asked in range(4):
        known, rest = alike.said_of(
            recorder, boot, APP, "shop.tasks.add", MESSAGE.get, "pool", lambda: answers.pop(0)
        )
        assert rest["messaging.message.id"] == "t1"
        assert ("celery.hostname" in known.attributes) == ("celery.timelimit" in rest) == (asked > 0)
    assert answers == []
