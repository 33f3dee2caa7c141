"""The questions of one page asked side by side: each answer waits in the cache when the page comes to it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from otel_taskmon.errors import TaskmonError

log = logging.getLogger(__name__)
_MOST_AT_ONCE: Final = 8
_asking = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="taskmon-ahead")


def ask_ahead(*questions: Callable[[], object]) -> None:
    """Begin to ask each of them, functions of ``cache`` with their arguments, and return at once.

    Who asks the same again waits for the answer that is under way, so a page that goes on as if nothing had been asked
    takes as long as its slowest question and not as long as all of them. A failure is not kept: the page meets it when
    it asks itself, and tells it there.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:  # outside a page nobody comes to fetch the answers
        return

    def asked(question: Callable[[], object]) -> None:
        add_script_run_ctx(threading.current_thread(), context)
        try:
            question()
        except TaskmonError as error:
            log.debug("a question that was asked ahead failed: %s", error)

    for question in questions:
        _asking.submit(asked, question)
