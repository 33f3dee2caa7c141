"""What Django's settings mean to us."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from otel_taskmon.contrib.django import setting_names
from otel_taskmon.errors import SettingError


def test_the_old_names_are_read_and_named_once() -> None:
    given, warnings = setting_names.given(
        SimpleNamespace(
            TASKMONITOR_ENABLED=False,
            TASKMONITOR_APP_NAME_MAPPING_CONFIG={"store": ["shop"]},
            DEBUG=True,
        )
    )
    setting_names.check(given)
    assert setting_names.for_worker(given) == {
        "enabled": False,
        "app_name_mapping_config": {"store": ["shop"]},
    }
    assert [w for w in warnings if "TASKMON_ENABLED" in w] == [
        "TASKMONITOR_ENABLED is called TASKMON_ENABLED now; it is read, but should be renamed"
    ]
    assert len(warnings) == 2


def test_a_setting_of_store_or_viewer_is_sent_to_where_it_is_read() -> None:
    given, warnings = setting_names.given(SimpleNamespace(TASKMONITOR_DATA_MAX_AGE=48))
    (warning,) = warnings
    assert warning.startswith(
        "TASKMONITOR_DATA_MAX_AGE is called TASKMON_DATA_MAX_AGE now, and belongs into "
    )
    assert "environment of taskmon serve" in warning
    assert setting_names.for_environment(given) == {"TASKMON_DATA_MAX_AGE": "48"}


def test_needless_and_unknown_old_names_are_said() -> None:
    given, warnings = setting_names.given(
        SimpleNamespace(TASKMONITOR_HOUSEKEEPING_FREQUENCY=30, TASKMONITOR_TYPO=1)
    )
    assert given == []
    assert "TASKMONITOR_HOUSEKEEPING_FREQUENCY is not needed any more" in warnings[0]
    assert "TASKMONITOR_TYPO is no setting" in warnings[1]


def test_the_new_name_wins_over_the_old_one() -> None:
    given, _ = setting_names.given(SimpleNamespace(TASKMONITOR_ENABLED=False, TASKMON_ENABLED=True))
    assert setting_names.for_worker(given) == {"enabled": True}


def test_the_environment_wins_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKMON_ENABLED", "true")
    given, _ = setting_names.given(SimpleNamespace(TASKMONITOR_ENABLED=False))
    assert setting_names.for_worker(given) == {}


def test_settings_of_the_reading_side_are_for_the_command_only() -> None:
    given, _ = setting_names.given(
        SimpleNamespace(TASKMON_CLICKHOUSE_URL="http://127.0.0.1:9", TASKMON_REDACT=False)
    )
    assert setting_names.for_worker(given) == {"redact": False}
    assert setting_names.for_environment(given) == {
        "TASKMON_CLICKHOUSE_URL": "http://127.0.0.1:9",
        "TASKMON_REDACT": "false",
    }


def test_a_mapping_travels_as_json() -> None:
    given, _ = setting_names.given(SimpleNamespace(TASKMONITOR_APP_NAME_MAPPING_CONFIG={"a": ["b"]}))
    assert setting_names.for_environment(given) == {"TASKMON_APP_NAME_MAPPING_CONFIG": '{"a": ["b"]}'}


@pytest.mark.parametrize(
    ("name", "value"),
    [("TASKMONITOR_ENABLED", "perhaps"), ("TASKMON_PAYLOAD_MAX_BYTES", 1), ("TASKMON_HTTP_PORT", "x")],
)
def test_a_wrong_value_is_named_as_it_stands_in_the_settings(name: str, value: object) -> None:
    given, _ = setting_names.given(SimpleNamespace(**{name: value}))
    with pytest.raises(SettingError, match=f"{name}={value!r} is not valid: allowed is"):
        setting_names.check(given)


def test_an_unknown_new_name_is_an_error_and_its_value_is_not_shown() -> None:
    with pytest.raises(SettingError, match="TASKMON_PASWORD=") as caught:
        setting_names.given(SimpleNamespace(TASKMON_PASWORD="hunter2"))
    assert "hunter2" not in str(caught.value)
