"""The Lua scripts of ``lua/``: what has to happen in Redis in one step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

_READ_MESSAGES: Final = frozenset({"count", "read", "purge_few", "purge_copy", "oldest"})


@cache
def text(name: str) -> str:
    """The script ``lua/<name>.lua``, after what it shares with others."""
    folder = resources.files("otel_taskmon.broker") / "lua"
    own = (folder / f"{name}.lua").read_text(encoding="utf-8")
    if name not in _READ_MESSAGES:
        return own
    return (folder / "message.lua").read_text(encoding="utf-8") + own


def run(client: Any, name: str, keys: Sequence[str], *arguments: str | int) -> Any:
    """Run a script on a redis-py client (its text travels once); the answer as redis-py gives it: bytes, integers."""
    return client.register_script(text(name))(keys=list(keys), args=list(arguments))
