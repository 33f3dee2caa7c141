"""Messages as Celery and kombu put them into Redis, many at a time: publishing a million one by one takes minutes."""

from __future__ import annotations

import base64
import itertools
import json
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from redis import Redis

_AT_ONCE = 1_000
EMBED: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def message(
    task: str,
    task_id: str,
    args: Sequence[object] = (),
    *,
    queue: str = "celery",
    priority: int = 0,
    **headers: object,
) -> str:
    """One message of Celery's protocol 2, stamped as our publisher does."""
    body = json.dumps([list(args), {}, EMBED])
    now = time.time_ns()
    return json.dumps(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py", "task": task, "id": task_id, "shadow": None, "eta": None, "expires": None,
                "group": None, "group_index": None, "retries": 0, "timelimit": [None, None], "root_id": task_id,
                "parent_id": None, "argsrepr": repr(tuple(args)), "kwargsrepr": "{}", "origin": "gen1@tests",
                "ignore_result": True, "replaced_task_nesting": 0, "stamped_headers": None, "stamps": {},
                "taskmon_first_published_at": now, "taskmon_published_at": now, "taskmon_queue": queue, **headers,
            },
            "properties": {
                "correlation_id": task_id, "reply_to": "", "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue}, "priority": priority,
                "body_encoding": "base64", "delivery_tag": str(uuid.uuid4()),
            },
        }
    )  # fmt: skip


def push(redis: Redis, key: str, messages: Iterable[str]) -> None:
    """As publishers do: on the left."""
    for part in _batched(messages):
        redis.lpush(key, *part)


def _batched(messages: Iterable[str]) -> Iterable[tuple[str, ...]]:
    left = iter(messages)
    while part := tuple(itertools.islice(left, _AT_ONCE)):
        yield part


def ids(redis: Redis, key: str) -> list[str]:
    """Task ids in a list, next to be consumed first."""
    raw: Any = redis.lrange(key, 0, -1)
    return [json.loads(text)["headers"]["id"] for text in reversed(raw)]
