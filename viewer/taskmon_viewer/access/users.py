"""Users and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from otel_taskmon.errors import TaskmonError

Role = Literal["viewer", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""From the least to the most: viewer reads, operator saves views, deletes and purges too, admin may all."""


@dataclass(frozen=True)
class User:
    """Somebody who was let in."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this user's role is ``role`` or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL: Final = User("local", "operator")
"""Everybody who reaches a viewer without an access setting; such a viewer listens on this machine only."""


class NotAllowed(TaskmonError):
    """Nobody is logged in, or the user's role is not enough; the text says which."""
