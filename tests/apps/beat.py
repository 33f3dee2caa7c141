"""The bare app with a schedule."""

from __future__ import annotations

import otel_taskmon
from tests.apps.bare import app

app.conf.beat_schedule = {"tick": {"task": "bare.tasks.echo", "schedule": 0.3, "args": ("tick",)}}
otel_taskmon.instrument(app)
