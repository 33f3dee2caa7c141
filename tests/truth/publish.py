"""A publisher process: ``python -m tests.truth.publish WHAT ANSWER [JSON]`` publishes and writes what must come of it.

WHAT: ``calm``, ``violent`` or ``interrupted`` (the pool is named in the JSON), ``ticks`` (count, seconds, holds,
hold_s, limit_s), or ``failing`` (publishes that cannot succeed). ANSWER is a file; the list of expected executions
is written there as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kombu.exceptions import EncodeError, OperationalError

from tests.apps import truth as shop
from tests.truth.expected import Expected
from tests.truth.outcomes import CALM, new_id
from tests.truth.violent import INTERRUPTED, VIOLENT


def calm(pool: str) -> list[Expected]:
    return [one for outcome in CALM for one in outcome()]


def violent(pool: str) -> list[Expected]:
    return [one for outcome in VIOLENT[pool] for one in outcome()]


def interrupted(pool: str) -> list[Expected]:
    return [one for outcome in INTERRUPTED[pool] for one in outcome()]


def ticks(count: int, seconds: float = 0.01, holds: int = 0, hold_s: float = 60.0, limit_s: int = 0) -> None:
    """Short tasks, then long ones. What must come of them depends on how the worker ends."""
    for number in range(count):
        shop.tick.apply_async((number,), {"seconds": seconds})
    for _ in range(holds):
        shop.hold.apply_async((hold_s,), time_limit=limit_s or None)


def failing() -> list[Expected]:
    """To be run with a broker that is down."""
    shop.app.conf.broker_transport_options = {
        "max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0,
    }  # fmt: skip
    found = []
    kinds: tuple[tuple[str, Any, type[Exception], str], ...] = (
        ("publish fails: broker down", "x", OperationalError, "kombu.exceptions.OperationalError"),
        ("publish fails: not serialisable", object(), EncodeError, "kombu.exceptions.EncodeError"),
    )
    for row, argument, error, exc_type in kinds:
        task_id = new_id()
        try:
            shop.echo.apply_async((argument,), task_id=task_id, retry=False)
        except error:
            found.append(Expected(row, task_id, "truth.echo", "FAILURE", exc_type=exc_type, args=None))
    return found


def main() -> None:
    what, answer, arguments = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    known: dict[str, Callable[..., list[Expected] | None]] = {
        "calm": calm, "violent": violent, "interrupted": interrupted, "ticks": ticks, "failing": failing,
    }  # fmt: skip
    expected = known[what](**arguments) or []
    answer.write_text(json.dumps([one.as_json() for one in expected]))


if __name__ == "__main__":
    main()
