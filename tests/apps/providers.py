"""The ways in which users set up tracing around ``instrument()``."""

from __future__ import annotations

from celery import Celery
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

import otel_taskmon


def own_provider(simple: bool = False) -> TracerProvider:
    """As users build theirs, with an exporter of its own before anything of ours."""
    provider = TracerProvider(resource=Resource.create({"service.name": "theirs"}))
    exporter = OTLPSpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter) if simple else BatchSpanProcessor(exporter))
    return provider


def instrument(app: Celery, setup: str) -> None:
    if setup == "ours":
        otel_taskmon.instrument(app)
    elif setup == "provider before":
        trace.set_tracer_provider(own_provider())
        otel_taskmon.instrument(app)
    elif setup == "provider after":
        otel_taskmon.instrument(app)
        trace.set_tracer_provider(own_provider())
    elif setup == "simple provider":
        trace.set_tracer_provider(own_provider(simple=True))
        otel_taskmon.instrument(app)
    elif setup == "instrumentor before":
        trace.set_tracer_provider(own_provider())
        CeleryInstrumentor().instrument()
        otel_taskmon.instrument(app)
    elif setup == "instrumentor with provider":
        CeleryInstrumentor().instrument(tracer_provider=own_provider())
        otel_taskmon.instrument(app)
    elif setup == "stock":
        trace.set_tracer_provider(own_provider())
        CeleryInstrumentor().instrument()
    elif setup == "twice":
        otel_taskmon.instrument(app)
        otel_taskmon.instrument(app)
    elif setup not in ("none", "in worker_process_init"):
        raise ValueError(setup)
