"""What a person reads: units, zones, and text that stays text."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_taskmon import semconv
from taskmon_viewer import texts, theme


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (None, "–"),
        (0, "0 ms"),
        (1_000, "0.00 ms"),
        (420_000, "0.42 ms"),
        (9_994_000, "9.99 ms"),
        (9_996_000, "10 ms"),
        (999_400_000, "999 ms"),
        (999_600_000, "1.00 s"),
        (59_990_000_000, "59.99 s"),
        (59_996_000_000, "1 min 00 s"),
        (123_400_000_000, "2 min 03 s"),
        (3_600_000_000_000, "1 h 00 min"),
        (90_000_000_000_000, "1 d 1 h"),
        (-8_660_000, "−8.66 ms"),
    ],
)
def test_durations_have_the_unit_that_suits_them(ns: int | None, said: str) -> None:
    assert texts.duration(ns) == said


def test_times_are_utc_whatever_zone_they_come_in() -> None:
    moment = datetime(2026, 1, 2, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert texts.clock(moment) == "2026-01-01 23:30:00.123"
    assert texts.clock(moment, fraction=6) == "2026-01-01 23:30:00.123456"
    assert texts.utc(moment, fraction=0) == "2026-01-01 23:30:00 UTC"
    assert texts.day_and_clock(moment) == "Jan 01 23:30:00.123"
    assert texts.clock(None) == texts.utc(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "1 s"), (90, "90 s"), (300, "5 min"), (7200, "2 h"), (86_400, "1 d")]
)
def test_bucket_widths_are_said(seconds: int, said: str) -> None:
    assert texts.width_text(seconds) == said


def test_counts_have_their_noun() -> None:
    assert texts.count_text(1, "task") == "1 task"
    assert texts.count_text(12_345, "task") == "12,345 tasks"
    assert texts.count_text(2, "retry", "retries") == "2 retries"


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ("[]", "{}", "–"),
        ("", "", "–"),
        ("[1]", "{}", "[1]"),
        ("[]", '{"a": 1}', '{"a": 1}'),
        ("[0]", '{"a":\n1}', '[0] {"a": 1}'),
    ],
)
def test_arguments_in_short_leave_out_what_is_empty(args: str, kwargs: str, said: str) -> None:
    assert texts.short_payload(args, kwargs) == said


def test_laid_out_json_keeps_every_digit_and_every_word() -> None:
    text = '{"id": 123456789012345678901234567890, "price": 0.10, "n": [1e400, "ü", []], "e": {}, "b": [true, null]}'
    laid_out = texts.pretty_json(text)
    assert '"id": 123456789012345678901234567890' in laid_out
    assert '"price": 0.10' in laid_out
    assert "1e400" in laid_out
    assert '"ü"' in laid_out
    assert json.loads(laid_out) == json.loads(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_laying_out_changes_no_value(value: object) -> None:
    assert json.loads(texts.pretty_json(json.dumps(value))) == value


@pytest.mark.parametrize("text", ["", "[1, 2", "not json", "[" * 100_000])
def test_what_is_no_json_is_shown_as_it_is(text: str) -> None:
    assert texts.pretty_json(text) == text


def test_notes_are_sentences_by_part() -> None:
    notes = texts.payload_notes("args:truncated,kwargs:redacted,kwargs:odd")
    assert notes["args"][0].startswith("Cut")
    assert "masked" in notes["kwargs"][0]
    assert notes["kwargs"][1] == "odd"
    assert texts.payload_notes("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://evil.example/pixel.png)",
        "[click](javascript:alert(1))",
        "**bold** _italic_ `code` ~~gone~~",
        ":red[fake] :material/delete: :+1:",
        "$$\\frac{1}{2}$$ $x$",
        "<img src=x onerror=alert(1)>",
        "# heading",
        "1. list",
        "a -> b",
        "| a | b |",
        "&lt;b&gt; &#60;",
        "> quote",
    ],
)
def test_a_label_keeps_no_mark_that_markdown_reads(text: str) -> None:
    label = texts.safe_label(text)
    rest = label.replace("\\\\", "")
    for position, sign in enumerate(rest):
        if sign in "`*_{}[]()<>#!|~$:&":
            assert rest[position - 1] == "\\", (label, sign)


def test_a_label_is_one_short_line_without_a_live_address() -> None:
    label = texts.safe_label("a\n\n# b\r\n" + "x" * 500, limit=40)
    assert "\n" not in label
    assert len(label.replace("\\", "")) == 40
    assert "http://" not in texts.safe_label("http://evil.example").replace("\\", "")
    assert "www." not in texts.safe_label("www.evil.example").replace("\\", "")


def test_nothing_is_said_as_none() -> None:
    assert texts.named("") == texts.named(None) == "(none)"
    assert texts.named(0) == "0"


def test_every_state_has_a_colour_and_a_sign_of_its_own() -> None:
    assert set(theme.STATE_LOOKS) == set(semconv.STATES)
    assert len({look.color for look in theme.STATE_LOOKS.values()}) == len(semconv.STATES)
    assert len({look.sign for look in theme.STATE_LOOKS.values()}) == len(semconv.STATES)


@pytest.mark.parametrize("background", ["#ffffff", "#12161d"])
def test_state_colours_stand_out_on_both_backgrounds(background: str) -> None:
    for state, look in theme.STATE_LOOKS.items():
        low, high = sorted((_luminance(look.color), _luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 3, (state, background)


def _luminance(color: str) -> float:
    """Relative luminance as WCAG 2 has it."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_the_theme_has_both_modes_with_the_same_settings() -> None:
    config = theme.theme_config()
    names = {
        mode: {key.removeprefix(f"theme.{mode}.") for key in config if key.startswith(f"theme.{mode}.")}
        for mode in ("light", "dark")
    }
    assert names["light"] == names["dark"] != set()
