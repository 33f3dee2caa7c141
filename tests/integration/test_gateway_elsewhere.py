"""The ClickHouse HTTP interface as a client on another machine meets it: its peer and Host are given, not made."""

from __future__ import annotations

import asyncio

import pytest

from otel_taskmon.store.engine import Engine
from otel_taskmon.store.gateway import Gateway
from otel_taskmon.store.http_request import Receive, Scope, Send
from otel_taskmon.store.passwords import load_passwords
from otel_taskmon.store.server import http_config
from tests.support.asgi import AsgiAnswer, call, scope_of
from tests.support.http import basic

pytestmark = pytest.mark.integration

ELSEWHERE = ("10.0.0.9", 50_000)


def ask(engine: Engine, statement: str, *, reader: str | None, given: dict[str, str]) -> AsgiAnswer:
    """One statement from another machine to a store that listens on all addresses."""
    passwords = load_passwords(engine.directory.path, ingest="i", admin="a", reader=reader)
    headers = [("host", "store:8123"), *given.items()]
    scope = scope_of("/", method="POST", headers=headers, client=ELSEWHERE)
    answer = AsgiAnswer()
    bodies = [{"type": "http.request", "body": statement.encode(), "more_body": False}]

    async def receive() -> dict[str, object]:
        if bodies:
            return bodies.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        answer.messages.append(message)

    async def live() -> None:
        gateway = Gateway(engine, passwords, host="0.0.0.0", max_body_bytes=1_000_000)
        await gateway.start()
        try:
            await gateway(scope, receive, send)
        finally:
            gateway.stop()
            gateway.close()

    asyncio.run(live())
    return answer


def test_with_its_password_the_reading_user_reads_and_no_more(engine: Engine) -> None:
    given = basic("default", "hunter2")
    assert ask(engine, "SELECT 1", reader="hunter2", given=given).text == "1\n"
    refused = ask(engine, "DROP TABLE otel.otel_logs", reader="hunter2", given=given)
    assert refused.status != 200
    assert "ACCESS_DENIED" in refused.text or "READONLY" in refused.text


def test_nobody_says_by_a_header_that_it_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the proxies only one on this machine is believed, whatever an environment of containers says of proxies."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    seen = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"] or ("", 0))[0])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    config = http_config(application)
    config.load()
    for peer in ("10.0.0.9", "127.0.0.1"):
        for said in ("127.0.0.1", "10.0.0.8"):
            scope = scope_of("/", headers=[("x-forwarded-for", said)], client=(peer, 50_000))
            call(config.loaded_app, scope)
    assert seen == ["10.0.0.9", "10.0.0.9", "127.0.0.1", "10.0.0.8"]


@pytest.mark.parametrize("given", [{}, basic("default", "hunter3")])
@pytest.mark.parametrize("reader", [None, "hunter2"])
def test_without_it_nothing_is_read(engine: Engine, reader: str | None, given: dict[str, str]) -> None:
    refused = ask(engine, "SELECT 1", reader=reader, given=given)
    assert (refused.status, "AUTHENTICATION_FAILED" in refused.text) == (401, True)
    assert given or "TASKMON_READER_PASSWORD" in refused.text
