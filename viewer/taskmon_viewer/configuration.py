"""What this viewer process was started with: set once by the server, read by pages and routes."""

from __future__ import annotations

import os

from otel_taskmon.settings import ReaderSettings, ViewerSettings
from taskmon_viewer.access.policy import Access, access_for

_settings: ReaderSettings | None = None
_viewer: ViewerSettings | None = None
_access: Access | None = None


def use(
    settings: ReaderSettings, viewer: ViewerSettings | None = None, *, access: Access | None = None
) -> None:
    """From now on everything in this process reads from the store that ``settings`` names, is served below the base
    path of ``viewer``, and lets in whom ``access`` lets in (else what the settings say)."""
    global _settings, _viewer, _access
    _settings = settings
    _viewer = viewer or ViewerSettings()
    _access = access or access_for(_viewer, settings.viewer_host)


def current() -> ReaderSettings:
    """The settings given to ``use``, else those of the environment (SettingError when they are wrong)."""
    return _settings if _settings is not None else ReaderSettings.from_environment(os.environ)


def viewer() -> ViewerSettings:
    """As ``current``, of what only the viewer reads."""
    return _viewer if _viewer is not None else ViewerSettings.from_environment(os.environ)


def access() -> Access:
    """Who is let in."""
    global _access
    if _access is None:
        _access = access_for(viewer(), current().viewer_host)
    return _access


def base_path() -> str:
    """The path below which everything is served: "" or "/some/path"."""
    return viewer().viewer_base_path


def store_address() -> str:
    """Where the store is, as told to a person: without user and password."""
    return current().clickhouse_url
