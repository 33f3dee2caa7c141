"""The statistics."""

from __future__ import annotations

from taskmon_viewer.views import statistics

statistics.render()
