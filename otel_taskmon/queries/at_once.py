"""Questions that do not need each other's answers, asked at once: the store answers each on threads of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Final, Self, TypeVar

TOGETHER: Final = 4
"""Over all pages together; half of what the embedded store has lanes for."""

T = TypeVar("T")

_POOL: Final = ThreadPoolExecutor(TOGETHER, "question")


class AtOnce:
    """Asks inside a ``with`` block, which ends when all have their answers, so that none is left asking behind it.

    A question's error comes out of its ``result()``. A question must not ask at once itself: it would wait for a
    place that it holds.
    """

    def __init__(self) -> None:
        self._asked: list[Future[Any]] = []

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """Starts ``question``; its answer is ``result()`` of what comes back."""
        asked = _POOL.submit(question)
        self._asked.append(asked)
        return asked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait(self._asked)
