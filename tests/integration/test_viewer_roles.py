"""Who may do what, on the real server: role × route."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from taskmon_viewer.access.attempts import PER_USER_AND_ADDRESS
from taskmon_viewer.access.password_file import write_user
from taskmon_viewer.access.sessions import COOKIE
from taskmon_viewer.access.users import ROLES
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert, run
from tests.support.viewer import running_viewer

pytestmark = pytest.mark.integration

POOL = urllib3.PoolManager(retries=False, timeout=30)
PASSWORD = "a long password"
WHO = ("nobody", *ROLES)
OPEN = dict.fromkeys(WHO, 200)
LOGGED_IN = {"nobody": 401, "viewer": 200, "operator": 200, "admin": 200}
MATRIX: dict[str, dict[str, int]] = {
    "/healthz": OPEN,
    "/_stcore/health": OPEN,
    "/login": {"nobody": 200, "viewer": 303, "operator": 303, "admin": 303},
    "/": LOGGED_IN,
    "/task?id=x": LOGGED_IN,
    "/overview": {"nobody": 401, "viewer": 307, "operator": 307, "admin": 307},
    "/tasks": LOGGED_IN,
    "/reports?report=tasks_top_failed": LOGGED_IN,
    "/statistics": LOGGED_IN,
    "/queues": LOGGED_IN,
    "/api/export.csv?range=all": LOGGED_IN,
    "/api/report.csv?report=tasks_top_runs&range=30d": LOGGED_IN,
    "/api/statistics.csv?range=30d": LOGGED_IN,
    "/_stcore/host-config": LOGGED_IN,
    "/_stcore/metrics": LOGGED_IN,
    "/favicon.png": LOGGED_IN,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        with running.client("admin") as client:
            insert(client, [run("one", "SUCCESS", first=1, started=1, ended=2)])
        yield running


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "users"
    for role in ROLES:
        write_user(path, role, role, PASSWORD)
    return path


@pytest.fixture(scope="module")
def viewer(store: Store, users: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {"TASKMON_VIEWER_USERS": str(users)}
    with running_viewer(store.url, tmp_path_factory.mktemp("viewer"), env=environment) as (address, _):
        yield address


@pytest.fixture(scope="module")
def cookies(viewer: str) -> dict[str, str]:
    """The cookie of each role, and none of nobody."""
    return {"nobody": "", **{role: logged_in(viewer, role) for role in ROLES}}


def post(
    address: str, path: str, fields: dict[str, str] | None = None, **headers: str
) -> urllib3.BaseHTTPResponse:
    given = {"Origin": address, "Content-Type": "application/x-www-form-urlencoded", **headers}
    return POOL.request("POST", address + path, body=urlencode(fields or {}), headers=given, redirect=False)


def get(address: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return POOL.request("GET", address + path, headers=headers, redirect=False)


def log_in(address: str, user: str, password: str, path: str = "/login") -> urllib3.BaseHTTPResponse:
    return post(address, path, {"user": user, "password": password})


def logged_in(address: str, user: str) -> str:
    answer = log_in(address, user, PASSWORD)
    assert answer.status == 303, answer.data
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("path", MATRIX)
def test_role_and_route(viewer: str, cookies: dict[str, str], path: str, who: str) -> None:
    assert get(viewer, path, Cookie=cookies[who]).status == MATRIX[path][who]


@pytest.mark.parametrize("who", WHO)
def test_the_websocket_is_under_the_same_check(viewer: str, cookies: dict[str, str], who: str) -> None:
    stream = viewer.replace("http", "ws") + "/_stcore/stream"
    headers = {"Cookie": cookies[who]} if cookies[who] else {}
    if who == "nobody":
        with pytest.raises(InvalidStatus) as refused, connect(stream, origin=Origin(viewer)):
            pass
        assert refused.value.response.status_code == 403
    else:
        with connect(stream, origin=Origin(viewer), additional_headers=headers):
            pass
        with (
            pytest.raises(InvalidStatus),
            connect(stream, origin=Origin("http://evil.example"), additional_headers=headers),
        ):
            pass


def test_a_browser_is_sent_to_the_login_page_and_back(viewer: str) -> None:
    answer = get(viewer, "/task?id=x%26y", Accept="text/html")
    assert answer.status == 303
    login = answer.headers["location"]
    assert login == "/login?next=%2Ftask%3Fid%3Dx%2526y"
    assert b'<form method="post"' in get(viewer, login).data
    assert log_in(viewer, "viewer", PASSWORD, login).headers["location"] == "/task?id=x%26y"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/\tx", "javascript:alert(1)"]
)
def test_login_never_leads_to_another_site(viewer: str, elsewhere: str) -> None:
    answer = log_in(viewer, "viewer", PASSWORD, "/login?" + urlencode({"next": elsewhere}))
    assert answer.headers["location"] == "/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(viewer: str) -> None:
    cookie = log_in(viewer, "admin", PASSWORD).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=43200" in cookie
    assert "Path=/" in cookie


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_site_can_neither_log_in_nor_out(
    viewer: str, cookies: dict[str, str], path: str, origin: str
) -> None:
    fields = {"user": "admin", "password": PASSWORD}
    assert post(viewer, path, fields, Origin=origin, Cookie=cookies["admin"]).status == 403
    assert get(viewer, "/", Cookie=cookies["admin"]).status == 200


def test_who_is_logged_out_stays_out_and_an_open_page_gets_nothing_more(viewer: str) -> None:
    cookie = logged_in(viewer, "operator")
    stream = viewer.replace("http", "ws") + "/_stcore/stream"
    with connect(stream, origin=Origin(viewer), additional_headers={"Cookie": cookie}) as page:
        assert post(viewer, "/logout", Cookie=cookie).status == 303
        page.send(b"")
        with pytest.raises(ConnectionClosed) as closed:
            deque((page.recv(timeout=20) for _ in itertools.count()), maxlen=0)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    assert get(viewer, "/", Cookie=cookie).status == 401


def test_a_forged_identity_is_worth_nothing(viewer: str) -> None:
    assert get(viewer, "/", **{"X-Taskmon-Identity": "YWRtaW4="}).status == 401
    assert get(viewer, "/", Cookie=f"{COOKIE}=admin").status == 401


def test_wrong_passwords_are_said_and_then_limited(
    store: Store, users: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environment = {"TASKMON_VIEWER_USERS": str(users)}
    with running_viewer(store.url, tmp_path_factory.mktemp("limited"), env=environment) as (address, child):
        said = {log_in(address, name, "wrong password").data for name in ("<b>x</b>", "<i>y</i>")}
        assert all(b"Wrong user or password." in page for page in said)
        assert all(b"<b>" not in page and b"<i>" not in page for page in said)
        for _ in range(PER_USER_AND_ADDRESS):
            assert log_in(address, "viewer", "wrong password").status == 401
        answer = log_in(address, "viewer", PASSWORD)
        assert answer.status == 429
        assert 0 < int(answer.headers["retry-after"]) <= 900
        assert b"Too many wrong passwords. Try again in 15 minutes." in answer.data
        assert log_in(address, "operator", PASSWORD).status == 303
        assert "wrong password'" not in child.output()


def test_a_proxy_lets_in_whom_it_names(store: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"TASKMON_VIEWER_PROXIES": "127.0.0.1", "TASKMON_VIEWER_USER_HEADER": "Remote-User"}
    with running_viewer(store.url, tmp_path_factory.mktemp("proxied"), env=settings) as (address, _):
        named = {"Remote-User": "ann", "X-Forwarded-For": "192.0.2.9", "Host": "tasks.example.com"}
        assert get(address, "/", **named).status == 200
        assert get(address, "/api/export.csv?range=all", **named).status == 200
        assert get(address, "/").status == 401
        assert get(address, "/healthz").status == 200
    settings["TASKMON_VIEWER_PROXIES"] = "10.9.8.7"
    with running_viewer(store.url, tmp_path_factory.mktemp("foreign"), env=settings) as (address, _):
        # a forged X-Forwarded-For does not make this machine the proxy
        assert get(address, "/", **{"Remote-User": "ann", "X-Forwarded-For": "10.9.8.7"}).status == 403
