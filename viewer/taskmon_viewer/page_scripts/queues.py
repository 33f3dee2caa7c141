"""The queues."""

from __future__ import annotations

from taskmon_viewer.views import queues

queues.render()
