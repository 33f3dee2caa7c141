"""The app that a task belongs to, read from the task's name: ``shop.orders.tasks.ship`` is of ``orders``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from otel_taskmon._setting_fields import NAME_MAPPING, Spec, checked

NO_APP: Final = ""
BUILT_IN_MAPPING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"standingsrequests": ("standings_requests",)}
)
_REMEMBERED: Final = 4_096


def app_in_name(task_name: str) -> str:
    """The part before the first part that is exactly ``tasks``; of a name of two parts the first; else ``""``."""
    parts = task_name.split(".")
    if "tasks" in parts:
        place = parts.index("tasks")
        return parts[place - 1] if place else NO_APP
    return parts[0] if len(parts) == 2 else NO_APP


class AppNames:
    """App names under a mapping of canonical names to the names they replace.

    The built-in mapping comes first; of two entries for one name the later wins. A mapped name is not mapped again.
    """

    def __init__(self, mapping: Mapping[str, list[str] | tuple[str, ...]] | None = None) -> None:
        """Raises SettingError when ``mapping`` is not a dict of names to lists of names."""
        name = "TASKMON_APP_NAME_MAPPING_CONFIG"
        own = checked(name, {} if mapping is None else mapping, Spec(name, "", NAME_MAPPING))
        self._canonical = {
            alternate: canonical
            for source in (BUILT_IN_MAPPING, own)
            for canonical, alternates in source.items()
            for alternate in alternates
        }
        self._known: dict[str, str] = {}

    def of(self, task_name: str) -> str:
        """The app of the task with this name; ``""`` where the name gives none."""
        app = self._known.get(task_name)
        if app is None:
            app = app_in_name(task_name)
            app = self._canonical.get(app, app)
            if (
                len(self._known) < _REMEMBERED
            ):  # names come from the broker: anybody may send any number of them
                self._known[task_name] = app
        return app
