"""``taskmon export``: the filtered log as a file."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.moments import MOMENT
from otel_taskmon.cli.reading import STATE, apps_of, open_reader, url_option
from otel_taskmon.errors import TaskmonError

if TYPE_CHECKING:
    from otel_taskmon.queries.filters import Per

STDOUT = "-"


@click.command("export", short_help="Write tasks or executions to a file.")
@url_option
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    default="csv",
    show_default=True,
    help="CSV with a header; JSON, one object a line; Parquet.",
)
@click.option(
    "--per",
    type=click.Choice(["tasks", "executions"]),
    default="tasks",
    show_default=True,
    help="One row per task, or per execution of one.",
)
@click.option(
    "-o", "--output", metavar="FILE", default=STDOUT, help="Where to write.  [default: standard output]"
)
@click.option(
    "--since",
    type=MOMENT,
    metavar="TIME",
    help="First published at or after: an age like 24h or 7d, or a time.",
)
@click.option("--until", type=MOMENT, metavar="TIME", help="First published before.")
@click.option(
    "--app-name",
    "apps",
    metavar="APP",
    multiple=True,
    help='App, "(none)" for the unnamed one; may be repeated.',
)
@click.option("--task-name", "names", metavar="NAME", multiple=True, help="Task name; may be repeated.")
@click.option("--state", "states", type=STATE, metavar="STATE", multiple=True, help="State; may be repeated.")
@click.option("--queue", "queues", metavar="QUEUE", multiple=True, help="Queue; may be repeated.")
@click.option("--worker", "workers", metavar="WORKER", multiple=True, help="Worker; may be repeated.")
@click.option("--search", metavar="TEXT", default="", help="In name, app, id, arguments and exception.")
def command(
    clickhouse_url: str | None,
    file_format: str,
    per: Per,
    output: str,
    since: datetime | None,
    until: datetime | None,
    apps: tuple[str, ...],
    names: tuple[str, ...],
    states: tuple[str, ...],
    queues: tuple[str, ...],
    workers: tuple[str, ...],
    search: str,
) -> None:
    """Write the filtered log to a file, the newest first, with every column of docs/tables.md.

    Any number of rows: neither this program nor the store holds them all. The file appears under its name when it is
    complete. In CSV, a text that a spreadsheet would run as a formula gets a ' in front.

    \b
    Examples:
      taskmon export --since 24h -o tasks.csv
      taskmon export --format jsonl --per executions --state FAILURE | jq .exc_type
    """
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since must be before --until")
    if file_format == "parquet":
        needs("viewer", "pyarrow")
        if output == STDOUT and sys.stdout.isatty():
            raise click.UsageError("Parquet is no text: name a file with -o")
    with open_reader(clickhouse_url) as client:
        from otel_taskmon.cli.export_files import writer_of
        from otel_taskmon.cli.progress import row_progress
        from otel_taskmon.queries.model import TaskFilter
        from otel_taskmon.queries.tasks import task_span

        wanted = TaskFilter(
            since=since,
            until=until,
            apps=apps_of(apps),
            names=names,
            states=states,
            queues=queues,
            workers=workers,
            search=search,
        )
        total = task_span(client, wanted, per=per).count
        with ExitStack() as stack:
            told = stack.enter_context(row_progress(total, per))
            if output == STDOUT:
                rows = writer_of(file_format)(client, wanted, per, sys.stdout.buffer, told)
                sys.stdout.buffer.flush()
            else:
                rows = _into_file(
                    Path(output), lambda out: writer_of(file_format)(client, wanted, per, out, told)
                )
    click.echo(f"{rows:,} {per}" + ("" if output == STDOUT else f" in {output}"), err=True)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _into_file(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """Written beside it and put into place as a whole; nothing is left of one that was cut short.

    To be asked to end (SIGTERM) cuts it short as Ctrl-C does. A device or a pipe (``/dev/null``, a FIFO) is written to
    as it is: a file in its place would replace it.
    """
    before = signal.signal(signal.SIGTERM, _end)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as out:
                return write(out)
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as out:
                rows = write(out)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise TaskmonError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        signal.signal(signal.SIGTERM, before)
    return rows
