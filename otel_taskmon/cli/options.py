"""Flags that are settings: name, help and default come from the setting's field, so that they cannot drift apart."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from otel_taskmon._setting_fields import Spec, spec_of
from otel_taskmon.errors import SettingError
from otel_taskmon.settings import FromEnvironment, ReaderSettings, StoreSettings

SettingsT = TypeVar("SettingsT", bound=FromEnvironment)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

STORE_FLAGS: Mapping[str, str] = {
    "--data-dir": "data_dir",
    "--host": "host",
    "--http-port": "http_port",
    "--otlp-http-port": "otlp_http_port",
    "--otlp-grpc-port": "otlp_grpc_port",
}
"""Flags of ``taskmon serve`` -> field of StoreSettings. Secrets have none: they would show in the process list."""
VIEWER_FLAGS: Mapping[str, str] = {
    "--clickhouse-url": "clickhouse_url",
    "--host": "viewer_host",
    "--port": "viewer_port",
}
"""Flags of ``taskmon viewer`` -> field of ReaderSettings."""
BOTH_FLAGS: Mapping[str, str] = {"--viewer-host": "viewer_host", "--port": "viewer_port"}
"""What ``taskmon up`` and ``taskmon demo`` take beside STORE_FLAGS."""


def spec(settings: type[FromEnvironment], field: str) -> Spec:
    """What is known of one setting."""
    return _specs(settings)[field]


def _specs(settings: type[FromEnvironment]) -> dict[str, Spec]:
    return {f.name: spec_of(f) for f in dataclasses.fields(settings)}  # type: ignore[arg-type]


def setting_options(
    settings: type[FromEnvironment], flags: Mapping[str, str], *, defaults: Mapping[str, str] | None = None
) -> Decorator:
    """Add a flag for each entry; what is not given arrives as None, so that the environment can have its say.

    ``defaults`` replaces the default that the help names, by field.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for flag, field in reversed(list(flags.items())):
            known = spec(settings, field)
            text = known.help.replace("`", "")
            default = (defaults or {}).get(field, known.default_text)
            function = click.option(
                flag,
                field,
                metavar=flag.rpartition("-")[2].upper(),
                help=f"{text}  [env: {known.variable}; default: {default}]",
            )(function)
        return function

    return decorate


store_options = setting_options(StoreSettings, STORE_FLAGS)
viewer_options = setting_options(ReaderSettings, VIEWER_FLAGS)


def read_settings(
    settings: type[SettingsT], flags: Mapping[str, str], given: Mapping[str, str | None]
) -> SettingsT:
    """The settings from flags, environment and defaults; ``given`` is by field, other classes' fields are left out.

    Raises SettingError, naming the flag where the value came from one.
    """
    flag_of = {field: flag for flag, field in flags.items()}
    try:
        return settings.from_environment(**{field: given.get(field) for field in flag_of})
    except SettingError as error:
        if error.name in flag_of:
            raise SettingError(flag_of[error.name], error.value, error.allowed) from None
        raise


def chosen_fields(settings: type[FromEnvironment], given: Mapping[str, str | None]) -> frozenset[str]:
    """The fields whose value a person chose, by flag or by variable."""
    return frozenset(
        field
        for field, known in _specs(settings).items()
        if given.get(field) is not None or os.environ.get(known.variable)
    )
