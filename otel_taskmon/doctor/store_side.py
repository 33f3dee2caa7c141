"""The store: does it answer, has it our tables, do they keep what was wished, how large are they."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from otel_taskmon import migrate
from otel_taskmon.doctor.clocks import clock_finding
from otel_taskmon.doctor.finding import Finding, ok, warning, wrong
from otel_taskmon.doctor.probe import Probe, await_probe
from otel_taskmon.doctor.store_tables import check_tables
from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.migrate import ClickHouseDatabase, MigrationError
from otel_taskmon.migrating.target import is_too_old, minimum_version, one_line, what_to_do
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.statements import statement
from otel_taskmon.settings import ReaderSettings, RetentionSettings

_MIGRATE: Final = 'Run "taskmon migrate" (a "taskmon serve" does it by itself at its start).'
_MICROSECONDS: Final = 1e6


def check_store(settings: ReaderSettings, kept: RetentionSettings) -> Iterator[Finding]:
    """One finding at a time, as they are found. Raises nothing of the store's: an error is a finding."""
    url, user = settings.clickhouse_url, settings.clickhouse_user
    try:
        with connect(url, user, settings.clickhouse_password or "") as client:
            yield from _check(client, url, user, kept)
    except StoreUnavailable as error:
        yield wrong(
            "store",
            one_line(error),
            "Start it, or set TASKMON_CLICKHOUSE_URL (--url) to its HTTP address (port 8123, or 8443 with https).",
        )
    except QueryFailed as error:
        todo = what_to_do(error, user, "read otel.*") or "See the server's log."
        yield wrong("store", one_line(error), todo)


def _check(client: Client, url: str, user: str, kept: RetentionSettings) -> Iterator[Finding]:
    version = str(client.ask(statement("store_version")).only()[0])
    if is_too_old(version):
        yield wrong("store", f"{url} is ClickHouse {version}", f"Upgrade it to {minimum_version()} or newer.")
        return
    yield ok("store", f"{url} answers: ClickHouse {version}")
    yield clock_finding(
        "store clock",
        "the store's clock",
        lambda: float(client.ask(statement("server_time")).only()[0]) / _MICROSECONDS,
    )
    schema = _schema(client)
    yield schema
    yield from _rights(client, user)
    if schema.level == "wrong":
        return
    yield from check_tables(client, kept)
    yield from _refreshes(client)
    yield _newest(client)


def _schema(client: Client) -> Finding:
    known = [m for m in migrate.migrations() if m.version != migrate.BOOTSTRAP]
    try:
        pending = migrate.pending(ClickHouseDatabase(client))
    except MigrationError as error:
        return wrong("schema", str(error), "")
    if not pending:
        return ok("schema", f"all {len(known)} files of this program are applied, with the same text")
    if len(pending) == len(known):
        return wrong("schema", "there are no tables", _MIGRATE)
    names = ", ".join(f"{m.version:04d}_{m.name}" for m in pending)
    return wrong("schema", f"not applied: {names}", _MIGRATE)


def _rights(client: Client, user: str) -> Iterator[Finding]:
    if client.ask(statement("doctor_rights")).only()[0]:
        yield ok("user", f"{user!r} may only read")
    else:
        yield warning(
            "user",
            f"{user!r} may do more than read",
            "Read as a user that may not: otel_taskmon/schema/users/viewer.sql makes one (docs/clickhouse.md).",
        )
    try:
        there = [str(row[0]) for row in client.ask(statement("doctor_users")).rows]
    except QueryFailed:  # only who manages users may ask, and a reader should not be that
        return
    missing = [wanted for wanted in ("ingest", "viewer") if wanted not in there]
    if missing:
        yield warning(
            "users",
            f"there is no user {' and no user '.join(missing)}",
            "Make them with otel_taskmon/schema/users/*.sql (docs/clickhouse.md), and let nothing else use your own.",
        )
    else:
        yield ok("users", "ingest and viewer are there")


def _refreshes(client: Client) -> Iterator[Finding]:
    try:
        rows = client.ask(statement("doctor_refreshes")).rows
    except QueryFailed as error:
        yield warning(
            "statistics", one_line(error), "GRANT SELECT ON system.view_refreshes to the user that asks."
        )
        return
    for view, status, exception in rows:
        if exception:
            yield wrong(
                "statistics",
                f"{view} failed: {one_line(Exception(str(exception)))}",
                "Reports of past months come from it. Mend what it says, then SYSTEM REFRESH VIEW.",
            )
        elif status == "Disabled":
            yield warning("statistics", f"{view} is stopped", f"SYSTEM START VIEW otel.{view}")
        else:
            yield ok("statistics", f"{view} is refreshed every five minutes (now: {status})")


def _newest(client: Client) -> Finding:
    newest = client.ask(statement("oldest_newest")).only()[1]
    if newest is None:
        return warning(
            "tasks",
            "there is no task in the tables yet",
            'Publish one. If it does not show up, run "taskmon doctor --worker" where the worker runs.',
        )
    age = max(0, int((datetime.now(UTC) - newest).total_seconds()))
    return ok(
        "tasks", f"the newest was published {age} s ago ({newest.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"
    )


def check_probe(settings: ReaderSettings, probe: Probe) -> Finding:
    """Whether a span that was sent has arrived in this store; a store that does not answer is a finding."""
    try:
        with connect(
            settings.clickhouse_url, settings.clickhouse_user, settings.clickhouse_password or ""
        ) as client:
            return await_probe(client, probe)
    except (StoreUnavailable, QueryFailed) as error:
        return wrong(
            "probe", f"cannot be looked for: {one_line(error)}", "Set TASKMON_CLICKHOUSE_URL to the store."
        )
