"""One chDB connection: bytes in, bytes out, every failure an EngineError."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import otel_taskmon.store.engine_timezone  # noqa: F401  # isort: skip - chDB reads the time zone as it is imported
from chdb.state import sqlitelike  # isort: skip

from otel_taskmon.store.engine_errors import UNKNOWN_FORMAT, EngineError, engine_error
from otel_taskmon.store.engine_insert import from_file, rows_file

_FORMAT_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Result:
    """A whole answer in its output format, and what it cost."""

    data: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_s: float = 0.0


class Connection:
    """Not for several threads at once: chDB runs one statement at a time per connection, others wait.

    ``parameters`` are values of ``{name:Type}`` in ClickHouse's escaped text form, as HTTP's ``param_name`` has them.
    """

    def __init__(self, connection_string: str) -> None:
        self._directory = Path(connection_string.partition("?")[0]).parent
        try:
            self._chdb: Any = sqlitelike.connect(connection_string)
        except RuntimeError as error:
            raise engine_error(error) from error

    def query(
        self, sql: str, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> Result:
        """Run any statement; the whole answer in memory. Raises EngineError."""
        try:
            answer = self._chdb.query(sql, output_format, params=dict(parameters or {}))
        except RuntimeError as error:
            raise engine_error(error) from error
        return Result(
            data=answer.bytes() or b"",
            read_rows=answer.storage_rows_read(),
            read_bytes=answer.storage_bytes_read(),
            written_rows=answer.rows_written(),
            written_bytes=answer.bytes_written(),
            result_rows=answer.rows_read(),
            elapsed_s=answer.elapsed(),
        )

    def stream(
        self, sql: str, output_format: str, parameters: Mapping[str, str] | None = None
    ) -> Generator[bytes, None, None]:
        """The answer of one SELECT block by block, each block a whole document of ``output_format``.

        Closing the iterator stops the query. Raises EngineError, code 36 for statements that cannot stream.
        """
        try:
            answer = self._chdb.send_query(sql, output_format, params=dict(parameters or {}))
        except RuntimeError as error:
            raise engine_error(error) from error
        try:
            while (block := answer.fetch()) is not None:
                if data := block.bytes():
                    yield data
        except RuntimeError as error:
            raise engine_error(error) from error
        finally:
            # nothing is left to cancel when it has ended or failed already
            with contextlib.suppress(RuntimeError):
                answer.close()

    def insert(
        self,
        target: str,
        input_format: str,
        data: Iterator[bytes] | bytes,
        parameters: Mapping[str, str] | None = None,
    ) -> Result:
        """``INSERT INTO …`` without FORMAT and data, and the rows in ``input_format``. Raises EngineError.

        After an error no row or some blocks of rows may have been written, as in ClickHouse.
        """
        if not _FORMAT_NAME.fullmatch(input_format):  # it becomes part of the statement
            raise EngineError(UNKNOWN_FORMAT, f"Unknown format {input_format}. (UNKNOWN_FORMAT)")
        rows = (data,) if isinstance(data, bytes) else data
        with rows_file(rows, self._directory) as path:
            return self.query(from_file(target, path, input_format), "Null", parameters)

    def set(self, settings: Mapping[str, str | None]) -> None:
        """Change settings of this connection; None is back to the default. Raises EngineError.

        The names must be checked (Engine.check_settings): they become part of the statement. The values stay bound.
        """
        parts = [
            f"{name} = DEFAULT" if value is None else f"{name} = {{v{index}:String}}"
            for index, (name, value) in enumerate(settings.items())
        ]
        values = {
            f"v{index}": escape(value) for index, value in enumerate(settings.values()) if value is not None
        }
        self.query("SET " + ", ".join(parts), "Null", values)

    def close(self) -> None:
        self._chdb.close()


def escape(text: str) -> str:
    """A text as the value of a query parameter."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
