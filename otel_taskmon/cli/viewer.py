"""``taskmon viewer``: the pages, and the file of those who may see them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import VIEWER_FLAGS, read_settings, viewer_options
from otel_taskmon.errors import SettingError
from otel_taskmon.settings import ReaderSettings, ViewerSettings

_ROLES = ("viewer", "operator", "admin")


@click.group("viewer", short_help="Show the tasks on pages.", invoke_without_command=True)
@viewer_options
@click.pass_context
def command(ctx: click.Context, /, **given: str | None) -> None:
    """Show the tasks on pages, from the embedded store or a ClickHouse of yours.

    User and password of the store: TASKMON_CLICKHOUSE_USER, TASKMON_CLICKHOUSE_PASSWORD (or …_FILE).

    It listens on this machine only, unless its users have to log in: with passwords (add-user, then
    TASKMON_VIEWER_USERS), or at a proxy in front of it (TASKMON_VIEWER_USER_HEADER).

    \b
    Example:
      taskmon viewer --clickhouse-url http://clickhouse.internal:8123 --port 8601
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = read_settings(ReaderSettings, VIEWER_FLAGS, given)
    viewer = ViewerSettings.from_environment()
    needs("viewer", "streamlit", "altair", "clickhouse_connect")
    from taskmon_viewer.server import run_viewer

    sys.exit(run_viewer(settings, viewer))


def _file(_ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    path = value or ViewerSettings.from_environment().viewer_users
    if path is None:
        raise SettingError("--file", "", "the path of the file of users, here or in TASKMON_VIEWER_USERS")
    return path.expanduser()


_file_option = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_file,
    help="File of users.  [env: TASKMON_VIEWER_USERS]",
)


@command.command("add-user", short_help="Let somebody log in, or change a password.")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(_ROLES), default="viewer", show_default=True, help="What NAME may do."
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, not from a prompt."
)
@_file_option
def add_user(name: str, role: str, password_stdin: bool, path: Path) -> None:
    """Let NAME log in, or change the role and password of one who may already.

    A viewer reads; an operator deletes and purges, too; an admin may do everything. A viewer that is running sees
    the change at once, and ends the sessions of a password that was changed.

    \b
    Example:
      taskmon viewer add-user ann --role operator --file /etc/taskmon/users
    """
    from taskmon_viewer.access.password_file import write_user
    from taskmon_viewer.access.users import ROLES

    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    new = write_user(path, name, next(known for known in ROLES if known == role), password)
    click.echo(f"{path}: {name} {'added' if new else 'changed'} as {role}")


@command.command("remove-user", short_help="Let somebody log in no more.")
@click.argument("name")
@_file_option
def remove_user(name: str, path: Path) -> None:
    """Let NAME log in no more; open sessions end at once.

    \b
    Example:
      taskmon viewer remove-user ann --file /etc/taskmon/users
    """
    from taskmon_viewer.access import password_file

    password_file.remove_user(path, name)
    click.echo(f"{path}: {name} removed")


@command.command("users", short_help="List who may log in.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_file_option
def users(as_json: bool, path: Path) -> None:
    """List who may log in, with their roles.

    \b
    Example:
      taskmon viewer users --file /etc/taskmon/users
    """
    import json

    from taskmon_viewer.access.password_file import read_users

    found = [{"name": entry.name, "role": entry.role} for entry in read_users(path).values()]
    if as_json:
        click.echo(json.dumps(found))
    else:
        for entry in found:
            click.echo(f"{entry['name']}\t{entry['role']}")
