"""A traceback as text, laid out as Python does, but bounded, and never asking an exception for its text twice.

``traceback.format_exception`` is not used for the exceptions themselves: it calls ``__str__`` by itself, follows any
number of causes and puts messages of any length into the text.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from otel_taskmon._safely import SoftTimeLimitExceeded
from otel_taskmon.payload.redaction import Redactor
from otel_taskmon.payload.texts import masked_and_cut, more_characters
from otel_taskmon.payload.values import type_name

MOST_CAUSES: Final = 20
MOST_FRAMES: Final = 60
MOST_FRAMES_OF_A_CAUSE: Final = 20
LONGEST_LINE: Final = 500
LONGEST_READY_TEXT: Final = 262_144
"""Characters of a traceback text made by somebody else that are read."""
MOST_COUNTED: Final = 10_000
BECAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
MEANWHILE: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"
HEADING: Final = "Traceback (most recent call last):\n"
REMOTE: Final = frozenset(
    {
        "billiard.einfo.RemoteTraceback",
        "multiprocessing.pool.RemoteTraceback",
        "concurrent.futures.process._RemoteTraceback",
    }
)
"""Stand as the cause of an exception that came from another process, and hold its traceback as text."""
_NOT_THE_TASKS: Final = ("celery.", "billiard.", "kombu.", "vine.", "opentelemetry.", "otel_taskmon.")
_FRAME_IN_TEXT: Final = re.compile(
    r'^ {2}File "([^"\n]{1,512})", line (\d{1,9}), in ([^\n]{1,256})$', re.MULTILINE
)

_CAUSE: Final = BaseException.__dict__["__cause__"].__get__
_CONTEXT: Final = BaseException.__dict__["__context__"].__get__
_SUPPRESSED: Final = BaseException.__dict__["__suppress_context__"].__get__
_TRACEBACK: Final = BaseException.__dict__["__traceback__"].__get__
_ATTRIBUTES: Final = BaseException.__dict__["__dict__"].__get__
_PARTS: Final = BaseExceptionGroup.__dict__["exceptions"].__get__


@dataclass(frozen=True)
class Link:
    """One exception of a chain and the sentence between it and the one above it; ``left_out`` closes a long chain."""

    error: BaseException
    joined_by: str
    left_out: int = 0


def message_of(error: BaseException) -> str:
    """``str(error)``, called once; a description when that fails."""
    try:
        return str(error)
    except SoftTimeLimitExceeded:
        raise
    except Exception as failure:  # noqa: BLE001 - it is the user's, and may do what it likes
        return f"<no message: __str__ raised {type_name(type(failure))}>"


def attributes_of(error: BaseException) -> dict[str, object]:
    """The exception's own ``__dict__``, whatever its class has put under that name."""
    attributes: dict[str, object] = _ATTRIBUTES(error)
    return attributes


def without_quotes(text: object) -> str:
    """A traceback text as it was before billiard or multiprocessing wrapped it in triple quotes."""
    return text.strip().strip('"').strip("\n") if type(text) is str else ""


def frames_of(error: BaseException) -> TracebackType | None:
    """The exception's own traceback."""
    trace = _TRACEBACK(error)
    return trace if type(trace) is TracebackType else None


def remote_text(error: BaseException) -> str:
    """The traceback text that an exception from another process brings with it, else ``""``."""
    cause = _CAUSE(error)
    if cause is None or type_name(type(cause)) not in REMOTE:
        return ""
    return without_quotes(attributes_of(cause).get("tb"))


def chain_of(error: BaseException) -> list[Link]:
    """The exception and its causes, as Python would print them but at most 20, nearest first."""
    links = [Link(error, "")]
    seen = {id(error)}
    current = error
    while True:
        cause = _CAUSE(current)
        sentence = BECAUSE
        if cause is None and not _SUPPRESSED(current):
            cause, sentence = _CONTEXT(current), MEANWHILE
        if cause is None or id(cause) in seen or type_name(type(cause)) in REMOTE:
            return links
        seen.add(id(cause))
        if len(links) > MOST_CAUSES:
            links[-1] = Link(links[-1].error, links[-1].joined_by, len(seen) - len(links))
            if len(seen) > MOST_COUNTED:
                return links
        else:
            links.append(Link(cause, sentence))
        current = cause


class Formatter:
    """Formats one exception with all that belongs to it; use it once."""

    def __init__(self, redactor: Redactor, longest_message: int) -> None:
        self._redactor = redactor
        self._longest_message = longest_message
        self._exceptions_left = MOST_CAUSES + 1
        self.flags = 0

    def format(
        self, error: BaseException, message: str, ready_text: str = "", most_frames: int = MOST_FRAMES
    ) -> str:
        """The chain, causes first; ``ready_text`` stands in where ``error`` has no frames of its own."""
        links = chain_of(error)
        self._exceptions_left -= len(links)
        blocks = [self._one(error, message, ready_text, most_frames)]
        for link in links[1:]:
            blocks += (
                link.joined_by,
                self._one(link.error, self._message(link.error), "", MOST_FRAMES_OF_A_CAUSE),
            )
        if links[-1].left_out:
            blocks.append(f"… {links[-1].left_out} more causes\n\n")
        return "".join(reversed(blocks))

    def _one(self, error: BaseException, message: str, ready_text: str, most_frames: int) -> str:
        trace = frames_of(error)
        ready_text = "" if trace is not None else ready_text or remote_text(error)
        if ready_text:  # it ends with the exception's type and message already
            ready_text, _, flags = masked_and_cut(ready_text, LONGEST_READY_TEXT, self._redactor)
            self.flags |= flags
            return "".join([ready_text.rstrip("\n"), "\n", *self._notes(error)])
        name = type_name(type(error))
        lines = [f"{name}: {message}\n" if message else f"{name}\n", *self._notes(error), *self._parts(error)]
        return "".join([HEADING, *self._frames(trace, most_frames), *lines] if trace is not None else lines)

    def _frames(self, trace: TracebackType, limit: int) -> Iterator[str]:
        count = 0
        step: TracebackType | None = trace
        while step is not None:
            step, count = step.tb_next, count + 1
        if count > limit:
            yield f"  … {count - limit} more frames\n"
        summary = traceback.extract_tb(trace, limit=-limit)
        for place, frame in enumerate(summary):
            if frame.line and len(frame.line) > LONGEST_LINE:
                line, left_out, flags = masked_and_cut(frame.line, LONGEST_LINE, self._redactor)
                self.flags |= flags
                line += more_characters(left_out)
                summary[place] = traceback.FrameSummary(frame.filename, frame.lineno, frame.name, line=line)
        yield from summary.format()

    def _notes(self, error: BaseException) -> Iterator[str]:
        notes = attributes_of(error).get("__notes__")
        for note in notes[:MOST_CAUSES] if type(notes) is list else ():
            if type(note) is str:
                text, left_out, flags = masked_and_cut(note, LONGEST_LINE, self._redactor)
                self.flags |= flags
                yield text + (more_characters(left_out) if left_out else "") + "\n"

    def _parts(self, error: BaseException) -> Iterator[str]:
        if not issubclass(type(error), BaseExceptionGroup):
            return
        parts = _PARTS(error)
        for number, part in enumerate(parts, 1):
            if self._exceptions_left <= 0:
                yield f"  | … {len(parts) - number + 1} more exceptions\n"
                return
            text = self.format(part, self._message(part), most_frames=MOST_FRAMES_OF_A_CAUSE)
            yield f"  +- {number} of {len(parts)} -\n"
            yield "".join(f"  | {line}\n" for line in text.splitlines())

    def _message(self, error: BaseException) -> str:
        message, left_out, flags = masked_and_cut(message_of(error), self._longest_message, self._redactor)
        self.flags |= flags
        return message + (more_characters(left_out) if left_out else "")


def fingerprint(kind: str, trace: TracebackType | None, text: str = "") -> str:
    """16 hex digits, equal for the same type raised at the same place in the same code.

    The place is the way through the task's own code (modules and functions, Celery's frames left out, recursion folded)
    and the innermost line counted from its function's first; paths, the lines of callers and messages do not matter.
    """
    places: list[tuple[str, str, int]] = []
    if trace is not None:
        step: TracebackType | None = trace
        while step is not None and len(places) < MOST_COUNTED:
            code = step.tb_frame.f_code
            module = step.tb_frame.f_globals.get("__name__")
            line = (step.tb_lineno or 0) - code.co_firstlineno
            places.append((module if type(module) is str else "?", code.co_qualname, line))
            step = step.tb_next
    else:
        for path, line_text, name in _FRAME_IN_TEXT.findall(text):
            module = ".".join(path.removesuffix(".py").replace("\\", "/").split("/")[-2:])
            places.append((module, name, int(line_text)))
    own = [place for place in places if not f"{place[0]}.".startswith(_NOT_THE_TASKS)] or places
    way = list(dict.fromkeys(f"{module}:{name}" for module, name, _ in own))
    last = str(own[-1][2]) if own else ""
    return hashlib.sha256("\n".join([kind, *way, last]).encode(errors="replace")).hexdigest()[:16]
