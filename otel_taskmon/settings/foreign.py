"""Variables that begin as ours do and are another program's: never a mistake in the name of a setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

_PREFIX: Final = "TASKMON_"
_COLLECTOR: Final = "TASKMON_COLLECTOR_"
_OTHERS: Final = frozenset(
    {
        "TASKMON_OTLP_TOKEN",
        "TASKMON_DASHBOARDS",
        "TASKMON_STORE_HOST",
        "TASKMON_STORE_PORT",
        "TASKMON_STORE_USER",
        "TASKMON_STORE_PASSWORD",
    }
)
"""What ``collector-config`` and ``grafana/provisioning`` read: often set in the shell that starts a worker, too."""

_SERVICE_HOST: Final = "_SERVICE_HOST"


def is_foreign(name: str, environ: Mapping[str, str]) -> bool:
    """Whether ``name``, which is no setting of ours, is nevertheless rightly in the environment.

    Kubernetes puts variables for every Service of a namespace into all its containers (service links): for a Service
    ``taskmon`` TASKMON_SERVICE_HOST, TASKMON_SERVICE_PORT, TASKMON_PORT, TASKMON_PORT_8123_TCP_ADDR and so on.
    """
    if name.startswith(_COLLECTOR) or name in _OTHERS:
        return True
    return any(
        name == service + _SERVICE_HOST
        or name in (service + "_PORT", service + "_SERVICE_PORT")
        or name.startswith((service + "_PORT_", service + "_SERVICE_PORT_"))
        for service in _services(environ)
    )


def is_port_of_service(name: str, environ: Mapping[str, str]) -> bool:
    """Whether the setting ``name`` is also the variable that Kubernetes makes for the port of a Service that is there.

    Of a Service ``taskmon-viewer`` that is TASKMON_VIEWER_PORT, with a value like ``tcp://10.0.0.7:8501``.
    """
    return any(name == service + "_PORT" for service in _services(environ))


def _services(environ: Mapping[str, str]) -> Iterator[str]:
    for name in environ:
        if name.startswith(_PREFIX) and name.endswith(_SERVICE_HOST):
            yield name.removesuffix(_SERVICE_HOST)
