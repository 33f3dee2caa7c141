"""A secret is in no byte that leaves a process, whoever built the provider."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from redis import Redis

from otel_taskmon import semconv
from otel_taskmon.app_names import AppNames
from otel_taskmon.broker import Reading, Wanted, connect
from otel_taskmon.demo.broker import Broker
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

PUBLISH = """
ids = {
    "leak": leak.delay(password=SECRET, note=f"Authorization: Bearer {SECRET}").id,
    "positional": leak.delay(SECRET, "given by position").id,
    "error": leak_in_error.delay(**{"api-key": SECRET, "url": f"amqp://bob:{SECRET}@example.com//"}).id,
    "retry": leak_in_retry.delay().id,
    "reject": leak_in_reject.delay().id,
    "args": echo.delay([{"deep": {"db_password": SECRET}}, f"secret={SECRET}"]).id,
}
try:
    echo.apply_async((f"password={SECRET}", {1: object()}), retry=False)
except Exception:
    pass
app.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
try:
    down = app.connection(f"redis://bob:{SECRET}@127.0.0.1:1/0")
    mail.apply_async(({"token": SECRET},), connection=down, retry=False)
except Exception:
    pass
answer(ids)
"""
RUNS = {"leak": 1, "positional": 1, "error": 1, "retry": 2, "reject": 1, "args": 1}


@pytest.mark.parametrize(
    "setup", ["ours", "provider before", "provider after", "simple provider", "instrumentor before"]
)
def test_no_byte_holds_the_secret(broker: Broker, tmp_path: Path, setup: str) -> None:
    secret = "cnry" + secrets.token_hex(12)
    with OtlpSink() as sink:
        environment = worker_environment(
            own_database(broker),
            sink.url,
            SHOP_SETUP=setup,
            SHOP_SECRET=secret,
            TASKMON_TRUNCATE_NESTED_DATA="false",  # deep values are masked, not just left out
        )
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            ids = run_publisher(tmp_path, environment, PUBLISH)
            for label, count in RUNS.items():
                sink.wait_for_runs(ids[label], count, context=worker.output)
            worker.stop()
        raw = sink.raw()
        (error,), (leak,) = sink.runs(ids["error"]), sink.runs(ids["leak"])
        retry, _ = sink.runs(ids["retry"])
        (args,) = sink.runs(ids["args"])
        (rejected,) = sink.runs(ids["reject"])
        (positional,) = sink.runs(ids["positional"])
    assert raw.count(secret.encode()) == 0
    # what was around the secret is still there
    assert "ValueError" in error.exception[semconv.EXCEPTION_STACKTRACE]
    assert "example.com" in error.exception[semconv.EXCEPTION_MESSAGE]
    assert "password" in leak.attributes[semconv.KWARGS]
    assert json.loads(positional.attributes[semconv.ARGS]) == ["***", "given by position"]
    assert leak.attributes[semconv.PAYLOAD_NOTES] == "kwargs:redacted,result:redacted"
    assert "exception:redacted" in error.attributes[semconv.PAYLOAD_NOTES]
    assert retry.attributes[semconv.REASON].startswith("Retry in")
    assert retry.exception[semconv.EXCEPTION_TYPE] == "ConnectionError"
    assert json.loads(args.attributes[semconv.ARGS]) == [[{"deep": {"db_password": "***"}}, "secret=***"]]
    assert "password" in rejected.attributes[semconv.REASON]


def test_the_list_of_waiting_messages_holds_no_secret(broker: Broker, tmp_path: Path) -> None:
    """Who reads the queue knows no signatures: the publisher says which positions are secret."""
    secret, url = "cnry" + secrets.token_hex(12), own_database(broker)
    with OtlpSink() as sink:
        environment = worker_environment(url, sink.url, SHOP_SECRET=secret)
        run_publisher(
            tmp_path, environment, "answer([leak.delay(SECRET, 'by position').id, echo.delay(1).id])"
        )
    reading = Reading(PayloadEncoder(Settings()), AppNames().of)
    found = connect(url)
    try:
        rows = found.waiting("shop", Wanted(), reading, start=0, rows=10, most=100).rows
    finally:
        found.close()
    with Redis.from_url(url) as redis:
        assert any(secret.encode() in message for message in redis.lrange("shop", 0, -1)), (
            "it is in the message"
        )
        redis.delete("shop")
    assert {row.task: row.args for row in rows} == {
        "shop.tasks.leak": '["***","by position"]',
        "shop.tasks.echo": "[1]",
    }


def test_the_stock_instrumentation_alone_does_leak(broker: Broker, tmp_path: Path) -> None:
    """That the search above can find something."""
    secret = "cnry" + secrets.token_hex(12)
    with OtlpSink() as sink:
        environment = worker_environment(
            own_database(broker), sink.url, SHOP_SETUP="stock", SHOP_SECRET=secret
        )
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            task_id = run_publisher(tmp_path, environment, "answer(leak_in_error.delay().id)")
            sink.wait_for_runs(task_id, context=worker.output)
        assert sink.raw().count(secret.encode()) > 0
