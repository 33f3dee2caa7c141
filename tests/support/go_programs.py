"""Programs of ``tests/go``, built from Go modules of fixed versions, once per state of their sources."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.conftest import missing
from tests.support.processes import ROOT

SOURCES = ROOT / "tests" / "go"
BUILDS = ROOT / "build" / "go"
BUILD_TIMEOUT = 600
"""Seconds; give tests that may be the first to build this much (``pytest.mark.timeout``)."""


def find_go() -> str | None:
    """``go`` on PATH, else where its installer puts it."""
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


def build(
    package: str,
    name: str,
    sources: Path = SOURCES,
    *,
    timeout: int = BUILD_TIMEOUT,
    env: Mapping[str, str] | None = None,
) -> Path:
    """Path of the program of ``package``: a folder (``./x``) of ``sources``, or a package that its go.mod requires.

    Without Go the test is skipped, or fails under CI.
    """
    files = sorted(path for path in sources.rglob("*") if path.suffix in {".go", ".mod", ".sum"})
    state = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]
    program = BUILDS / state / name
    if program.exists():
        return program
    go = find_go()
    if go is None:
        missing(f"Go, which builds {name},")
        raise AssertionError
    program.parent.mkdir(parents=True, exist_ok=True)
    with (BUILDS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits for the first one's program
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=BUILDS) as folder:
                made = Path(folder) / name
                done = subprocess.run(
                    [go, "build", "-o", str(made), package],
                    cwd=sources,
                    env=os.environ | {"CGO_ENABLED": "0"} | dict(env or {}),
                    capture_output=True,
                    text=True,
                    timeout=timeout,
                )
                assert done.returncode == 0, done.stderr
                made.replace(program)
    return program


@cache
def compose_program() -> Path:
    """The library that ``docker compose`` reads its files with, as a program: prints the file as it understands it."""
    return build("./compose", "compose")


@cache
def clickhouse_client_program() -> Path:
    """``tests/go/clickhouse``."""
    return build("./clickhouse", "clickhouse")
