"""Errors that people see; each message says what is wrong and what to do."""

from __future__ import annotations


class TaskmonError(Exception):
    """Base of what we raise on purpose; its text is fit to be shown to a person."""


class SettingError(TaskmonError):
    """A setting has a wrong name or value.

    The text names the setting, the value as given, and what is allowed.
    """

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}={value!r} is not valid: allowed is {allowed}")
        self.name = name
        self.value = value
        self.allowed = allowed


class StoreUnavailable(TaskmonError):
    """The store does not answer; never to be shown as "no data"."""


class QueryFailed(TaskmonError):
    """The store answered a query with an error; ``code`` is ClickHouse's number of it, 0 where it gave none."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code
