"""What the viewer and the commands that read the tables or look at queues read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from otel_taskmon import _setting_fields as kinds
from otel_taskmon._setting_fields import setting
from otel_taskmon.settings.environment import FromEnvironment


@dataclass(frozen=True)
class ReaderSettings(FromEnvironment):
    """What the viewer and the commands that read the tables read."""

    clickhouse_url: str = setting(
        "TASKMON_CLICKHOUSE_URL",
        kinds.HTTP_URL,
        "Where to read: the embedded store or a ClickHouse of yours.",
        default="http://127.0.0.1:8123",
    )
    clickhouse_user: str = setting(
        "TASKMON_CLICKHOUSE_USER", kinds.TEXT, "User to read as.", default="default"
    )
    clickhouse_password: str | None = setting(
        "TASKMON_CLICKHOUSE_PASSWORD", kinds.OPTIONAL_SECRET, "Its password.", default=None, secret=True
    )
    viewer_host: str = setting(
        "TASKMON_VIEWER_HOST", kinds.HOST, "Address of the viewer.", default="127.0.0.1"
    )
    viewer_port: int = setting("TASKMON_VIEWER_PORT", kinds.PORT, "Port of the viewer.", default=8501)


@dataclass(frozen=True)
class ViewerSettings(FromEnvironment):
    """What only the viewer reads: who may use it (``docs/access.md``), and what its pages begin with."""

    viewer_users: Path | None = setting(  # noqa: RUF009 - it gives a field, as dataclasses.field does
        "TASKMON_VIEWER_USERS",
        kinds.OPTIONAL_PATH,
        "File of users and their hashed passwords, written by `taskmon viewer add-user`: everybody has to log in.",
        default=None,
    )
    viewer_user_header: str | None = setting(
        "TASKMON_VIEWER_USER_HEADER",
        kinds.HEADER_NAME,
        "Header in which a proxy that has checked the user passes on the name; only requests of "
        "`TASKMON_VIEWER_PROXIES` are then let in.",
        default=None,
    )
    viewer_role_header: str | None = setting(
        "TASKMON_VIEWER_ROLE_HEADER",
        kinds.HEADER_NAME,
        "Header in which that proxy passes on the role (or groups, with commas between them: the highest role "
        "among them counts).",
        default=None,
    )
    viewer_proxy_role: str = setting(
        "TASKMON_VIEWER_PROXY_ROLE",
        kinds.one_of("viewer", "operator", "admin"),
        "Role of a proxy's user for whom the role header names none.",
        default="viewer",
    )
    viewer_proxies: tuple[str, ...] = setting(
        "TASKMON_VIEWER_PROXIES",
        kinds.NETWORKS,
        "Addresses of the proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
        default=(),
        default_text="none",
    )
    viewer_session_hours: int = setting(
        "TASKMON_VIEWER_SESSION_HOURS",
        kinds.integer(1, 720),
        "Hours until one has to log in again.",
        default=12,
    )
    viewer_session_secret: str | None = setting(
        "TASKMON_VIEWER_SESSION_SECRET",
        kinds.OPTIONAL_SECRET,
        "Signs the session cookies; at least 32 characters. Set it where several viewers share their users, or "
        "where logins should outlive a restart.",
        default=None,
        secret=True,
        default_text="made at each start",
    )
    viewer_base_path: str = setting(
        "TASKMON_VIEWER_BASE_PATH",
        kinds.URL_PATH,
        "Path below which a proxy shows the viewer.",
        default="",
        default_text="/",
    )
    jaeger_url: str | None = setting(
        "TASKMON_JAEGER_URL",
        kinds.OPTIONAL_HTTP_URL,
        "Where a browser finds Jaeger: the trace of a task gets a link to it.",
        default=None,
        default_text="no link",
    )
    reports_max_top: int = setting(
        "TASKMON_REPORTS_MAX_TOP",
        kinds.integer(1, 200),
        "How many names a top report shows unless its page asks for more or fewer.",
        default=20,
    )


@dataclass(frozen=True)
class BrokerSettings(FromEnvironment):
    """What the queues page and the commands on queues read."""

    broker_url: str | None = setting(
        "TASKMON_BROKER_URL",
        kinds.OPTIONAL_BROKER_URL,
        "The broker whose queues are looked at, as Celery's `broker_url` says it.",
        default=None,
        secret=True,
        default_text="the variable `CELERY_BROKER_URL`",
    )
    broker_transport_options: Mapping[str, Any] = setting(
        "TASKMON_BROKER_TRANSPORT_OPTIONS",
        kinds.JSON_OBJECT,
        "The app's `broker_transport_options`, where it has any: `global_keyprefix`, `priority_steps`, `sep`, "
        "`master_name` of a Sentinel and so on.",
        default=lambda: MappingProxyType({}),
        secret=True,
        default_text="{}",
    )
    queued_tasks_admin_limit: int = setting(
        "TASKMON_QUEUED_TASKS_ADMIN_LIMIT",
        kinds.integer(100, 100_000_000),
        "Up to so many waiting messages are read one by one, to count or to filter them; of longer queues the "
        "counts come from a sample.",
        default=100_000,
    )
