"""A Django project and a worker in one module, with the instrumentations of other libraries switched on beside ours.

They are not in the project's environment, see ``tests/instrumentations``, so they are imported by name.
"""

from __future__ import annotations

import os
from importlib import import_module
from signal import SIGKILL
from typing import Any

import django
from celery import Celery
from django.http import HttpRequest, HttpResponse
from django.urls import path
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import otel_taskmon

URL = os.environ["SHOP_BROKER"]
PAGE = os.environ.get("BESIDE_PAGE", "")
OTHERS = {
    "redis": "RedisInstrumentor",
    "requests": "RequestsInstrumentor",
    "sqlalchemy": "SQLAlchemyInstrumentor",
    "django": "DjangoInstrumentor",
    "urllib3": "URLLib3Instrumentor",
}

app = Celery("beside", broker=URL, backend=URL, set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_default_queue="beside",
    worker_hijack_root_logger=False,
)


def others() -> None:
    for module, kind in OTHERS.items():
        getattr(import_module(f"opentelemetry.instrumentation.{module}"), kind)().instrument()


match os.environ["BESIDE_ORDER"]:
    case "ours first":
        otel_taskmon.instrument(app)
        others()
    case "ours last":
        others()
        otel_taskmon.instrument(app)
    case "own provider":
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        otel_taskmon.instrument(app)
        others()
    case "no code":
        """``opentelemetry-instrument`` has done all of it."""
django.setup()


def calls() -> None:
    """One of each library."""
    from django.test import Client
    from redis import Redis

    with Redis.from_url(URL) as redis:
        redis.set("noted", "1")
    import_module("requests").get(PAGE, timeout=10)
    sqlalchemy = import_module("sqlalchemy")
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
    assert Client().get("/page").content == b"page"


@app.task(name="beside.tasks.work")
def work() -> str:
    calls()
    return "done"


@app.task(name="beside.tasks.fails")
def fails() -> None:
    """As a query that is wrong does."""
    sqlalchemy = import_module("sqlalchemy")
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("SELECT nothing FROM nowhere"))


@app.task(name="beside.tasks.killed")
def killed() -> None:
    """The pool process ends where nothing can be flushed any more."""
    calls()
    os.kill(os.getpid(), SIGKILL)


def page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


def publish(_request: HttpRequest, name: str) -> HttpResponse:
    """A web request that publishes a task; answers with its id."""
    sent: Any = app.tasks[f"beside.tasks.{name}"].delay()
    return HttpResponse(sent.id)


urlpatterns = [path("page", page), path("publish/<name>", publish)]
