"""Rows for an INSERT, handed to the engine as a file.

chDB's streaming inserter (``send_insert``) reports what is wrong with the rows, but not what goes wrong when they are
written: a full disk, too little memory, a view that throws. It then returns as if all were stored (measured with
chdb-core 26.9.0). ``INSERT … FROM INFILE`` reports all of it, at the same speed; and a sender that goes away in the
middle leaves nothing behind, since the statement begins when its rows are complete.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.sql_tokens import tokens

NOT_ENOUGH_SPACE: Final = 243


@contextlib.contextmanager
def rows_file(rows: Iterable[bytes], directory: Path) -> Iterator[str]:
    """A path under which the engine reads ``rows``. The file has no name, so a kill leaves none behind.

    Raises EngineError 243 when ``directory`` has no space for it.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(dir=directory))
            for piece in rows:
                file.write(piece)
            file.seek(0)  # flushes, and where /dev/fd shares the position, reading begins at the start
        except OSError as error:
            raise EngineError(
                NOT_ENOUGH_SPACE, f"Cannot keep the rows to insert: {error}. (NOT_ENOUGH_SPACE)"
            ) from error
        yield f"/dev/fd/{file.fileno()}"


def from_file(insert: str, path: str, input_format: str) -> str:
    """``INSERT INTO t (a) [SETTINGS …]`` with the file and the format put where the grammar wants them.

    Raises EngineError 62 when ``insert`` cannot be read.
    """
    text = insert.encode()
    depth = 0
    end = len(text)
    for token in tokens(text):
        if token.kind == "sign":
            depth += (token.text in "([") - (token.text in ")]")
        elif token.upper == "SETTINGS" and depth == 0:
            end = token.start
    # On a line of its own: the statement may end in a comment.
    return (
        f"{text[:end].decode()}\nFROM INFILE '{path}' COMPRESSION 'none'\n"
        f"{text[end:].decode()}\nFORMAT {input_format}"
    )
