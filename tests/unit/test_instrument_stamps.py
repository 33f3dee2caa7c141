"""What is believed of a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.worker.request import Request
from hypothesis import given
from hypothesis import strategies as st

from otel_taskmon import stamps

NOW = 1_800_000_000_000_000_000
DAY = 24 * 3600 * 10**9
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("value", [NOW, NOW - 400 * DAY, NOW + DAY, stamps.EARLIEST_NS])
def test_times_that_can_be(value: int) -> None:
    assert stamps.time_ns(value, NOW) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "1800000000000000000",
        1.8e18,
        True,
        -5,
        0,
        1_800_000_000,
        NOW + DAY + 1,
        10**30,
        [NOW],
        {"a": 1},
        b"1",
    ],
)
def test_times_that_cannot_be(value: object) -> None:
    assert stamps.time_ns(value, NOW) is None


def test_execution_ids() -> None:
    assert stamps.execution_id("0123456789abcdef" * 2) == "0123456789abcdef" * 2
    for value in ("", "x" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n", 5, None):
        assert stamps.execution_id(value) is None


def test_names_are_short_valid_text() -> None:
    assert stamps.name("shop") == "shop"
    assert stamps.name("a" * 1000) == "a" * 255
    assert stamps.name("\ud800x") == "?x"
    assert stamps.name(17) == "17"
    for value in (None, True, 1.5, ["a"], {"a": 1}, 10**30):
        assert stamps.name(value) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22T17:12:38.493860+00:00", datetime(2026, 11, 22, 17, 12, 38, 493860, UTC)),
        ("2026-11-22T17:12:38Z", datetime(2026, 11, 22, 17, 12, 38, 0, UTC)),
        ("2026-11-22T18:12:38+01:00", datetime(2026, 11, 22, 17, 12, 38, 0, UTC)),
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 12, 0, 0, 0, UTC)),
        (datetime(2026, 7, 1, 12, tzinfo=UTC).replace(tzinfo=None), datetime(2026, 7, 1, 12, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2025, 12, 31, 22, tzinfo=UTC)),
    ],
)
def test_moments(value: object, expected: datetime) -> None:
    found = stamps.moment_ns(value)
    assert found is not None
    assert found % 1000 == 0
    assert found // 1000 == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _nothing() -> None: ...


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Caracas"])
def test_a_time_without_zone_is_what_the_worker_takes_it_for(zone: str) -> None:
    """As of ``apply_async(eta=datetime.now() + …)``: in UTC, whatever the app's time zone is."""
    app: Any = Celery("zones", broker="memory://", set_as_current=False)
    app.conf.timezone = zone
    task = app.task(name="t", shared=False)(_nothing)
    naive = datetime(2026, 11, 24, 12, tzinfo=UTC).replace(tzinfo=None)
    sent = app.amqp.as_task_v2("id", "t", eta=naive, expires=naive + timedelta(hours=1))
    message = SimpleNamespace(
        body=sent.body,
        headers=sent.headers,
        content_type="application/json",
        content_encoding="utf-8",
        properties={},
        delivery_info={},
    )
    taken = Request(message, app=app, task=task, headers=sent.headers, decoded=True)
    for header, meant in (("eta", taken.eta), ("expires", taken.expires)):
        assert stamps.moment_ns(sent.headers[header]) == round(meant.timestamp()) * 1_000_000_000


@pytest.mark.parametrize("value", [None, "", "soon", 5, "9999-12-31T00:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_moments_that_are_none(value: object) -> None:
    assert stamps.moment_ns(value) is None


@given(ANYTHING)
def test_nothing_raises_or_passes_64_bits(value: object) -> None:
    for found in (stamps.time_ns(value, NOW), stamps.number(value), stamps.moment_ns(value)):
        assert found is None or -(2**63) <= found < 2**63
    assert len(stamps.name(value)) <= 255
    stamps.name(value).encode()
    assert stamps.execution_id(value) is None or isinstance(value, str)
