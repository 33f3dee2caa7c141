"""Turns args, kwargs and results into JSON text that is bounded, masked and always valid.

The text is written piece by piece, so that what is left out is never looked at. Where something is left out the text
says so: ``"… 17 more items"`` ends a list, ``"…": "17 more items"`` an object, ``… 1 200 more characters`` a string.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_taskmon._safely import SoftTimeLimitExceeded, record_failure
from otel_taskmon.payload.notes import DROPPED, Encoded, as_notes
from otel_taskmon.payload.quick import QuickJson
from otel_taskmon.payload.redaction import Redactor
from otel_taskmon.payload.texts import bounded
from otel_taskmon.payload.values import type_name
from otel_taskmon.payload.writer import JsonWriter
from otel_taskmon.settings import Settings

_EMPTY = {"args": "[]", "kwargs": "{}"}


class PayloadEncoder:
    """Encodes payloads under given settings. It keeps nothing of them and may be shared between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redactor = Redactor(settings)
        self._quick = QuickJson(settings, self.redactor)

    def encode(self, value: object, part: str = "args", names: Sequence[str] = ()) -> Encoded:
        """JSON text of at most ``payload_max_bytes`` bytes of UTF-8, and notes that begin with ``part``.

        ``part`` is ``args``, ``kwargs`` or ``result``: None is ``[]``, ``{}`` and ``null``. ``names`` are the names of
        the parameters that positional args go to: one whose name is a secret key is masked. Raises nothing of its own,
        whatever the value is.
        """
        if value is None and part in _EMPTY:
            return Encoded(_EMPTY[part])
        try:
            text = self._quick.text_of(value, names)
            if text is not None:
                return Encoded(text)
            writer = JsonWriter(self.settings, self.redactor)
            text = writer.text_of(value, is_result=part == "result", names=names)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - a value that we cannot read must not lose the record
            record_failure(f"encoding {part}", error)
            return Encoded(f'"<not recorded: {type_name(type(error))}>"', as_notes(part, DROPPED))
        return Encoded(text, as_notes(part, writer.flags))

    def plain_call(self, args: object, kwargs: object, names: Sequence[str]) -> tuple[str, str] | None:
        """What ``encode`` says of both where nothing has to be done to either; else None, and it is to be asked."""
        return self._quick.texts_of(args, kwargs, names)

    def text(self, value: str, part: str = "exception", *, max_bytes: int | None = None) -> Encoded:
        """A plain text (not JSON), masked and cut to ``max_bytes`` (default ``exception_max_bytes``) bytes of UTF-8."""
        kept, flags = bounded(value, max_bytes or self.settings.exception_max_bytes, self.redactor)
        return Encoded(kept, as_notes(part, flags))
