"""Every way a task can go, published by a real publisher, with what must be recorded of it.

Runs in a publisher process of its own (``publish.py``): the app under test is instrumented there too.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from celery import chain, chord, group

from tests.apps import truth as shop
from tests.truth.expected import Expected

Outcome = Callable[[], list[Expected]]
DECLINED = "tests.apps.truth.Declined"


def new_id() -> str:
    return str(uuid.uuid4())


def success() -> list[Expected]:
    row = "success"
    sent = shop.echo.apply_async(("fine",), priority=4)
    return [Expected(row, sent.id, "truth.echo", "SUCCESS", args=["fine"], result='"fine"')]


def results_that_are_nothing() -> list[Expected]:
    row = "success: None, 0, False, '', []"
    values: tuple[tuple[Any, str], ...] = ((None, "null"), (0, "0"), (False, "false"), ("", '""'), ([], "[]"))
    return [
        Expected(row, shop.echo.delay(value).id, "truth.echo", "SUCCESS", args=[value], result=text)
        for value, text in values
    ]


def failure() -> list[Expected]:
    return [
        Expected("failure", shop.fails.delay(7).id, "truth.fails", "FAILURE", args=[7], exc_type=DECLINED)
    ]


def failure_expected() -> list[Expected]:
    exc_type = "tests.apps.truth.Expected"
    sent = shop.expected.delay()
    return [
        Expected("failure in throws", sent.id, "truth.expected", "FAILURE", exc_type=exc_type, is_error=False)
    ]


def autoretry() -> list[Expected]:
    row, task_id = "autoretry, exhausted", shop.hopeless.delay().id
    name, reason = "truth.hopeless", "Retry in .*"
    return [
        *(
            Expected(row, task_id, name, "RETRY", retries=n, reason=reason, exc_type=DECLINED, parent="")
            for n in (0, 1)
        ),
        Expected(row, task_id, name, "FAILURE", retries=2, exc_type=DECLINED, parent=""),
    ]


def self_retry() -> list[Expected]:
    return _flaky("self.retry, then success", 2, [2])


def self_retry_with_eta() -> list[Expected]:
    return _flaky("self.retry with eta", 1, [1, 0.3])


def _flaky(row: str, times: int, args: list[Any]) -> list[Expected]:
    task_id, name = shop.flaky.delay(*args).id, "truth.flaky"
    tries = [
        Expected(
            row, task_id, name, "RETRY", retries=n, reason="Retry.*", exc_type="ConnectionError", args=args, parent=""
        )
        for n in range(times)
    ]  # fmt: skip
    last = Expected(row, task_id, name, "SUCCESS", retries=times, args=args, result='"paid"', parent="")
    return [*tries, last]


def self_retry_exhausted() -> list[Expected]:
    row, name = "self.retry, exhausted", "truth.gives_up"
    found = []
    for with_cause, first, last in (
        (True, "ConnectionError", "ConnectionError"),
        (False, "", "celery.exceptions.MaxRetriesExceededError"),
    ):
        task_id = shop.gives_up.delay(with_cause).id
        found += [
            Expected(row, task_id, name, "RETRY", reason="Retry.*", exc_type=first, args=[with_cause]),
            Expected(row, task_id, name, "FAILURE", retries=1, exc_type=last, args=[with_cause], parent=""),
        ]
    return found


def ignored() -> list[Expected]:
    return [Expected("Ignore", shop.ignores.delay().id, "truth.ignores", "IGNORED", reason=".*not needed.*")]


def rejected() -> list[Expected]:
    return [
        Expected("Reject", shop.rejects.delay().id, "truth.rejects", "REJECTED", reason=".*broken order.*")
    ]


def requeued() -> list[Expected]:
    row, task_id, name = "Reject(requeue=True), next delivery", shop.requeues.delay().id, "truth.requeues"
    return [
        Expected(row, task_id, name, "REJECTED", reason=".*not now.*requeued.*"),
        Expected(row, task_id, name, "SUCCESS", redelivered=True, result='"later"'),
    ]


def unserialisable_result() -> list[Expected]:
    exc_type, task_id = "kombu.exceptions.EncodeError", shop.unserialisable.delay().id
    return [Expected("unserialisable result", task_id, "truth.unserialisable", "FAILURE", exc_type=exc_type)]


def never_started() -> list[Expected]:
    """Revoked and expired, by the worker that holds them."""
    by_id = shop.echo.apply_async((1,), countdown=1.5).id
    stamped = (
        shop.echo.s(2).set(countdown=1.5, customer="c-17", stamped_headers=["customer"]).apply_async().id
    )
    late = shop.echo.apply_async((3,), expires=-5).id
    waiting = shop.echo.apply_async((4,), countdown=1, expires=0.5).id
    control: dict[str, Any] = {"destination": [f"{shop.CELL}@tests"], "reply": True, "timeout": 10}
    shop.app.control.revoke_by_stamped_headers({"customer": ["c-17"]}, **control)
    shop.app.control.revoke(by_id, **control)
    stamp = "revoked by stamped header customer"
    return [
        _not_run("revoked before start", by_id, "REVOKED", "revoked", [1]),
        _not_run("revoked by stamped header", stamped, "REVOKED", stamp, [2]),
        _not_run("expired", late, "EXPIRED", "expired", [3]),
        _not_run("expired", waiting, "EXPIRED", "expired", [4]),
    ]


def _not_run(row: str, task_id: str, state: str, reason: str, args: list[Any] | None) -> Expected:
    return Expected(row, task_id, "truth.echo", state, reason=reason, args=args, ran=False)


def turned_down() -> list[Expected]:
    unknown = shop.app.send_task("elsewhere.nobody", (1,)).id
    cut, pickled = new_id(), new_id()
    _send_raw(b'[["half', cut, "application/json", "utf-8")
    _send_raw(b"\x80\x04N.", pickled, "application/x-python-serialize", "binary")
    raw: dict[str, Any] = {"args": None, "kwargs": None, "ran": False, "root": "", "notes": "args:dropped"}
    not_accepted = "content type application/x-python-serialize is not accepted"
    return [
        Expected(
            "unknown task", unknown, "elsewhere.nobody", "REJECTED", args=[1], ran=False,
            reason="the task is not registered on this worker",
        ),
        Expected("undecodable message", cut, "truth.echo", "REJECTED", reason="cannot be decoded .*", **raw),
        Expected("unsupported content type", pickled, "truth.echo", "REJECTED", reason=not_accepted, **raw),
    ]  # fmt: skip


def _send_raw(body: bytes, task_id: str, kind: str, encoding: str) -> None:
    """A message as another program may send it."""
    with shop.app.connection_for_write() as connection:
        connection.Producer().publish(
            body,
            exchange="",
            routing_key=shop.app.conf.task_default_queue,
            headers={"id": task_id, "task": "truth.echo"},
            content_type=kind,
            content_encoding=encoding,
            serializer=None,
        )


def eager() -> list[Expected]:
    row, child = "eager, apply()", new_id()
    here = shop.echo.apply(("here",)).id
    outer = shop.eager_inside.delay(child).id
    return [
        Expected(row, here, "truth.echo", "SUCCESS", args=["here"], eager=True),
        Expected(row, outer, "truth.eager_inside", "SUCCESS", args=[child]),
        Expected(row, child, "truth.echo", "SUCCESS", args=["eager"], eager=True, root=outer, parent=outer),
    ]


def inside_a_task() -> list[Expected]:
    row, child = "task from a task", new_id()
    outer = shop.parent.delay(child).id
    direct = shop.calls_directly.delay().id
    return [
        Expected(row, outer, "truth.parent", "SUCCESS", args=[child], root=outer, parent=""),
        Expected(row, child, "truth.echo", "SUCCESS", args=["child"], root=outer, parent=outer),
        Expected("direct call inside a task", direct, "truth.calls_directly", "SUCCESS", result="3"),
    ]


def chains_and_links() -> list[Expected]:
    linked, failed, told = new_id(), new_id(), new_id()
    last = chain(shop.add.s(1, 2), shop.add.s(10)).apply_async()
    first = last.parent.id
    callback = shop.add.s(5).set(task_id=linked)
    calling = shop.add.apply_async((3, 4), link=callback).id
    shop.fails.apply_async((9,), task_id=failed, link_error=shop.errback.s().set(task_id=told))
    name = "truth.add"
    return [
        Expected("chain", first, name, "SUCCESS", args=[1, 2], root=first, parent=""),
        Expected("chain", last.id, name, "SUCCESS", args=[3, 10], result="13", root=first, parent=first),
        Expected("link", calling, name, "SUCCESS", args=[3, 4], root=calling, parent=""),
        Expected("link", linked, name, "SUCCESS", args=[7, 5], root=calling, parent=calling),
        Expected("link_error", failed, "truth.fails", "FAILURE", args=[9], exc_type=DECLINED),
        Expected("link_error", told, "truth.errback", "SUCCESS", args=[failed], root=failed, parent=failed),
    ]


def groups_and_chords() -> list[Expected]:
    found = group(shop.add.s(1, 1), shop.add.s(2, 2)).apply_async()
    body = chord([shop.add.s(1, 1), shop.add.s(2, 2), shop.add.s(3, 3)], shop.total.s()).apply_async()
    more = new_id()
    grown = chord([shop.extends_chord.s(more), shop.add.s(2, 2)], shop.total.s()).apply_async()
    of_group: dict[str, Any] = {"group": found.id, "parent": "", "chord": ""}
    of_chord: dict[str, Any] = {"group": body.parent.id, "chord": body.id, "parent": ""}
    of_grown: dict[str, Any] = {"group": grown.parent.id, "chord": grown.id}
    first = grown.parent.children[0].id
    return [
        *(
            Expected(
                "group", child.id, "truth.add", "SUCCESS", args=[n + 1, n + 1], group_index=n, **of_group
            )
            for n, child in enumerate(found.children)
        ),
        *(
            Expected(
                "chord", child.id, "truth.add", "SUCCESS", args=[n + 1, n + 1], group_index=n, **of_chord
            )
            for n, child in enumerate(body.parent.children)
        ),
        Expected("chord", body.id, "truth.total", "SUCCESS", args=[[2, 4, 6]], result="12"),
        Expected("add_to_chord", first, "truth.extends_chord", "SUCCESS", args=[more], **of_grown),
        Expected("add_to_chord", more, "truth.add", "SUCCESS", args=[20, 22], parent=first, **of_grown),
        Expected(
            "add_to_chord", grown.parent.children[1].id, "truth.add", "SUCCESS", args=[2, 2], **of_grown
        ),
        Expected("add_to_chord", grown.id, "truth.total", "SUCCESS", args=None),
    ]


def maps() -> list[Expected]:
    """The calls inside are no executions of their own; Celery runs all of them as one task of its own."""
    starmap = shop.add.starmap([(1, 1), (2, 2)]).apply_async()
    chunks = shop.add.chunks([(1, 1), (2, 2), (3, 3)], 2).apply_async()
    name, untold = "celery.starmap", {"kwargs": None, "told": False}
    return [
        Expected("starmap", starmap.id, name, "SUCCESS", result="[2, 4]", **untold),  # type: ignore[arg-type]
        *(
            Expected(
                "chunks", child.id, name, "SUCCESS", group=chunks.id, group_index=n, root=None, **untold  # type: ignore[arg-type]
            )
            for n, child in enumerate(chunks.children)
        ),
    ]  # fmt: skip


def replaced() -> list[Expected]:
    row, task_id = "replace", shop.replaces.delay().id
    return [
        Expected(row, task_id, "truth.replaces", "IGNORED", reason="Replaced.*", root=task_id, parent=""),
        Expected(row, task_id, "truth.echo", "SUCCESS", args=["instead"], result='"instead"', root=task_id),
    ]


def unusual_options() -> list[Expected]:
    custom, child = f"order 7/ä {shop.CELL}", new_id()
    shop.echo.apply_async(("custom",), task_id=custom)
    quiet = shop.quiet.delay({"a": [1, None]}).id
    outer = shop.no_trail.delay(child).id
    return [
        Expected("custom task_id, no UUID", custom, "truth.echo", "SUCCESS", args=["custom"], root=custom),
        Expected("ignore_result", quiet, "truth.quiet", "SUCCESS", args=[{"a": [1, None]}]),
        Expected("trail=False", outer, "truth.no_trail", "SUCCESS", args=[child]),
        Expected("trail=False", child, "truth.echo", "SUCCESS", args=["child"], root=outer, parent=outer),
    ]


CALM: tuple[Outcome, ...] = (
    *(success, results_that_are_nothing, failure, failure_expected, autoretry, self_retry),
    *(self_retry_with_eta, self_retry_exhausted, ignored, rejected, requeued, never_started, turned_down),
    *(unserialisable_result, eager, inside_a_task, chains_and_links),
    *(groups_and_chords, maps, replaced, unusual_options),
)
"""No process dies of these, so that they can share one worker also where spans die with their process."""
