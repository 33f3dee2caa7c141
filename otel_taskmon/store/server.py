"""``taskmon serve``: the engine, the ClickHouse interface, and OTLP over HTTP and gRPC, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import combinations
from typing import Final

import uvicorn

from otel_taskmon import migrate, retention
from otel_taskmon.errors import SettingError, TaskmonError
from otel_taskmon.settings import RetentionSettings, StoreSettings
from otel_taskmon.store import recovery
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.gateway import Gateway
from otel_taskmon.store.ingest import Ingest
from otel_taskmon.store.listening import Endpoint, bind, listen
from otel_taskmon.store.otlp_grpc import OtlpGrpcServer, otlp_grpc_server
from otel_taskmon.store.otlp_http import otlp_http_app
from otel_taskmon.store.otlp_limits import OtlpLimits
from otel_taskmon.store.passwords import load_passwords

log = logging.getLogger("otel_taskmon.store")

STOP_DEADLINE_S: Final = 4.5
"""After a signal: whatever still runs then is cut off. What was acknowledged is in the tables by then."""
_REQUESTS_DEADLINE_S: Final = 1.5
_URL_BYTES: Final = 1 << 20

READY: Final = "the store is ready"


class _HttpServer(uvicorn.Server):
    """One of several servers in this process: signals are not its business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_store(settings: StoreSettings) -> int:
    """Run until SIGTERM or SIGINT; the exit code.

    Raises TaskmonError when the directory or a port is in use, or the tables cannot be brought up to date, and
    SettingError for a retention that is not allowed and for a port that is named twice.
    """
    kept = RetentionSettings.from_environment()
    retention.wanted(kept)
    http, otlp_http, otlp_grpc = _endpoints(settings)
    engine = Engine(settings.data_dir)
    try:
        with contextlib.ExitStack() as sockets:
            http_socket = sockets.enter_context(bind(settings.host, http))
            otlp_socket = sockets.enter_context(bind(settings.host, otlp_http))
            bind(settings.host, otlp_grpc).close()  # gRPC opens its own; this says clearly when it could not
            engine.directory.announce(
                http_port=http.port, otlp_http_port=otlp_http.port, otlp_grpc_port=otlp_grpc.port
            )
            _bring_up_to_date(engine, kept)
            listen(http_socket, settings.host, http)
            listen(otlp_socket, settings.host, otlp_http)
            asyncio.run(_Store(settings, engine, http_socket, otlp_socket).run())
        recovery.mark_end(engine.directory.path)
    except OSError as error:  # a full disk above all, or one that was taken away
        raise TaskmonError(
            f"cannot use the data directory {engine.directory.path}: {error.strerror or error}. Nothing that was "
            "acknowledged is lost; the next start completes what this one left"
        ) from error
    finally:
        engine.close()
    return 0


def _endpoints(settings: StoreSettings) -> tuple[Endpoint, Endpoint, Endpoint]:
    """Raises SettingError where two have one port: bound and not yet listened on, it would look free to the second."""
    endpoints = (
        Endpoint("ClickHouse HTTP", settings.http_port, "--http-port", "TASKMON_HTTP_PORT"),
        Endpoint("OTLP over HTTP", settings.otlp_http_port, "--otlp-http-port", "TASKMON_OTLP_HTTP_PORT"),
        Endpoint("OTLP over gRPC", settings.otlp_grpc_port, "--otlp-grpc-port", "TASKMON_OTLP_GRPC_PORT"),
    )
    for one, other in combinations(endpoints, 2):
        if one.port == other.port:
            raise SettingError(other.flag, other.port, f"another port than that of {one.name} ({one.flag})")
    return endpoints


def _bring_up_to_date(engine: Engine, kept: RetentionSettings) -> None:
    for applied in migrate.apply(engine):
        log.info("applied schema %04d_%s", applied.version, applied.name)
    for changed in retention.apply(engine, kept):
        log.info("rows are kept for another time from now on: %s", changed)
    report = recovery.recover(engine, engine.directory.path)
    if report.since is not None and any(report.rows.values()):
        log.warning(
            "derived again what the last run may have left undone: %s in %.1f s", report.rows, report.seconds
        )
    for error in report.errors:
        log.error("could not derive again: %s", error)


class _Store:
    """The servers of one run."""

    def __init__(
        self, settings: StoreSettings, engine: Engine, http_socket: socket.socket, otlp_socket: socket.socket
    ) -> None:
        self._settings = settings
        self._engine = engine
        passwords = load_passwords(
            engine.directory.path,
            ingest=settings.ingest_password,
            admin=settings.admin_password,
            reader=settings.reader_password,
        )
        self._gateway = Gateway(
            engine, passwords, host=settings.host, max_body_bytes=settings.max_request_bytes
        )
        self._ingest = Ingest(engine, OtlpLimits.with_body(settings.max_request_bytes))
        self._servers = (
            (_HttpServer(http_config(self._gateway)), http_socket),
            (_HttpServer(http_config(otlp_http_app(self._ingest, self._ingest.limits))), otlp_socket),
        )

    async def run(self) -> None:
        """Serve until a signal comes."""
        signalled = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, signalled.set)
        await self._ingest.start()
        await self._gateway.start()
        grpc = otlp_grpc_server(self._ingest, self._settings.host, self._settings.otlp_grpc_port)
        await grpc.start()
        serving = [asyncio.create_task(server.serve(sockets=[sock])) for server, sock in self._servers]
        ready = asyncio.create_task(self._say_when_ready())
        stop = asyncio.create_task(signalled.wait())
        await asyncio.wait({*serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        await self._stop(grpc, serving)

    async def _stop(self, grpc: OtlpGrpcServer, serving: list[asyncio.Task[None]]) -> None:
        cut_off = threading.Timer(STOP_DEADLINE_S, _cut_off)
        cut_off.daemon = True
        cut_off.start()
        self._gateway.stop()
        logging.getLogger("uvicorn.error").addFilter(_not_of_cut_off_clients)
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*serving, grpc.stop(_REQUESTS_DEADLINE_S))
        await self._ingest.stop()
        self._gateway.close()
        cut_off.cancel()

    async def _say_when_ready(self) -> None:
        while not all(server.started for server, _ in self._servers):
            await asyncio.sleep(0.01)
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        directory = self._engine.directory.path
        _say(
            f"ClickHouse HTTP  http://{host}:{self._settings.http_port}  (passwords of ingest and admin: {directory})"
        )
        _say(f"OTLP over HTTP   http://{host}:{self._settings.otlp_http_port}")
        _say(f"OTLP over gRPC   http://{host}:{self._settings.otlp_grpc_port}")
        _say(READY)


def _not_of_cut_off_clients(record: logging.LogRecord) -> bool:
    """At a stop, connections that do not take their answer are cut off: that is no error of the application."""
    message = str(record.msg)
    return not message.startswith(("ASGI callable returned without completing", "Cancel %s running task"))


def http_config(app: Callable[..., Awaitable[None]]) -> uvicorn.Config:
    """How each of the HTTP servers runs."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Who gives no password must be on this machine: only a proxy here may say that somebody else asks. Left out,
        # FORWARDED_ALLOW_IPS would decide, by which an environment of containers often trusts everybody.
        forwarded_allow_ips=["127.0.0.1", "::1"],
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(_REQUESTS_DEADLINE_S + 0.5),
        h11_max_incomplete_event_size=_URL_BYTES,
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _cut_off() -> None:
    sys.stderr.write(f"the store did not stop within {STOP_DEADLINE_S:g} s and is cut off\n")
    sys.stderr.flush()
    os._exit(1)
