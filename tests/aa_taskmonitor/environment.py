"""A virtual environment with aa-taskmonitor itself, kept under ``.matrix/`` between runs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from tests.support.processes import ROOT

FOLDER = ROOT / ".matrix" / "aa-taskmonitor"
PYTHON = FOLDER / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
SETTINGS = "tests.aa_taskmonitor.django_settings"
ITSELF = ("aa-taskmonitor==1.1.1", "allianceauth==5.5.0", "allianceauth-app-utils==1.33.2")


def prepare() -> Path:
    """Its interpreter; made at the first use (a minute) and after a change.

    Raises subprocess.CalledProcessError when pip cannot install it; pip has said why on stderr.
    """
    stamp = FOLDER / ".installed"
    parts = (REQUIREMENTS.read_text(), (ROOT / "constraints.txt").read_text(), *ITSELF, sys.version)
    wanted = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return PYTHON
    venv.create(FOLDER, with_pip=True, clear=True)
    _pip("--no-deps", *ITSELF)
    _pip("-c", str(ROOT / "constraints.txt"), "-r", str(REQUIREMENTS))
    stamp.write_text(wanted)
    return PYTHON


def _pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def variables(broker_url: str, database: Path) -> dict[str, str]:
    """What ``django_settings`` reads."""
    return {"DJANGO_SETTINGS_MODULE": SETTINGS, "AA_BROKER": broker_url, "AA_DATABASE": str(database)}


def run(code: str, environment: Mapping[str, str], *, timeout: float = 300.0) -> str:
    """What ``code`` prints in that environment, Django being set up. Raises CalledProcessError."""
    done = subprocess.run(
        [str(prepare()), "-c", f"import django; django.setup()\n{code}"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    return done.stdout
