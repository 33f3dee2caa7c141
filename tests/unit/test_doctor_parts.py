"""Parts of ``taskmon doctor`` that need no service."""

from __future__ import annotations

import sys
import time

import pytest
from click.testing import CliRunner

from otel_taskmon.cli import cli
from otel_taskmon.doctor.clocks import clock_finding, offset_s
from otel_taskmon.doctor.probe import endpoint_of
from otel_taskmon.doctor.worker_side import _within
from otel_taskmon.errors import SettingError
from otel_taskmon.migrate import MigrationError
from otel_taskmon.migrating.target import is_too_old


@pytest.mark.parametrize(
    ("lead_s", "level"),
    [(0, "ok"), (0.9, "ok"), (-0.9, "ok"), (5, "warning"), (-5, "warning"), (90, "wrong")],
)
def test_a_clock_is_judged_by_its_distance(lead_s: float, level: str) -> None:
    found = clock_finding("clock", "its clock", lambda: time.time() + lead_s)
    assert found.level == level
    assert ("behind" if lead_s < 0 else "ahead") in found.text or lead_s == 0
    assert bool(found.todo) == (level != "ok")


def test_a_slow_answer_widens_what_is_known_of_a_clock() -> None:
    moments = iter((0, 4_000_000_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("otel_taskmon.doctor.clocks.time.time_ns", lambda: next(moments))
        assert offset_s(lambda: 3.0) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("version", "too_old"),
    [("26.2", False), ("26.1.9", True), ("25.12.1.1", True), ("27.1.1.1-lts", False), ("26.10.1", False)],
)
def test_versions_are_compared_as_numbers(version: str, too_old: bool) -> None:
    assert is_too_old(version) is too_old


def test_what_is_no_version_is_told() -> None:
    with pytest.raises(MigrationError, match="'newest'"):
        is_too_old("newest")


@pytest.mark.parametrize(
    ("found", "bounds", "within"),
    [
        ("5.7.0", ">=5.3,<5.8", True),
        ("5.8.0", ">=5.3,<5.8", False),
        ("5.8", "<5.8", False),
        ("5.10", ">=5.3,<6", True),
        ("0.66b2", ">=0.66b2,<0.70", True),
        ("0.70", ">=0.66b2,<0.70", False),
        ("1.45", ">=1.45.0,<2", True),
        ("1.44.9", ">=1.45,<2", False),
    ],
)
def test_versions_of_packages(found: str, bounds: str, within: bool) -> None:
    assert _within(found, bounds) is within


def test_the_endpoint_is_shown_without_a_password() -> None:
    shown = endpoint_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:hush@collector:4318/base"})
    assert shown == "https://collector:4318/base"
    assert endpoint_of({}) == "http://127.0.0.1:4318/v1/traces"
    assert endpoint_of({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}) == "http://127.0.0.1:4317"
    with pytest.raises(SettingError):
        endpoint_of({"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier pigeon"})


def test_an_installation_without_the_client_says_what_it_cannot_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)  # what find_spec takes for "not there"
    monkeypatch.setenv("TASKMON_ENABLED", "false")
    done = CliRunner().invoke(cli, ["doctor"])
    assert done.exit_code == 1  # nothing is recorded
    assert "wrong   recording: TASKMON_ENABLED=false" in done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("warning store:")]
    assert "not looked at" in line
    assert "pip install 'otel-taskmon[cli]'" in done.output


def test_two_sides_at_once_are_asked_for_by_neither_flag() -> None:
    done = CliRunner().invoke(cli, ["doctor", "--store", "--worker"])
    assert done.exit_code == 2
    assert "exclude each other" in done.output
