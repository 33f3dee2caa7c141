"""A port that another program takes while the store starts."""

from __future__ import annotations

import socket

import pytest

from otel_taskmon.errors import TaskmonError
from otel_taskmon.store.listening import Endpoint, bind, listen
from tests.support.processes import free_port

HOST = "127.0.0.1"


def test_a_port_that_another_program_listens_on_first() -> None:
    endpoint = Endpoint("ClickHouse HTTP", free_port(), "--http-port", "TASKMON_HTTP_PORT")
    with bind(HOST, endpoint) as ours, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((HOST, endpoint.port))
        other.listen()
        with pytest.raises(
            TaskmonError, match=f"port {endpoint.port} for ClickHouse HTTP is taken .*--http-port"
        ):
            listen(ours, HOST, endpoint)


def test_a_port_that_nobody_else_has() -> None:
    endpoint = Endpoint("OTLP over HTTP", free_port(), "--otlp-http-port", "TASKMON_OTLP_HTTP_PORT")
    with bind(HOST, endpoint) as ours:
        listen(ours, HOST, endpoint)
        with socket.create_connection((HOST, endpoint.port), timeout=5):
            pass
