"""A Celery app as a worker loads it: is it recorded at all, and by one instrumentation only."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from otel_taskmon.doctor.finding import Finding, ok, wrong
from otel_taskmon.errors import TaskmonError

_SIGNALS: Final = ("before_task_publish", "task_prerun", "task_postrun")


def load_app(name: str) -> Any:
    """The app that ``celery -A name`` finds; importing it runs its module. Raises TaskmonError."""
    from celery.app.utils import find_app

    here = str(Path.cwd())
    if here not in sys.path:  # as celery does
        sys.path.insert(0, here)
    try:
        app = find_app(name)
        app.finalize()
    except Exception as error:  # whatever the app's own modules raise
        raise TaskmonError(f"-A {name} cannot be loaded: {type(error).__name__}: {error}") from error
    return app


def check_app(name: str) -> Iterator[Finding]:
    """Loads the app, and looks at what is connected to Celery's signals by then."""
    from celery import signals

    from otel_taskmon import _celery
    from otel_taskmon.instrumentation import settings_in_use

    try:
        load_app(name)
    except TaskmonError as error:
        yield wrong("app", str(error), "Run this where the worker starts, with its environment.")
        return
    missing = _celery.missing_parts()
    if missing and settings_in_use() is not None:
        yield wrong(
            "app",
            f"this version of Celery or of its instrumentation has no {', '.join(missing)}",
            "See versions.",
        )
    if settings_in_use() is None:
        yield wrong(
            "app",
            f"{name} does not call otel_taskmon.instrument()",
            "Put it into the app's module, or start the worker with opentelemetry-instrument.",
        )
        return
    twice = [
        f"{signal} → {receiver} ({count} times)"
        for signal in _SIGNALS
        for receiver, count in sorted(_receivers(getattr(signals, signal)).items())
        if count > 1 or receiver.startswith(_celery.STOCK_MODULE)
    ]
    if twice:
        yield wrong(
            "app",
            f"tasks are recorded twice: {'; '.join(twice)}",
            "Call CeleryInstrumentor().instrument() nowhere but before otel_taskmon.instrument(), or not at all: "
            "it is connected already.",
        )
        return
    yield ok("app", f"{name} is recorded, by one instrumentation")


def _receivers(signal: Any) -> Counter[str]:
    """Names of what of ours and of the stock instrumentation is connected, with how often."""
    from otel_taskmon import _celery

    found: Counter[str] = Counter()
    for _, receiver in list(signal.receivers or ()):
        module = str(getattr(receiver, "__module__", ""))
        if module.startswith((_celery.STOCK_MODULE, "otel_taskmon.")):
            found[f"{module}.{getattr(receiver, '__qualname__', receiver)}"] += 1
    return found
