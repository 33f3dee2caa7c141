"""``taskmon purge queue``: removes waiting messages, after a count and a question."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from otel_taskmon.cli.actor import actor
from otel_taskmon.cli.broker_choice import given_app, open_broker, reading, the_queue
from otel_taskmon.cli.printing import inert, json_option, print_json, print_table
from otel_taskmon.cli.reading import NO_APP, open_writer, url_option
from otel_taskmon.errors import StoreUnavailable
from otel_taskmon.settings import BrokerSettings

if TYPE_CHECKING:
    from otel_taskmon.broker.amqp import AmqpBroker
    from otel_taskmon.broker.model import Progress, PurgePlan
    from otel_taskmon.broker.redis_broker import RedisBroker
    from otel_taskmon.queries.connection import Client

_NAMES_SHOWN = 20


@click.command("queue", short_help="Remove waiting messages from a queue.")
@click.option("--all", "everything", is_flag=True, help="Every message that waits.")
@click.option("--app-name", metavar="APP", help=f'Messages of this app ("{NO_APP}": of none).')
@click.option("--task-name", metavar="TASK", default="", help="Messages with this task name.")
@click.option("--task-id", metavar="ID", default="", help="The message with this task id.")
@click.option("--queue", metavar="NAME", help="The queue; not needed where there is only one.")
@url_option
@click.option("--dry-run", is_flag=True, help="Count, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for the queue's name.")
@click.option(
    "--no-audit", is_flag=True, help="Go on without a row in the table audit, for when the store is away."
)
@json_option
def command(  # one per flag
    everything: bool,
    app_name: str | None,
    task_name: str,
    task_id: str,
    queue: str | None,
    clickhouse_url: str | None,
    dry_run: bool,
    yes: bool,
    no_audit: bool,
    as_json: bool,
) -> None:
    """Remove messages that wait in a queue; what a worker already holds is not touched.

    Counts first and asks for the queue's name. On Redis the other messages keep their order while publishers and
    workers go on, also when the purge is stopped. On RabbitMQ a whole queue is emptied by the broker; removing only
    some messages takes out all and puts the others back, which marks those as redelivered.

    The broker is that of TASKMON_BROKER_URL (or …_FILE), else CELERY_BROKER_URL. Leaves a row in the table audit, for
    which it needs a user that may write, as taskmon purge logs does.

    \b
    Examples:
      taskmon purge queue --task-name shop.tasks.mail --queue mails --dry-run
      taskmon purge queue --all --queue mails
    """
    if sum((everything, app_name is not None, bool(task_name), bool(task_id))) != 1:
        raise click.UsageError("choose one of --all, --app-name, --task-name and --task-id")
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json needs --yes or --dry-run, since it cannot ask")
    broker = open_broker(BrokerSettings.from_environment())
    from otel_taskmon.broker import Wanted
    from otel_taskmon.broker.amqp import SELECTION_WARNING

    try:
        name = the_queue(broker, queue, clickhouse_url)
        wanted = Wanted(task=task_name, app=given_app(app_name), task_id=task_id)
        planned = broker.plan(name, wanted, reading().app_of)
        if not as_json:
            _say_plan(planned)
            if planned.matching is None:
                click.echo(f"Warning: {SELECTION_WARNING}.", err=True)
        if dry_run or planned.matching == 0 or not planned.depth:
            if as_json:
                print_json(_document(planned, 0, dry_run=dry_run))
            return
        with _audit_client(clickhouse_url, no_audit) as client:
            broker.close()  # nobody answers a heartbeat while a person thinks
            if not yes and click.prompt(f"Type the queue's name ({inert(name)}) to remove them") != name:
                raise click.ClickException("that is not its name; nothing was removed")
            removed = _purge(broker, planned, client, quiet=as_json)
    finally:
        broker.close()
    if as_json:
        print_json(_document(planned, removed, dry_run=False))
    else:
        click.echo(f"Removed {removed:,} messages from {inert(name)!r}.")


def _purge(
    broker: RedisBroker | AmqpBroker, planned: PurgePlan, client: Client | None, *, quiet: bool
) -> int:
    """What was removed is noted also where the purge was stopped. Raises PurgeStopped."""
    from otel_taskmon.broker import PurgeStopped

    try:
        with _progress(planned, quiet) as progress:
            removed = broker.purge(planned, progress)
    except PurgeStopped as stopped:
        _note(client, broker, planned, stopped.removed, f"stopped: {stopped.reason}")
        raise
    _note(client, broker, planned, removed, "")
    return removed


def _note(
    client: Client | None, broker: RedisBroker | AmqpBroker, planned: PurgePlan, removed: int, more: str
) -> None:
    if client is None:
        return
    from otel_taskmon.queries.audit import record_audit

    detail = f"{planned.wanted.text()} at {broker.where}" + (f"; {more}" if more else "")
    record_audit(client, actor(), action="purge queue", target=planned.queue, affected=removed, detail=detail)


@contextmanager
def _audit_client(clickhouse_url: str | None, no_audit: bool) -> Iterator[Client | None]:
    if no_audit:
        yield None
        return
    try:
        client = open_writer(clickhouse_url)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"{error}. Nothing was removed: --no-audit goes on without a row in the table audit"
        ) from error
    with client:
        yield client


@contextmanager
def _progress(planned: PurgePlan, quiet: bool) -> Iterator[Progress]:
    if quiet:
        yield _say_nothing
        return
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=planned.depth, label="removing", file=sys.stderr, hidden=hidden) as bar:

        def tell(removed: int, looked: int, total: int) -> None:
            del removed, total
            bar.update(max(min(looked, planned.depth) - bar.pos, 0))

        yield tell


def _say_nothing(removed: int, looked: int, total: int) -> None:
    del removed, looked, total


def _say_plan(planned: PurgePlan) -> None:
    which = planned.wanted.text()
    count = "a number that cannot be told before" if planned.matching is None else f"{planned.matching:,}"
    click.echo(
        f"Queue {inert(planned.queue)!r}: {planned.depth:,} waiting, {count} to remove ({inert(which)})."
    )
    if len(planned.by_task) > 1:
        shown = list(planned.by_task.items())[:_NAMES_SHOWN]
        print_table(("task", "to remove"), shown)
        if len(planned.by_task) > _NAMES_SHOWN:
            click.echo(f"… and {len(planned.by_task) - _NAMES_SHOWN:,} more task names")


def _document(planned: PurgePlan, removed: int, *, dry_run: bool) -> dict[str, object]:
    return {
        "queue": planned.queue,
        "selection": planned.wanted.text(),
        "depth": planned.depth,
        "matching": planned.matching,
        "by_task": dict(planned.by_task),
        "dry_run": dry_run,
        "removed": removed,
    }
