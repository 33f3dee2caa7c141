"""What commands share that read the tables: where the store is, and which tasks are meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.moments import MOMENT
from otel_taskmon.cli.options import read_settings, setting_options
from otel_taskmon.semconv import STATES
from otel_taskmon.settings import ReaderSettings

if TYPE_CHECKING:
    from otel_taskmon.queries.connection import Client

URL_FLAGS: Mapping[str, str] = {"--url": "clickhouse_url"}
NO_APP = "(none)"
"""What stands for the app of tasks whose name gives none."""


class State(click.ParamType[str]):
    """A task's state, in any case. A name that is none would find nothing, and be taken for "no failures"."""

    name = "state"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip().upper()
        if text not in STATES:
            self.fail(f"{str(value)!r} is not valid: allowed is {', '.join(STATES)}", param, ctx)
        return text


STATE: Final = State()

url_option = setting_options(ReaderSettings, URL_FLAGS)


def reader_settings(clickhouse_url: str | None) -> ReaderSettings:
    """Flag, environment, default. Raises SettingError."""
    return read_settings(ReaderSettings, URL_FLAGS, {"clickhouse_url": clickhouse_url})


def open_reader(clickhouse_url: str | None) -> Client:
    """A client as the user of the settings. Raises SettingError, StoreUnavailable, QueryFailed."""
    settings = reader_settings(clickhouse_url)
    needs("cli", "clickhouse_connect")
    from otel_taskmon.queries.connection import connect

    return connect(settings.clickhouse_url, settings.clickhouse_user, settings.clickhouse_password or "")


def open_writer(clickhouse_url: str | None) -> Client:
    """A client that may delete. Raises SettingError, StoreUnavailable, QueryFailed, NoRightToWrite."""
    settings = reader_settings(clickhouse_url)
    needs("cli", "clickhouse_connect")
    from otel_taskmon.queries.writing import connect_to_write

    return connect_to_write(settings)


def apps_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """``(none)`` as it stands in the tables."""
    return tuple("" if name == NO_APP else name for name in names)


def task_options(
    since: str | None = "First published at or after: an age like 24h or 7d, or a time.",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--app-name``, ``--task-name``, ``--task-id``, each any number of times, and ``--since`` unless None."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        options = [
            click.option(
                "--task-id", "task_ids", metavar="ID", multiple=True, help="Task id; may be repeated."
            ),
            click.option(
                "--task-name", "names", metavar="NAME", multiple=True, help="Task name; may be repeated."
            ),
            click.option(
                "--app-name",
                "apps",
                metavar="APP",
                multiple=True,
                help=f'App as the log shows it, "{NO_APP}" for the unnamed one; may be repeated.',
            ),
        ]
        if since is not None:
            options.append(click.option("--since", type=MOMENT, metavar="TIME", help=since))
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
