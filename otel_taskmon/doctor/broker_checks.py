"""The broker: does it answer, and does its clock agree with ours."""

from __future__ import annotations

import os
from collections.abc import Iterator

from otel_taskmon.doctor.clocks import clock_finding
from otel_taskmon.doctor.finding import Finding, ok, warning, wrong
from otel_taskmon.errors import TaskmonError
from otel_taskmon.settings import BrokerSettings

_VARIABLE = "CELERY_BROKER_URL"


def check_broker(app: str | None) -> Iterator[Finding]:
    """The app's broker, else that of TASKMON_BROKER_URL or CELERY_BROKER_URL."""
    from otel_taskmon import broker
    from otel_taskmon.broker.redis_broker import RedisBroker
    from otel_taskmon.doctor.app_checks import load_app

    try:
        settings = BrokerSettings.from_environment()
        url = settings.broker_url or os.environ.get(_VARIABLE, "").strip()
        if app is not None:
            loaded = load_app(app)
            opened = broker.connect_by(loaded.connection_for_read)
        elif url:
            opened = broker.connect(url, settings.broker_transport_options)
        else:
            yield ok(
                "broker", f"not looked at: give the app with -A, or set TASKMON_BROKER_URL or {_VARIABLE}"
            )
            return
    except broker.UnsupportedBroker as error:
        yield warning("broker", str(error), "Tasks are recorded all the same; queue lengths are not.")
        return
    except TaskmonError as error:
        yield wrong("broker", str(error), "Set it as the worker has it.")
        return
    try:
        if isinstance(opened, RedisBroker):
            yield clock_finding("broker", f"{opened.where} answers, and its clock", opened.clock_s)
        else:
            opened.depths([])
            yield ok("broker", f"{opened.where} answers (AMQP tells no time)")
    except TaskmonError as error:
        yield wrong("broker", str(error), "Workers and publishers need it, whatever is recorded.")
    finally:
        opened.close()
