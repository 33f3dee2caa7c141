"""A real Django project with a real worker, whose settings are still those of aa-taskmonitor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import ROOT
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

PROJECT = "tests.apps.django_shop"
PUBLISH = """
import django
django.setup()
from tests.apps.django_shop.shop.tasks import order
answer([order.delay([[1, 2], [3]]).id, order.delay([], fail=True).id])
"""
MANAGE = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MANAGE, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings", **environment},
    )


def test_tasks_are_recorded_with_the_old_settings(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment, app=PROJECT, name="django", queues="celery") as worker:
            good, bad = run_publisher(tmp_path, environment, PUBLISH, app=PROJECT)
            sink.wait_for_runs(good, 1, context=worker.output)
            sink.wait_for_runs(bad, 1, context=worker.output)
            worker.stop()
            said = worker.output()
        (ran,), (failed,) = sink.runs(good), sink.runs(bad)
        assert ran.attributes[semconv.APP] == "store", "TASKMONITOR_APP_NAME_MAPPING_CONFIG"
        assert json.loads(str(ran.attributes[semconv.ARGS])) == [[[1, 2], [3]]], (
            "TASKMONITOR_TRUNCATE_NESTED_DATA"
        )
        assert ran.attributes[semconv.WORKER] == "django@tests"
        assert ran.resource["service.name"] == "django_shop"
        assert failed.exception[semconv.EXCEPTION_TYPE] == "LookupError"
        (publish,) = sink.publishes(good)
        assert ran.parent_span_id == publish.span_id
        assert said.count("TASKMONITOR_ENABLED is called TASKMON_ENABLED now") == 1
        assert said.count("TASKMONITOR_HOUSEKEEPING_FREQUENCY is not needed any more") == 1


def test_switched_off_by_the_old_name(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, DJANGO_SHOP_OFF="1")
        with start_worker(tmp_path, environment, app=PROJECT, name="django", queues="celery") as worker:
            run_publisher(tmp_path, environment, PUBLISH, app=PROJECT)
            worker.wait_for_output("succeeded in")
            worker.stop()
        assert sink.received == []


def test_a_wrong_setting_stops_the_start() -> None:
    ended = manage("check", DJANGO_SHOP_WRONG="1")
    assert ended.returncode != 0
    assert (
        "ImproperlyConfigured: TASKMONITOR_APP_NAME_MAPPING_CONFIG={'store': 5} is not valid" in ended.stderr
    )


def test_beside_the_old_app() -> None:
    ended = manage("check", DJANGO_SHOP_OLD_APP="1")
    assert ended.returncode == 0, ended.stderr
    assert "aa-taskmonitor is installed too: both record every task" in ended.stderr


def test_manage_py_goes_through_to_taskmon() -> None:
    ended = manage("taskmonitorctl", "--help")
    assert ended.returncode == 0, ended.stderr
    assert "Usage: manage.py taskmonitorctl" in ended.stdout
    assert manage("taskmonitorctl", "no-such-command").returncode == 2


def test_the_settings_reach_the_command() -> None:
    ended = manage("taskmonitorctl", "inspect", "settings", "--json")
    assert ended.returncode == 0, ended.stderr
    effective = {row["setting"]: (row["value"], row["source"]) for row in json.loads(ended.stdout)}
    assert effective["TASKMON_DATA_MAX_AGE"] == (48, "environment")
    assert effective["TASKMON_BROKER_URL"] == ("***", "environment")
    assert effective["TASKMON_BROKER_TRANSPORT_OPTIONS"] == ("***", "environment")
