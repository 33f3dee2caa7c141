"""Events from templates are, byte for byte, what the long way makes of the same message; the unusual goes that way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.trace import NoOpTracer, SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_taskmon import semconv
from otel_taskmon.app_names import AppNames
from otel_taskmon.boot import Boot
from otel_taskmon.facts import Attributes, Recorder
from otel_taskmon.main_process import MainProcess
from otel_taskmon.outbox.encode import encode_event
from otel_taskmon.outbox.known import Known
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings
from otel_taskmon.usual_events import UsualEvents

APP = Celery("shop", broker="memory://", set_as_current=False)


@APP.task(name="shop.tasks.pay", shared=False)  # type: ignore[untyped-decorator]
def pay() -> None: ...


@APP.task(name="shop.tasks.100%", shared=False)  # type: ignore[untyped-decorator]
def percent() -> None: ...


NOW = time.time_ns()
MESSAGE: dict[str, Any] = {
    "task": "shop.tasks.pay",
    "id": "6a1f0b5e-0000-4000-8000-000000000002",
    "root_id": "6a1f0b5e-0000-4000-8000-000000000002",
    "parent_id": None,
    "group": None,
    "retries": 0,
    "eta": None,
    "expires": None,
    "taskmon_published_at": NOW - 3_000_000,
    "taskmon_first_published_at": NOW - 3_000_000,
    "taskmon_queue": "fast",
    "traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01",
    "hostname": "w@host",
    "delivery_info": {"exchange": "", "routing_key": "fast", "priority": 3, "redelivered": False},
}


class Told:
    """A main process whose events are kept, from templates and the long way."""

    def __init__(self) -> None:
        made = Settings()
        recorder = Recorder(made, PayloadEncoder(made), AppNames({}).of)
        boot = Boot("b" * 32, "w@host")
        self.short: list[bytes] = []
        self.long: list[bytes] = []
        usual = UsualEvents(recorder, boot, self.short.append)
        self.main = MainProcess(recorder, boot, NoOpTracer, self.emit, usual)

    def emit(self, name: str, more: Attributes, publish: SpanContext | None, _at: None, known: Known) -> None:
        self.long.append(encode_event(name, more, NOW, publish, known))

    def of(
        self, message: dict[str, Any], *, task: Any = pay, chord: object = None, pid: Any = 4_711
    ) -> tuple[list[bytes], list[bytes]]:
        """The events of one execution of ``message``, received and started: from templates, and the long way."""
        self.short.clear()
        self.long.clear()
        request = SimpleNamespace(
            id=message.get("id"),
            task=task,
            chord=chord,
            time_start=time.time(),
            worker_pid=pid,
            _request_dict=dict(message),
        )
        self.main.received(request)
        self.main.accepted(request)
        short = list(self.short)
        # and once more the long way, with the same stamps
        usual, self.main._usual = self.main._usual, None
        held = request._taskmon_held
        held.usual = held.known = None
        self.main._emit("taskmon.task.received", {}, *self._known(held, request))  # type: ignore[misc]
        self.main.accepted(request)
        self.main._usual = usual
        return short, list(self.long)

    def _known(self, held: Any, request: Any) -> tuple[Any, None, Known]:
        known = self.main._know(
            held, request.task.app, request.task.name, request._request_dict, request.chord
        )
        return held.publish, None, known


@pytest.fixture(autouse=True, scope="module")
def instrumented() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("otel_taskmon._celery.stock_active", lambda: True)
        yield


@pytest.fixture
def told() -> Told:
    return Told()


def at(event: bytes, time_ns: int) -> bytes:
    """The same event of another time."""
    assert event[:1] == b"\x09"
    assert event[9:10] == b"\x59"
    assert event[1:9] == event[10:18]
    raw = time_ns.to_bytes(8, "little")
    return b"\x09" + raw + b"\x59" + raw + event[18:]


def same(short: list[bytes], long: list[bytes]) -> bool:
    return [at(event, NOW) for event in short] == long


CHILD = {**MESSAGE, "root_id": "r" * 36, "parent_id": "p" * 36}


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        CHILD,
        {**MESSAGE, "retries": 2, "taskmon_first_published_at": NOW - 9_000_000_000},
        {**MESSAGE, "traceparent": f"00-{'a1' * 16}-{'b2' * 8}-00"},
        {**MESSAGE, "id": "order-2026-11-23/%d %b", "root_id": "order-2026-11-23/%d %b"},
        {**MESSAGE, "taskmon_queue": "100% für alle"},
        {**MESSAGE, "delivery_info": {"routing_key": "fast", "redelivered": True}},
    ],
)
@pytest.mark.parametrize("pid", [1, 200, 70_000, 4_000_000, None, "w"])
def test_usual_ones_are_what_the_long_way_says(told: Told, message: dict[str, Any], pid: Any) -> None:
    for _ in range(2):  # the second one finds a template
        short, long = told.of(message, pid=pid)
        assert [LogRecord.FromString(event).event_name for event in short] == [
            semconv.EVENT_RECEIVED,
            semconv.EVENT_STARTED,
        ]
        assert same(short, long)


def test_a_template_is_filled_with_what_each_execution_says(told: Told) -> None:
    told.of(MESSAGE)
    other = {
        **MESSAGE,
        "id": "7" * 36,
        "root_id": "8" * 36,
        "taskmon_published_at": NOW - 1,
        "taskmon_first_published_at": NOW - 2,
        "traceparent": f"00-{'c3' * 16}-{'d4' * 8}-01",
    }
    short, long = told.of(other)
    assert same(short, long)
    assert len(told.main._usual._templates) == 2  # type: ignore[union-attr]
    said = {
        a.key: a.value.string_value or a.value.int_value for a in LogRecord.FromString(short[0]).attributes
    }
    assert said[semconv.MESSAGING_MESSAGE_ID] == "7" * 36
    assert said[semconv.ROOT_ID] == "8" * 36
    assert said[semconv.PUBLISHED_AT] == NOW - 1
    assert said[semconv.FIRST_PUBLISHED_AT] == NOW - 2


def test_another_task_has_another_template(told: Told) -> None:
    for task in (pay, percent, pay, percent):
        short, long = told.of(MESSAGE, task=task)
        assert same(short, long)
        (name,) = [
            a.value.string_value
            for a in LogRecord.FromString(short[1]).attributes
            if a.key == "celery.task_name"
        ]
        assert name == task.name


@pytest.mark.parametrize(
    "change",
    [
        {"traceparent": None},
        {"traceparent": MESSAGE["traceparent"].upper()},
        {"traceparent": f"00-{'0' * 32}-{'b2' * 8}-01"},
        {"tracestate": "a=b"},
        {"root_id": None},
        {"root_id": "short"},
        {"root_id": "ü" * 36},
        {"root_id": "r" * 256},
        {"id": 12},
        {"parent_id": MESSAGE["id"]},
        {"parent_id": ""},
        {"group": "g" * 36},
        {"group_index": 0},
        {"eta": "2026-11-24T00:00:00+00:00"},
        {"expires": "2026-11-24T00:00:00+00:00"},
        {"taskmon_published_at": None},
        {"taskmon_published_at": "x"},
        {"taskmon_published_at": True},
        {"taskmon_first_published_at": None},
        {"taskmon_first_published_at": -1},
        {"taskmon_first_published_at": NOW + 10**18},
        {"delivery_info": None},
        {"hostname": ["w"]},
        {"is_eager": True},
    ],
    # a time in an id would differ from process to process of the tests
    ids=lambda change: str(
        {
            name: value if type(value) is not int or abs(value) < 10**9 else "late"
            for name, value in change.items()
        }
    ),
)
def test_the_unusual_goes_the_long_way(told: Told, change: dict[str, Any]) -> None:
    told.of(MESSAGE)
    short, long = told.of({**MESSAGE, **change})
    assert short == []
    assert len(long) == 4  # received and started, and both once more to compare
    assert long[0] == long[2]


def test_a_chords_task_goes_the_long_way(told: Told) -> None:
    short, _ = told.of(MESSAGE, chord={"options": {"task_id": "body"}})
    assert short == []


def test_another_propagator_decides_what_a_header_means(told: Told) -> None:
    before = get_global_textmap()
    set_global_textmap(CompositePropagator([TraceContextTextMapPropagator()]))
    try:
        assert told.of(MESSAGE)[0] == []
    finally:
        set_global_textmap(before)


def test_made_up_kinds_do_not_fill_the_memory(told: Told) -> None:
    for number in range(1_200):
        told.of({**MESSAGE, "retries": number})
    assert 0 < len(told.main._usual._templates) <= 1_000  # type: ignore[union-attr]
    assert len(told.main._usual._recorder.remembered) <= 1_000  # type: ignore[union-attr]


def test_nothing_is_kept_by_long_headers(told: Told) -> None:
    short, long = told.of({**MESSAGE, "taskmon_queue": "q" * 100_000})
    assert short == []
    assert len(long) == 4
    assert told.main._usual._templates == {}  # type: ignore[union-attr]


_ids = st.text(st.characters(codec="ascii"), min_size=1, max_size=40)
_times = st.one_of(st.integers(-5, 1 << 64), st.integers(946_684_800_000_000_000, NOW), st.booleans())
_ALWAYS = Told()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": _ids,
            "root_id": st.one_of(_ids, st.none()),
            "parent_id": st.one_of(_ids, st.none()),
            "retries": st.one_of(st.integers(0, 3), st.floats(), st.text(max_size=3)),
            "taskmon_published_at": _times,
            "taskmon_first_published_at": _times,
            "taskmon_queue": st.one_of(st.text(max_size=5), st.none()),
            "traceparent": st.one_of(
                st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", fullmatch=True), st.text()
            ),
            "group": st.one_of(st.none(), _ids),
        },
    ),
    st.one_of(st.integers(-1, 1 << 23), st.none()),
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_message_says_both_ways_say_the_same(change: dict[str, Any], pid: Any) -> None:
    short, long = _ALWAYS.of({**MESSAGE, **change}, pid=pid)
    if short:
        assert same(short, long)
    else:
        assert long[0] == long[2]
