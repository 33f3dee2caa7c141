"""What is recorded of an exception: type, message, traceback with its causes, and a fingerprint; masked and bounded."""

from __future__ import annotations

from typing import Final, NamedTuple

from otel_taskmon.payload.encoder import PayloadEncoder
from otel_taskmon.payload.notes import REDACTED, TRUNCATED, as_notes
from otel_taskmon.payload.texts import bounded, cut_to_bytes, more_characters, valid
from otel_taskmon.payload.tracebacks import (
    LONGEST_READY_TEXT,
    Formatter,
    attributes_of,
    fingerprint,
    frames_of,
    message_of,
    without_quotes,
)
from otel_taskmon.payload.values import type_name

_WITH_TRACEBACK: Final = "billiard.einfo.ExceptionWithTraceback"


class ExceptionRecord(NamedTuple):
    """``type`` has its module (``builtins`` left out); texts are masked and bounded; ``fingerprint``: 16 hex digits."""

    type: str
    message: str
    stacktrace: str
    fingerprint: str
    notes: tuple[str, ...]


def describe_exception(
    error: BaseException, encoder: PayloadEncoder, traceback_text: str = ""
) -> ExceptionRecord:
    """Describe an exception and its causes (the nearest 20, and how many more there are).

    ``traceback_text`` is a ready text, such as ``einfo.traceback``: used where the exception has no frames of its own
    any more. Billiard's wrapper ``ExceptionWithTraceback`` is taken off. ``__str__`` of each exception is called at
    most once, and may raise or give bytes.
    """
    settings, redactor = encoder.settings, encoder.redactor
    if type_name(type(error)) == _WITH_TRACEBACK:
        attributes = attributes_of(error)
        wrapped = attributes.get("exc")
        if isinstance(wrapped, BaseException):  # by billiard, which had it from an "except"
            error, traceback_text = wrapped, traceback_text or without_quotes(attributes.get("tb"))
    kind = type_name(type(error))
    message, flags = bounded(message_of(error), settings.exception_max_bytes // 4, redactor)
    ready = traceback_text if frames_of(error) is None else ""
    formatter = Formatter(redactor, settings.exception_max_bytes // 8)
    full, invalid = valid(formatter.format(error, message, ready))
    masked, any_secret = redactor.mask(full)
    stacktrace, cut = _without_its_middle(masked, settings.exception_max_bytes)
    flags |= formatter.flags | invalid | (REDACTED if any_secret else 0)
    flags |= TRUNCATED if cut else 0
    mark = fingerprint(kind, frames_of(error), ready[:LONGEST_READY_TEXT])
    return ExceptionRecord(kind, message, stacktrace, mark, as_notes("exception", flags))


def _without_its_middle(text: str, max_bytes: int) -> tuple[str, bool]:
    """At most ``max_bytes`` bytes: a quarter from the start, the rest from the end, where the exception itself is."""
    if len(text.encode()) <= max_bytes:
        return text, False
    said = f"\n{more_characters(len(text))}\n"
    room = max_bytes - len(said.encode())
    head = cut_to_bytes(text, room // 4)
    head = head[: head.rfind("\n")] if "\n" in head else head
    tail = text.encode()[-(room - len(head.encode())) :].decode(errors="ignore")
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail[:-1] else tail
    return f"{head}\n{more_characters(len(text) - len(head) - len(tail))}\n{tail}", True
