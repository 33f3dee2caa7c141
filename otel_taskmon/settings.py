"""Every setting of otel-taskmon, by who reads it: the worker, ``taskmon serve``, and all that reads the tables.

Each class is read once, with ``X.from_environment(**overrides)``: a keyword argument wins over the environment
variable, which wins over the default. A wrong name or value raises SettingError at that moment.
Only what no ``OTEL_*`` variable says already has a variable here. ``docs/settings.md`` is made from these fields.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from otel_taskmon import _setting_ages as ages
from otel_taskmon import _setting_fields as kinds
from otel_taskmon._setting_fields import Hidden, checked, setting, spec_of
from otel_taskmon.errors import SettingError

PREFIX: Final = "TASKMON_"
FILE_SUFFIX: Final = "_FILE"
"""``<variable of a secret>_FILE`` names a file that holds the secret."""


class FromEnvironment:
    """Reading and checking, the same for each class of settings."""

    def __post_init__(self) -> None:
        for declared in dataclasses.fields(self):  # type: ignore[arg-type]  # the classes below are dataclasses
            value = checked(declared.name, getattr(self, declared.name), spec_of(declared))
            object.__setattr__(self, declared.name, value)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, /, **overrides: object) -> Self:
        """Keyword argument, else environment variable, else default; None and an empty variable mean "not given".

        Raises SettingError for an unknown keyword, an unknown ``TASKMON_…`` variable, or a value that is not allowed.
        """
        environ = os.environ if environ is None else environ
        declared = {field.name: spec_of(field) for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        _refuse_unknown_variables(environ)
        for name in overrides:
            if name not in declared:
                raise _unknown(name, list(declared))
        values: dict[str, Any] = {}
        for name, spec in declared.items():
            given = overrides.get(name)
            if given is not None:
                values[name] = checked(name, given, spec)
                continue
            found = _from_file(environ, spec.variable) if spec.secret else None
            text = environ.get(spec.variable, "")
            if found and text:
                raise SettingError(
                    spec.variable, Hidden(), f"only one of it and {spec.variable}{FILE_SUFFIX}"
                )
            if found or text:
                values[name] = checked(spec.variable, found or text, spec)
        return cls(**values)


@dataclass(frozen=True)
class Settings(FromEnvironment):
    """What ``otel_taskmon.instrument()`` reads, in publishers and workers."""

    enabled: bool = setting(
        "TASKMON_ENABLED", kinds.BOOLEAN, "Whether anything is recorded at all.", default=True
    )
    events: bool = setting(
        "TASKMON_EVENTS",
        kinds.BOOLEAN,
        "Whether workers send events (task received and started, worker online, offline and heartbeat) as "
        "OpenTelemetry log records; false sends spans only.",
        default=True,
    )
    truncate_nested_data: bool = setting(
        "TASKMON_TRUNCATE_NESTED_DATA",
        kinds.BOOLEAN,
        "Keep only the outer level of args, kwargs and result: a container inside becomes an empty one.",
        default=True,
    )
    app_name_mapping_config: Mapping[str, tuple[str, ...]] = setting(
        "TASKMON_APP_NAME_MAPPING_CONFIG",
        kinds.NAME_MAPPING,
        "App names to show in place of others. Added to the built-in one, "
        '`{"standingsrequests": ["standings_requests"]}`.',
        default=lambda: MappingProxyType({}),
        default_text="{}",
    )
    redact: bool = setting(
        "TASKMON_REDACT",
        kinds.BOOLEAN,
        "Mask secrets in args, kwargs, results and exception texts before they leave the process.",
        default=True,
    )
    redact_keys: tuple[str, ...] = setting(
        "TASKMON_REDACT_KEYS",
        kinds.PATTERNS,
        "More keys whose values are masked. Each is matched to whole words of the key, in lower case and "
        "joined by `_`: `iban` masks `userIBAN` and `iban-no`.",
        default=(),
    )
    redact_values: tuple[str, ...] = setting(
        "TASKMON_REDACT_VALUES",
        kinds.PATTERNS,
        "More texts that are masked wherever they stand. Yours run on every text: keep them free of nested repeats.",
        default=(),
    )
    redact_builtins: bool = setting(
        "TASKMON_REDACT_BUILTINS",
        kinds.BOOLEAN,
        "Whether the built-in keys and texts are masked too; false leaves only your own patterns.",
        default=True,
    )
    payload_max_bytes: int = setting(
        "TASKMON_PAYLOAD_MAX_BYTES",
        kinds.integer(256, 1_048_576),
        "Longest JSON text of args, of kwargs and of the result, in bytes of UTF-8.",
        default=16_384,
    )
    payload_max_items: int = setting(
        "TASKMON_PAYLOAD_MAX_ITEMS",
        kinds.integer(1, 100_000),
        "Most items that are kept of one container.",
        default=1_000,
    )
    payload_max_depth: int = setting(
        "TASKMON_PAYLOAD_MAX_DEPTH",
        kinds.integer(1, 32),
        "Deepest container that is kept (only without truncation of nested data).",
        default=8,
    )
    payload_max_string: int = setting(
        "TASKMON_PAYLOAD_MAX_STRING",
        kinds.integer(16, 1_048_576),
        "Most characters that are kept of one string.",
        default=8_192,
    )
    exception_max_bytes: int = setting(
        "TASKMON_EXCEPTION_MAX_BYTES",
        kinds.integer(1_024, 1_048_576),
        "Longest traceback, in bytes of UTF-8; an exception's message gets a quarter of it.",
        default=32_768,
    )
    export_interval_ms: int = setting(
        "TASKMON_EXPORT_INTERVAL_MS",
        kinds.integer(10, 60_000),
        "How often finished spans and events are sent, in milliseconds, where otel-taskmon sets up the sending.",
        default=500,
    )
    flush_timeout_s: float = setting(
        "TASKMON_FLUSH_TIMEOUT_S",
        kinds.seconds(0.1, 60.0),
        "Longest time that a worker's exit may take for what is not sent yet, in seconds.",
        default=2.0,
    )
    outbox_dir: Path | None = setting(  # noqa: RUF009 - it gives a field, as dataclasses.field does
        "TASKMON_OUTBOX_DIR",
        kinds.OPTIONAL_PATH,
        "Folder where finished spans and events wait until they are sent. It is made, for its owner alone, where it "
        "is missing. Not on a network disk. What a killed process left there, the next one with the same folder sends.",
        default=None,
        default_text="$XDG_STATE_HOME/taskmon/outbox, else a folder of the user's own in $TMPDIR, /tmp or /dev/shm",
    )
    outbox_max_bytes: int = setting(
        "TASKMON_OUTBOX_MAX_BYTES",
        kinds.integer(1_048_576, 1_099_511_627_776),
        "Most that may wait there, in bytes, for all processes together. The oldest stay; what does not fit is "
        "counted and told as the metric `taskmon.dropped`.",
        default=256 * 1024 * 1024,
    )
    queue_depth: bool = setting(
        "TASKMON_QUEUE_DEPTH",
        kinds.BOOLEAN,
        "Whether one of the workers (they settle which on the broker) counts what waits in the app's queues, on Redis "
        "and RabbitMQ.",
        default=True,
    )
    queue_depth_interval_s: float = setting(
        "TASKMON_QUEUE_DEPTH_INTERVAL_S",
        kinds.seconds(0.5, 3_600.0),
        "How often it counts, in seconds; the same in all workers.",
        default=10.0,
    )


def default_data_dir() -> Path:
    """``$XDG_DATA_HOME/taskmon``, else ``~/.local/share/taskmon``."""
    # the XDG specification says that a relative path is to be ignored
    data_home = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    return (data_home if data_home.is_absolute() else Path("~/.local/share").expanduser()) / "taskmon"


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
    max_request_bytes: int = setting(
        "TASKMON_MAX_REQUEST_BYTES",
        kinds.integer(1_024, 1_073_741_824),
        "Longest OTLP request that is taken, in bytes, after decompression.",
        default=16 * 1024 * 1024,
    )


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
class RetentionSettings(FromEnvironment):
    """How long rows are kept (``retention``); what ``taskmon serve`` and ``taskmon migrate`` read."""

    data_max_age: ages.Age = setting(  # noqa: RUF009 - as above
        "TASKMON_DATA_MAX_AGE",
        ages.AGE,
        "Hours that tasks, and all that is known of them, are kept.",
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


ALL: Final[tuple[type[FromEnvironment], ...]] = (
    Settings,
    StoreSettings,
    RetentionSettings,
    ReaderSettings,
    ViewerSettings,
    BrokerSettings,
)


def variables() -> list[str]:
    """Every environment variable that exists, those for files of secrets included."""
    names: list[str] = []
    for owner in ALL:
        for declared in dataclasses.fields(owner):  # type: ignore[arg-type]
            spec = spec_of(declared)
            names += [spec.variable, spec.variable + FILE_SUFFIX] if spec.secret else [spec.variable]
    return names


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = variables()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            raise _unknown(name, known)


def _unknown(name: str, known: list[str]) -> SettingError:
    import difflib  # only here: a worker that starts well never needs it

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    # what an unknown name holds may well be a secret with a typing error in its name
    return SettingError(name, Hidden(), f"the name of a setting (docs/settings.md lists them){hint}")


def _from_file(environ: Mapping[str, str], variable: str) -> str | None:
    name = variable + FILE_SUFFIX
    path = environ.get(name, "")
    if not path:
        return None
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise SettingError(name, path, f"a readable text file ({type(error).__name__})") from None
    if not text:
        raise SettingError(name, path, "a file that is not empty")
    return text
