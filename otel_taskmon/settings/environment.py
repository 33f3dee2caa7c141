"""Reading settings from keyword arguments and the environment: the same for each class of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from otel_taskmon._setting_fields import Hidden, checked, spec_of
from otel_taskmon.errors import SettingError

PREFIX: Final = "TASKMON_"
FILE_SUFFIX: Final = "_FILE"
"""``<variable of a secret>_FILE`` names a file that holds the secret."""

_SERVICE_ADDRESS: Final = ("tcp://", "udp://", "sctp://")


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
        _refuse_unknown_variables(environ, {spec.variable for spec in declared.values()})
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
            text = given_text(environ, spec.variable)
            if found and text:
                raise SettingError(
                    spec.variable, Hidden(), f"only one of it and {spec.variable}{FILE_SUFFIX}"
                )
            if found or text:
                values[name] = checked(spec.variable, found or text, spec)
        return cls(**values)


def given_text(environ: Mapping[str, str], variable: str) -> str:
    """What somebody has set the variable to; "" also where only Kubernetes has, for a Service with such a name."""
    text = environ.get(variable, "")
    if text.startswith(_SERVICE_ADDRESS):
        from otel_taskmon.settings.foreign import is_port_of_service

        if is_port_of_service(variable, environ):
            return ""
    return text


def _refuse_unknown_variables(environ: Mapping[str, str], own: set[str]) -> None:
    """``own`` are variables that are known already: a worker that has no others need not know the rest."""
    others = sorted(name for name in environ if name.startswith(PREFIX) and name not in own)
    if not others:
        return
    from otel_taskmon.settings.every import variables

    known = variables()
    unknown = [name for name in others if name not in known]
    if not unknown:
        return
    from otel_taskmon.settings.foreign import is_foreign

    for name in unknown:
        if not is_foreign(name, environ):
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
