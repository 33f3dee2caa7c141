"""``taskmon sql``: statements against the tables, from the command line, a file, a pipe, or typed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_taskmon.cli.reading import open_reader, url_option
from otel_taskmon.errors import TaskmonError

if TYPE_CHECKING:
    from otel_taskmon.queries.connection import Client

_ON_TERMINAL = "PrettyCompact"
_IN_PIPE = "TabSeparatedWithNames"
_JSON = "JSON"


def _parameters(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    named = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{text!r} is not valid: allowed is name=value")
        named[name] = value
    return named


@click.command("sql", short_help="Ask the tables in SQL.")
@url_option
@click.argument("statement", required=False)
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run the statements of a file, each ending with ; at the end of a line.",
)
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_parameters,
    help="Value of {NAME:Type} in the statement; may be repeated.",
)
@click.option(
    "--format",
    "output_format",
    metavar="FORMAT",
    help=f"Any output format of ClickHouse.  [default: {_ON_TERMINAL} on a terminal, else {_IN_PIPE}]",
)
@click.option("--json", "as_json", is_flag=True, help=f"The same as --format {_JSON}.")
def command(
    clickhouse_url: str | None,
    statement: str | None,
    path: Path | None,
    parameters: dict[str, str],
    output_format: str | None,
    as_json: bool,
) -> None:
    """Run one statement, the statements of a file or of standard input, or those typed at a prompt.

    As the user of TASKMON_CLICKHOUSE_USER, who by default may only read. docs/tables.md describes the tables. A
    statement's own FORMAT wins over --format.

    \b
    Examples:
      taskmon sql "SELECT state, count() FROM otel.celery_tasks_latest GROUP BY state"
      taskmon sql --param id=6f1c "SELECT * FROM otel.celery_task_runs WHERE task_id = {id:String} FORMAT Vertical"
    """
    if statement is not None and path is not None:
        raise click.UsageError("give a statement or --file, not both")
    if as_json and output_format:
        raise click.UsageError("give --json or --format, not both")
    chosen = _JSON if as_json else output_format or (_ON_TERMINAL if sys.stdout.isatty() else _IN_PIPE)
    with open_reader(clickhouse_url) as client:
        if statement is None and path is None and sys.stdin.isatty():
            from otel_taskmon.cli.sql_prompt import prompt

            prompt(lambda text: run(client, text, parameters, chosen))
            return
        from otel_taskmon.migrate import split_statements

        if statement is not None:
            texts: tuple[str, ...] = (statement,)
        else:
            texts = split_statements(_read(path))
        if not any(text.strip() for text in texts):
            raise click.UsageError("there is no statement: give one, or a file with -f")
        for name in parameters:
            if not any(_type_of(text, name) for text in texts):
                raise click.UsageError(f"--param {name}: no statement has {{{name}:Type}}")
        for text in texts:
            run(client, text, parameters, chosen)


def _read(path: Path | None) -> str:
    try:
        return sys.stdin.read() if path is None else path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TaskmonError(f"the statements are not UTF-8: {error}") from error


def _type_of(text: str, name: str) -> str | None:
    """What stands behind the name in ``{name:Type}``, None where there is no such place."""
    place = re.search(rf"\{{\s*{name}\s*:\s*(\w+)", text)
    return None if place is None else place[1]


class _AsTyped:
    """A value in ClickHouse's own notation, which the driver passes on as it is.

    An Array, Map or Tuple is a literal with quotes and escapes of its own; all else travels as escaped text.
    """

    def __init__(self, text: str, type_name: str) -> None:
        self._text = text
        self._literal = type_name in {"Array", "Map", "Tuple"}

    def __str__(self) -> str:
        if self._literal:
            return self._text
        return self._text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def run(client: Client, text: str, parameters: dict[str, str], output_format: str) -> None:
    """Run one statement and write its answer as it comes. Raises QueryFailed, StoreUnavailable."""
    # Without a place for it, the driver would take the statement for a template of its own.
    bound = {
        name: _AsTyped(value, type_name)
        for name, value in parameters.items()
        if (type_name := _type_of(text, name)) is not None
    }
    answer = client.raw(text.strip().removesuffix(";"), bound, output_format=output_format)
    if not sys.stdout.isatty():
        for piece in answer:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    import codecs

    from otel_taskmon.cli.printing import inert_lines

    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    for piece in answer:
        sys.stdout.write(inert_lines(decode(piece)))
    sys.stdout.write(inert_lines(decode(b"", final=True)))
    sys.stdout.flush()
