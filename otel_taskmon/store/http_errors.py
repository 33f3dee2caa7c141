"""Errors as ClickHouse's HTTP interface reports them: status, headers, text, and the frame inside a broken stream."""

from __future__ import annotations

from typing import Final

from otel_taskmon.store.engine_errors import EngineError

# After exceptionCodeToHTTPStatus in ClickHouse's src/Server/HTTP, for codes that occur here; all others are 500.
_STATUS: Final[dict[int, int]] = {
    # a wrong password, none given, authentication failed
    **dict.fromkeys((193, 194, 516), 401),
    # readonly, access denied to a database or at all
    **dict.fromkeys((164, 291, 497), 403),
    # unknown column, function, identifier, table, database, setting, session
    **dict.fromkeys((16, 46, 47, 50, 60, 81, 115, 218, 372), 404),
    # syntax, types, values, formats, parameters, settings out of bounds
    **dict.fromkeys(
        (6, 26, 27, 33, 36, 38, 41, 42, 43, 53, 62, 69, 70, 72, 73, 117, 130, 131, 344, 349), 400
    ),
    **dict.fromkeys((386, 441, 452, 456, 457), 400),
    # timeouts
    **dict.fromkeys((159, 160), 408),
    # too many queries, no space, too many parts, a session in use
    **dict.fromkeys((202, 243, 252, 373), 503),
    48: 501,
}


class HttpError(EngineError):
    """An EngineError whose HTTP status is not that of its code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(code, message)
        self.status = status


def status_of(error: EngineError) -> int:
    """The HTTP status for an error."""
    return error.status if isinstance(error, HttpError) else _STATUS.get(error.code, 500)


def error_text(error: EngineError, version: str) -> bytes:
    """The body: clients look for ``Code: N`` and end of line."""
    text = str(error)
    if "(version " not in text[-60:]:
        text += f" (version {version} (official build))"
    return text.encode() + b"\n"


def stream_frame(error: EngineError, version: str, tag: str) -> bytes:
    """What stands at the end of a body that breaks off; ``tag`` is the one in X-ClickHouse-Exception-Tag.

    Layout as WriteBufferFromHTTPServerResponse writes it: marker, tag, text, length and tag, marker.
    """
    text = error_text(error, version)
    mark = tag.encode()
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (mark, text, len(text), mark)
