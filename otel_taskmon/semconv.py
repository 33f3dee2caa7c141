"""Attribute keys, header names and words that the worker writes and the tables read.

Keys that OpenTelemetry or the stock instrumentation name keep their names; all others start with ``taskmon.``.
Times are integers, nanoseconds since the Unix epoch. Texts are UTF-8; payloads are JSON text.
The tables' materialized views (``schema/``) read exactly these keys, so a name here is an interface.
"""

from __future__ import annotations

from typing import Final

INSTRUMENTATION_SCOPE: Final = "opentelemetry.instrumentation.celery"
"""Scope name of the spans that opentelemetry-instrumentation-celery creates; ours are added to those."""

# ---- kept from the stock instrumentation -------------------------------------------------------------------
CELERY_ACTION: Final = "celery.action"
"""``run`` on run spans, ``apply_async`` on publish spans."""
CELERY_STATE: Final = "celery.state"
CELERY_TASK_NAME: Final = "celery.task_name"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"
"""The task id, the same on every retry."""
ACTION_RUN: Final = "run"
ACTION_PUBLISH: Final = "apply_async"

# ---- current messaging conventions, beside the old ones ----------------------------------------------------
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_DESTINATION_NAME: Final = "messaging.destination.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
ERROR_TYPE: Final = "error.type"

EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
"""Qualified class name with its module (``builtins`` left out)."""
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# ---- ours --------------------------------------------------------------------------------------------------
ARGS: Final = "taskmon.args"
KWARGS: Final = "taskmon.kwargs"
RESULT: Final = "taskmon.result"
"""JSON text; absent when the execution has no result (not SUCCESS)."""
PAYLOAD_NOTES: Final = "taskmon.payload.notes"
"""Sorted, comma separated ``part:what``; part is args, kwargs, result or exception; what is truncated, redacted,
unserialisable or dropped. Example: ``args:truncated,kwargs:redacted``."""
APP: Final = "taskmon.app"
TORN: Final = "taskmon.torn"
"""True on a run span whose execution was torn down (no state): the tables skip it."""
REPORTER: Final = "taskmon.reporter"
"""Who reports this execution: ``pool`` (the process that ran it) or ``main`` (the worker's main process)."""
REASON: Final = "taskmon.reason"
"""Why lost / revoked / expired / rejected / retried."""
WORKER: Final = "taskmon.worker"
BOOT_ID: Final = "taskmon.worker.boot_id"
HOST: Final = "taskmon.host"
PID: Final = "taskmon.pid"
EXECUTION_ID: Final = "taskmon.execution_id"
QUEUE: Final = "taskmon.queue"
ROUTING_KEY: Final = "taskmon.routing_key"
PRIORITY: Final = "taskmon.priority"
REDELIVERED: Final = "taskmon.redelivered"
RETRIES: Final = "taskmon.retries"
ETA: Final = "taskmon.eta"
EXPIRES: Final = "taskmon.expires"
ROOT_ID: Final = "taskmon.root_id"
PARENT_ID: Final = "taskmon.parent_id"
GROUP_ID: Final = "taskmon.group_id"
GROUP_INDEX: Final = "taskmon.group_index"
CHORD_ID: Final = "taskmon.chord_id"
IS_EAGER: Final = "taskmon.is_eager"
FIRST_PUBLISHED_AT: Final = "taskmon.first_published_at"
PUBLISHED_AT: Final = "taskmon.published_at"
RECEIVED_AT: Final = "taskmon.received_at"
STARTED_AT: Final = "taskmon.started_at"
EXCEPTION_FINGERPRINT: Final = "taskmon.exception.fingerprint"
"""On the exception event: 16 hex digits, equal for the same type raised at the same place in the same code."""

# ---- message headers (they travel publisher -> main process -> pool process) -------------------------------
HEADER_FIRST_PUBLISHED_AT: Final = "taskmon_first_published_at"
"""Set once, survives retries."""
HEADER_PUBLISHED_AT: Final = "taskmon_published_at"
HEADER_QUEUE: Final = "taskmon_queue"
HEADER_SECRET_ARGS: Final = "taskmon_secret_args"  # noqa: S105 - the name of a header
"""Positions of arguments whose parameter has a secret name: who reads the queue knows no signature."""
REQUEST_RECEIVED_AT: Final = "taskmon_received_at"
"""Stamped by the main process into the request; never travels over the broker."""
REQUEST_EXECUTION_ID: Final = "taskmon_execution_id"

# ---- events (OTel log records with an event name) ----------------------------------------------------------
EVENT_RECEIVED: Final = "taskmon.task.received"
EVENT_STARTED: Final = "taskmon.task.started"
EVENT_HEARTBEAT: Final = "taskmon.worker.heartbeat"
EVENT_ONLINE: Final = "taskmon.worker.online"
EVENT_OFFLINE: Final = "taskmon.worker.offline"

WORKER_RUNNING: Final = "taskmon.worker.running"
"""On heartbeats: ids of the executions that the pool runs, comma separated; all of them."""
WORKER_HELD: Final = "taskmon.worker.held"
"""Ids of the executions that were received and do not run yet, comma separated; at most 1000 of them."""
WORKER_RUNNING_COUNT: Final = "taskmon.worker.running_count"
WORKER_HELD_COUNT: Final = "taskmon.worker.held_count"
WORKER_POOL_SIZE: Final = "taskmon.worker.pool_size"
WORKER_PREFETCH: Final = "taskmon.worker.prefetch"
"""How many messages the worker takes ahead; 0: no limit."""
WORKER_QUEUES: Final = "taskmon.worker.queues"
"""The queues that the worker takes from now: a JSON list, sorted; missing where Celery does not tell."""
WORKER_INTERVAL_MS: Final = "taskmon.worker.heartbeat_interval_ms"
WORKER_VERSION: Final = "taskmon.worker.version"
"""Of otel-taskmon."""
WORKER_CELERY_VERSION: Final = "taskmon.worker.celery_version"

# ---- metrics -----------------------------------------------------------------------------------------------
QUEUE_DEPTH: Final = "taskmon.queue.depth"
QUEUE_UNACKED: Final = "taskmon.queue.unacked"
QUEUE_CONSUMERS: Final = "taskmon.queue.consumers"
QUEUE_OLDEST_AT: Final = "taskmon.queue.oldest_at"
DROPPED: Final = "taskmon.dropped"
"""A running total per boot, signal and reason (``taskmon.reason``: overflow, refused); none before the first loss."""
SIGNAL: Final = "taskmon.signal"
"""``traces``, ``logs`` or ``metrics``."""

STATES: Final = (
    "SENT",
    "SCHEDULED",
    "RECEIVED",
    "STARTED",
    "RETRY",
    "SUCCESS",
    "FAILURE",
    "REVOKED",
    "EXPIRED",
    "REJECTED",
    "IGNORED",
    "LOST",
)
"""The one language of states; a task has exactly one."""
