"""Real OTLP servers on loopback whose every answer a test decides, and which can be stopped and come back."""

from __future__ import annotations

import gzip
import ssl
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_taskmon.outbox import Signal
from tests.support.processes import free_port


def names_in(signal: Signal, body: bytes) -> list[str]:
    """Names of the spans, events or metrics in the bytes of a request."""
    if signal is Signal.TRACES:
        spans = ExportTraceServiceRequest.FromString(body).resource_spans
        return [span.name for r in spans for s in r.scope_spans for span in s.spans]
    if signal is Signal.LOGS:
        logs = ExportLogsServiceRequest.FromString(body).resource_logs
        return [entry.event_name for r in logs for s in r.scope_logs for entry in s.log_records]
    metrics = ExportMetricsServiceRequest.FromString(body).resource_metrics
    return [metric.name for r in metrics for s in r.scope_metrics for metric in s.metrics]


@dataclass(frozen=True)
class Request:
    """One request, decompressed; header names in lower case."""

    signal: Signal
    body: bytes
    headers: dict[str, str]

    @property
    def names(self) -> list[str]:
        return names_in(self.signal, self.body)


@dataclass(frozen=True)
class Reply:
    """``status``: of HTTP. Where the server speaks gRPC, ``code`` counts, and ``headers`` are its trailers."""

    status: int = 200
    headers: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""
    code: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""


OK = Reply()


class _Sink:
    def __init__(self, reply: Callable[[Request], Reply] = lambda _: OK, *, port: int = 0) -> None:
        self.reply = reply
        self.port = port or free_port()
        self.requests: list[tuple[Request, Reply]] = []

    def names(self, signal: Signal = Signal.TRACES) -> Counter[str]:
        """How often each name was in an accepted request."""
        accepted = [
            request
            for request, reply in list(self.requests)
            if reply.status == 200 and reply.code is grpc.StatusCode.OK and request.signal is signal
        ]
        return Counter(name for request in accepted for name in request.names)

    def _answer(self, request: Request) -> Reply:
        reply = self.reply(request)
        self.requests.append((request, reply))
        return reply

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class HttpSink(_Sink):
    """OTLP over HTTP."""

    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                encoding = self.headers.get("Content-Encoding", "")
                if encoding:
                    body = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
                signal = Signal[self.path.rpartition("/")[2].upper()]
                reply = sink._answer(
                    Request(signal, body, {name.lower(): value for name, value in self.headers.items()})
                )
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Quiet."""

        self._connections: list[Any] = []

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def process_request(self, request: Any, client_address: Any) -> None:
                sink._connections.append(request)
                super().process_request(request, client_address)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed is part of the test."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Also ends connections that are kept alive: a server that is gone answers nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        for connection in self._connections:
            connection.close()


class GrpcSink(_Sink):
    """OTLP over gRPC; ``options`` are the server's channel options."""

    options: tuple[tuple[str, Any], ...] = ()
    certificate: tuple[bytes, bytes] | None = None
    """Key and certificate, PEM: then it speaks TLS only."""

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = grpc.server(
            futures.ThreadPoolExecutor(4), options=(("grpc.so_reuseport", 0), *self.options)
        )
        for signal, service in (
            (Signal.TRACES, "trace.v1.TraceService"),
            (Signal.LOGS, "logs.v1.LogsService"),
            (Signal.METRICS, "metrics.v1.MetricsService"),
        ):
            method = grpc.unary_unary_rpc_method_handler(self._handler(signal))
            name = f"opentelemetry.proto.collector.{service}"
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(name, {"Export": method}),)
            )
        address = f"127.0.0.1:{self.port}"
        if self.certificate is None:
            assert self._server.add_insecure_port(address) == self.port
        else:
            credentials = grpc.ssl_server_credentials([self.certificate])
            assert self._server.add_secure_port(address, credentials) == self.port
        self._server.start()

    def _handler(self, signal: Signal) -> Callable[[bytes, Any], bytes]:
        def handle(body: bytes, context: Any) -> bytes:
            metadata = dict(context.invocation_metadata())
            reply = self._answer(Request(signal, body, metadata))
            if reply.code is not grpc.StatusCode.OK:
                context.set_trailing_metadata(tuple(reply.headers.items()))
                context.abort(reply.code, reply.details)
            return reply.body

        return handle

    def stop(self) -> None:
        self._server.stop(0).wait(5)
