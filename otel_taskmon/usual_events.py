"""Receipts and starts of executions with nothing special about them, from templates.

``main_process`` makes an event out of attributes, ``outbox.encode`` bytes out of that. In a worker that computes
between two tasks nearly all of that time is waiting for memory. Executions of one task differ in ids and times alone;
so the first one is encoded with marks in these places, and the others fill a template. An execution with more (a group,
a chord, eta, expires), with less (no publisher of ours) or with odd headers goes the long way.
"""

from __future__ import annotations

import os
import secrets
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry.trace import SpanContext, TraceFlags

from otel_taskmon import alike, execution, semconv, stamps, traceparent
from otel_taskmon.alike import Get
from otel_taskmon.boot import Boot
from otel_taskmon.facts import Attributes, Recorder
from otel_taskmon.outbox.encode import encode_attribute, encode_event
from otel_taskmon.outbox.known import Known
from otel_taskmon.outbox.template import Template
from otel_taskmon.outbox.wire import nine_bytes

_TEMPLATES_AT_MOST: Final = 1_000
_PIDS_AT_MOST: Final = 1_000
_SHORTEST_ID: Final = 16
"""Characters; a shorter mark may be in the message by chance."""
_HEX: Final = "0123456789abcdef"
_times = struct.Struct("<BQBQ").pack


class Usual(NamedTuple):
    """One execution that was received in the usual way."""

    kind: tuple[Any, ...]
    values: tuple[bytes, ...]
    """Ids and times, as they stand in its events."""
    trace_id: bytes
    span_id: bytes
    """Of its publish."""


class UsualEvents:
    """``append`` takes an encoded event."""

    def __init__(self, recorder: Recorder, boot: Boot, append: Callable[[bytes], object]) -> None:
        self._recorder, self._boot, self._append = recorder, boot, append
        self._templates: dict[tuple[Any, ...], Template | None] = {}
        self._pids: dict[int, bytes] = {}

    def received(self, app: Any, task_name: str, headers: Mapping[str, Any], chord: object) -> Usual | None:
        """Tell of the receipt that ``headers`` were stamped with; None, and nothing is done, where it is not usual."""
        get: Get = headers.get
        root, parent, task_id = get("root_id"), get("parent_id"), get("id")
        published, first = get(semconv.HEADER_PUBLISHED_AT), get(semconv.HEADER_FIRST_PUBLISHED_AT)
        received, execution_id = headers[semconv.REQUEST_RECEIVED_AT], headers[semconv.REQUEST_EXECUTION_ID]
        latest = received + stamps.LATEST_AHEAD_NS
        publish = traceparent.parts_of(get)
        if (
            publish is None
            or not _is_id(root)
            or not _is_id(task_id)
            or not (parent is None or (_is_id(parent) and parent != task_id))
            or type(published) is not int
            or not stamps.EARLIEST_NS <= published <= latest
            or type(first) is not int
            or not stamps.EARLIEST_NS <= first <= latest
            or not (get("group") is get("group_index") is get("eta") is get("expires") is chord is None)
            or get("is_eager")
        ):
            return None
        alike_by = alike.key_without_stock(self._boot, app, task_name, get)
        if alike_by is None:
            return None
        trace_id, span_id, flags = publish
        kind = (alike_by, flags, len(root), len(task_id), 0 if parent is None else len(parent))
        template = self._templates.get(kind)
        if template is None:
            template = self._made(semconv.EVENT_RECEIVED, kind, kind, app, task_name, get, {}, ())
            if template is None:
                return None
        at = nine_bytes(published)
        own = (
            execution_id.encode(),
            at if first == published else nine_bytes(first),
            at,
            nine_bytes(received),
            task_id.encode(),
        )
        values = (root.encode(), *own) if parent is None else (root.encode(), parent.encode(), *own)
        found = Usual(kind, values, bytes.fromhex(trace_id), bytes.fromhex(span_id))
        self._append(
            template.fill((_times(0x09, received, 0x59, received), *values, found.trace_id, found.span_id))
        )
        return found

    def started(
        self, usual: Usual, app: Any, task_name: str, headers: Mapping[str, Any], start: Attributes
    ) -> bool:
        """Tell of the start, now; False, and nothing is done, where only the long way can.

        ``start``: when the pool began (ns), and the process id; it may be empty.
        """
        started, pid = start.get(semconv.STARTED_AT), start.get(semconv.PID)
        if type(started) is not int or type(pid) is not int:
            return False
        now = time.time_ns()
        if not stamps.EARLIEST_NS <= started <= now + stamps.LATEST_AHEAD_NS:
            return False
        said = self._pids.get(pid) or self._pid(pid)
        kind = (usual.kind, len(said))
        template = self._templates.get(kind)
        if template is None:
            mark = _moment(now)
            template = self._made(
                semconv.EVENT_STARTED,
                kind,
                usual.kind,
                app,
                task_name,
                headers.get,
                {semconv.STARTED_AT: mark, semconv.PID: pid},
                (nine_bytes(mark), said),
            )
            if template is None:
                return False
        self._append(
            template.fill(
                (
                    _times(0x09, now, 0x59, now),
                    *usual.values,
                    nine_bytes(started),
                    said,
                    usual.trace_id,
                    usual.span_id,
                )
            )
        )
        return True

    def _pid(self, pid: int) -> bytes:
        if len(self._pids) >= _PIDS_AT_MOST:
            self._pids.clear()
        found = self._pids[pid] = encode_attribute(semconv.PID, pid)
        return found

    def _made(
        self,
        name: str,
        key: tuple[Any, ...],
        kind: tuple[Any, ...],
        app: Any,
        task_name: str,
        get: Get,
        more: Attributes,
        more_marks: tuple[bytes, ...],
    ) -> Template | None:
        """The template for ``key``, from an event of such an execution with marks for what differs.

        None for executions that are told apart by long texts: anybody may make those up.
        """
        alike_by, flags, root_size, id_size, parent_size = kind
        if not alike.is_short(alike_by):
            return None
        now = time.time_ns()
        root, task_id, parent, execution_id = map(_text, (root_size, id_size, parent_size, 32))
        first, published, received = (_moment(now) for _ in range(3))
        marked = {
            "root_id": root,
            "parent_id": parent or None,
            "id": task_id,
            semconv.REQUEST_EXECUTION_ID: execution_id,
            semconv.HEADER_FIRST_PUBLISHED_AT: first,
            semconv.HEADER_PUBLISHED_AT: published,
            semconv.REQUEST_RECEIVED_AT: received,
        }

        def get_marked(header: str) -> Any:
            return marked[header] if header in marked else get(header)

        common, own = execution.known_of(self._recorder, self._boot, app, task_name, get_marked, None, now)
        own[semconv.MESSAGING_MESSAGE_ID] = task_id
        trace_id, span_id = os.urandom(16), os.urandom(8)
        publish = SpanContext(
            int.from_bytes(trace_id, "big"),
            int.from_bytes(span_id, "big"),
            is_remote=True,
            trace_flags=TraceFlags(int(flags, 16)),
        )
        event = encode_event(name, more, now, publish, Known(own, common))
        ids = (root.encode(), parent.encode()) if parent else (root.encode(),)
        marks = (
            _times(0x09, now, 0x59, now),
            *ids,
            execution_id.encode(),
            *map(nine_bytes, (first, published, received)),
            task_id.encode(),
            *more_marks,
            trace_id,
            span_id,
        )
        if len(self._templates) >= _TEMPLATES_AT_MOST:
            self._templates.clear()
        try:
            made = Template(event, marks)
        except ValueError:  # by chance, or another version of the encoder: the long way is right too
            return None
        self._templates[key] = made
        return made


def _is_id(value: object) -> bool:
    """An id that stands in an event as it is."""
    return type(value) is str and _SHORTEST_ID <= len(value) <= stamps.MAX_NAME and value.isascii()


def _text(size: int) -> str:
    return "".join(secrets.choice(_HEX) for _ in range(size))


def _moment(now_ns: int) -> int:
    """A time that is no other event's."""
    return stamps.EARLIEST_NS + secrets.randbelow(now_ns - stamps.EARLIEST_NS)
