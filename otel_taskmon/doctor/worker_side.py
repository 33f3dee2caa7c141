"""A worker's environment: is recording on, where does it send to, does that arrive, and is nothing connected twice.

Needs what a worker has installed and no more. To be run where the worker runs, with the same variables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from otel_taskmon.doctor.app_checks import check_app
from otel_taskmon.doctor.broker_checks import check_broker
from otel_taskmon.doctor.finding import Finding, ok, warning, wrong
from otel_taskmon.doctor.outbox_checks import check_outbox
from otel_taskmon.doctor.probe import Probe, send_probe
from otel_taskmon.errors import SettingError, TaskmonError
from otel_taskmon.exporting import LOGS, METRICS, TRACES, ExportPlan
from otel_taskmon.settings import Settings

_PACKAGES: Final = (
    "celery",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
    "opentelemetry-instrumentation-celery",
)
_SAMPLING: Final = "OTEL_TRACES_SAMPLER"
_WHOLE: Final = frozenset({"", "always_on", "parentbased_always_on"})


def check_worker(app: str | None, *, probes: list[Probe]) -> Iterator[Finding]:
    """One finding at a time. ``app`` is what Celery's ``-A`` takes; a probe that was sent is put into ``probes``."""
    try:
        settings = Settings.from_environment()
    except SettingError as error:
        yield wrong("settings", str(error), "A worker with it starts, and records nothing.")
        return
    yield ok("settings", "every TASKMON_… variable is valid")
    yield from _versions()
    on = _recording(settings, os.environ)
    yield on
    yield _sampler(os.environ)
    if app is not None:
        yield from check_app(app)
    else:
        yield ok(
            "app", "not looked at: give it with -A, as to celery, to see what is connected to its signals"
        )
    yield from check_broker(app)
    yield from check_outbox(settings)
    if on.level == "wrong":
        return
    yield from _exporters(os.environ, probes)


def _versions() -> Iterator[Finding]:
    bounds = _bounds()
    for package in _PACKAGES:
        try:
            found = version(package)
        except PackageNotFoundError:
            yield wrong("versions", f"{package} is not installed", "pip install otel-taskmon")
            continue
        wanted = bounds.get(package, "")
        if wanted and not _within(found, wanted):
            yield warning(
                "versions",
                f"{package} {found} was not tried: {wanted}",
                f"pip install '{package}{wanted}', or look closely at what is recorded.",
            )
        else:
            yield ok("versions", f"{package} {found}")


def _bounds() -> Mapping[str, str]:
    """What our own package says that it needs, by package."""
    try:
        listed = requires("otel-taskmon") or []
    except PackageNotFoundError:  # run from a checkout
        return {}
    found = {}
    for requirement in listed:
        if ";" in requirement:  # of an extra
            continue
        name = requirement
        for mark in "<>=!~":
            name = name.partition(mark)[0]
        found[name.strip()] = requirement[len(name) :].strip()
    return found


def _within(found: str, bounds: str) -> bool:
    """Whether the numbers of a version are within ``>=5.3,<5.8``; what follows the numbers does not count."""
    for bound in bounds.split(","):
        limit = bound.strip()
        if limit.startswith(">=") and _numbers(found) < _numbers(limit[2:]):
            return False
        if limit.startswith("<") and not limit.startswith("<=") and _numbers(found) >= _numbers(limit[1:]):
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.strip().split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _recording(settings: Settings, environ: Mapping[str, str]) -> Finding:
    if not settings.enabled:
        return wrong("recording", "TASKMON_ENABLED=false: nothing is recorded", "Unset it.")
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return wrong("recording", "OTEL_SDK_DISABLED=true: nothing is recorded", "Unset it.")
    if not settings.events:
        return warning(
            "recording",
            "TASKMON_EVENTS=false: tasks show up when they have ended, and LOST ones never",
            "Unset it, unless the endpoint takes no logs.",
        )
    return ok("recording", "on, with events")


def _sampler(environ: Mapping[str, str]) -> Finding:
    name = environ.get(_SAMPLING, "").strip().lower()
    if name in _WHOLE:
        return ok("sampling", "none: every task is recorded")
    return warning(
        "sampling",
        f"{_SAMPLING}={name}: our own provider records every task all the same; with a tracer provider of your own, "
        "tasks that are not sampled are missing from the log and its counts",
        f"With a provider of your own, unset {_SAMPLING}, and sample what goes to tracing in the Collector.",
    )


def _exporters(environ: Mapping[str, str], probes: list[Probe]) -> Iterator[Finding]:
    plans = {}
    for signal, lost in ((TRACES, "tasks"), (LOGS, "events"), (METRICS, "queue lengths")):
        variable = f"OTEL_{signal}_EXPORTER"
        try:
            plan = plans[signal] = ExportPlan.from_environment(environ, signal)
        except SettingError as error:
            yield wrong("exporter", str(error), f"Unset {variable}, or set it to otlp.")
            continue
        if plan.to_outbox:
            yield ok("exporter", f"{signal.lower()}: OTLP, {plan.protocol}, by way of the outbox")
        elif plan.exporters:
            yield warning(
                "exporter",
                f"{signal.lower()}: {', '.join(plan.exporters)}, without the outbox",
                f"What a killed process had not sent is lost: unset {variable} where OTLP will do.",
            )
        else:
            finding = wrong if signal == TRACES else warning
            yield finding("exporter", f"{variable}=none: no {lost} are sent", f"Unset {variable}.")
    if TRACES in plans and plans[TRACES].to_outbox:
        try:
            yield from send_probe(probes)
        except (
            TaskmonError,
            ValueError,
        ) as error:  # the second is the SDK's for a value that it does not take
            yield wrong(
                "endpoint", f"{type(error).__name__}: {error}", "Correct the OTEL_EXPORTER_OTLP_… variables."
            )
