"""``opentelemetry-instrument celery -A shop worker``: recorded with nothing of ours in the app.

Entry point of ``opentelemetry_pre_instrument``: called once the SDK is set up, if it is, and before the
instrumentations. An exception here would stop all of those, so a wrong setting is logged and the program starts.
"""

from __future__ import annotations

import logging

from otel_taskmon.errors import SettingError

_log = logging.getLogger("otel_taskmon")


def pre_instrument() -> None:
    """``instrument()`` with the settings of the environment; again when the stock instrumentation is set up anew."""
    try:
        from otel_taskmon import _celery
        from otel_taskmon.instrumentation import instrument

        instrument()
        if _celery.stock_active():
            _celery.follow_stock(instrument)
    except SettingError as error:
        _log.error("tasks are not recorded: %s", error)
    except Exception:  # noqa: BLE001 - see above
        _log.exception("tasks are not recorded")
