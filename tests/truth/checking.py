"""Holding what the store has of one cell against its truth."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from tests.truth.cell import OURS, Cell
from tests.truth.expected import (
    Expected,
    Row,
    Told,
    wrong_fields,
    wrong_in_latest,
    wrong_in_stock,
)

SQL = Path(__file__).parent / "sql"
LASTING_WAIT_S = 20.0
"""While the worker is there: the batch processor sends every five seconds, and the machine may be busy."""
ENDED_WAIT_S = 5.0
"""When it is gone, nothing comes any more but what is on its way into the store."""
_INTERVAL_S = 0.3


@dataclass
class Score:
    """Of one row of the matrix in one column."""

    executed: int = 0
    recorded: int = 0
    wrong: int = 0
    """Fields."""
    extra: int = 0
    """Records of executions that never were."""
    next_process: bool = False
    """All of it was there only when the next process on the host had shipped what this worker left on disk."""
    details: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return self.executed > 0 and self.recorded == self.executed and not self.wrong and not self.extra

    @property
    def text(self) -> str:
        said = f"{self.recorded}/{self.executed}"
        if self.wrong:
            said += f" {self.wrong}w"
        if self.extra:
            said += f" +{self.extra}"
        return f"{said}*" if self.next_process else said


def ask(client: Client, question: str, **parameters: Any) -> list[dict[str, Any]]:
    """Rows of one of the questions in ``sql/``."""
    found = client.query((SQL / f"{question}.sql").read_text(), parameters)
    return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]


def expected_of_end(cell: Cell) -> list[Expected]:
    """From the truth alone: what came to its end is a success, the rest what the cell says of it."""
    ended = cell.ended()
    found = []
    for told in cell.told():
        state, reason, exc_type = "SUCCESS", "", ""
        if told.execution not in ended:
            if cell.unfinished is None:
                raise AssertionError(
                    f"{told.task_id} in {cell.id} began and did not end, which is not the case to be made"
                )
            state, reason, exc_type = cell.unfinished
        found.append(
            Expected(
                cell.row, told.task_id, told.task, state,
                retries=told.retries, reason=reason, exc_type=exc_type, args=told.args, kwargs=told.kwargs,
                redelivered=told.redelivered, only_latest=state == "LOST" and not reason,
            )
        )  # fmt: skip
    return found


def check(cell: Cell, expected: Sequence[Expected]) -> dict[str, Score]:
    """Wait until the store has it all, or for as long as something can still come; scores by row of the matrix."""
    told = _in_order(cell.told())
    _compare_truth(cell, expected, told)
    client = cell.store.client()
    try:
        find = _questions(cell, client, expected)
        until = time.monotonic() + (LASTING_WAIT_S if cell.lasting else ENDED_WAIT_S)
        while True:
            found = find()
            scores = _score(cell, expected, told, *found)
            if all(score.full for score in scores.values()) or time.monotonic() > until:
                return scores
            time.sleep(_INTERVAL_S)
    finally:
        client.close()


def check_failed_publishes(cell: Cell, expected: Sequence[Expected]) -> dict[str, Score]:
    """The same for publishes: each has a record with its error."""
    client = cell.store.client()
    question = "sends" if cell.kind == OURS else "sends_stock"
    until = time.monotonic() + ENDED_WAIT_S
    try:
        while True:
            rows = {row["task_id"]: row for row in ask(client, question, service=cell.id)}
            scores: dict[str, Score] = defaultdict(Score)
            for one in expected:
                score, row = scores[one.row], rows.get(one.task_id)
                score.executed += 1
                if row is None:
                    score.details.append(f"{one.task_id}: no record")
                    continue
                score.recorded += 1
                wrong = [
                    f"{name}: {row[name]!r}, not {value!r}"
                    for name, value in (("task_name", one.task), ("exc_type", one.exc_type))
                    if row[name] != value
                ]
                score.wrong += len(wrong)
                score.details += wrong
            if all(score.full for score in scores.values()) or time.monotonic() > until:
                return dict(scores)
            time.sleep(_INTERVAL_S)
    finally:
        client.close()


Found = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _questions(cell: Cell, client: Client, expected: Sequence[Expected]) -> Callable[[], Found]:
    unreported = [one.task_id for one in expected if one.only_latest]

    def find() -> Found:
        rows = ask(client, "runs" if cell.kind == OURS else "spans", service=cell.id)
        return rows, ask(client, "latest", ids=unreported) if unreported and cell.kind == OURS else []

    return find


def _score(
    cell: Cell,
    expected: Sequence[Expected],
    told: dict[str, list[Told]],
    rows: Sequence[Row],
    latest: Sequence[Row],
) -> dict[str, Score]:
    scores: dict[str, Score] = defaultdict(Score)
    by_task: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_task[row["task_id"]].append(row)
    now = {row["task_id"]: row for row in latest}
    stories = {task_id: list(of_task) for task_id, of_task in told.items()}
    compare = wrong_fields if cell.kind == OURS else wrong_in_stock
    for one in expected:
        score = scores[one.row]
        score.executed += 1
        known = stories.get(one.task_id)
        story = known.pop(0) if one.ran and one.told and known else None
        if one.only_latest and cell.kind == OURS:
            known_state = now.get(one.task_id, {})
            wrong = wrong_in_latest(one, story, known_state, cell.id, cell.node) if known_state else []
            if known_state.get("state") != one.state:
                state = known_state.get("state", "no row")
                score.details.append(
                    f"{one.task} {one.task_id}: the latest view has {state}, not {one.state}"
                )
                continue
        elif by_task[one.task_id]:
            wrong = compare(one, story, by_task[one.task_id].pop(0), cell.id, cell.node)
        else:
            score.details.append(
                f"{one.task} {one.task_id}, retries {one.retries}: no record, should be {one.state}"
            )
            continue
        score.recorded += 1
        score.wrong += len(wrong)
        score.details += [f"{one.task} {one.task_id}, retries {one.retries}: {field}" for field in wrong]
    rows_of = {one.task_id: one.row for one in expected}
    for task_id, left in by_task.items():
        for row in left:
            score = scores[rows_of.get(task_id, next(iter(scores)))]
            score.extra += 1
            score.details.append(f"{row['task_name']} {task_id}: a record too many ({row['state']})")
    return dict(scores)


def _in_order(told: Sequence[Told]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = defaultdict(list)
    for one in sorted(told, key=lambda one: one.started_ns):
        found[one.task_id].append(one)
    return found


def _compare_truth(cell: Cell, expected: Sequence[Expected], told: dict[str, list[Told]]) -> None:
    """The publisher's expectations are worth something only if the tasks themselves tell the same story.

    Raises AssertionError where they do not: then the case is broken, not the record.
    """
    wanted = sorted((one.task_id, one.retries) for one in expected if one.ran and one.told)
    really = sorted((one.task_id, one.retries) for of_task in told.values() for one in of_task)
    missing = [one for one in wanted if one not in really]
    added = [one for one in really if one not in wanted]
    if wanted != really:
        rows = {one.task_id: one.row for one in expected}
        raise AssertionError(
            f"{cell.id}: expected and not executed: {[(rows[i], r) for i, r in missing]}; "
            f"executed and not expected: {[(rows.get(i, i), r) for i, r in added]}"
        )
