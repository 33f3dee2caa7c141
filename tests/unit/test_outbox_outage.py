"""An outage is one short sentence in the worker's log, whatever the libraries say."""

from __future__ import annotations

import logging
import ssl

import pytest

from otel_taskmon.outbox.delivery import Lane
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.outage import one_line, where, why
from otel_taskmon.outbox.transport import Answer, Outcome
from otel_taskmon.outbox.transport_http import HttpTransport
from tests.support.processes import free_port

LOCAL = "http://127.0.0.1:4318"


def nested(innermost: BaseException) -> Exception:
    try:
        try:
            raise innermost
        except BaseException as error:
            raise RuntimeError("pool(host='x', port=1): Max retries exceeded (Caused by …)") from error
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (nested(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (nested(FileNotFoundError(2, "No such file", "/ca.pem")), "No such file: /ca.pem"),
        (nested(TimeoutError("timed out")), "no answer in time"),
        (nested(OSError(113, "No route\nto\x1b[2J host")), "No route to [2J host"),
        (
            nested(ValueError("x" * 9_000)),
            "RuntimeError: pool(host='x', port=1): Max retries exceeded (Caused by …)",
        ),
        (ValueError("a bad\nvalue"), "ValueError: a bad value"),
        (ValueError("cannot parse http://me:secret@far:x/"), "ValueError: cannot parse http://far:x/"),
    ],
)
def test_the_systems_own_word_is_taken(error: Exception, words: str) -> None:
    assert why(error) == words


def test_a_certificate_that_is_not_trusted_is_said_so() -> None:
    refused = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    refused.verify_message = "self-signed certificate"
    assert why(nested(refused)) == "the certificate is not trusted, self-signed certificate"


def test_a_long_text_is_cut() -> None:
    assert len(one_line("word " * 500)) == 160


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, f"{LOCAL}/v1/logs"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://127.0.0.1:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:secret@far:1/a/?key=secret"}, "https://far:1/a/"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://far:1/a/"}, "https://far:1/a/v1/logs"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "far:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "far:1"),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://far/logs", "OTEL_EXPORTER_OTLP_ENDPOINT": LOCAL},
            "http://far/logs",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "me:secret@far:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "far:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, "http://[::1/v1/logs"),
    ],
)
def test_the_endpoint_is_named_without_secrets(environ: dict[str, str], endpoint: str) -> None:
    assert where(Signal.LOGS, environ) == endpoint


def test_the_log_says_where_to_why_and_what_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    lane, transport = Lane(Signal.TRACES), HttpTransport(Signal.TRACES)
    with caplog.at_level(logging.WARNING, "otel_taskmon"):
        for _ in range(2):
            lane.failed(transport.send(b"", 5.0), 0.0)
    transport.close()
    what_next = "they wait in the outbox, next try in 0.5 s"
    assert caplog.messages == [
        f"traces cannot be shipped to {endpoint}/v1/traces: Connection refused; {what_next}"
    ]
    assert "ConnectionError" in lane.reason


def test_a_server_that_asks_for_patience_is_told_with_its_wait(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "otel_taskmon"):
        Lane(Signal.METRICS).failed(Answer(Outcome.UNAVAILABLE, 90.0, reason="HTTP 503 busy\n"), 0.0)
    assert caplog.messages[0].endswith(": HTTP 503 busy; they wait in the outbox, next try in 90 s")
