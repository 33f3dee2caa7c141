"""``taskmon outbox``: what waits on this host's disk to be sent, and sending it by hand."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_taskmon.cli.options import read_settings, setting_options
from otel_taskmon.cli.printing import (
    bytes_text,
    duration_text,
    inert,
    json_option,
    print_json,
    print_table,
)
from otel_taskmon.settings import Settings

if TYPE_CHECKING:
    from otel_taskmon.outbox import FolderStatus

_FLAGS = {"--outbox-dir": "outbox_dir"}
_EXPLAINED = {
    "in use": "a running process sends it",
    "left behind": "its process is gone; the next process with otel-taskmon on this host sends it, or --ship does",
    "other host": "it lies on a shared disk and is left to its own host",
}


@click.command("outbox", short_help="Show what waits on disk to be sent, and send it.")
@setting_options(Settings, _FLAGS)
@click.option("--ship", is_flag=True, help="Send now what no running process sends.")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    help="With --ship: longest time that it may take.",
)
@click.option("--rejected", is_flag=True, help="Show the records that a server refused, by file.")
@json_option
def command(outbox_dir: str | None, ship: bool, seconds: float, rejected: bool, as_json: bool) -> None:
    """Show each folder of the outbox: its boot, whether a process uses it, and what of it is not sent yet.

    A worker or publisher writes what it finished to a folder of its own, and sends it from there. With --ship the
    OTEL_EXPORTER_OTLP_… variables say where to, as for a worker; exit code 1 when something could not be sent.

    \b
    Examples:
      taskmon outbox
      taskmon outbox --ship
    """
    if ship and rejected:
        raise click.UsageError("--ship and --rejected are two questions: refused records are not sent again")
    from otel_taskmon.outbox.location import existing_root  # --help of all commands loads no OpenTelemetry

    wanted = read_settings(Settings, _FLAGS, {"outbox_dir": outbox_dir})
    root = existing_root(wanted.outbox_dir)
    if ship:
        _ship(root, seconds, as_json)
    elif rejected:
        _show_rejected(root, as_json)
    else:
        _show_folders(root, wanted.outbox_max_bytes, as_json)


def _show_folders(root: Path | None, max_bytes: int, as_json: bool) -> None:
    from otel_taskmon.outbox import list_folders

    found = [] if root is None else list_folders(root)
    if as_json:
        print_json(
            {
                "root": None if root is None else str(root),
                "max_bytes": max_bytes,
                "folders": [{**dataclasses.asdict(folder), "status": _status(folder)} for folder in found],
            }
        )
        return
    if not found:
        click.echo(_nothing(root))
        return
    now = datetime.now(UTC)
    print_table(
        ("boot", "status", "files", "size", "records", "oldest", "path"),
        [
            (
                folder.boot,
                _status(folder),
                folder.files,
                bytes_text(folder.bytes),
                folder.records,
                None
                if folder.oldest is None
                else f"{duration_text(int((now - folder.oldest).total_seconds() * 1e9))} ago",
                folder.path,
            )
            for folder in found
        ],
    )
    used = sum(folder.bytes for folder in found)
    click.echo(f"{bytes_text(used)} of {bytes_text(max_bytes)} (TASKMON_OUTBOX_MAX_BYTES) wait to be sent.")
    for status in sorted({_status(folder) for folder in found}):
        click.echo(f"{status}: {_EXPLAINED[status]}.")


def _status(folder: FolderStatus) -> str:
    if folder.alive:
        return "in use"
    return "left behind" if folder.this_host else "other host"


def _show_rejected(root: Path | None, as_json: bool) -> None:
    from otel_taskmon.outbox import list_rejected

    found = [] if root is None else list_rejected(root)
    if as_json:
        print_json([dataclasses.asdict(file) for file in found])
        return
    if not found:
        click.echo("No record was refused." if root is not None else _nothing(root))
        return
    print_table(
        ("records", "size", "path"), [(file.records, bytes_text(file.bytes), file.path) for file in found]
    )
    click.echo(
        "A server called these bad. They are kept to be looked at and count as used space: delete them at will."
    )


def _ship(root: Path | None, seconds: float, as_json: bool) -> None:
    if root is None:
        if as_json:
            print_json({"records": {}, "rejected": {}, "left": 0, "in_use": 0, "reason": ""})
        else:
            click.echo(_nothing(root))
        return
    from otel_taskmon.outbox import ship_now

    done = ship_now(root, deadline_s=seconds)
    if as_json:
        print_json(dataclasses.asdict(done))
    else:
        sent = ", ".join(f"{count} {signal}" for signal, count in done.records.items() if count)
        click.echo(f"sent: {sent or 'nothing'}")
        if refused := sum(done.rejected.values()):
            click.echo(f"refused by the server: {refused} (taskmon outbox --rejected)")
        if done.in_use:
            click.echo(f"left alone: {done.in_use} folders that running processes send")
        if done.left:
            click.echo(f"still there: {done.left} records ({inert(done.reason) or 'time was up: --seconds'})")
    if done.left:
        click.get_current_context().exit(1)


def _nothing(root: Path | None) -> str:
    if root is None:
        return "There is no outbox here: nothing was recorded on this host, or TASKMON_OUTBOX_DIR is another folder."
    return f"Nothing waits in {inert(str(root))}."
