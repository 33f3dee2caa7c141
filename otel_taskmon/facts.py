"""What a publish and an execution say alike: payload, lineage, broker."""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_taskmon import semconv, stamps
from otel_taskmon._safely import SoftTimeLimitExceeded, safely
from otel_taskmon.payload import Encoded, PayloadEncoder
from otel_taskmon.settings import Settings

Attributes = dict[str, str | int | bool]


@dataclass(frozen=True)
class Recorder:
    """What all hooks share: made once per process that calls ``instrument()``."""

    settings: Settings
    encoder: PayloadEncoder
    app_name: Callable[[str], str]
    """Task name -> name of its app, "" when it has none."""
    remembered: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What executions have in common, see ``execution``."""


def join_notes(notes: Iterable[str]) -> str:
    """``taskmon.payload.notes``: sorted, each once, comma separated."""
    return ",".join(sorted(set(notes)))


def payload(
    recorder: Recorder, task: object, args: object, kwargs: object, into: Attributes
) -> tuple[str, ...]:
    """Put ``args`` and ``kwargs`` as JSON text into ``into``; what was done to them.

    ``task`` gives the names of positional arguments (a ``password`` is one however it is passed); None: not known.
    """
    notes: tuple[str, ...] = ()
    names = () if task is None else argument_names(task)
    plain = _plain(recorder, args, kwargs, names)
    if plain is not None:
        into[semconv.ARGS], into[semconv.KWARGS] = plain
        return notes
    for part, key, value in (("args", semconv.ARGS, args), ("kwargs", semconv.KWARGS, kwargs)):
        encoded = encode(recorder, part, value, names if part == "args" else ())
        if encoded is None:  # the rest of the span is worth having without it
            notes = (*notes, f"{part}:dropped")
        else:
            into[key] = encoded.text
            notes = (*notes, *encoded.notes)
    return notes


@safely("payload")
def _plain(
    recorder: Recorder, args: object, kwargs: object, names: tuple[str, ...]
) -> tuple[str, str] | None:
    return recorder.encoder.plain_call(args, kwargs, names)


@safely("payload")
def encode(recorder: Recorder, part: str, value: object, names: tuple[str, ...] = ()) -> Encoded:
    """``value`` as JSON text; None where that fails."""
    return recorder.encoder.encode(value, part=part, names=names)


_argument_names: weakref.WeakKeyDictionary[Any, tuple[str, ...]] = weakref.WeakKeyDictionary()


def argument_names(task: Any) -> tuple[str, ...]:
    """What the positional arguments of a task are called, asked of each task once; () where that cannot be told."""
    try:
        return _argument_names[task]
    except KeyError:
        names = _positional_names(task.run)
        _argument_names[task] = names
        return names
    except TypeError:  # a task of the user's that cannot be hashed or referenced weakly
        return _positional_names(task.run)


def secret_positions(recorder: Recorder, task: object) -> tuple[int, ...]:
    """Which positional arguments of ``task`` are masked by the name of their parameter; None: not known, so none."""
    names = () if task is None else argument_names(task)
    found: tuple[int, ...] | None = recorder.remembered.get((secret_positions, names))
    if found is None:
        is_secret = recorder.encoder.redactor.is_secret_key
        found = tuple(position for position, name in enumerate(names) if is_secret(name))
        recorder.remembered[(secret_positions, names)] = found
    return found


def _positional_names(run: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = _signature(run).parameters.values()
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 - a callable of the user's raised what it liked
        return ()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def _signature(run: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):
        # from here on annotations are evaluated when they are asked for, and may name what no worker imports
        from annotationlib import Format

        return inspect.signature(run, annotation_format=Format.STRING)
    return inspect.signature(run)


def lineage(task_id: str, get: Callable[[str], Any], chord: object, into: Attributes) -> None:
    """Root, parent, group and chord of a message; ``get`` reads its headers by Celery's names."""
    root, parent, group = stamps.name(get("root_id")), stamps.name(get("parent_id")), get("group")
    if root:
        into[semconv.ROOT_ID] = root
    if parent and parent != task_id:  # on a retry Celery puts the task's own id there
        into[semconv.PARENT_ID] = parent
    if group is not None and (group := stamps.name(group)):
        into[semconv.GROUP_ID] = group
    if chord is not None and (chord_id := _chord_id(chord)):
        into[semconv.CHORD_ID] = chord_id
    index = stamps.number(get("group_index"))
    if index is not None:
        into[semconv.GROUP_INDEX] = index


def _chord_id(chord: object) -> str:
    """The task id of the chord's body: what its header tasks have in common."""
    options = chord.get("options") if isinstance(chord, Mapping) else None
    return stamps.name(options.get("task_id")) if isinstance(options, Mapping) else ""


def messaging(system: str, queue: str, operation: str, into: Attributes) -> None:
    """The current messaging conventions, beside the older keys of the stock instrumentation."""
    if system:
        into[semconv.MESSAGING_SYSTEM] = system
    if queue:
        into[semconv.MESSAGING_DESTINATION_NAME] = queue
    into[semconv.MESSAGING_OPERATION_TYPE] = "process" if operation == semconv.ACTION_RUN else "send"
    into[semconv.MESSAGING_OPERATION_NAME] = operation
