"""OTLP over gRPC: the Export method of the three services, on the same event loop as everything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn

import grpc

from otel_taskmon.errors import TaskmonError
from otel_taskmon.store.ingest import Ingest
from otel_taskmon.store.otlp_errors import BadOtlp, TooLarge, TryLater
from otel_taskmon.store.otlp_signals import SIGNALS, Signal
from otel_taskmon.store.otlp_status import Code, refusal

_STATUS_DETAILS: Final = "grpc-status-details-bin"

Handler = Callable[[bytes, Any], Awaitable[bytes]]


class OtlpGrpcServer:
    """Not listening before ``start``."""

    def __init__(self, ingest: Ingest, host: str, port: int) -> None:
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        limits = ingest.limits
        self._server = grpc.aio.server(
            options=[
                # gRPC holds both the message as sent and the unpacked one to this.
                ("grpc.max_receive_message_length", limits.body_bytes),
                # It reads a message whole before it asks us: so few at a time of one sender (the Collector's default is
                # ten), the others wait there.
                ("grpc.max_concurrent_streams", 16),
                # Otherwise a second server would silently share the port.
                ("grpc.so_reuseport", 0),
            ],
        )
        for signal in SIGNALS:
            method = grpc.unary_unary_rpc_method_handler(_export(ingest, signal))
            handlers = grpc.method_handlers_generic_handler(signal.service, {"Export": method})
            self._server.add_generic_rpc_handlers((handlers,))

    async def start(self) -> int:
        """Listen; the port. Raises TaskmonError when the port is taken."""
        try:
            port: int = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise TaskmonError(f"cannot listen on {self._address} for OTLP over gRPC: {error}") from error
        await self._server.start()
        return port

    async def stop(self, grace_seconds: float = 2.0) -> None:
        """Take no new calls and give those under way this long."""
        await self._server.stop(grace_seconds)


def otlp_grpc_server(ingest: Ingest, host: str, port: int) -> OtlpGrpcServer:
    """A server for ``await server.start()`` and ``await server.stop()`` on the loop of ``ingest``."""
    return OtlpGrpcServer(ingest, host, port)


def _export(ingest: Ingest, signal: Signal) -> Handler:
    answer = signal.response_type().SerializeToString()

    async def export(body: bytes, context: Any) -> bytes:
        try:
            with ingest.room.place() as place:
                place.grow(len(body))
                await ingest.submit(signal, body)
        except BadOtlp as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except TooLarge as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except TryLater as error:
            await _try_later(context, error)
        return answer

    return export


async def _try_later(context: Any, error: TryLater) -> NoReturn:
    """UNAVAILABLE with the delay as OTLP wants it: RetryInfo in the status details."""
    status = refusal(Code.UNAVAILABLE, str(error), error.retry_after)
    await context.abort(
        grpc.StatusCode.UNAVAILABLE, str(error), ((_STATUS_DETAILS, status.SerializeToString()),)
    )
    raise AssertionError("abort always raises")
