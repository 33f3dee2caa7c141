"""Fields of a ``multipart/form-data`` body (RFC 7578)."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

from otel_taskmon.store.http_errors import HttpError

_BLANK_LINE: Final = b"\r\n\r\n"
MAX_FIELDS: Final = 1000


@dataclass(frozen=True)
class Field:
    """One field; ``filename`` is None where it was not sent as a file."""

    name: str
    filename: str | None
    data: bytes


def parse_multipart(content_type: str, body: bytes) -> list[Field]:
    """The fields in their order. Raises HttpError 400 where the body is not such a form or has over 1 000 fields."""
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_boundary()
    if not boundary:
        raise _bad("its Content-Type names no boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # the first delimiter may stand without a line end before it
    parts = (b"\r\n" + body).split(delimiter)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise _bad("it ends without its closing boundary")
    if len(parts) - 2 > MAX_FIELDS:
        raise _bad(f"it has more than {MAX_FIELDS} fields")
    return [_field(part) for part in parts[1:-1]]


def _field(part: bytes) -> Field:
    head, blank, data = part.partition(_BLANK_LINE)
    if not blank:
        raise _bad("a field has no end of its headers")
    # RFC 7578 names are UTF-8; the parser keeps other bytes as surrogates, never fails
    message = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n") + _BLANK_LINE)
    name = message.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise _bad("a field has no name")
    return Field(name, message.get_filename(), data)


def _bad(why: str) -> HttpError:
    return HttpError(400, 36, f"The body is not multipart/form-data: {why}. (BAD_ARGUMENTS)")
