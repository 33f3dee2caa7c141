"""The overview."""

from __future__ import annotations

from taskmon_viewer.views import overview

overview.render()
