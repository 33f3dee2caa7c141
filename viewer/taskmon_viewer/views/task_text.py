"""A task as one text, for a ticket or a chat; pure."""

from __future__ import annotations

from collections.abc import Sequence

from otel_taskmon.queries.model import Execution, TaskRow
from taskmon_viewer.texts import payload_notes, pretty_json
from taskmon_viewer.views.task_facts import fact_groups


def task_text(task: TaskRow, executions: Sequence[Execution]) -> str:
    """All facts of the task, then each execution with its payload, result and traceback."""
    lines = [f"Task {task.task_id}", ""]
    newest = executions[-1] if executions else None
    for group in fact_groups(task, newest):
        lines.append(group.title)
        lines += [
            f"  {fact.label}: {fact.value}" + (f" ({fact.note})" if fact.note else "") for fact in group.facts
        ]
        lines.append("")
    for number, execution in enumerate(executions, 1):
        lines += _execution_lines(number, execution)
    return "\n".join(lines).rstrip() + "\n"


def _execution_lines(number: int, execution: Execution) -> list[str]:
    lines = [
        f"Execution {number}: {execution.state} on {execution.worker or 'no worker'}, retries {execution.retries}",
        *([f"  reason: {execution.reason}"] if execution.reason else []),
    ]
    notes = payload_notes(execution.payload_notes)
    for part, text in (("args", execution.args), ("kwargs", execution.kwargs), ("result", execution.result)):
        if text:
            said = f" ({' '.join(notes[part])})" if part in notes else ""
            lines += [f"  {part}{said}:", *_indented(pretty_json(text))]
    if execution.exc_type or execution.exc_message:
        lines += [f"  exception: {execution.exc_type}: {execution.exc_message}"]
    if execution.exc_stacktrace:
        lines += ["  traceback:", *_indented(execution.exc_stacktrace)]
    return [*lines, ""]


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
