"""The same app with the one line."""

from __future__ import annotations

import otel_taskmon
from tests.apps.bare import app, publish_one_of_each

__all__ = ["app", "publish_one_of_each"]

otel_taskmon.instrument(app)
