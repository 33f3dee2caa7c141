"""``otel_taskmon.instrument()``: the one line that a Celery app needs."""

from __future__ import annotations

import logging
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

from celery import Celery

from otel_taskmon import _celery
from otel_taskmon.app_names import AppNames
from otel_taskmon.events import Events
from otel_taskmon.exporting import LOGS, ExportPlan, build_provider, preload
from otel_taskmon.facts import Recorder
from otel_taskmon.lifecycle import Lifecycle
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings
from otel_taskmon.signals import Hooks

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

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
    if not wanted.enabled or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    with _lock:
        try:
            _install(wanted, plan, events_plan, app)
        except Exception:  # noqa: BLE001 - the app must start, with us or without
            _log.exception("tasks are not recorded: instrument() failed")


def _install(wanted: Settings, plan: ExportPlan, events_plan: ExportPlan, app: Celery | None) -> None:
    global _hooks, _settings
    _celery.instrument_once()
    if _unknown(_celery.missing_parts()):
        return
    if _hooks is None:
        build, load = partial(build_provider, plan, wanted), partial(preload, plan)
        lifecycle = Lifecycle(build, load, wanted.flush_timeout_s, app)
        recorder = Recorder(wanted, PayloadEncoder(wanted), AppNames(wanted.app_name_mapping_config).of)
        _hooks, _settings = Hooks(recorder, lifecycle, _events(wanted, events_plan, lifecycle)), wanted
    elif _settings != wanted:
        _log.warning("instrument() was called before with other settings; those of the first call stay")
    _unknown(_hooks.connect())
    _hooks.attach()


def _events(wanted: Settings, plan: ExportPlan, lifecycle: Lifecycle) -> Events | None:
    if not wanted.events or not plan.exporters:
        return None

    def build() -> LoggerProvider:
        from otel_taskmon.event_exporting import build_event_provider  # publishers send none

        return build_event_provider(plan, wanted, lifecycle.service_name(), lifecycle.resource())

    def load() -> None:
        from otel_taskmon.event_exporting import preload as preload_events

        preload_events(plan)

    return Events(build, load, wanted.flush_timeout_s, lifecycle.also_flush)


def _unknown(missing: list[str]) -> bool:
    if missing:
        _log.error(
            "tasks are not recorded: this version of Celery or of its instrumentation is not known, it has no %s",
            ", ".join(missing),
        )
    return bool(missing)
