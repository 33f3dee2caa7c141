"""The access check and the headers, in front of HTTP and websockets alike."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from otel_taskmon.errors import SettingError, TaskmonError
from otel_taskmon.settings import ReaderSettings
from taskmon_viewer import links
from taskmon_viewer.access.middleware import AccessCheck
from taskmon_viewer.access.policy import LocalAccess
from taskmon_viewer.security_headers import SecurityHeaders
from taskmon_viewer.server import APP_SCRIPT, build_app, run_viewer, streamlit_config
from tests.support.asgi import call, scope_of

HOST = ("host", "127.0.0.1:8501")


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """What the check protects."""
    if scope["type"] == "http":
        await PlainTextResponse("page")(scope, receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await send({"type": "lifespan.startup.complete"})


PASSING: list[Sequence[tuple[str, str]]] = [
    [HOST],
    [("host", "localhost")],
    [("host", "LOCALHOST:9000")],
    [("host", "[::1]:8501")],
    [("host", "127.0.0.53:8501")],
    [HOST, ("origin", "http://127.0.0.1:8501")],
    [("host", "localhost:9000"), ("origin", "https://localhost:9000")],
]
REFUSED: list[Sequence[tuple[str, str]]] = [
    [],
    [HOST, HOST],
    [("host", "evil.example")],
    [("host", "127.0.0.1.evil.example:8501")],
    [("host", "localhost@evil.example")],
    [("host", "[::1")],
    [("host", "0.0.0.0:8501")],
    [("host", "192.168.1.4:8501")],
    [HOST, ("origin", "http://evil.example")],
    [HOST, ("origin", "http://127.0.0.1:9999")],
    [HOST, ("origin", "null")],
    [HOST, ("origin", "file://127.0.0.1:8501")],
    [HOST, ("origin", "http://127.0.0.1:8501"), ("origin", "http://evil.example")],
]


@pytest.mark.parametrize("headers", PASSING)
def test_this_machine_may_use_the_viewer(headers: Sequence[tuple[str, str]]) -> None:
    assert call(AccessCheck(behind, LocalAccess()), scope_of(headers=headers)).text == "page"
    websocket = call(AccessCheck(behind, LocalAccess()), scope_of(kind="websocket", headers=headers))
    assert websocket.messages == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("headers", REFUSED)
def test_foreign_names_are_refused(headers: Sequence[tuple[str, str]]) -> None:
    answer = call(AccessCheck(behind, LocalAccess()), scope_of(headers=headers))
    assert answer.status == 403
    assert "refused" in answer.text
    websocket = call(AccessCheck(behind, LocalAccess()), scope_of(kind="websocket", headers=headers))
    assert [m["type"] for m in websocket.messages] == ["websocket.close"]


@pytest.mark.parametrize("client", [("10.0.0.7", 1), ("::ffff:10.0.0.7", 1), None])
@pytest.mark.parametrize(
    "path", ["/", "/task", "/api/export.csv", "/healthz", "/_stcore/stream", "/media/x.png"]
)
def test_other_machines_are_refused_on_every_path(client: tuple[str, int] | None, path: str) -> None:
    assert (
        call(AccessCheck(behind, LocalAccess()), scope_of(path, headers=[HOST], client=client)).status == 403
    )


def test_the_start_of_the_server_passes() -> None:
    assert call(AccessCheck(behind, LocalAccess()), {"type": "lifespan"}).messages == [
        {"type": "lifespan.startup.complete"}
    ]


@pytest.mark.parametrize("headers", [[HOST], [("host", "evil.example")]])
def test_every_answer_forbids_foreign_content(headers: Sequence[tuple[str, str]]) -> None:
    answer = call(SecurityHeaders(AccessCheck(behind, LocalAccess())), scope_of(headers=headers))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    assert "unsafe-inline" not in re.search(r"script-src [^;]*", policy)[0]  # type: ignore[index]
    assert "'sha256-" in policy
    assert not re.search(r"https?:", policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "monitor.internal"])
def test_listening_for_others_is_refused_at_the_start(host: str) -> None:
    settings = replace(ReaderSettings.from_environment({}), viewer_host=host)
    for start in (run_viewer, build_app):
        with pytest.raises(SettingError, match=r"TASKMON_VIEWER_HOST.*loopback"):
            start(settings)


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = ReaderSettings.from_environment({}, viewer_port=port)
        with pytest.raises(TaskmonError, match=rf"port {port} .* is taken.*TASKMON_VIEWER_PORT"):
            run_viewer(settings)


def test_nothing_is_told_to_the_internet_and_errors_show_no_inside() -> None:
    config = streamlit_config(ReaderSettings.from_environment({}))
    assert config["browser.gatherUsageStats"] is False
    assert config["client.showErrorDetails"] == "none"
    assert config["server.address"] == "127.0.0.1"


def test_streamlit_finds_no_folder_that_it_would_make_the_navigation_of() -> None:
    """With a folder called pages, the first visitor of a deep link gets the bare page script."""
    assert APP_SCRIPT.is_file()
    assert not APP_SCRIPT.with_name("pages").exists()
    for page in (links.TASKS_PAGE, links.TASK_PAGE):
        assert (APP_SCRIPT.parent / page).is_file()
