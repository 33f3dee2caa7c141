"""The real Jaeger, built from its Go module, with its spans in memory."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.go_programs import build
from tests.support.processes import Child, free_port

HERE = Path(__file__).resolve().parent
BUILD_TIMEOUT = 2400
"""Seconds: a cold build takes five to ten minutes on two cores."""
# Some of its older dependencies are not known to the public checksum database; go.sum holds them all the same.
GO_SETTINGS = {"GONOSUMDB": "github.com/open-telemetry/*,go.opentelemetry.io/*"}


@dataclass
class Jaeger:
    """A running Jaeger."""

    child: Child
    url: str
    otlp_port: int

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of one trace as Jaeger's API gives them; [] while it knows none."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/traces/{trace_id}", timeout=10) as answer:
                traces = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise
        return [span for trace in traces for span in trace["spans"]]

    def services(self) -> list[str]:
        with urllib.request.urlopen(f"{self.url}/api/services", timeout=10) as answer:
            return list(json.load(answer)["data"] or [])


def start_jaeger(directory: Path) -> Jaeger:
    """On free loopback ports; the caller ends ``child``."""
    program = build(
        "github.com/jaegertracing/jaeger/cmd/jaeger", "jaeger", HERE, timeout=BUILD_TIMEOUT, env=GO_SETTINGS
    )
    otlp, http, grpc, health = (free_port() for _ in range(4))
    child = Child(
        [str(program), "--config", str(HERE / "jaeger.yaml")],
        directory / "jaeger.log",
        env={
            "JAEGER_OTLP_PORT": str(otlp),
            "JAEGER_HTTP_PORT": str(http),
            "JAEGER_GRPC_PORT": str(grpc),
            "JAEGER_HEALTH_PORT": str(health),
        },
    )
    try:
        child.wait_for_output("Everything is ready", timeout=60)
    except BaseException:
        child.stop()
        raise
    return Jaeger(child, f"http://127.0.0.1:{http}", otlp)
