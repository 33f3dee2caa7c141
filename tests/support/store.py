"""The real store as a process of its own, for tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from tests.support.processes import Child, free_port

READY = "the store is ready"


@dataclass(frozen=True)
class Store:
    """A running store. Its reading user is ``default`` without a password."""

    child: Child
    data_dir: Path
    http_port: int
    otlp_http_port: int
    otlp_grpc_port: int

    @property
    def url(self) -> str:
        """The ClickHouse HTTP interface."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def otlp_url(self) -> str:
        return f"http://127.0.0.1:{self.otlp_http_port}"

    @property
    def admin_password(self) -> str:
        return (self.data_dir / "admin.password").read_text().strip()

    @property
    def ingest_password(self) -> str:
        return (self.data_dir / "ingest.password").read_text().strip()

    def client(self, user: str = "default", **options: object) -> Client:
        """An unmodified clickhouse-connect client; ``user`` is default, ingest or admin."""
        passwords = {"admin": lambda: self.admin_password, "ingest": lambda: self.ingest_password}
        password = passwords[user]() if user in passwords else ""
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.http_port,
            username=user,
            password=password,
            **options,  # type: ignore[arg-type]
        )


def start_store(
    data_dir: Path,
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    wait: bool = True,
    http_port: int | None = None,
) -> Store:
    """Start a store on free ports; the caller ends ``child``. ``wait``: return when it listens."""
    http_port, otlp_http_port, otlp_grpc_port = http_port or free_port(), free_port(), free_port()
    args = [
        sys.executable, "-m", "otel_taskmon.store", "--data-dir", str(data_dir), "--http-port", str(http_port),
        "--otlp-http-port", str(otlp_http_port), "--otlp-grpc-port", str(otlp_grpc_port),
    ]  # fmt: skip
    child = Child(args, log, env=env)
    store = Store(child, data_dir, http_port, otlp_http_port, otlp_grpc_port)
    if wait:
        try:
            child.wait_for_output(READY)
        except BaseException:
            child.stop()
            raise
    return store


@contextmanager
def running_store(tmp_path: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Store]:
    """A store on ``tmp_path / "data"``, ended at the end."""
    store = start_store(tmp_path / "data", tmp_path / "store.log", env=env)
    try:
        yield store
    finally:
        store.child.stop()
