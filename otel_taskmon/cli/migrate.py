"""``taskmon migrate``: brings the tables of a ClickHouse to this program's schema."""

from __future__ import annotations

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import read_settings, setting_options
from otel_taskmon.settings import ReaderSettings, RetentionSettings

FLAGS = {"--url": "clickhouse_url"}


@click.command("migrate", short_help="Create or update the tables of a ClickHouse.")
@setting_options(ReaderSettings, FLAGS)
@click.option("--dry-run", is_flag=True, help="Say what would be applied, and apply nothing.")
def command(dry_run: bool, **given: str | None) -> None:
    """Create or update the tables in a ClickHouse of yours; "taskmon serve" does it for its own at each start.

    Also sets how long rows are kept (TASKMON_DATA_MAX_AGE and the settings beside it). The user needs the right to
    create and alter tables: TASKMON_CLICKHOUSE_USER, TASKMON_CLICKHOUSE_PASSWORD (or …_FILE). May be run any number
    of times; one that was cut short is finished by the next.

    \b
    Example:
      TASKMON_CLICKHOUSE_USER=admin taskmon migrate --url http://clickhouse.internal:8123 --dry-run
    """
    settings = read_settings(ReaderSettings, FLAGS, given)
    kept = RetentionSettings.from_environment()
    needs("cli", "clickhouse_connect")
    from otel_taskmon import migrate, retention
    from otel_taskmon.errors import QueryFailed, TaskmonError
    from otel_taskmon.queries.connection import connect
    from otel_taskmon.queries.writing import WRITE_SECONDS

    retention.wanted(kept)
    try:
        with connect(
            settings.clickhouse_url,
            settings.clickhouse_user,
            settings.clickhouse_password or "",
            read_seconds=WRITE_SECONDS,
        ) as client:
            database = migrate.ClickHouseDatabase(client)
            steps = migrate.pending(database) if dry_run else migrate.apply(database)
            keeping = (retention.changes if dry_run else retention.apply)(database, kept)
    except QueryFailed as error:
        user = settings.clickhouse_user
        raise TaskmonError(
            f"{error}\nIs {user!r} allowed to create tables? Else set TASKMON_CLICKHOUSE_USER."
        ) from error
    for step in steps:
        print(f"{'would apply' if dry_run else 'applied'} {step.version:04d}_{step.name}")
    for each in keeping:
        print(f"{'would keep' if dry_run else 'keeps'} {each}")
    if not steps and not keeping:
        print("nothing to do: the tables are up to date")
