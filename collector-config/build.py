"""Build the Collector of ``builder.yaml`` from Go modules, once per manifest; print where the program is.

    python collector-config/build.py [--go PATH]

The program lands in ``build/collector/<hash of the manifest>/`` and is taken from there the next time; a cold build
downloads about 750 MB of modules into Go's own cache and takes about three minutes on two cores. Exit codes: 0, 1 when
the build failed (with what the builder said), 3 when there is no Go. Standard library only, so that it runs before
anything is installed.
"""

# ruff: noqa: T201 - a program: it prints
from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MANIFEST = HERE / "builder.yaml"
CACHE = HERE.parent / "build" / "collector"
PROGRAM = "otelcol-taskmon"
NO_GO = 3
KEPT_BUILDS = 2


def version(manifest: str) -> str:
    """``dist.version``: the builder and the components are of one release."""
    line = next(line for line in manifest.splitlines() if line.strip().startswith("version:"))
    return line.partition(":")[2].strip()


def target(manifest: str, cache: Path = CACHE) -> Path:
    """Where the program of this manifest is, or will be."""
    return cache / hashlib.sha256(manifest.encode()).hexdigest()[:16] / PROGRAM


def find_go(given: str | None) -> str | None:
    """``--go``, else ``go`` on PATH, else where its installer puts it; None when there is none."""
    return (
        shutil.which(given) if given else shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    )


def build(go: str, manifest: str, program: Path) -> None:
    """Raises subprocess.CalledProcessError; a failed build leaves nothing at ``program``."""
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "PATH": f"{Path(go).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with tempfile.TemporaryDirectory(dir=program.parents[1]) as folder:
        work = Path(folder)
        builder = f"go.opentelemetry.io/collector/cmd/builder@v{version(manifest)}"
        install = [go, "install", builder]
        subprocess.run(install, env=environment | {"GOBIN": folder}, stdout=sys.stderr, check=True)
        # The manifest names no output folder: the builder's default would be shared by all builds of a machine.
        own = work / "builder.yaml"
        own.write_text(manifest.replace("\ndist:\n", "\ndist:\n  output_path: ./out\n", 1))
        compile_it = [str(work / "builder"), "--config", str(own)]
        subprocess.run(compile_it, cwd=work, env=environment, stdout=sys.stderr, check=True)
        program.parent.mkdir(parents=True, exist_ok=True)
        (work / "out" / PROGRAM).replace(program)


def forget_old(cache: Path, keep: Path) -> None:
    """Each program has 53 MB: only the newest builds stay."""
    builds = sorted((p for p in cache.glob(f"*/{PROGRAM}") if p != keep), key=lambda p: p.stat().st_mtime)
    for old in builds[: max(0, len(builds) + 1 - KEPT_BUILDS)]:
        shutil.rmtree(old.parent)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the Collector of builder.yaml.")
    parser.add_argument("--go", help="the go program (default: the one on PATH)")
    arguments = parser.parse_args()
    manifest = MANIFEST.read_text()
    program = target(manifest)
    if not program.exists():
        go = find_go(arguments.go)
        if go is None:
            print(
                "no Go found: the Collector is built with Go 1.26 or newer (https://go.dev/dl)",
                file=sys.stderr,
            )
            return NO_GO
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second caller waits for the first one's program
            if not program.exists():
                began = time.monotonic()
                print("==> building the Collector (about three minutes the first time)", file=sys.stderr)
                try:
                    build(go, manifest, program)
                except subprocess.CalledProcessError as error:
                    print(f"the Collector was not built: {error}", file=sys.stderr)
                    return 1
                print(f"==> built in {time.monotonic() - began:.0f} s", file=sys.stderr)
                forget_old(CACHE, program)
    print(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
