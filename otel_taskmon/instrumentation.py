"""``otel_taskmon.instrument()``: the one line that a Celery app needs."""

from __future__ import annotations

import logging
import os
import threading

from celery import Celery

from otel_taskmon import _celery
from otel_taskmon.app_names import AppNames
from otel_taskmon.dropped import Dropped
from otel_taskmon.events import Events
from otel_taskmon.exporting import LOGS, METRICS, ExportPlan
from otel_taskmon.facts import Recorder
from otel_taskmon.lifecycle import Lifecycle
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.process_outbox import shared
from otel_taskmon.queue_depth import of_app
from otel_taskmon.queue_gauges import Gauges
from otel_taskmon.settings import Settings
from otel_taskmon.signals import Hooks

_log = logging.getLogger("otel_taskmon")
_lock = threading.Lock()
_hooks: Hooks | None = None
_settings: Settings | None = None


def instrument(app: Celery | None = None, **settings: object) -> None:
    """Record every publish and every execution of this process's tasks as OpenTelemetry spans.

    Put it into the module of the Celery app, for publishers and workers alike. ``app`` gives the spans'
    ``service.name`` where no ``OTEL_*`` variable does. ``settings`` are the fields of
    :class:`otel_taskmon.settings.Settings`; each can be set as a ``TASKMON_…`` variable too.

    Spans go to the tracer provider that is set up when the first one starts, else to one that is built from
    the ``OTEL_*`` variables (default: OTLP over HTTP to 127.0.0.1:4318). Calling it again changes nothing.

    Raises SettingError for a wrong setting, and nothing else.
    """
    wanted = Settings.from_environment(**settings)
    plan, events_plan = ExportPlan.from_environment(), ExportPlan.from_environment(signal=LOGS)
    metrics_plan = ExportPlan.from_environment(signal=METRICS)
    if not wanted.enabled or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    with _lock:
        try:
            _install(wanted, (plan, events_plan, metrics_plan), app)
        except Exception:  # noqa: BLE001 - the app must start, with us or without
            _log.exception("tasks are not recorded: instrument() failed")


def _install(wanted: Settings, plans: tuple[ExportPlan, ExportPlan, ExportPlan], app: Celery | None) -> None:
    global _hooks, _settings
    plan, events_plan, metrics_plan = plans
    _celery.instrument_once()
    if _unknown(_celery.missing_parts()):
        return
    if _hooks is None:
        outbox = shared(wanted)
        lifecycle = Lifecycle(plan, wanted, outbox, app)
        recorder = Recorder(wanted, PayloadEncoder(wanted), AppNames(wanted.app_name_mapping_config).of)
        if metrics_plan.to_outbox:
            outbox.before_round = Dropped(lifecycle.boot, lifecycle.resource).tell
        events = None
        if wanted.events and events_plan.exporters:
            events = Events(events_plan, wanted, outbox, lifecycle.resource, lifecycle.also_flush)
        queue_depth = None
        if wanted.queue_depth and metrics_plan.to_outbox:
            gauges = Gauges(outbox, lifecycle.resource)
            queue_depth = of_app(
                lambda: _celery.app_or_current(app), gauges.emit, wanted.queue_depth_interval_s
            )
        _hooks, _settings = Hooks(recorder, lifecycle, events, queue_depth), wanted
    elif _settings != wanted:
        _log.warning("instrument() was called before with other settings; those of the first call stay")
    _unknown(_hooks.connect())
    _hooks.attach()


def _unknown(missing: list[str]) -> bool:
    if missing:
        _log.error(
            "tasks are not recorded: this version of Celery or of its instrumentation is not known, it has no %s",
            ", ".join(missing),
        )
    return bool(missing)


def settings_in_use() -> Settings | None:
    """What the first ``instrument()`` of this process was called with; None where nothing is recorded."""
    return _settings
