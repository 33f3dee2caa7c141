"""The group of commands: imports a command's module when it is used, and turns our errors into exit codes."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import click

from otel_taskmon.errors import SettingError, TaskmonError


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
        except SettingError as error:
            raise click.UsageError(str(error)) from error
        except TaskmonError as error:
            raise click.ClickException(str(error)) from error


def needs(extra: str, *modules: str) -> None:
    """Refuse to go on, in one line, when the extra that brings ``modules`` is not installed.

    Looks for the modules without importing them, so that a broken installation still shows its own error.
    """
    if any(importlib.util.find_spec(module) is None for module in modules):
        command = click.get_current_context().command_path
        raise click.ClickException(f"{command} needs pip install 'otel-taskmon[{extra}]'")
