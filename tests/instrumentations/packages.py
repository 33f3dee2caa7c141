"""A folder with the packages of ``requirements.txt``, to be put before those of the project's own environment."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT

FOLDER = ROOT / ".matrix" / "instrumentations"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def prepare() -> Path:
    """The folder, for PYTHONPATH; filled at the first use and after a change.

    Raises subprocess.CalledProcessError when pip cannot install it; pip has said why on stderr.
    """
    stamp = FOLDER / ".installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    command = [
        *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps"),
        *("--target", str(FOLDER), "-r", str(REQUIREMENTS)),
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)
    stamp.write_text(wanted)
    return FOLDER
