"""What this viewer process was started with: set once by the server, read by pages and routes."""

from __future__ import annotations

import os

from otel_taskmon.settings import ReaderSettings

_settings: ReaderSettings | None = None
_base_path = ""


def use(settings: ReaderSettings, *, base_path: str = "") -> None:
    """From now on everything in this process reads from the store that ``settings`` names, and is served below
    ``base_path``."""
    global _settings, _base_path
    _settings = settings
    path = base_path.strip("/")
    _base_path = f"/{path}" if path else ""


def current() -> ReaderSettings:
    """The settings given to ``use``, else those of the environment (SettingError when they are wrong)."""
    return _settings if _settings is not None else ReaderSettings.from_environment(os.environ)


def base_path() -> str:
    """The path below which everything is served: "" or "/some/path"."""
    return _base_path


def store_address() -> str:
    """Where the store is, as told to a person: without user and password."""
    return current().clickhouse_url
