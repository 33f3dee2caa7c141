"""The reports."""

from __future__ import annotations

from taskmon_viewer.views import reports

reports.render()
