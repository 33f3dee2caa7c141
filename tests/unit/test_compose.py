"""``docker-compose.yml``, ``Dockerfile`` and what they mount: read as Docker Compose does, and held to our rules."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from otel_taskmon import __version__
from otel_taskmon.settings import variables
from tests.support.compose import COMPOSE_FILE, MAKE_SECRETS, make_secrets, project, read_compose_file
from tests.support.go_programs import BUILD_TIMEOUT
from tests.support.processes import ROOT

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT + 60)

OURS = f"otel-taskmon:{__version__}"
ENDING = {"migrate", "users", "collector-queue"}
"""Services that do one thing and end."""
WATCHED_BY_ANOTHER = {"otel-collector": "collector-health"}
WITHOUT_HEALTH = {"publisher"}
"""It listens nowhere, and who waits for it is nobody."""
SECRET_NAME = re.compile(r"PASSWORD|TOKEN|SECRET|CREDENTIAL|HEADERS")


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = project()["services"]
    return found


def environment(service: dict[str, Any]) -> dict[str, str | None]:
    return service.get("environment") or {}


def test_compose_reads_the_file_and_all_variables_have_defaults() -> None:
    assert set(services()) == {
        *(
            "clickhouse",
            "migrate",
            "users",
            "collector-queue",
            "otel-collector",
            "collector-health",
            "viewer",
        ),
        *("redis", "worker", "publisher", "jaeger"),
    }
    profiles = {name: service["profiles"] for name, service in services().items() if "profiles" in service}
    assert profiles == {"redis": ["demo"], "worker": ["demo"], "publisher": ["demo"], "jaeger": ["jaeger"]}


def test_a_mistake_in_the_file_is_seen(tmp_path: Path) -> None:
    """So that the other tests of this file mean something."""
    text = COMPOSE_FILE.read_text()
    for right, wrong in (("restart: unless-stopped", "restrat: x"), ("migrate: { cond", "nobody: { cond")):
        assert right in text
        (tmp_path / "docker-compose.yml").write_text(text.replace(right, wrong, 1))
        assert read_compose_file({}, tmp_path / "docker-compose.yml").returncode != 0


def test_overlay_and_ports_come_from_the_environment() -> None:
    given = {"COLLECTOR_OVERLAY": "jaeger.yaml", "VIEWER_PORT": "9999", "TASKMON_JAEGER_URL": "http://j"}
    read = json.loads(read_compose_file(given).stdout)["services"]
    assert read["otel-collector"]["command"][1] == "--config=/etc/otelcol/jaeger.yaml"
    assert read["viewer"]["ports"][0]["published"] == "9999"
    assert read["viewer"]["environment"]["TASKMON_JAEGER_URL"] == "http://j"
    assert environment(services()["viewer"]).get("TASKMON_JAEGER_URL") is None


def test_every_image_is_pinned() -> None:
    for name, service in services().items():
        if service["image"].startswith("otel-taskmon:"):
            assert service["image"] == OURS, name
            assert Path(service["build"]["context"]) == ROOT
        else:
            assert re.fullmatch(r"[a-z/.-]+:\d+\.\d+\.\d+[\w.-]*", service["image"]), name
            assert "build" not in service
    assert re.search(r"^ARG PYTHON=3\.\d+-", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_the_collector_is_the_release_that_its_files_are_tested_with() -> None:
    manifest = (ROOT / "collector-config" / "builder.yaml").read_text()
    version = re.search(r"^  version: (\S+)$", manifest, re.MULTILINE)
    assert version
    assert services()["otel-collector"]["image"].endswith(f":{version[1]}")


def test_every_port_is_loopbacks() -> None:
    published = [port for service in services().values() for port in service.get("ports", ())]
    assert len(published) == 6
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert len({port["published"] for port in published}) == len(published)
    assert not any(service.get("network_mode") == "host" for service in services().values())


def test_secrets_are_files_and_stand_nowhere_else() -> None:
    seen: set[str] = set()
    for name, service in services().items():
        mounted = {secret["source"] for secret in service.get("secrets", ())}
        texts = [*(v for v in environment(service).values() if v), *(service.get("command") or ())]
        named = {found for text in texts for found in re.findall(r"/run/secrets/(\w+)", text)}
        scripts = [Path(v["source"]).read_text() for v in _binds(service) if v["source"].endswith(".sh")]
        named |= {found for text in scripts for found in re.findall(r"/run/secrets/(\w+)", text)}
        assert named == mounted, name
        seen |= mounted
        for variable, value in environment(service).items():
            if SECRET_NAME.search(variable):
                assert value, variable
                assert re.fullmatch(r"/run/secrets/\w+|\$\{file:/run/secrets/\w+\}", value), (name, variable)
                assert value.startswith("$") or variable.endswith("_FILE"), (name, variable)
    assert seen == set(project()["secrets"])
    assert not re.search(r"://[^/\s]*:[^/\s]*@", COMPOSE_FILE.read_text()), "a password in an address"


def test_the_script_makes_every_secret_once(tmp_path: Path) -> None:
    folder = make_secrets(tmp_path)
    wanted = {Path(secret["file"]).relative_to(ROOT / "secrets") for secret in project()["secrets"].values()}
    first = {path.relative_to(folder): path.read_text() for path in folder.iterdir()}
    assert set(first) == wanted
    assert all(re.fullmatch(r"[0-9a-f]{48}", text) for text in first.values())
    assert len(set(first.values())) == len(first)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "no other user of the machine comes in"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    assert {path.relative_to(folder): path.read_text() for path in make_secrets(tmp_path).iterdir()} == first
    subprocess.run(["sh", "-n", str(ROOT / MAKE_SECRETS)], check=True)


def test_secrets_reach_neither_git_nor_the_image() -> None:
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "nothing but what is named goes to the builder"
    assert not [line for line in lines if line.startswith("!") and "secret" in line]


def test_services_have_no_more_than_they_need() -> None:
    for name, service in services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service.get("read_only", False) or name == "clickhouse", name
        assert not service.get("privileged"), name
    adding = {name for name, service in services().items() if service.get("cap_add")}
    assert adding == {"clickhouse", "collector-queue"}
    user = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("USER ")]
    assert user == ["USER 10001:10001"]


def test_services_wait_for_what_they_need_and_say_how_they_are() -> None:
    for name, service in services().items():
        assert service["restart"] == ("no" if name in ENDING else "unless-stopped"), name
        for other, how in (service.get("depends_on") or {}).items():
            if how["condition"] == "service_completed_successfully":
                assert other in ENDING, (name, other)
            elif how["condition"] == "service_healthy":
                assert "healthcheck" in services()[other], (name, other)
        watched = WATCHED_BY_ANOTHER.get(name, name)
        if name not in ENDING | WITHOUT_HEALTH:
            assert services()[watched]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name


def test_variables_exist() -> None:
    of_the_collector = "".join(
        (ROOT / "collector-config" / name).read_text() for name in ("otel-collector.yaml", "jaeger.yaml")
    )
    for name, service in services().items():
        for variable in environment(service):
            if name == "otel-collector":
                assert f"env:{variable}" in of_the_collector or variable == "GOMEMLIMIT", variable
            elif variable.startswith("TASKMON_"):
                assert variable in variables(), (name, variable)


def _binds(service: dict[str, Any]) -> list[dict[str, Any]]:
    return [volume for volume in service.get("volumes", ()) if volume["type"] == "bind"]


def test_what_is_mounted_exists() -> None:
    for name, service in services().items():
        for volume in _binds(service):
            assert Path(volume["source"]).exists(), (name, volume["source"])
            assert volume["read_only"], name
        for volume in service.get("volumes", ()):
            assert volume["type"] == "bind" or volume["source"] in project()["volumes"], name


def test_what_the_image_is_made_from_reaches_the_builder() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        part.removeprefix("./")
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for part in line.split()[1:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_scripts_of_containers_are_valid_shell() -> None:
    subprocess.run(["bash", "-n", str(ROOT / "docker" / "clickhouse" / "users.sh")], check=True)
