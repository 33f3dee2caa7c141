"""Waiting messages are read without trusting them: whatever is wrong with one, it is a row that says so."""

from __future__ import annotations

import base64
import json
import pickle
from typing import Any

import pytest

from otel_taskmon.app_names import AppNames
from otel_taskmon.broker import Reading, WaitingTask, Wanted
from otel_taskmon.broker.message import NO_HEADERS, NOT_JSON, TOO_LONG, Message, waiting_task
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings
from tests.support.queued_messages import EMBED, message

READING = Reading(PayloadEncoder(Settings()), AppNames({"store": ["shop"]}).of)


def read(text: str | bytes, size: int | None = None) -> WaitingTask:
    raw = text.encode() if isinstance(text, str) else text
    return waiting_task(Message.of(raw, len(raw) if size is None else size), 7, "q", READING)


def changed(text: str, **parts: Any) -> str:
    return json.dumps({**json.loads(text), **parts})


def body(args: object, kwargs: object) -> str:
    return base64.b64encode(json.dumps([args, kwargs, EMBED]).encode()).decode()


def test_all_that_a_message_says() -> None:
    row = read(
        message("shop.tasks.pay", "id-1", [1, "x"], priority=3, retries=2, eta="2027-01-02T03:04:05+02:00")
    )
    assert (row.position, row.queue, row.task, row.app, row.task_id) == (
        7,
        "q",
        "shop.tasks.pay",
        "store",
        "id-1",
    )
    assert (row.priority, row.retries, row.args, row.kwargs, row.problem) == (3, 2, '[1,"x"]', "{}", "")
    assert row.eta is not None
    assert row.eta.isoformat() == "2027-01-02T01:04:05+00:00"
    assert row.published_at is not None


def test_secrets_are_masked_as_at_the_source() -> None:
    row = read(changed(message("a.b", "x"), body=body(["token=geheim123"], {"password": "geheim", "n": 1})))
    assert "geheim" not in f"{row.args}{row.kwargs}"
    assert row.kwargs == '{"password":"***","n":1}'
    assert row.payload_notes == ("args:redacted", "kwargs:redacted")


def test_arguments_are_masked_where_the_publisher_says_that_their_parameter_is_secret() -> None:
    text = message("a.b", "x", ["ann", "geheim", None], taskmon_secret_args=[1, 9])
    row = read(text)
    assert (row.args, row.payload_notes) == ('["ann","***",null]', ("args:redacted",))
    pickled = changed(text, **{"content-type": "application/x-python-serialize"})
    assert read(pickled).args is None, (
        "what Celery wrote of the arguments as one text cannot be masked by position"
    )
    for broken in ("1", [True, "1", -1, None], {"1": 1}, 1):
        assert read(message("a.b", "x", ["ann"], taskmon_secret_args=broken)).args == '["ann"]'


def test_what_is_unknown_is_none_and_not_zero() -> None:
    text = json.loads(message("a.b", "x"))
    for header in ("retries", "taskmon_published_at", "argsrepr", "kwargsrepr"):
        del text["headers"][header]
    del text["properties"]["priority"]
    row = read(json.dumps({**text, "body": ""}))
    assert (row.retries, row.published_at, row.priority, row.args, row.kwargs) == (None,) * 5
    assert row.payload_notes == ("args:dropped", "kwargs:dropped")


class Bomb:
    opened = False

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return setattr, (Bomb, "opened", True)


def test_a_pickle_is_never_opened() -> None:
    pickled = base64.b64encode(pickle.dumps([[Bomb()], {}, {}])).decode()
    text = json.loads(message("a.b", "x", ["shown"]))
    text |= {"body": pickled, "content-type": "application/x-python-serialize", "content-encoding": "binary"}
    text["headers"]["kwargsrepr"] = "{'password': 'geheim'}"
    row = read(json.dumps(text))
    assert not Bomb.opened
    assert row.args == "('shown',)"
    assert row.kwargs is not None
    assert "geheim" not in row.kwargs


@pytest.mark.parametrize(
    "text", ["", "no json", "[1, 2]", "null", '"text"', "{", "[" * 100_000, b"\xff\xfe\x00"]
)
def test_what_is_not_json_is_a_row_that_says_so(text: str | bytes) -> None:
    row = read(text)
    assert (row.problem, row.task, row.task_id, row.args) == (NOT_JSON, "", "", None)


@pytest.mark.parametrize("headers", [{}, None, [], "text", {"task": None}, {"task": 7}, {"id": "x"}])
def test_without_task_headers(headers: object) -> None:
    row = read(changed(message("a.b", "x"), headers=headers))
    assert (row.problem, row.task, row.app) == (NO_HEADERS, "", "")


def test_one_that_was_too_long_to_be_sent() -> None:
    row = read("", 10_000_000)
    assert (row.problem, row.size, row.args) == (TOO_LONG, 10_000_000, None)


def test_a_long_one_whose_body_was_left_out_shows_the_short_text() -> None:
    row = read(changed(message("a.b", "x", ["long"]), body=""), 10_000_000)
    assert (row.problem, row.task, row.args, row.size) == ("", "a.b", "('long',)", 10_000_000)


@pytest.mark.parametrize(
    "parts",
    [
        {"body": "%%%"},
        {"body": 7},
        {"body": base64.b64encode(b"[1]").decode()},
        {"body": base64.b64encode(b"[" * 100_000).decode()},
        {"content-type": None},
        {"properties": None},
        {"properties": "x"},
    ],
)
def test_a_broken_body_leaves_the_rest(parts: dict[str, Any]) -> None:
    row = read(changed(message("a.b", "x", [1]), **parts))
    assert (row.task, row.args) == ("a.b", "(1,)")


def test_headers_of_wrong_types_are_unknown() -> None:
    row = read(message("a.b", "x", retries="many", eta=12, expires="soon", taskmon_published_at="now"))
    assert (row.retries, row.eta, row.expires, row.published_at) == (None,) * 4


def test_a_filter_needs_all_its_parts() -> None:
    found = Message.of(message("shop.tasks.pay", "id", priority=3).encode(), 1)
    app_of = READING.app_of
    assert all(
        found.fits(wanted, app_of)
        for wanted in (
            Wanted(),
            Wanted(task="shop.tasks.pay", app="store", task_id="id", priority=3),
        )
    )
    assert not any(
        found.fits(wanted, app_of)
        for wanted in (
            Wanted(task="shop.tasks"),
            Wanted(app="shop"),
            Wanted(app=""),
            Wanted(task_id="i"),
            Wanted(priority=0),
        )
    )


def test_a_message_without_a_name_is_of_no_app_not_even_of_none() -> None:
    nameless = Message.of(changed(message("a.b", "x"), headers={}).encode(), 1)
    assert not nameless.fits(Wanted(app=""), READING.app_of)
    assert Message.of(message("bare", "x").encode(), 1).fits(Wanted(app=""), READING.app_of)
