"""All settings there are."""

from __future__ import annotations

import dataclasses
from typing import Final

from otel_taskmon._setting_fields import spec_of
from otel_taskmon.settings.environment import FILE_SUFFIX, FromEnvironment
from otel_taskmon.settings.reader import BrokerSettings, ReaderSettings, ViewerSettings
from otel_taskmon.settings.store import RetentionSettings, StoreSettings
from otel_taskmon.settings.worker import Settings

ALL: Final[tuple[type[FromEnvironment], ...]] = (
    Settings,
    StoreSettings,
    RetentionSettings,
    ReaderSettings,
    ViewerSettings,
    BrokerSettings,
)


def variables() -> list[str]:
    """Every environment variable that exists, those for files of secrets included."""
    names: list[str] = []
    for owner in ALL:
        for declared in dataclasses.fields(owner):  # type: ignore[arg-type]
            spec = spec_of(declared)
            names += [spec.variable, spec.variable + FILE_SUFFIX] if spec.secret else [spec.variable]
    return names
