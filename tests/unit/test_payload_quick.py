"""The quick way gives the text that the writer gives, or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_taskmon.payload.quick import MOST_CHARACTERS, MOST_ITEMS, QuickJson
from otel_taskmon.payload.redaction import Redactor
from otel_taskmon.payload.writer import JsonWriter
from otel_taskmon.settings import Settings

PLAIN: list[Any] = [
    None,
    True,
    False,
    0,
    -7,
    1_795_380_718_000,
    [],
    (),
    {},
    (1, "alice@example.com"),
    {"order_id": 1, "lang": "en", "express": False, "share": 0.1, "nothing": None},
    ("x", "é", "日本"),
    ["2026-11-22T10:00:00+00:00", "6a1f0b5e-0000-4000-8000-000000000001"],
]
NOT_PLAIN: list[Any] = [
    "text",
    1.5,
    2**63,
    [float("nan")],
    [float("inf")],
    {1: "a"},
    ["line\nbreak"],
    ["\ud800"],
    [b"bytes"],
    [{1, 2}],
    ["x" * (MOST_CHARACTERS + 1)],
    list(range(MOST_ITEMS + 1)),
    [[[[[1]]]]],
    {"password": "hunter2"},
    {"apiKey": 1},
    ["password", "hunter2"],
    ["token=abcdefgh"],
    ["Bearer abcdefghijkl"],
    ["redis://user:hunter2@host/0"],
    ["AKIAIOSFODNN7EXAMPLE"],
    ["4111 1111 1111 1111"],
    [4111111111111111],
    4111111111111111,
]


class Text(str):
    """Not a plain text: it may have methods of its own."""


def _quick(**settings: Any) -> QuickJson:
    made = Settings(**settings)
    return QuickJson(made, Redactor(made))


def _written(value: Any, names: tuple[str, ...] = (), **settings: Any) -> tuple[str, int]:
    made = Settings(**settings)
    writer = JsonWriter(made, Redactor(made))
    return writer.text_of(value, names=names), writer.flags


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_are_written_at_once_as_the_writer_would(value: Any) -> None:
    text = _quick().text_of(value)
    assert text is not None
    assert (text, 0) == _written(value)


@pytest.mark.parametrize("value", [*NOT_PLAIN, [Text("x")], {Text("x"): 1}], ids=lambda v: repr(v)[:40])
def test_what_is_in_doubt_is_the_writers(value: Any) -> None:
    assert _quick().text_of(value) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"truncate_nested_data": False},
        {"payload_max_items": 1},
        {"payload_max_depth": 1},
        {"payload_max_string": 16},
        {"payload_max_bytes": 256},
        {"redact": False},
        {"redact_builtins": False},
        {"redact_keys": ("lang",)},
        {"redact_values": ("alice",)},
    ],
    ids=str,
)
@pytest.mark.parametrize("value", [*PLAIN, *NOT_PLAIN], ids=lambda v: repr(v)[:40])
def test_under_any_settings_the_text_is_the_writers_or_none(value: Any, settings: dict[str, Any]) -> None:
    text = _quick(**settings).text_of(value)
    assert text is None or (text, 0) == _written(value, **settings)


def test_nested_values_where_they_are_kept() -> None:
    value = [[1, 2], {"a": [], "b": {"c": ("x", None)}}]
    text = _quick(truncate_nested_data=False).text_of(value)
    assert text == '[[1,2],{"a":[],"b":{"c":["x",null]}}]'
    assert (text, 0) == _written(value, truncate_nested_data=False)
    assert _quick().text_of(value) is None


def test_a_parameter_with_a_secret_name_is_the_writers() -> None:
    quick = _quick()
    assert quick.text_of(("alice", "hunter2"), ("user", "password")) is None
    assert quick.text_of(("alice", "x"), ("user", "note")) == '["alice","x"]'


def test_a_container_that_holds_itself_ends() -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert _quick(truncate_nested_data=False).text_of(ring) is None


_words = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["password", "token=abc123", "Bearer abcdefghijkl", "4111111111111111", 'a"b', "a\\b", "\x7f", "ok"]
    ),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _words),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(_words, inner, max_size=5),
    ),
    max_leaves=20,
)


@given(_values, st.booleans())
@settings(max_examples=500, deadline=None)
def test_whatever_the_value_the_text_is_the_writers_or_none(value: Any, flat: bool) -> None:
    text = _quick(truncate_nested_data=flat).text_of(value)
    assert text is None or (text, 0) == _written(value, truncate_nested_data=flat)


@given(st.lists(_values, max_size=4), st.dictionaries(_words, _values, max_size=4))
@settings(max_examples=300, deadline=None)
def test_both_of_a_call_are_what_the_writer_says_of_each(args: list[Any], kwargs: dict[str, Any]) -> None:
    texts = _quick().texts_of(args, kwargs, ())
    if texts is not None:
        assert [(text, 0) for text in texts] == [_written(args), _written(kwargs)]
