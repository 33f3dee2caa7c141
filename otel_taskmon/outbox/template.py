"""Messages that differ in a few places only: the bytes around these, made once, and one formatting for each message.

To encode an event anew takes a few dozen small objects, most of which a worker that did something else meanwhile has to
fetch from far away; a template is one stretch of memory.
"""

from __future__ import annotations

from collections.abc import Sequence


class Template:
    """What a message looked like, with places instead of some of its bytes."""

    __slots__ = ("_format",)

    def __init__(self, message: bytes, marks: Sequence[bytes]) -> None:
        """``marks`` are the bytes that stand in ``message`` where others will: each once, and in this order.

        Raises ValueError where that is not so.
        """
        pieces: list[bytes] = []
        for mark in marks:
            if not mark or message.count(mark) != 1:
                raise ValueError("a mark is missing from the rest of the message, or in it more than once")
            before, _, message = message.partition(mark)
            pieces.append(before)
        pieces.append(message)
        self._format = b"%b".join(piece.replace(b"%", b"%%") for piece in pieces)

    def fill(self, values: tuple[bytes, ...]) -> bytes:
        """The message; ``values`` as many as there were marks, each as long as its mark."""
        return self._format % values
