"""The group of commands: imports a command's module when it is used, and turns our errors into exit codes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from typing import Any, Final

import click

from otel_taskmon.errors import QueryFailed, SettingError, StoreUnavailable, TaskmonError

_REFUSED_USER: Final = frozenset({192, 193, 194, 516})
"""ClickHouse's UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED."""
_READ_ONLY: Final = 164
_NO_DATABASE: Final = 81
_NO_SUCH_PART: Final = frozenset({16, 47, 60})
"""NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER, UNKNOWN_TABLE: of our own statements, tables of another version."""
_OWN_STATEMENTS: Final = "sql"
"""The command where a person writes the statement."""


class CommandGroup(click.Group):
    """A click group whose commands are attributes ``command`` of the modules in ``commands_at``."""

    def __init__(self, *args: Any, commands_at: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = dict(commands_at)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self._commands_at)  # in the order in which one needs them

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = self._commands_at.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.command is no click command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command: a wrong setting is wrong usage (exit 2), any other error of ours a failure (exit 1)."""
        try:
            return super().invoke(ctx)
        except click.Abort:
            if sys.stdin.isatty():
                raise  # Ctrl-C at the question
            raise click.ClickException(
                "nothing was done: there is nobody to ask. --help names the option that does without a question."
            ) from None
        except UnicodeEncodeError as error:  # bytes that Python keeps as they came until they are to be sent
            text = error.object[max(error.start - 20, 0) : error.end + 20]
            raise click.UsageError(f"this is not UTF-8: {text!a}") from error
        except SettingError as error:
            raise click.UsageError(str(error)) from error
        except TaskmonError as error:
            raise click.ClickException(
                "\n".join(filter(None, (str(error), what_to_do(error, ctx.invoked_subcommand))))
            ) from error


def what_to_do(error: TaskmonError, command: str | None = None) -> str:
    """A sentence for the errors of the store that have the same way out in every command; else ""."""
    if isinstance(error, StoreUnavailable):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "SSL_CERT_FILE names a file of the authorities that are trusted."
        return (
            'Is it running ("taskmon up" or "taskmon serve" starts one), and is that the address of its ClickHouse '
            "HTTP interface (--url, TASKMON_CLICKHOUSE_URL)?"
        )
    if not isinstance(error, QueryFailed):
        return ""
    if error.code in _REFUSED_USER:
        return "Set TASKMON_CLICKHOUSE_USER and TASKMON_CLICKHOUSE_PASSWORD (or TASKMON_CLICKHOUSE_PASSWORD_FILE)."
    if error.code == _READ_ONLY:
        return (
            "This user may only read: TASKMON_CLICKHOUSE_USER and TASKMON_CLICKHOUSE_PASSWORD (or "
            "TASKMON_CLICKHOUSE_PASSWORD_FILE) name another."
        )
    if error.code == _NO_DATABASE and "Database otel " in str(error):
        return 'No tables have been made there: "taskmon migrate" makes them.'
    if error.code in _NO_SUCH_PART and command != _OWN_STATEMENTS:
        return 'Are the tables those of another version? "taskmon doctor" says so, and "taskmon migrate" updates them.'
    return ""


def needs(extra: str, *modules: str) -> None:
    """Refuse to go on, in one line, when the extra that brings ``modules`` is not installed.

    Looks for the modules without importing them, so that a broken installation still shows its own error.
    """
    if any(importlib.util.find_spec(module) is None for module in modules):
        command = click.get_current_context().command_path
        raise click.ClickException(f"{command} needs pip install 'otel-taskmon[{extra}]'")
