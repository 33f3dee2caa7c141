"""What the first page says of executions: each is read once for all that is told by name, and once by queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from otel_taskmon.queries.connection import Client, Result
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import NOTHING, Report, ReportAnswer
from otel_taskmon.queries.report_range import ReportRange
from otel_taskmon.queries.reports import report_answer, report_row
from otel_taskmon.queries.statements import statement

SLOWEST: Final[Report] = replace(
    REPORTS["tasks_top_max_runtime"],
    label="Slowest tasks",
    heading="Slowest {top} tasks by 95th percentile of the runtime",
)


@dataclass(frozen=True)
class Totals:
    """All executions of a range; a percentile in nanoseconds, None where nothing has one."""

    runs: int = 0
    runtime_p95_ns: int | None = None
    wait_p95_ns: int | None = None


@dataclass(frozen=True)
class ByName:
    """The first few task names by failures and by p95 runtime, which do not say yet what they are based on;
    ``totals`` without the queue wait."""

    totals: Totals
    failing: ReportAnswer
    slowest: ReportAnswer


@dataclass(frozen=True)
class ByQueue:
    """Queue -> (executions, p95 of the queue wait in nanoseconds), and the latter of all queues together."""

    wait_p95_ns: int | None
    queues: Mapping[str, tuple[int, int | None]]


def totals(client: Client, asked: ReportRange) -> Totals:
    """A range in three figures."""
    answer = client.ask(statement("overview_totals", **asked.slots()), asked.parameters())
    record = dict(zip(answer.columns, answer.only(), strict=True))
    return Totals(
        record["executions"],
        _percentile(record["runtime_p95"], record["with_runtime"]),
        _percentile(record["wait_p95"], record["with_wait"]),
    )


def by_name(client: Client, asked: ReportRange, top: int) -> ByName:
    """The ``top`` names of both orders, as the reports ``tasks_top_failed`` and ``SLOWEST`` would have them."""
    question = statement("overview_names", **asked.slots())
    records = _records(client.ask(question, asked.parameters() | {"limit": top}))
    names = [record for record in records if not record["is_all"]]
    whole = next((record for record in records if record["is_all"]), None)
    if whole is None:
        whole = {"all_runs": 0, "failures": 0, "with_runtime": 0}

    def first(
        report: Report,
        counted: str,
        among: str,
        value: Callable[[Mapping[str, Any]], float],
        total: int | None,
    ) -> ReportAnswer:
        found = [
            {**record, "counted": record[counted], "value": value(record), "its_app": ""}
            for record in names
            if record[counted]
        ]
        found.sort(key=lambda record: (-record["value"], record["label"]))
        rows = [report_row(report, record, total) for record in found[:top]]
        return report_answer(
            report, asked, rows, NOTHING, rows_total=names[0][among] if names else 0, top=top
        )

    return ByName(
        Totals(whole["all_runs"], round(whole["runtimes"][1]) if whole["with_runtime"] else None),
        first(
            REPORTS["tasks_top_failed"],
            "failures",
            "names_failing",
            lambda each: each["failures"],
            whole["failures"],
        ),
        first(SLOWEST, "with_runtime", "names_ran", lambda each: each["runtimes"][1], None),
    )


def by_queue(client: Client, asked: ReportRange) -> ByQueue:
    """What ran of each queue; ``""`` is that of executions without one."""
    records = _records(client.ask(statement("overview_queue_runs", **asked.slots()), asked.parameters()))
    found = {
        (record["is_all"], record["queue"]): (
            record["executions"],
            _percentile(record["wait_p95"], record["with_wait"]),
        )
        for record in records
    }
    whole = found.get((1, ""), (0, None))
    return ByQueue(
        whole[1], {queue: facts for (is_all, queue), facts in found.items() if not is_all and facts[0]}
    )


def _records(answer: Result) -> Sequence[dict[str, Any]]:
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _percentile(value: float, counted: int) -> int | None:
    return round(value) if counted else None
