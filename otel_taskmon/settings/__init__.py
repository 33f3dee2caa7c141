"""Every setting of otel-taskmon, by who reads it: the worker, ``taskmon serve``, and all that reads the tables.

Each class is read once, with ``X.from_environment(**overrides)``: a keyword argument wins over the environment
variable, which wins over the default. A wrong name or value raises SettingError at that moment.
Only what no ``OTEL_*`` variable says already has a variable here. ``docs/settings.md`` is made from these fields.

A class is loaded when its name is asked for: a worker loads its own, and the others only to tell whether a variable
that it does not know is one of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_taskmon.settings.environment import FILE_SUFFIX, PREFIX, FromEnvironment
from otel_taskmon.settings.worker import Settings

if TYPE_CHECKING:
    from otel_taskmon.settings.every import ALL, variables
    from otel_taskmon.settings.reader import BrokerSettings, ReaderSettings, ViewerSettings
    from otel_taskmon.settings.store import RetentionSettings, StoreSettings, default_data_dir
else:
    _WHERE: Final = {
        "ALL": "every",
        "BrokerSettings": "reader",
        "ReaderSettings": "reader",
        "RetentionSettings": "store",
        "StoreSettings": "store",
        "ViewerSettings": "reader",
        "default_data_dir": "store",
        "variables": "every",
    }

    def __getattr__(name: str) -> object:
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


__all__ = [
    "ALL",
    "FILE_SUFFIX",
    "PREFIX",
    "BrokerSettings",
    "FromEnvironment",
    "ReaderSettings",
    "RetentionSettings",
    "Settings",
    "StoreSettings",
    "ViewerSettings",
    "default_data_dir",
    "variables",
]
