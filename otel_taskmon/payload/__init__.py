"""What a task was given and gave, as bounded and masked text: args, kwargs, results and exceptions."""

from __future__ import annotations

from otel_taskmon.payload.encoder import PayloadEncoder
from otel_taskmon.payload.exceptions import ExceptionRecord, describe_exception
from otel_taskmon.payload.notes import Encoded

__all__ = ["Encoded", "ExceptionRecord", "PayloadEncoder", "describe_exception"]
