"""Who did what to logs and queues: a row in ``audit`` for each action that deletes."""

from __future__ import annotations

from dataclasses import dataclass

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.statements import statement


@dataclass(frozen=True)
class Actor:
    """Who acts: ``name`` as the person is known (account, or user of the machine), ``role`` what allowed it."""

    name: str
    role: str


def record_audit(
    client: Client, actor: Actor, *, action: str, target: str, affected: int, detail: str = ""
) -> None:
    """Note an action, for example ``purge logs``; ``client`` may write. Raises QueryFailed, StoreUnavailable."""
    client.run(
        statement("record_audit"),
        {
            "actor": actor.name,
            "role": actor.role,
            "action": action,
            "target": target,
            "affected": affected,
            "detail": detail,
        },
    )
