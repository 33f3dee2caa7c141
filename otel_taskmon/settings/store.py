"""What ``taskmon serve`` and ``taskmon migrate`` read: where the store listens, and how long it keeps rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from otel_taskmon import _setting_ages as ages
from otel_taskmon import _setting_fields as kinds
from otel_taskmon._setting_fields import setting
from otel_taskmon.settings.environment import FromEnvironment


def xdg_directory(variable: str, usual: str) -> Path:
    """What an XDG variable names, else ``usual`` in the home directory.

    A user that the system does not know, as containers have, is at home in ``/``: what uses it says what is wrong.
    """
    given = Path(os.path.expanduser(os.environ.get(variable, "")))  # noqa: PTH111 - this one never raises
    if given.is_absolute():  # the XDG specification says that a relative path is to be ignored
        return given
    try:
        return Path.home() / usual
    except RuntimeError:
        return Path("/") / usual


def default_data_dir() -> Path:
    """``$XDG_DATA_HOME/taskmon``, else ``~/.local/share/taskmon``."""
    return xdg_directory("XDG_DATA_HOME", ".local/share") / "taskmon"


@dataclass(frozen=True)
class StoreSettings(FromEnvironment):
    """What ``taskmon serve`` reads."""

    data_dir: Path = setting(  # noqa: RUF009 - it gives a field, as dataclasses.field does
        "TASKMON_DATA_DIR",
        kinds.PATH,
        "Directory of the embedded store; one `taskmon serve` at a time owns it.",
        default=default_data_dir,
        default_text="$XDG_DATA_HOME/taskmon or ~/.local/share/taskmon",
    )
    host: str = setting("TASKMON_HOST", kinds.HOST, "Address that the store listens on.", default="127.0.0.1")
    http_port: int = setting(
        "TASKMON_HTTP_PORT", kinds.PORT, "Port of the ClickHouse HTTP interface.", default=8123
    )
    otlp_http_port: int = setting(
        "TASKMON_OTLP_HTTP_PORT", kinds.PORT, "Port of OTLP over HTTP.", default=4318
    )
    otlp_grpc_port: int = setting(
        "TASKMON_OTLP_GRPC_PORT", kinds.PORT, "Port of OTLP over gRPC.", default=4317
    )
    ingest_password: str | None = setting(
        "TASKMON_INGEST_PASSWORD",
        kinds.OPTIONAL_SECRET,
        "Password of the user `ingest`.",
        default=None,
        secret=True,
        default_text="made at the first start, kept in the data directory",
    )
    admin_password: str | None = setting(
        "TASKMON_ADMIN_PASSWORD",
        kinds.OPTIONAL_SECRET,
        "Password of the user `admin`.",
        default=None,
        secret=True,
        default_text="made at the first start, kept in the data directory",
    )
    reader_password: str | None = setting(
        "TASKMON_READER_PASSWORD",
        kinds.OPTIONAL_SECRET,
        "Password with which the reading user `default` may come from other machines, for example a viewer there; "
        "on this machine it needs none.",
        default=None,
        secret=True,
        default_text="none: it reads from this machine only",
    )
    max_request_bytes: int = setting(
        "TASKMON_MAX_REQUEST_BYTES",
        kinds.integer(1_024, 1_073_741_824),
        "Longest OTLP request that is taken, in bytes, after decompression.",
        default=16 * 1024 * 1024,
    )


@dataclass(frozen=True)
class RetentionSettings(FromEnvironment):
    """How long rows are kept (``retention``); what ``taskmon serve`` and ``taskmon migrate`` read."""

    data_max_age: ages.Age = setting(  # noqa: RUF009 - as above
        "TASKMON_DATA_MAX_AGE",
        ages.AGE,
        "Hours that tasks, and all that is known of them, are kept; events and log records for 168 hours of them at "
        "most, unless this is `off`.",
        default=720,
    )
    failures_max_age: ages.Age | None = setting(  # noqa: RUF009
        "TASKMON_FAILURES_MAX_AGE",
        ages.OPTIONAL_AGE,
        "Hours that failed tasks are kept, with their failed executions and spans; not less than "
        "`TASKMON_DATA_MAX_AGE`.",
        default=None,
        default_text="as long as all tasks",
    )
    statistics_max_age: ages.Age = setting(  # noqa: RUF009
        "TASKMON_STATISTICS_MAX_AGE", ages.AGE, "Hours that the hourly statistics are kept.", default=9600
    )
    table_max_age: Mapping[str, ages.Age] = setting(
        "TASKMON_TABLE_MAX_AGE",
        ages.TABLE_AGES,
        "Hours that single tables are kept, whatever the settings above say.",
        default=lambda: MappingProxyType({}),
        default_text="{}",
    )
