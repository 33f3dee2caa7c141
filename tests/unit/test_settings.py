"""Settings: where they come from, what they take, what they say when they do not."""

from __future__ import annotations

import ast
import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from otel_taskmon._setting_fields import spec_of
from otel_taskmon._settings_page import page
from otel_taskmon.errors import SettingError
from otel_taskmon.settings import ALL, ReaderSettings, Settings, StoreSettings, variables

ROOT = Path(__file__).resolve().parents[2]


def test_the_defaults_are_the_documented_ones() -> None:
    worker = Settings.from_environment({})
    assert (worker.enabled, worker.truncate_nested_data, worker.redact) == (True, True, True)
    assert (worker.export_interval_ms, worker.flush_timeout_s) == (500, 1.25)
    store = StoreSettings.from_environment({})
    assert (store.host, store.http_port, store.otlp_http_port, store.otlp_grpc_port) == (
        "127.0.0.1",
        8123,
        4318,
        4317,
    )
    assert store.max_request_bytes == 16 * 1024 * 1024
    reader = ReaderSettings.from_environment({})
    assert (reader.clickhouse_url, reader.clickhouse_user) == ("http://127.0.0.1:8123", "default")
    assert (reader.viewer_host, reader.viewer_port) == ("127.0.0.1", 8501)


def test_a_keyword_wins_over_the_variable_and_the_variable_over_the_default() -> None:
    environ = {"TASKMON_HTTP_PORT": "9000"}
    assert StoreSettings.from_environment(environ).http_port == 9000
    assert StoreSettings.from_environment(environ, http_port=9001).http_port == 9001
    assert StoreSettings.from_environment(environ, http_port=None).http_port == 9000


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKMON_ENABLED", "off")
    assert Settings.from_environment().enabled is False


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert Settings.from_environment({"TASKMON_ENABLED": ""}).enabled is True


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE", " On "])
def test_words_for_true(text: str) -> None:
    assert Settings.from_environment({"TASKMON_REDACT": text}).redact is True


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "False"])
def test_words_for_false(text: str) -> None:
    assert Settings.from_environment({"TASKMON_REDACT": text}).redact is False


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"TASKMON_ENABLED": "maybe"}, ("TASKMON_ENABLED", "'maybe'", "true, false")),
        ({"TASKMON_PAYLOAD_MAX_BYTES": "12"}, ("TASKMON_PAYLOAD_MAX_BYTES", "'12'", "from 256")),
        ({"TASKMON_PAYLOAD_MAX_ITEMS": "1_000"}, ("TASKMON_PAYLOAD_MAX_ITEMS", "'1_000'", "whole number")),
        ({"TASKMON_FLUSH_TIMEOUT_S": "nan"}, ("TASKMON_FLUSH_TIMEOUT_S", "'nan'", "seconds")),
        (
            {"TASKMON_APP_NAME_MAPPING_CONFIG": '{"shop": "old"}'},
            ("TASKMON_APP_NAME_MAPPING_CONFIG", "'shop'", "dict"),
        ),
        ({"TASKMON_APP_NAME_MAPPING_CONFIG": "[1]"}, ("TASKMON_APP_NAME_MAPPING_CONFIG", "[1]", "dict")),
        ({"TASKMON_APP_NAME_MAPPING_CONFIG": "{"}, ("TASKMON_APP_NAME_MAPPING_CONFIG", "not JSON")),
        (
            {"TASKMON_REDACT_VALUES": '["("]'},
            ("TASKMON_REDACT_VALUES", "regular expressions", "unterminated"),
        ),
        ({"TASKMON_REDACT_VALUES": '["a*"]'}, ("TASKMON_REDACT_VALUES", "matches the empty text")),
        ({"TASKMON_REDACT_KEYS": "iban"}, ("TASKMON_REDACT_KEYS", "not JSON")),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_the_value_and_what_is_allowed(
    environ: Mapping[str, str], parts: tuple[str, ...]
) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment(environ)
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("enabled", 2),
        ("enabled", None.__class__),
        ("payload_max_items", True),
        ("payload_max_items", 1.5),
        ("app_name_mapping_config", {"shop": "old"}),
        ("app_name_mapping_config", {1: ["old"]}),
        ("app_name_mapping_config", {"shop": [1]}),
        ("app_name_mapping_config", 5),
        ("redact_keys", "iban"),
        ("redact_values", [""]),
        ("flush_timeout_s", "soon"),
    ],
)
def test_a_wrong_keyword_value_is_refused(keyword: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"^{keyword}="):
        Settings.from_environment({}, **{keyword: value})
    with pytest.raises(SettingError, match=f"^{keyword}="):
        Settings(**{keyword: value})  # type: ignore[arg-type]  # wrong on purpose


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingError, match=r"TASKMON_ENABELD.*did you mean TASKMON_ENABLED\?"):
        ReaderSettings.from_environment({"TASKMON_ENABELD": "1"})


def test_an_unknown_keyword_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingError, match=r"redact_key=.*did you mean redact_keys\?"):
        Settings.from_environment({}, redact_key=["x"])


def test_the_value_of_an_unknown_variable_is_not_shown() -> None:
    with pytest.raises(SettingError) as refused:
        StoreSettings.from_environment({"TASKMON_INGEST_PASWORD": "hunter2"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("owner", ALL)
def test_a_variable_of_another_class_is_known(owner: type[Settings]) -> None:
    owner.from_environment({"TASKMON_HTTP_PORT": "1", "TASKMON_ENABLED": "0", "TASKMON_VIEWER_PORT": "2"})


def test_secrets_are_not_in_the_repr_and_not_in_errors() -> None:
    settings = StoreSettings.from_environment({"TASKMON_INGEST_PASSWORD": "hunter2"})
    assert settings.ingest_password == "hunter2"
    assert "hunter2" not in repr(settings)
    with pytest.raises(SettingError) as refused:
        StoreSettings.from_environment({}, admin_password=b"hunter2")
    assert "hunter2" not in str(refused.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    environ = {"TASKMON_CLICKHOUSE_PASSWORD_FILE": str(file)}
    assert ReaderSettings.from_environment(environ).clickhouse_password == "hunter2"
    with pytest.raises(SettingError, match="only one of it"):
        ReaderSettings.from_environment({**environ, "TASKMON_CLICKHOUSE_PASSWORD": "x"})
    file.write_text("\n")
    with pytest.raises(SettingError, match="not empty"):
        ReaderSettings.from_environment(environ)
    with pytest.raises(SettingError, match=r"TASKMON_CLICKHOUSE_PASSWORD_FILE.*FileNotFoundError"):
        ReaderSettings.from_environment({"TASKMON_CLICKHOUSE_PASSWORD_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8123",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://bob:hunter2@host",
        "http://h/?x=1",
    ],
)
def test_a_wrong_url_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        ReaderSettings.from_environment({"TASKMON_CLICKHOUSE_URL": url})
    assert "hunter2" not in str(refused.value)


def test_the_data_directory_follows_the_xdg_specification(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert StoreSettings.from_environment({}).data_dir == tmp_path / "taskmon"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert StoreSettings.from_environment({}).data_dir == tmp_path / ".local" / "share" / "taskmon"
    assert StoreSettings.from_environment({}, data_dir="~/store").data_dir == tmp_path / "store"


def test_a_user_whom_the_system_does_not_know_has_a_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)  # as in a container that runs as a number
    assert StoreSettings.from_environment({}).data_dir == Path("/.local/share/taskmon")


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().enabled = False  # type: ignore[misc]  # wrong on purpose


def test_every_setting_has_a_help_text_and_a_variable_of_its_own() -> None:
    names = variables()
    assert len(names) == len(set(names))
    for owner in ALL:
        for declared in dataclasses.fields(owner):  # type: ignore[arg-type]
            spec = spec_of(declared)
            assert spec.variable == f"TASKMON_{declared.name.upper()}"
            assert spec.help.endswith(".")
            assert spec.default_text


def test_the_page_of_settings_is_made_from_the_fields() -> None:
    command = "python -m otel_taskmon._settings_page > docs/settings.md"
    assert (ROOT / "docs" / "settings.md").read_text() == page(), f"run {command}"


@pytest.mark.parametrize(
    "path",
    [
        *sorted((ROOT / "otel_taskmon" / "settings").glob("*.py")),
        *(ROOT / "otel_taskmon" / f"{name}.py" for name in ("_setting_fields", "_setting_ages", "errors")),
    ],
    ids=lambda path: path.stem,
)
def test_reading_settings_needs_only_the_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text())
    modules = {
        module.split(".")[0]
        for node in ast.walk(tree)
        for module in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert modules <= sys.stdlib_module_names | {"otel_taskmon"}


@pytest.mark.parametrize(
    ("environ", "loaded"),
    [({"TASKMON_REDACT": "false"}, []), ({"TASKMON_HTTP_PORT": "1"}, ["every", "reader", "store"])],
    ids=["only its own", "one of the store's"],
)
def test_a_worker_loads_its_own_settings_and_others_only_where_it_meets_them(
    environ: dict[str, str], loaded: list[str]
) -> None:
    program = (
        "import sys; from otel_taskmon.settings import Settings; Settings.from_environment(); "
        "print(*sorted(n.rsplit('.')[-1] for n in sys.modules if n.startswith('otel_taskmon.settings.')))"
    )
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TASKMON_")}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=ours | environ, capture_output=True, text=True, check=True
    ).stdout.split()
    assert printed == sorted(["environment", "worker", *loaded])
