"""``taskmon doctor``: what is well, what is not, and what to do about it."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from otel_taskmon.cli.options import read_settings, setting_options
from otel_taskmon.cli.printing import inert, json_option, print_json
from otel_taskmon.settings import ReaderSettings, RetentionSettings

if TYPE_CHECKING:
    from otel_taskmon.doctor.finding import Finding
    from otel_taskmon.doctor.probe import Probe

FLAGS = {"--url": "clickhouse_url"}
_COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}
_WORKERS_PREFIX = "OTEL_"


@click.command("doctor", short_help="Check the store and a worker's set-up.")
@setting_options(ReaderSettings, FLAGS)
@click.option("--store", "store_only", is_flag=True, help="Check the store only.")
@click.option(
    "--worker",
    "worker_only",
    is_flag=True,
    help="Check this environment as a worker's: to be run where the worker runs, with its variables.",
)
@click.option("-A", "--app", metavar="APP", help="The Celery app, as celery -A takes it; it is imported.")
@json_option
def command(store_only: bool, worker_only: bool, app: str | None, as_json: bool, **given: str | None) -> None:
    """Check what tasks need to be recorded and shown. Each line is ok, warning or wrong, with what to do.

    Without --store and --worker both sides are checked; the worker's only where an OTEL_… variable is set or -A is
    given. A probe span is sent as a worker would, and looked for in the tables: no page and no count shows it.
    Exit code 1 when something is wrong.

    \b
    Examples:
      taskmon doctor
      taskmon doctor --worker -A shop
    """
    if store_only and worker_only:
        raise click.UsageError("--store and --worker exclude each other; without them both sides are checked")
    settings = read_settings(ReaderSettings, FLAGS, given)
    kept = RetentionSettings.from_environment()
    has_reader = importlib.util.find_spec("clickhouse_connect") is not None
    as_worker = worker_only or app is not None or any(n.startswith(_WORKERS_PREFIX) for n in os.environ)
    found = []
    for finding in _findings(
        settings,
        kept,
        app,
        store=not worker_only,
        worker=not store_only and (as_worker or not has_reader),
        has_reader=has_reader,
    ):
        found.append(finding)
        if not as_json:
            _print(finding)
    is_wrong = any(finding.level == "wrong" for finding in found)
    if as_json:
        print_json({"ok": not is_wrong, "findings": [dataclasses.asdict(finding) for finding in found]})
    if is_wrong:
        click.get_current_context().exit(1)


def _findings(
    settings: ReaderSettings,
    kept: RetentionSettings,
    app: str | None,
    *,
    store: bool,
    worker: bool,
    has_reader: bool,
) -> Iterator[Finding]:
    from otel_taskmon.doctor.finding import warning

    probes: list[Probe] = []
    if worker:
        from otel_taskmon.doctor.worker_side import check_worker

        yield from check_worker(app, probes=probes)
    if not has_reader:
        yield warning(
            "store",
            "not looked at, and nor is whether spans arrive there: this installation has no client for it",
            "pip install 'otel-taskmon[cli]' here, or run taskmon doctor where the viewer runs.",
        )
        return
    if store:
        from otel_taskmon.doctor.store_side import check_store

        yield from check_store(settings, kept)
    for probe in probes:
        from otel_taskmon.doctor.store_side import check_probe

        yield check_probe(settings, probe)


def _print(finding: Finding) -> None:
    click.echo(
        f"{click.style(f'{finding.level:<8}', fg=_COLOURS[finding.level])}"
        f"{click.style(finding.subject, bold=True)}: {inert(finding.text)}"
    )
    if finding.todo:
        click.echo(f"        → {inert(finding.todo)}")
