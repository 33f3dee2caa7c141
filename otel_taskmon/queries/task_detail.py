"""One task: its row, its executions, its relatives, its trace."""

from __future__ import annotations

from otel_taskmon.queries import rows
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import Execution, Related, RelatedTask, TaskRow, TraceSpan
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.task_rows import task_rows

CHILDREN_SHOWN = 100
VALUE_LENGTH = 4000
"""Characters of an attribute value that a trace shows."""


def find_task(client: Client, task_id: str) -> TaskRow | None:
    """The task of this id, None when there is none; of an id that was used more than once, the newest."""
    keys = client.ask(statement("keys_of_task"), {"task_id": task_id}).rows
    if not keys:
        return None
    key = (keys[0][0], keys[0][1])
    return task_rows(client, [key], TaskRow).get(key)


def executions(client: Client, task_id: str) -> list[Execution]:
    """All executions of a task in the order they happened, with their whole payloads and tracebacks."""
    answer = client.ask(statement("executions_of_task"), {"task_id": task_id})
    return rows.many(Execution, answer)


def related(client: Client, task_id: str) -> Related:
    """Root and parent (None where the task has none, or they are no longer kept) and the first children."""
    if not task_id:  # a task without a parent has an empty parent_id, and is nobody's child
        return Related(root=None, parent=None, children=[], children_total=0)
    task = find_task(client, task_id)
    parent_id = task.parent_id if task else ""
    root_id = task.root_id if task and task.root_id != task_id else ""
    relatives: dict[str, RelatedTask] = {}
    if parent_id or root_id:
        answer = client.ask(statement("related_by_id"), {"task_ids": [parent_id, root_id]})
        relatives = {row.task_id: row for row in rows.many(RelatedTask, answer) if row.task_id}
    children = client.ask(statement("children_of_task"), {"task_id": task_id, "limit": CHILDREN_SHOWN})
    (total,) = client.ask(statement("count_children"), {"task_id": task_id}).only()
    return Related(
        root=relatives.get(root_id),
        parent=relatives.get(parent_id),
        children=rows.many(RelatedTask, children),
        children_total=total,
    )


def trace(client: Client, trace_id: str, limit: int = 2000) -> list[TraceSpan]:
    """The first ``limit`` spans of a trace, oldest first; resource attributes are among the attributes.

    Values longer than 4 000 characters are cut and end with "…".
    """
    if not trace_id:
        return []
    answer = client.ask(
        statement("trace_spans"), {"trace_id": trace_id, "limit": limit, "value_length": VALUE_LENGTH}
    )
    return rows.many(TraceSpan, answer)
