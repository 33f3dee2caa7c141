"""Brings a soft time limit to the task it was meant for, wherever it strikes.

The worker ends a task at its soft limit by SIGUSR1, whose handler raises ``SoftTimeLimitExceeded`` wherever the main
thread happens to be. Raised inside a signal receiver it goes to Celery's dispatcher, which swallows it, and the task
runs on without its limit. So while a receiver runs, the limit is kept, and a thread sends the signal once more when the
main thread is back in the task. It is kept in two ways: by a handler around the worker's (no gap), and, where somebody
else's handler is installed, by ``_safely`` catching the exception (the first bytecode of a hook is then a gap).

A publish is work of Celery's with hooks of ours in it. What is raised there may never arrive: kombu's serialiser calls
it an EncodeError, redis-py's observability drops it, a lock that was just taken stays taken. So a limit that was kept
waits until the publish has ended too, for a second at most: one that hangs is to be ended by it.

Only prefork has soft limits, and only in the main thread of a pool process.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, Final

from billiard.exceptions import SoftTimeLimitExceeded
from celery.signals import task_prerun

LOOK_AGAIN_S: Final = 0.001
WAIT_FOR_SENDER_S: Final = 1.0
WAIT_FOR_PUBLISH_S: Final = 1.0
_SIGNAL: Final = getattr(signal, "SIGUSR1", None)
_DISPATCHER: Final = "/celery/utils/dispatch/signal.py"
_TRACER: Final = "/celery/app/trace.py"


class LimitKeeper:
    """The limit of the execution between :meth:`enter` and :meth:`leave`.

    It is never sent after that, else it would end the next task: :meth:`leave` waits for a sender about to fire.
    """

    def __init__(self, guarded: Callable[[], CodeType | None]) -> None:
        """``guarded`` gives the code that stands around each hook of ours: in there the task is not to be hit."""
        self._guarded = guarded
        self._around: set[CodeType] = set()
        self._execution: object | None = None
        self._early = False
        self._pending = False
        self._senders: set[object] = set()
        self._pid = 0

    def goes_around(self, code: CodeType) -> None:
        """This code of ours calls what Celery does at a publish: neither it nor what it calls is to be hit by us."""
        self._around.add(code)

    def enter(self) -> None:
        """The body of a task is about to run."""
        if threading.get_ident() != threading.main_thread().ident:
            return
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._pending, self._senders = (
                False,
                set(),
            )  # what was there is of the process we were forked from
            self._wrap_handler()
        self._execution = object()
        if self._early:  # asked after the line above: from there on the limit is this execution's
            self._early = False
            self._send_later(self._execution)

    def leave(self) -> None:
        """The body has ended; what is kept is dropped."""
        if self._execution is None or threading.get_ident() != threading.main_thread().ident:
            return
        self._execution, self._early = None, False
        deadline = time.monotonic() + WAIT_FOR_SENDER_S
        while self._senders and time.monotonic() < deadline:
            # it stops at once, or has just sent the signal: then that is raised here, where it ends nothing
            with contextlib.suppress(SoftTimeLimitExceeded):
                time.sleep(LOOK_AGAIN_S / 4)

    def keep(self, *, goes_on: bool = False) -> bool:
        """Take over a limit that was raised in a hook of ours; False when the caller is to raise it again.

        ``goes_on``: nothing was raised, the hook runs on.
        """
        if threading.get_ident() != threading.main_thread().ident:
            return False
        if self._execution is None and not _before_the_body(sys._getframe()):
            return True  # the body has ended: there is nothing left that this limit could end
        if _SIGNAL is None or not callable(signal.getsignal(_SIGNAL)):
            return False  # without a handler the signal would end the process
        if self._execution is None:  # it strikes before enter() has said whose it is
            if goes_on:
                self._early = True
                return True
            self._execution = object()
        return self._send_later(self._execution)

    def _wrap_handler(self) -> None:
        handler = None if _SIGNAL is None else signal.getsignal(_SIGNAL)
        # only the worker's own: a handler of the user's may mean anything
        if _SIGNAL is None or not callable(handler) or getattr(handler, "__module__", "") != "billiard.pool":
            return

        def handle(number: int, frame: FrameType | None) -> Any:
            in_ours = self._in_a_receiver(frame) or (frame is not None and frame.f_code in self._around)
            if in_ours and self.keep(goes_on=True):
                return None
            return handler(number, frame)

        signal.signal(_SIGNAL, handle)

    def _send_later(self, execution: object) -> bool:
        if self._pending:
            return True
        self._pending = True
        sender = object()
        self._senders.add(sender)
        try:
            # not threading.Thread: this may run in a signal handler, where its locks may be held by who was interrupted
            _thread.start_new_thread(self._send, (execution, threading.get_ident(), sender))
        except RuntimeError:
            self._pending = False
            self._senders.discard(sender)
            return False
        return True

    def _send(self, execution: object, main: int, sender: object) -> None:
        assert _SIGNAL is not None
        sent = False
        patient_until = time.monotonic() + WAIT_FOR_PUBLISH_S
        try:
            while self._execution is execution:
                frame = sys._current_frames().get(main)
                if self._in_the_task(frame) and (
                    time.monotonic() > patient_until or not self._in_a_publish(frame)
                ):
                    self._pending, sent = (
                        False,
                        True,
                    )  # before sending: should it strike a receiver, it is kept again
                    if self._execution is execution:
                        os.kill(os.getpid(), _SIGNAL)
                    return
                time.sleep(LOOK_AGAIN_S)
        finally:
            if not sent:
                self._pending = False
            self._senders.discard(sender)

    def _in_a_receiver(self, frame: FrameType | None) -> bool:
        guarded = self._guarded()
        while frame is not None:
            if frame.f_code is guarded or frame.f_code.co_filename.endswith(_DISPATCHER):
                return True
            frame = frame.f_back
        return False

    def _in_a_publish(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code in self._around:
                return True
            frame = frame.f_back
        return False

    def _in_the_task(self, frame: FrameType | None) -> bool:
        """Whether what is raised in this frame reaches the task's own code, and nothing swallows it on the way."""
        if frame is None or self._in_a_receiver(frame):
            return False
        called: FrameType | None = None
        while frame is not None:
            code = frame.f_code
            if code.co_name == "trace_task" and code.co_filename.endswith(_TRACER):
                # around the task's code Celery loads, stores and publishes: the task is not to be hit there
                return called is not None and _is_body(called, frame.f_locals.get("fun"))
            called, frame = frame, frame.f_back
        return True  # not under Celery's tracer: a task with a tracer of its own


def _before_the_body(frame: FrameType | None) -> bool:
    """Whether this frame is one of a receiver of ``task_prerun``."""
    while frame is not None:
        if frame.f_code.co_filename.endswith(_DISPATCHER) and frame.f_locals.get("self") is task_prerun:
            return True
        frame = frame.f_back
    return False


def _is_body(called: FrameType, body: object) -> bool:
    """Whether this frame, called by Celery's tracer, is that of the function which the tracer runs as the task."""
    function = body.__func__ if isinstance(body, MethodType) else body
    if not isinstance(function, FunctionType):
        function = type(function).__call__  # a task class with a __call__ of its own
    code = getattr(function, "__code__", None)
    return called.f_code is code if code is not None else "/celery/" not in called.f_code.co_filename
