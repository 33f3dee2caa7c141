"""``taskmon inspect queue``: how long queues are and what waits in them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from otel_taskmon.cli.broker_choice import given_app, open_broker, queue_names, reading
from otel_taskmon.cli.printing import (
    as_text,
    bytes_text,
    duration_text,
    inert,
    json_option,
    print_json,
    print_table,
    time_text,
)
from otel_taskmon.cli.reading import NO_APP, open_reader, url_option
from otel_taskmon.settings import BrokerSettings

if TYPE_CHECKING:
    from otel_taskmon.broker.amqp import AmqpBroker
    from otel_taskmon.broker.model import QueueCounts, QueueDepth, WaitingPage, Wanted
    from otel_taskmon.broker.redis_broker import RedisBroker

_LONGEST_ARGUMENTS = 120
_NO_NAME = "(no task name)"


@click.command("queue", short_help="Show how long queues are and what waits in them.")
@click.argument("name", required=False)
@url_option
@click.option(
    "--list", "rows", type=click.IntRange(1, 10_000), metavar="N", help="List N waiting tasks of NAME."
)
@click.option(
    "--from", "start", type=click.IntRange(0), default=0, metavar="POSITION", help="Where the list begins."
)
@click.option("--app-name", metavar="APP", help=f'List only those of this app ("{NO_APP}": of none).')
@click.option("--task-name", metavar="TASK", default="", help="List only those with this name.")
@click.option("--priority", type=int, metavar="N", help="List only those with this priority.")
@json_option
def command(  # one per flag
    name: str | None,
    clickhouse_url: str | None,
    rows: int | None,
    start: int,
    app_name: str | None,
    task_name: str,
    priority: int | None,
    as_json: bool,
) -> None:
    """Without NAME every queue with its length; with NAME what fills that queue, by app and by task.

    Reads the broker itself: TASKMON_BROKER_URL (or …_FILE), else CELERY_BROKER_URL, with the app's
    TASKMON_BROKER_TRANSPORT_OPTIONS. Nothing is changed there. On RabbitMQ, which shows a message only to who takes
    it, the tasks are those that the tables know as published and not started.

    \b
    Examples:
      taskmon inspect queue
      taskmon inspect queue celery --list 20 --app-name shop
    """
    filters = {"--list": rows, "--app-name": app_name, "--task-name": task_name, "--priority": priority}
    if name is None and any(value not in (None, "") for value in filters.values()):
        raise click.UsageError(f"{', '.join(filters)} need the NAME of a queue")
    settings = BrokerSettings.from_environment()
    broker = open_broker(settings)
    from otel_taskmon.broker import Wanted

    try:
        if name is None:
            _print_depths(broker.depths(queue_names(broker, clickhouse_url)), as_json)
            return
        wanted = Wanted(task=task_name, app=given_app(app_name), priority=priority)
        if rows is None and not wanted.everything:
            rows = 100
        if not broker.lists_messages:
            _by_tables(broker, name, clickhouse_url, wanted, rows, as_json)
        elif rows is None:
            _print_counts(broker.counts(name, reading(), most=settings.queued_tasks_admin_limit), as_json)
        else:
            most = settings.queued_tasks_admin_limit
            page = broker.waiting(name, wanted, reading(), start=start, rows=rows, most=most)
            _print_page(page, as_json)
    finally:
        broker.close()


def _print_depths(depths: list[QueueDepth], as_json: bool) -> None:
    if as_json:
        print_json([_depth_document(depth) for depth in depths])
    elif not depths:
        click.echo("No queue is known yet. Name one: taskmon inspect queue celery")
    else:
        now = time.time_ns()
        print_table(
            ("queue", "waiting", "unacked", "consumers", "oldest waits"),
            [
                (
                    depth.queue,
                    depth.depth,
                    depth.unacked,
                    depth.consumers,
                    "-" if depth.oldest_at_ns is None else duration_text(max(now - depth.oldest_at_ns, 0)),
                )
                for depth in depths
            ],
        )


def _depth_document(depth: QueueDepth) -> Mapping[str, object]:
    oldest = depth.oldest_at_ns
    at = None if oldest is None else datetime.fromtimestamp(oldest / 1e9, UTC)
    document = dataclasses.asdict(depth)
    del document["oldest_at_ns"]
    return {**document, "oldest_at": at}


def _print_counts(counts: QueueCounts, as_json: bool) -> None:
    if as_json:
        print_json({**dataclasses.asdict(counts), "sampled": counts.sampled})
        return
    if not counts.depth:
        click.echo(f"Queue {inert(counts.queue)!r} is empty. Snapshot at {time_text(counts.taken_at)}.")
        return
    click.echo(
        f"Queue {inert(counts.queue)!r}: {counts.depth:,} waiting. Snapshot at {time_text(counts.taken_at)}."
    )
    if counts.sampled:
        click.echo(f"Estimated from {counts.looked_at:,} messages spread over the queue.")
    if len(counts.by_priority) > 1:
        steps = ", ".join(f"{count:,} of {step}" for step, count in counts.by_priority.items())
        click.echo(f"By priority: {steps}")
    print_table(("app", "waiting"), [(app or NO_APP, count) for app, count in counts.by_app.items()])
    print_table(("task", "waiting"), [(task or _NO_NAME, count) for task, count in counts.by_task.items()])


def _print_page(page: WaitingPage, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(page))
        return
    click.echo(
        f"Queue {inert(page.queue)!r}: {page.depth:,} waiting, {len(page.rows):,} shown, next to be taken first. "
        f"Snapshot at {time_text(page.taken_at)}."
    )
    now = datetime.now(UTC)
    print_table(
        (
            "position",
            "task",
            "app",
            "id",
            "priority",
            "waits",
            "eta",
            "retries",
            "size",
            "args",
            "kwargs",
            "",
        ),
        [
            (
                row.position,
                row.task or _NO_NAME,
                (row.app or NO_APP) if row.task else None,
                row.task_id or None,
                row.priority,
                "unknown" if row.published_at is None else _age(now, row.published_at),
                row.eta,
                row.retries,
                bytes_text(row.size),
                _short(row.args),
                _short(row.kwargs),
                row.problem,
            )
            for row in page.rows
        ],
    )
    if page.limited:
        click.echo(
            f"Looked at {page.looked_at:,} messages and stopped there (TASKMON_QUEUED_TASKS_ADMIN_LIMIT)."
        )
    if page.next_position is not None:
        click.echo(f"Go on with --from {page.next_position}")


def _age(now: datetime, since: datetime) -> str:
    return duration_text(max(round((now - since).total_seconds() * 1e9), 0))


def _short(text: str | None) -> str:
    if text is None:
        return "unknown"
    shown = as_text(text)
    return shown if len(shown) <= _LONGEST_ARGUMENTS else shown[:_LONGEST_ARGUMENTS] + "…"


def _by_tables(
    broker: RedisBroker | AmqpBroker,
    queue: str,
    clickhouse_url: str | None,
    wanted: Wanted,
    rows: int | None,
    as_json: bool,
) -> None:
    """What RabbitMQ does not show: the length is the broker's, the rest comes from the tables."""
    found = broker.depths([queue])
    depth = found[0].depth if found else None
    with open_reader(clickhouse_url) as client:
        from otel_taskmon.queries.model import TaskFilter
        from otel_taskmon.queries.waiting import waiting_counts, waiting_filter, waiting_tasks

        narrowed = TaskFilter(
            names=(wanted.task,) if wanted.task else (),
            apps=() if wanted.app is None else (wanted.app,),
            priorities=() if wanted.priority is None else (wanted.priority,),
        )
        tasks = waiting_filter(queue, narrowed)
        counts = waiting_counts(client, tasks)
        listed = waiting_tasks(client, tasks, limit=rows).rows if rows is not None else []
    if as_json:
        document = dataclasses.asdict(counts)
        document["rows"] = [dataclasses.asdict(row) for row in listed]
        print_json({"queue": queue, "depth": depth, "source": "tables", **document})
        return
    length = "the broker has no such queue" if depth is None else f"{depth:,} waiting by the broker"
    click.echo(
        f"Queue {inert(queue)!r}: {length}, {counts.total:,} published and not started by the tables "
        f"(RabbitMQ does not show its messages). Snapshot at {time_text(counts.taken_at)}."
    )
    if rows is None:
        print_table(("app", "waiting"), [(value.value or NO_APP, value.count) for value in counts.by_app])
        print_table(("task", "waiting"), [(value.value, value.count) for value in counts.by_task])
        return
    print_table(
        ("task", "app", "id", "priority", "published", "eta", "retries", "args", "kwargs"),
        [
            (
                row.task_name,
                row.app or NO_APP,
                row.task_id,
                row.priority,
                row.published_at,
                row.eta,
                row.retries,
                _short(row.args_short),
                _short(row.kwargs_short),
            )
            for row in listed
        ],
    )
