"""Makes ``docs/cli.md``: ``python -m otel_taskmon.cli.page > docs/cli.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from otel_taskmon.cli import cli

_WIDTH = 100
_INTRODUCTION = """\
# The command line

Made from the commands' own help by `python -m otel_taskmon.cli.page > docs/cli.md`.

**Exit codes.** 0 done, 1 failed (the store is away, a question was answered with no), 2 wrong usage (a flag, a value or
a setting that is not allowed).

**Output.** On a terminal tables are drawn, in colour unless `NO_COLOR` is set; into a pipe the same rows come as lines
with tabs between the cells; with `--json` one JSON document comes (`taskmon export --format jsonl`: one per line). Data
goes to standard output, everything else to standard error. Times are UTC. Control characters in texts of tasks are
printed as `\\xNN`.

**Where to read** is `TASKMON_CLICKHOUSE_URL`, or `--url`; user and password are `TASKMON_CLICKHOUSE_USER` and
`TASKMON_CLICKHOUSE_PASSWORD` (or `…_FILE`), never flags. Without them the embedded store's user `default` reads.

**The right to delete.** `taskmon purge logs` takes, in this order: the user of `TASKMON_CLICKHOUSE_USER` and
`TASKMON_CLICKHOUSE_PASSWORD` where one of them is set; for a store on this machine, its user `admin` with
`TASKMON_ADMIN_PASSWORD`, or with the password file in `TASKMON_DATA_DIR` (mode 0600, so this is for the user that runs
the store) if the store of that directory is the one at the URL; else the user `default`, which may be enough on a
ClickHouse of yours. The viewer's buttons that delete go the same way (`otel_taskmon.queries.writing.connect_to_write`,
`otel_taskmon.queries.purging.purge_logs`).

**What a purge means.** The tasks are gone from `otel_traces`, `otel_logs`, `celery_task_runs`, `celery_task_sends`,
`celery_task_events` and `celery_tasks`, and their hours are computed again in `celery_task_stats_1h`; nothing comes
back when a store derives its tables again from the raw ones. Spans that other instrumentation put into the same traces
stay until their time is up. What arrives while it runs stays, in all tables; a task that has not ended is in the log
again with its next sign of life. Every purge leaves a row in `audit`. The bytes leave the disk in the background.

**How long rows are kept** is for `TASKMON_DATA_MAX_AGE` and its neighbours in [settings.md](settings.md), which
`taskmon serve` and `taskmon migrate` apply. From 72 hours on, rows go by whole parts, so up to a day later than said;
below, and where failures are kept longer, one by one, every ten minutes. Hourly statistics are computed until the first
executions of an hour go: below 3 hours an hour can lack its last minutes.
"""


def page() -> str:
    """The whole page, Markdown."""
    return _INTRODUCTION + "".join(
        f"\n## {title}\n\n```text\n{text}\n```\n" for title, text in _helps(cli, "taskmon", None)
    )


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None:
                yield from _helps(inner, each, context)


if __name__ == "__main__":
    sys.stdout.write(page())
