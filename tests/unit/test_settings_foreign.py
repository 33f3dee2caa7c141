"""Variables of other programs that begin with TASKMON_ stop nothing; a mistyped setting beside them still does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otel_taskmon.cli.inspect_settings import effective
from otel_taskmon.errors import SettingError
from otel_taskmon.settings import ReaderSettings, Settings
from otel_taskmon.settings.every import ALL, variables

ROOT = Path(__file__).parents[2]
SERVICE_LINKS = {
    "TASKMON_SERVICE_HOST": "10.0.0.7",
    "TASKMON_SERVICE_PORT": "8123",
    "TASKMON_SERVICE_PORT_HTTP": "8123",
    "TASKMON_PORT": "tcp://10.0.0.7:8123",
    "TASKMON_PORT_8123_TCP": "tcp://10.0.0.7:8123",
    "TASKMON_PORT_8123_TCP_PROTO": "tcp",
    "TASKMON_PORT_8123_TCP_PORT": "8123",
    "TASKMON_PORT_8123_TCP_ADDR": "10.0.0.7",
    "TASKMON_VIEWER_SERVICE_HOST": "10.0.0.8",
    "TASKMON_VIEWER_SERVICE_PORT": "8501",
    "TASKMON_VIEWER_PORT": "tcp://10.0.0.8:8501",
    "TASKMON_VIEWER_PORT_8501_TCP": "tcp://10.0.0.8:8501",
    "TASKMON_VIEWER_PORT_8501_TCP_ADDR": "10.0.0.8",
}


def read_by_others() -> list[str]:
    """The variables that the Collector's and Grafana's files take."""
    files = [*(ROOT / "collector-config").glob("*.yaml"), *(ROOT / "grafana").rglob("*.yaml")]
    texts = [path.read_text() for path in files]
    found = {name for text in texts for name in re.findall(r"\$\{?(?:env:)?(TASKMON_[A-Z0-9_]+)", text)}
    return sorted(found - set(variables()))


@pytest.mark.parametrize("owner", ALL)
def test_the_variables_of_collector_and_grafana_may_stand_beside_ours(owner: type[Settings]) -> None:
    names = read_by_others()
    assert {"TASKMON_OTLP_TOKEN", "TASKMON_COLLECTOR_QUEUE_DIR", "TASKMON_STORE_HOST"} <= set(names)
    owner.from_environment(dict.fromkeys(names, "1"))


@pytest.mark.parametrize("owner", ALL)
def test_services_of_kubernetes_are_no_settings(owner: type[Settings]) -> None:
    owner.from_environment(SERVICE_LINKS)


def test_a_port_that_kubernetes_made_is_not_ours_and_one_that_somebody_set_is() -> None:
    assert ReaderSettings.from_environment(SERVICE_LINKS).viewer_port == 8501
    assert (
        ReaderSettings.from_environment({**SERVICE_LINKS, "TASKMON_VIEWER_PORT": "8601"}).viewer_port == 8601
    )


@pytest.mark.parametrize(
    "environ",
    [
        {"TASKMON_PORT": "8501"},
        {"TASKMON_VIEWER_PORT": "tcp://10.0.0.8:8501"},
        {"TASKMON_SERVICE_PORT": "8123"},
        {**SERVICE_LINKS, "TASKMON_VIEWER_PROT": "8501"},
        {**SERVICE_LINKS, "TASKMON_VIEWER_PORT": "tcp"},
        {"TASKMON_OTLP_TOKEN": "x", "TASKMON_OTLP_TOKENS": "x"},
    ],
)
def test_what_only_looks_like_it_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(SettingError):
        ReaderSettings.from_environment(environ)


def test_what_kubernetes_made_is_shown_as_the_default_that_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICE_LINKS.items():
        monkeypatch.setenv(name, value)
    (port,) = (one for one in effective(ReaderSettings) if one.setting == "TASKMON_VIEWER_PORT")
    assert (port.value, port.source) == (8501, "default")
