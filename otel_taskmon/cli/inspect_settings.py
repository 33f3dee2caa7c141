"""``taskmon inspect settings``: what holds here, and where it comes from."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click

from otel_taskmon._setting_fields import Hidden, spec_of
from otel_taskmon.cli.printing import json_option, print_json, print_table
from otel_taskmon.errors import TaskmonError
from otel_taskmon.settings import ALL, FILE_SUFFIX, FromEnvironment, Settings
from otel_taskmon.settings.environment import given_text

Source = Literal["default", "environment", "file", "code"]


@dataclasses.dataclass(frozen=True)
class Effective:
    """A setting as it holds; the value of a secret is hidden."""

    setting: str
    value: Any
    source: Source
    of: str
    """The class of settings, as docs/settings.md divides them."""


@click.command("settings", short_help="Show every setting and where it comes from.")
@click.option(
    "--app",
    "module",
    metavar="MODULE",
    help="Import this module first (the one that calls instrument()), to see what the code sets.",
)
@json_option
def command(module: str | None, as_json: bool) -> None:
    """Show every setting as it holds here, and where it comes from: default, environment, file or code.

    Secrets are hidden. What is set in code is known with --app, or inside a Django project (manage.py
    taskmonitorctl).

    \b
    Examples:
      taskmon inspect settings
      taskmon inspect settings --app shop.celery
    """
    if module is not None:
        _import(module)
    found = [one for owner in ALL for one in effective(owner)]
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
        return
    print_table(
        ("setting", "value", "source", "of"),
        [(one.setting, _shown(one.value), one.source, one.of) for one in found],
    )


def effective(owner: type[FromEnvironment]) -> list[Effective]:
    """The settings of one class. Raises SettingError for one that is wrong."""
    held = owner.from_environment()
    in_code = _in_code() if owner is Settings else None
    found = []
    for declared in dataclasses.fields(owner):  # type: ignore[arg-type]  # they are dataclasses
        spec = spec_of(declared)
        value: Any = getattr(held, declared.name)
        source: Source = "environment" if given_text(os.environ, spec.variable) else "default"
        if spec.secret and os.environ.get(spec.variable + FILE_SUFFIX):
            source = "file"
        if in_code is not None and getattr(in_code, declared.name) != value:
            value, source = getattr(in_code, declared.name), "code"
        if spec.secret and value is not None:
            value = str(Hidden()).strip("'")
        found.append(Effective(spec.variable, _plain(value), source, owner.__name__))
    return found


def _in_code() -> Settings | None:
    """What this process records with, if it does: nothing is imported for it, since Celery may be missing here."""
    instrumentation = sys.modules.get("otel_taskmon.instrumentation")
    if instrumentation is None:
        return None
    used: Settings | None = instrumentation.settings_in_use()
    return used


def _import(module: str) -> None:
    # As Celery's own -A: the module lies in the folder that one is in.
    sys.path.insert(0, str(Path.cwd()))
    try:
        importlib.import_module(module.partition(":")[0])
    except Exception as error:
        raise TaskmonError(f"cannot import {module}: {type(error).__name__}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
