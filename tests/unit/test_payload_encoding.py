"""Args, kwargs and results as JSON text: what is kept, what is emptied, what stands for what JSON cannot hold."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import math
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pytest

from otel_taskmon import _safely
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings

OUTER = PayloadEncoder(Settings())
WHOLE = PayloadEncoder(Settings(truncate_nested_data=False))


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    PAID = "paid"


@dataclasses.dataclass
class Order:
    order_id: int = 1
    customer: str = "canary-in-a-dataclass"


class Point(NamedTuple):
    x: int
    y: Any


class Plain:
    def __init__(self) -> None:
        self.hidden = "canary-in-a-dict"

    def __repr__(self) -> str:
        return "canary-in-a-repr"

    __str__ = __repr__


def decoded(encoder: PayloadEncoder, value: object, part: str = "args") -> Any:
    return json.loads(encoder.encode(value, part).text)


# ---- truncation of nested data ------------------------------------------------------------------------------


def stable_id(value: object) -> str:
    """The same name in every process: neither addresses nor the order of a set are."""
    return type(value).__name__


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ([1, "alpha", 3], [1, "alpha", 3]),
        ([1, [1, 2], 3], [1, [], 3]),
        ([1, {"alpha": 1}, 3], [1, {}, 3]),
        ([1, (1, 2), 3], [1, [], 3]),
        ([1, [1, 2], {"alpha": 1}, (1, 2), 3], [1, [], {}, [], 3]),
        ([1, [2, 3], 4], [1, [], 4]),
        ((1, (2,), "s"), [1, [], "s"]),
        ([{1}, frozenset({1}), collections.deque([1]), Point(1, 2)], [[], [], [], []]),
        ([collections.OrderedDict(a=1), collections.defaultdict(int, a=1)], [{}, {}]),
        ([[], {}], [[], {}]),
    ],
)
def test_nested_data_of_args_is_emptied(value: object, kept: object) -> None:
    assert decoded(OUTER, value) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": 1, "b": "blue"}, {"a": 1, "b": "blue"}),
        ({"a": [1, 2, 3]}, {"a": []}),
        ({"a": {"aa": 1, "ab": 2}}, {"a": {}}),
        ({"a": 1, "b": {"ba": 1}, "c": [1, 2]}, {"a": 1, "b": {}, "c": []}),
        ({"a": [1, 2], "b": 3}, {"a": [], "b": 3}),
        ({"a": {1}}, {"a": []}),
    ],
)
@pytest.mark.parametrize("part", ["kwargs", "result"])
def test_nested_data_of_kwargs_and_of_dict_results_is_emptied(part: str, value: object, kept: object) -> None:
    assert decoded(OUTER, value, part) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("alpha", "alpha"),
        ([1, [1, 2], {"alpha": 1}, (1, 2), 3], [1, [], {}, [], 3]),
        ([[1, 2], {"alpha": 1}, (1, 2)], []),
        ([[], [], []], []),
        ([1, 2], [1, 2]),
        ([1, []], [1, []]),
        ([[], {}, (), set()], []),
        ([False, []], [False, []]),
        ([[1], [2]], []),
        ([{"a": 1}], []),
        ([[[1]]], []),
        ([[], 1], [[], 1]),
        ({"a": []}, {"a": []}),
        (None, None),
        (0, 0),
        (False, False),
        ("", ""),
        ({}, {}),
        ((), []),
        ([], []),
        ((1, 2), [1, 2]),
        (Point(1, [2]), [1, []]),
        # falsy scalars are no empty containers: they stay
        ([0], [0]),
        ([0, 0], [0, 0]),
        ([0.0], [0.0]),
        (["", ""], ["", ""]),
        ([None], [None]),
        (["", 0], ["", 0]),
        (["", [1]], ["", []]),
        ([False], [False]),
        ([[], 0, None, ""], [[], 0, None, ""]),
    ],
)
def test_results(value: object, kept: object) -> None:
    assert decoded(OUTER, value, "result") == kept
    assert type(decoded(OUTER, value, "result")) is type(kept)


def test_args_of_nothing_but_containers_are_not_folded() -> None:
    assert decoded(OUTER, [[1], {"a": 1}]) == [[], {}]


def test_without_truncation_everything_stays() -> None:
    assert decoded(WHOLE, [1, [1, 2], 3]) == [1, [1, 2], 3]
    assert decoded(WHOLE, {"a": {"aa": 1}}, "kwargs") == {"a": {"aa": 1}}
    assert decoded(WHOLE, [[1, 2], []], "result") == [[1, 2], []]
    assert decoded(WHOLE, (1, (2, 3), {4})) == [1, [2, 3], [4]]


def test_nothing_given_is_empty() -> None:
    assert OUTER.encode(None, "args").text == "[]"
    assert OUTER.encode(None, "kwargs").text == "{}"
    assert OUTER.encode(None, "result").text == "null"


def test_notes_tell_empty_from_emptied() -> None:
    assert OUTER.encode([[], {}]).notes == ()
    assert OUTER.encode([[1]]).notes == ("args:truncated",)
    assert OUTER.encode([[], []], "result").notes == ()
    assert OUTER.encode([[1], []], "result").notes == ("result:truncated",)


# ---- what JSON cannot hold ----------------------------------------------------------------------------------

CYCLE: list[object] = [1]
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "text", "complete"),
    [
        ({2, 1, 3}, [1, 2, 3], True),
        (frozenset("ba"), ["a", "b"], True),
        (collections.deque([1, 2]), [1, 2], True),
        (Point(1, 2), [1, 2], True),
        (b"ab\xff", "b'ab\\xff'", True),
        (bytearray(b"ab"), "b'ab'", True),
        (Decimal("1.50"), "1.50", True),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006+00:00", True),
        (date(2026, 1, 2), "2026-01-02", True),
        (time(1, 2), "01:02:00", True),
        (timedelta(seconds=3602), "1:00:02", True),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001", True),
        (Fraction(1, 3), "1/3", True),
        (PurePosixPath("/a/b"), "/a/b", True),
        (1 + 2j, "(1+2j)", True),
        (range(3), "range(0, 3)", True),
        (range(0, 9, 2), "range(0, 9, 2)", True),
        (Colour.RED, f"{__name__}.Colour.RED", True),
        (Level.HIGH, 3, True),
        (Word.PAID, "paid", True),
        (math.nan, "NaN", True),
        (math.inf, "Infinity", True),
        (-math.inf, "-Infinity", True),
        (2**100, 2**100, True),
        (ValueError("boom", 1), "ValueError('boom', 1)", True),
        (CYCLE, [1, "<circular reference>"], False),
        (Order(), f"<{__name__}.Order object>", False),
        (Plain(), f"<{__name__}.Plain object>", False),
        (Plain, f"<class '{__name__}.Plain'>", False),
        (len, "<function len>", False),
        (iter([1]), "<list_iterator object>", False),
        (object(), "<object object>", False),
        (memoryview(b"ab"), "<memoryview object>", False),
    ],
    ids=stable_id,
)
def test_what_json_cannot_hold_is_readable_and_spares_its_neighbours(
    value: object, text: object, complete: bool
) -> None:
    encoded = WHOLE.encode(["before", {"inside": value}, value, "after"])
    assert json.loads(encoded.text) == ["before", {"inside": text}, text, "after"]
    assert encoded.notes == (() if complete else ("args:unserialisable",))
    assert json.loads(WHOLE.encode(value, "result").text) == text


def test_no_attributes_of_an_object_and_no_repr_of_it_are_in_the_text() -> None:
    for encoder in (OUTER, WHOLE):
        assert "canary" not in encoder.encode([Order(), Plain(), {"a": Plain()}, ValueError(Plain())]).text


def test_a_generator_is_not_consumed() -> None:
    numbers = (number for number in range(3))
    WHOLE.encode([numbers])
    assert json.loads(WHOLE.encode(numbers).text) == "<generator object>"
    assert list(numbers) == [0, 1, 2]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (1, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ((1, "a"), "(1, a)"),
        (date(2026, 1, 2), "2026-01-02"),
        (Colour.RED, f"{__name__}.Colour.RED"),
        (Word.PAID, "paid"),
        (b"ab", "b'ab'"),
        (Plain, f"<class '{__name__}.Plain'>"),
    ],
    ids=stable_id,
)
def test_keys_that_are_no_texts(key: object, text: str) -> None:
    assert decoded(OUTER, {"before": 0, key: 1, "after": 2}, "kwargs") == {"before": 0, text: 1, "after": 2}


def test_keys_that_json_cannot_tell_apart_all_stay() -> None:
    assert decoded(OUTER, {1: "a", "1": "b"}, "kwargs") == {"1": "a", "1 (2)": "b"}
    assert decoded(OUTER, {None: 1, "null": 2, "null (2)": 3}, "kwargs") == {
        "null": 1,
        "null (2)": 2,
        "null (2) (2)": 3,
    }


def test_lone_surrogates_become_valid() -> None:
    encoded = OUTER.encode(["a\ud800b", {"x\udfff": 1}])
    encoded.text.encode()
    assert json.loads(encoded.text)[0] == "a\ufffdb"
    assert encoded.notes == ("args:truncated", "args:unserialisable")


def test_control_characters_and_other_scripts_come_back_as_they_were() -> None:
    text = '\0\x1b[31m\n\t"\\ <b> \u202eabc \u2028 日本 😀'
    assert decoded(OUTER, [text]) == [text]


# ---- hostile values -----------------------------------------------------------------------------------------


class Bad(Exception):
    pass


def bad(*_: object, **__: object) -> Any:
    raise Bad


class Hostile:
    __repr__ = __str__ = __len__ = __iter__ = __hash__ = __eq__ = __bool__ = __getattr__ = __format__ = bad
    __class__ = property(bad)
    __dict__ = property(bad)


class HostileList(list[object]):
    __repr__ = __str__ = __len__ = __iter__ = __getitem__ = __bool__ = bad


class HostileDict(dict[str, object]):
    __repr__ = __str__ = __len__ = __iter__ = __getitem__ = items = keys = values = __bool__ = get = bad


class HostileStr(str):
    __slots__ = ()
    __repr__ = __str__ = __len__ = __iter__ = __getitem__ = __bool__ = __eq__ = __hash__ = lower = isascii = (
        bad
    )


class HostileInt(int):
    __repr__ = __str__ = __bool__ = __int__ = __index__ = bit_length = bad


class HostileFloat(float):
    __repr__ = __str__ = __bool__ = __float__ = bad


class HostileDate(datetime):
    isoformat = __str__ = __repr__ = bad


class HostileZone(tzinfo):
    utcoffset = tzname = dst = bad


class HostileMeta(type):
    __repr__ = __getattribute__ = bad


class WithHostileMeta(metaclass=HostileMeta):
    pass


class Nameless:
    __module__ = property(bad)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        # made inside the test: pytest itself looks at parameters
        (lambda: Hostile(), f"<{__name__}.Hostile object>"),
        (lambda: HostileList([1, 2]), [1, 2]),
        (lambda: HostileDict(a=1), {"a": 1}),
        (lambda: HostileStr("abc"), "abc"),
        (lambda: HostileInt(7), 7),
        (lambda: HostileFloat(0.5), 0.5),
        (lambda: HostileDate(2026, 1, 2), "2026-01-02T00:00:00"),
        (lambda: datetime(2026, 1, 2, tzinfo=HostileZone()), "2026-01-02T00:00:00"),
        (lambda: time(1, tzinfo=HostileZone()), "01:00:00"),
        (lambda: WithHostileMeta(), f"<{__name__}.WithHostileMeta object>"),
        (lambda: Nameless(), "<Nameless object>"),
    ],
)
def test_hostile_values(make: Callable[[], object], text: object) -> None:
    value = make()
    before = _safely.failures()
    encoded = WHOLE.encode(["before", value, "after"])
    assert json.loads(encoded.text) == ["before", text, "after"]
    assert WHOLE.encode(value, "result").text
    assert _safely.failures() == before


def test_a_hostile_key() -> None:
    assert decoded(WHOLE, {HostileMeta: 1, Level.HIGH: 2}, "kwargs") == {
        f"<class '{__name__}.HostileMeta'>": 1,
        "3": 2,
    }


def test_what_cannot_be_read_at_all_is_noted_counted_and_loses_no_record() -> None:
    class Broken:
        settings = Settings()

        def spans(self, text: str) -> Iterator[None]:
            raise RecursionError

    encoder = PayloadEncoder(Settings())
    encoder.redactor = Broken()  # type: ignore[assignment]
    before = _safely.failures().get("encoding args", 0)
    assert encoder.encode(["x\n"]) == ('"<not recorded: RecursionError>"', ("args:dropped",))
    assert _safely.failures()["encoding args"] == before + 1


def test_a_soft_time_limit_is_not_kept_from_the_task() -> None:
    class Limit(tzinfo):
        def utcoffset(self, _: datetime | None) -> timedelta:
            raise _safely.SoftTimeLimitExceeded

        tzname = dst = bad

    with pytest.raises(_safely.SoftTimeLimitExceeded):
        OUTER.encode([datetime(2026, 1, 1, tzinfo=Limit())])
