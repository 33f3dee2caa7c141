"""``taskmon migrate``: brings the tables of a ClickHouse to this program's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import read_settings, setting_options
from otel_taskmon.settings import ReaderSettings, RetentionSettings

if TYPE_CHECKING:
    from otel_taskmon.migrate import Database

FLAGS = {"--url": "clickhouse_url"}


@click.command("migrate", short_help="Create or update the tables of a ClickHouse.")
@setting_options(ReaderSettings, FLAGS)
@click.option(
    "--cluster",
    metavar="NAME",
    help="The servers are a cluster: replicated tables on every shard, and Distributed ones under the usual names. "
    "As system.clusters calls it.",
)
@click.option("--dry-run", is_flag=True, help="Print the SQL, and change nothing.")
def command(cluster: str | None, dry_run: bool, **given: str | None) -> None:
    """Create or update the tables in a ClickHouse of yours; "taskmon serve" does it for its own at each start.

    Also sets how long rows are kept (TASKMON_DATA_MAX_AGE and the settings beside it). The user needs the right to
    create and alter tables: TASKMON_CLICKHOUSE_USER, TASKMON_CLICKHOUSE_PASSWORD (or …_FILE). May be run any number
    of times; one that was cut short is finished by the next, and of two at once one waits.

    \b
    Example:
      TASKMON_CLICKHOUSE_USER=admin taskmon migrate --url http://clickhouse.internal:8123 --dry-run
    """
    settings = read_settings(ReaderSettings, FLAGS, given)
    kept = RetentionSettings.from_environment()
    needs("cli", "clickhouse_connect")
    from otel_taskmon import retention
    from otel_taskmon.migrate import ClickHouseDatabase
    from otel_taskmon.migrating.cluster import ClusterDatabase
    from otel_taskmon.migrating.target import check, explained
    from otel_taskmon.queries.connection import connect
    from otel_taskmon.queries.writing import WRITE_SECONDS

    retention.wanted(kept)
    with (
        explained(settings.clickhouse_url, settings.clickhouse_user),
        connect(
            settings.clickhouse_url,
            settings.clickhouse_user,
            settings.clickhouse_password or "",
            read_seconds=WRITE_SECONDS,
        ) as client,
    ):
        database: Database = ClickHouseDatabase(client)
        check(database, cluster)
        if dry_run:
            _print_sql(database, kept, cluster)
        else:
            _run(database if cluster is None else ClusterDatabase(database, cluster), kept)


def _run(database: Database, kept: RetentionSettings) -> None:
    from otel_taskmon import migrate, retention
    from otel_taskmon.migrating.lock import lock

    if not migrate.pending(database) and not retention.changes(database, kept):
        print("nothing to do: the tables are up to date")
        return
    migrate.prepare(database)
    with lock(database, lambda text: click.echo(text, err=True)) as renew:
        steps = migrate.pending(database)  # again: while we waited, somebody else may have done it all
        for step in steps:
            renew()
            migrate.apply_one(database, step)
            print(f"applied {step.version:04d}_{step.name}", flush=True)
        renew()
        keeping = retention.apply(database, kept)
    for each in keeping:
        print(f"keeps {each}")
    if not steps and not keeping:
        print("nothing to do: the tables are up to date")


def _print_sql(database: Database, kept: RetentionSettings, cluster: str | None) -> None:
    """Statements ready for a client, and what they are as comments; nothing else on standard output."""
    from otel_taskmon import migrate, retention
    from otel_taskmon.migrating.cluster import ClusterDatabase
    from otel_taskmon.migrating.dry_run import Recorder

    recorder = Recorder(database)
    target: Database = recorder if cluster is None else ClusterDatabase(recorder, cluster)
    steps = migrate.pending(target)
    if steps:
        migrate.prepare(target)
    for step in steps:
        print(f"-- would apply {step.version:04d}_{step.name}")
        migrate.apply_one(target, step)
        _print(recorder.take())
    from_nothing = len(steps) == len(migrate.migrations()) - 1
    keeping = retention.wanted(kept) if from_nothing else retention.changes(target, kept)
    for each in keeping:
        print(f"-- would keep {each}")
        retention.apply_one(target, each)
        _print(recorder.take())
    if not steps and not keeping:
        print("-- nothing to do: the tables are up to date")


def _print(statements: list[str]) -> None:
    for text in statements:
        print(f"{text};\n")
