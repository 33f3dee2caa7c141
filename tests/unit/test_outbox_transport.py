"""The private names of the SDK's exporters that ready bytes need, and what the environment asks for."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otel_taskmon.errors import SettingError
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.transport import connect, default_endpoint, protocol_of
from otel_taskmon.outbox.transport_grpc import GrpcTransport, retry_delay_s
from otel_taskmon.outbox.transport_http import HttpTransport, retry_after_s


@pytest.mark.parametrize("signal", Signal)
def test_the_http_exporter_still_has_what_we_reach_for(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal.name}_TIMEOUT", "7")
    transport = HttpTransport(signal)
    assert callable(transport._submit)
    assert transport._compression == "gzip"
    assert transport._timeout_s == 7
    transport.close()


@pytest.mark.parametrize("signal", Signal)
def test_the_grpc_exporter_still_has_what_we_reach_for(
    signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "key=value")
    transport = GrpcTransport(signal)
    assert ("key", "value") in transport._headers
    assert transport._timeout_s == 10
    assert callable(transport._export)
    transport.close()


def test_the_protocol_is_the_signals_own_else_the_common_one_else_http() -> None:
    assert protocol_of(Signal.LOGS, {}) == "http/protobuf"
    common = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert protocol_of(Signal.LOGS, common) == "grpc"
    assert (
        protocol_of(Signal.LOGS, {**common, "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf"})
        == "http/protobuf"
    )


def test_a_protocol_that_is_none_is_said_with_what_is_allowed() -> None:
    with pytest.raises(
        SettingError, match=r"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL='http/json'.*http/protobuf or grpc"
    ):
        protocol_of(Signal.TRACES, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"})


def test_connect_takes_the_protocol_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(connect(Signal.TRACES), HttpTransport)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert isinstance(connect(Signal.TRACES), GrpcTransport)


def test_retry_after_is_seconds_or_a_date_or_nothing() -> None:
    assert retry_after_s("7") == 7
    assert retry_after_s(None) is None
    assert retry_after_s("soon") is None
    assert retry_after_s("-5") is None
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    assert retry_after_s(in_a_minute) == pytest.approx(60, abs=3)
    assert retry_after_s("Thu, 01 Jan 1970 00:00:00 GMT") == 0


def test_retry_info_is_found_in_both_places_where_servers_put_it() -> None:
    info = RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
    packed = PbAny()
    packed.Pack(info)
    details = Status(details=[PbAny(), packed]).SerializeToString()
    assert retry_delay_s([("google.rpc.retryinfo-bin", info.SerializeToString())]) == 2.5
    assert retry_delay_s([("x", "y"), ("grpc-status-details-bin", details)]) == 2.5
    assert retry_delay_s([("grpc-status-details-bin", Status().SerializeToString())]) is None
    assert retry_delay_s([("grpc-status-details-bin", b"\xff")]) is None
    assert retry_delay_s([]) is None


def test_a_process_that_only_writes_loads_no_library_that_sends() -> None:
    program = (
        "import sys, otel_taskmon.outbox\n"
        "print([name for name in ('requests', 'urllib3', 'grpc') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, "http://127.0.0.1:4318/v1/logs"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://127.0.0.1:4317"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces/"}, "http://127.0.0.1:4318/v1/logs"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, None),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://collector:4318/logs"}, None),
    ],
)
def test_the_default_endpoint_is_an_ipv4_address(environ: dict[str, str], endpoint: str | None) -> None:
    assert default_endpoint(Signal.LOGS, environ) == endpoint
