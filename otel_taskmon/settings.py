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


ALL: Final[tuple[type[FromEnvironment], ...]] = (Settings, StoreSettings, ReaderSettings)


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
