"""One task."""

from __future__ import annotations

from taskmon_viewer.views import task

task.render()
