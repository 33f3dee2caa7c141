"""Zero-code starts: ``opentelemetry-instrument`` around a command, with what is installed said by a folder."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

from otel_taskmon import __version__
from tests.support.processes import ROOT

COMMAND = Path(sys.executable).with_name("opentelemetry-instrument")

_DISTRO = """
import os
from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.sdk._configuration import _OTelSDKConfigurator

class Distro(BaseDistro):
    def _configure(self, **kwargs):
        os.environ.setdefault("OTEL_TRACES_EXPORTER", "taskmon")

    def load_instrumentor(self, entry_point, **kwargs):
        more = {"use_span_links": False} if entry_point.name == "celery" else {}
        super().load_instrumentor(entry_point, **more, **kwargs)

class Configurator(_OTelSDKConfigurator):
    pass
"""


def install(folder: Path, *, distro: bool = False) -> dict[str, str]:
    """Make ``folder`` what Python finds first, with the entry points of this checkout; the variables for that.

    ``distro``: also a vendor's distribution of OpenTelemetry, which sets up the SDK, and has arguments of its own for
    the stock instrumentation.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    _dist(folder, "otel_taskmon", __version__, project["entry-points"])
    if distro:
        (folder / "tests_distro.py").write_text(_DISTRO)
        groups = {
            "opentelemetry_distro": {"tests": "tests_distro:Distro"},
            "opentelemetry_configurator": {"tests": "tests_distro:Configurator"},
        }
        _dist(folder, "tests_distro", "1.0", groups)
    found = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([found] if found else [])])}


def _dist(folder: Path, name: str, version: str, groups: dict[str, dict[str, str]]) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
