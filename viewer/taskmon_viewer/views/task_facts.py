"""What is known of a task, as groups of names and values; pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from otel_taskmon.queries.model import Execution, TaskRow
from otel_taskmon.queries.report_model import QueueDepthAt
from taskmon_viewer import theme
from taskmon_viewer.components.facts import Fact, FactGroup
from taskmon_viewer.links import task_href
from taskmon_viewer.texts import clock, duration, named


def fact_groups(
    task: TaskRow,
    execution: Execution | None,
    *,
    number: int | None = None,
    queue_depth: QueueDepthAt | None = None,
    local: tzinfo | None = None,
) -> list[FactGroup]:
    """The task, its relatives, its times and where it ran; the last two of ``execution`` where one is given.

    ``number`` says which one, where there are several. ``queue_depth``: how long its queue was when it began, where
    that is known. ``local``: the reader's time zone, whose distance to UTC is said.
    """
    of = "" if number is None else f", execution {number}"
    return [
        _task_group(task, execution),
        _lineage_group(task, execution),
        FactGroup(f"Times (UTC{_distance(local, task.first_published_at)}){of}", _times(task, execution)),
        FactGroup(f"Where{of}", _place(task, execution, queue_depth)),
    ]


def _distance(local: tzinfo | None, moment: datetime) -> str:
    """``; Europe/Berlin is UTC+01:00``"""
    if local is None:
        return ""
    offset = moment.astimezone(local).strftime("%z")
    return f"; {local} is UTC{offset[:3]}:{offset[3:]}"


def _task_group(task: TaskRow, execution: Execution | None) -> FactGroup:
    notes = []
    if execution and execution.is_eager:
        notes.append("ran eagerly, in the caller's process")
    if task.redelivered:
        notes.append("delivered more than once")
    return FactGroup(
        "Task",
        (
            Fact("State", task.state, "state", note=theme.look(task.state).meaning),
            *((Fact("Reason", task.reason),) if task.reason else ()),
            Fact("Name", task.task_name, "mono"),
            Fact("App", named(task.app)),
            Fact("Task id", task.task_id, "mono"),
            Fact("Retries", str(task.retries), "number"),
            Fact("Executions", str(task.executions), "number", note="; ".join(notes)),
        ),
    )


def _times(task: TaskRow, execution: Execution | None) -> tuple[Fact, ...]:
    times: TaskRow | Execution = execution or task
    facts = [_moment("First published", task.first_published_at)]
    if times.published_at not in (None, task.first_published_at):
        facts.append(_moment("Published", times.published_at))
    facts += [_moment(label, at) for label, at in (("ETA", times.eta), ("Expires", times.expires)) if at]
    facts += [
        _moment("Received", times.received_at),
        _moment("Started", None if execution and execution.duration_ns is None else times.started_at),
        _moment("Ended", times.ended_at),
        Fact("Queue wait", duration(times.queue_wait_ns), "number", note=_wait_note(execution)),
    ]
    if execution:
        facts.append(
            Fact(
                "Prefetch wait", duration(execution.prefetch_wait_ns), "number", help="Received until started"
            )
        )
    facts.append(Fact("Runtime", duration(times.duration_ns), "number"))
    return tuple(facts)


def _moment(label: str, at: datetime | None) -> Fact:
    return Fact(label, clock(at, fraction=6), "number")


def _wait_note(execution: Execution | None) -> str:
    if execution is None:
        return ""
    if execution.queue_wait_raw_ns is not None and execution.queue_wait_raw_ns < 0:
        return f"the clocks differ: measured {duration(execution.queue_wait_raw_ns)}"
    return "unknown: redelivered" if execution.queue_wait_ns is None and execution.redelivered else ""


def _place(task: TaskRow, execution: Execution | None, queue_depth: QueueDepthAt | None) -> tuple[Fact, ...]:
    place: TaskRow | Execution = execution or task
    facts = [
        Fact("Queue", place.queue or "–"),
        *(_queue_length(queue_depth) if execution else ()),
        Fact("Priority", "–" if place.priority is None else str(place.priority), "number"),
        Fact("Worker", place.worker or "–"),
    ]
    if execution:
        facts += [
            Fact("Routing key", execution.routing_key or "–"),
            Fact("Host", execution.host or "–", note=f"process {execution.pid}" if execution.pid else ""),
            Fact("Service", execution.service or "–"),
            *(
                Fact(label, value)
                for label, value in (("Environment", execution.environment), ("Release", execution.release))
                if value
            ),
            Fact("Boot", execution.boot_id or "–", "mono", help="This life of the worker"),
        ]
    return tuple(facts)


def _queue_length(found: QueueDepthAt | None) -> tuple[Fact, ...]:
    if found is None:
        return (
            Fact("Queue length at its start", "–", "number", help="The queue was not counted shortly before"),
        )
    held = "" if found.unacked is None else f"; {found.unacked:,} held by workers"
    note = f"counted {clock(found.sampled_at, fraction=0)}{held}"
    return (Fact("Queue length at its start", f"{found.depth:,}", "number", note=note),)


def _lineage_group(task: TaskRow, execution: Execution | None) -> FactGroup:
    facts = [_relative("Root", task.root_id, task.task_id), _relative("Parent", task.parent_id, task.task_id)]
    if execution:
        if execution.group_id:
            note = "" if execution.group_index is None else f"member {execution.group_index}"
            facts.append(Fact("Group", execution.group_id, "mono", note=note))
        if execution.chord_id:
            facts.append(Fact("Chord", execution.chord_id, "mono"))
        facts.append(Fact("Execution", execution.execution_id or "–", "mono"))
    facts.append(Fact("Trace", (execution.trace_id if execution else task.trace_id) or "–", "mono"))
    return FactGroup("Lineage", tuple(facts))


def _relative(label: str, task_id: str, own_id: str) -> Fact:
    if not task_id:
        return Fact(label, "–")
    if task_id == own_id:
        return Fact(label, "this task")
    return Fact(label, task_id, "mono", href=task_href(task_id), open=task_id)


def execution_label(number: int, execution: Execution) -> str:
    redelivered = ", redelivered" if execution.redelivered else ""
    return f"Execution {number} (retries {execution.retries}{redelivered})"
