"""What is believed of a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
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
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 10, 0, 0, 0, UTC)),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2025, 12, 31, 22, tzinfo=UTC)),
    ],
)
def test_moments(value: object, expected: datetime) -> None:
    """Without a zone: the app's, here Oslo."""
    found = stamps.moment_ns(value, ZoneInfo("Europe/Oslo"))
    assert found is not None
    assert found % 1000 == 0
    assert found // 1000 == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize("value", [None, "", "soon", 5, "9999-12-31T00:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_moments_that_are_none(value: object) -> None:
    assert stamps.moment_ns(value, UTC) is None


@given(ANYTHING)
def test_nothing_raises_or_passes_64_bits(value: object) -> None:
    for found in (stamps.time_ns(value, NOW), stamps.number(value), stamps.moment_ns(value, UTC)):
        assert found is None or -(2**63) <= found < 2**63
    assert len(stamps.name(value)) <= 255
    stamps.name(value).encode()
    assert stamps.execution_id(value) is None or isinstance(value, str)
