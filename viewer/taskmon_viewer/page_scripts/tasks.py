"""The log of tasks."""

from __future__ import annotations

from taskmon_viewer.views import log

log.render()
