"""What ``otel_taskmon.instrument()`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from otel_taskmon import _setting_fields as kinds
from otel_taskmon._setting_fields import setting
from otel_taskmon.settings.environment import FromEnvironment


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
        "Longest time that a worker's exit may take for what is not sent yet, in seconds. What is left then waits in "
        "the outbox for the next process on that host.",
        default=1.25,
    )
    outbox_dir: Path | None = setting(  # noqa: RUF009 - it gives a field, as dataclasses.field does
        "TASKMON_OUTBOX_DIR",
        kinds.OPTIONAL_PATH,
        "Folder where finished spans and events wait until they are sent. It is made, for its owner alone, where it "
        "is missing. Not on a network disk. What a killed process left there, the next one with the same folder sends: "
        "installations that send to different stores need one each.",
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
