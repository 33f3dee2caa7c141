"""The file of users, sessions, the limit on wrong passwords, and the three ways in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from otel_taskmon.errors import SettingError, TaskmonError
from otel_taskmon.settings import ViewerSettings
from taskmon_viewer.access import attempts, password_file
from taskmon_viewer.access.attempts import Attempts
from taskmon_viewer.access.ended_sessions import EndedSessions
from taskmon_viewer.access.middleware import seal, unseal
from taskmon_viewer.access.password_file import Entry, password_fits, read_users, write_user
from taskmon_viewer.access.policy import Identity, LocalAccess, PasswordAccess, ProxyAccess, access_for
from taskmon_viewer.access.requests import Networks, foreign_page, origin_of
from taskmon_viewer.access.sessions import COOKIE, Session, Sessions
from taskmon_viewer.access.users import LOCAL, User
from tests.support.asgi import scope_of

HOST = ("host", "tasks.example.com")
PASSWORD = "correct horse é"


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "deep" / "users"
    assert write_user(path, "ann", "operator", PASSWORD)
    return path


def settings(**values: object) -> ViewerSettings:
    return ViewerSettings.from_environment({}, **values)


def test_a_password_is_kept_hashed_and_found_right_again(users: Path) -> None:
    text = users.read_text()
    assert PASSWORD not in text
    assert users.stat().st_mode & 0o777 == 0o600
    entry = read_users(users)["ann"]
    assert entry.role == "operator"
    assert password_fits(PASSWORD, entry.hashed)
    assert not password_fits(PASSWORD + " ", entry.hashed)
    assert not password_fits("", None)


def test_a_user_is_changed_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "users"
    assert write_user(path, "ann", "viewer", PASSWORD)
    assert not write_user(path, "ann", "admin", "another one")
    (entry,) = read_users(path).values()
    assert entry.role == "admin"
    assert password_fits("another one", entry.hashed)
    password_file.remove_user(path, "ann")
    assert read_users(path) == {}
    with pytest.raises(TaskmonError, match="no user 'ann'"):
        password_file.remove_user(path, "ann")
    assert [found.name for found in tmp_path.iterdir()] == ["users"]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 81, "ann\nbob", "<b>"])
def test_names_that_would_break_the_file_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TaskmonError, match="is no name"):
        write_user(tmp_path / "users", name, "viewer", PASSWORD)


@pytest.mark.parametrize("password", ["short", "x" * 1001])
def test_passwords_have_a_length(tmp_path: Path, password: str) -> None:
    with pytest.raises(TaskmonError, match="8 to 1,000 characters"):
        write_user(tmp_path / "users", "ann", "viewer", password)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ann", "after the name comes the role"),
        ("ann:root:x", "after the name comes the role"),
        ("ann:admin:secret", r"scrypt\$n\$r"),
        ("ann:admin:scrypt$1$1$1$AAAA$AAAA", r"scrypt\$n\$r"),
        ("ann:admin:scrypt$32768$8$3$!$!", r"scrypt\$n\$r"),
        (":admin:x", "must begin with a name"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_of_it_is_told(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "users"
    path.write_text(f"# users\n\n{line}\n")
    path.chmod(0o600)
    with pytest.raises(SettingError, match=rf"TASKMON_VIEWER_USERS.*line 3.*{why}") as refused:
        read_users(path)
    assert "secret" not in str(refused.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users"
    write_user(path, "ann", "viewer", PASSWORD)
    path.chmod(0o640)
    with pytest.raises(SettingError, match="mode 0600: it is 0640"):
        read_users(path)
    with pytest.raises(SettingError, match="add-user"):
        read_users(tmp_path / "nowhere")


def test_wrong_passwords_are_limited_per_user_and_address() -> None:
    now = [1000.0]
    limit = Attempts(lambda: now[0])
    assert [limit.begin("ann", "10.0.0.1") for _ in range(attempts.PER_USER_AND_ADDRESS)] == [0] * 5
    assert limit.begin("ann", "10.0.0.1") == attempts.WINDOW_SECONDS
    assert limit.begin("ann", "10.0.0.2") == 0, "somebody else cannot lock ann out of her own machine"
    assert limit.begin("bob", "10.0.0.1") == 0
    now[0] += attempts.WINDOW_SECONDS
    assert limit.begin("ann", "10.0.0.1") == 0


def test_one_address_cannot_try_many_users_nor_many_addresses_one_user() -> None:
    limit = Attempts(lambda: 0.0)
    tries = [limit.begin(f"user-{n}", "10.0.0.1") for n in range(attempts.PER_ADDRESS + 1)]
    assert tries.count(0) == attempts.PER_ADDRESS
    tries = [limit.begin("ann", f"10.1.0.{n}") for n in range(attempts.PER_USER + 1)]
    assert tries.count(0) == attempts.PER_USER


def test_a_right_password_is_not_counted() -> None:
    limit = Attempts(lambda: 0.0)
    for _ in range(100):
        assert limit.begin("ann", "10.0.0.1") == 0
        limit.succeeded("ann", "10.0.0.1")


def test_a_session_is_signed_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(settings(viewer_session_hours=1))
    cookie = sessions.open(Entry("ann", "viewer", "x"))
    session = sessions.read(cookie)
    assert session is not None
    assert session.user == "ann"
    assert sessions.read(cookie[:-2] + "xx") is None
    assert sessions.read("") is None
    assert Sessions(settings()).read(cookie) is None, "another process has another key"
    later = time.time() + 3601
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: later)
        assert sessions.read(cookie) is None
        assert sessions.ended(session)
    sessions.end(session)
    assert sessions.read(cookie) is None


def test_viewers_that_share_a_secret_share_their_sessions() -> None:
    shared = settings(viewer_session_secret="s" * 32)
    assert Sessions(shared).read(Sessions(shared).open(Entry("ann", "viewer", "x")))
    with pytest.raises(SettingError, match="at least 32 characters"):
        Sessions(settings(viewer_session_secret="short"))


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    return tmp_path / "users.ended"


def test_a_log_out_counts_in_all_viewers_and_after_a_start(ended: Path) -> None:
    shared = settings(viewer_session_secret="s" * 32)
    here, there = Sessions(shared, ended), Sessions(shared, ended)
    first, second = (here.open(Entry("ann", "viewer", "x")) for _ in range(2))
    session = there.read(first)
    assert session is not None
    here.end(session)
    assert [each.read(first) for each in (here, there, Sessions(shared, ended))] == [None, None, None]
    assert there.read(second), "another session of the same user goes on"
    assert there.ended(session), "an open page, too, learns of it"
    assert ended.stat().st_mode & 0o777 == 0o600
    later = there.read(second)
    assert later is not None
    there.end(later)
    assert here.read(second) is None
    # without a secret of their own no other process can read these cookies: nothing to be told
    alone = Sessions(settings(), ended.with_name("other"))
    mine = alone.read(alone.open(Entry("ann", "viewer", "x")))
    assert mine is not None
    alone.end(mine)
    assert not ended.with_name("other").exists()


def test_a_log_out_counts_here_where_its_file_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shared = settings(viewer_session_secret="s" * 32)
    sessions = Sessions(shared, tmp_path / "no such folder" / "users.ended")
    cookie = sessions.open(Entry("ann", "viewer", "x"))
    session = sessions.read(cookie)
    assert session is not None
    sessions.end(session)
    assert sessions.read(cookie) is None
    assert "counts in this process only" in caplog.text


def test_the_file_of_log_outs_stays_small_and_survives_nonsense(ended: Path) -> None:
    now = time.time()
    ended.write_text("nonsense\n\n12 \n" + f"{now - 5:.0f} {'o' * 16}\n" * 5_000 + f"{now + 60:.0f} kept\n")
    assert "kept" in EndedSessions(ended)
    EndedSessions(ended).add("new", now + 60)
    assert ended.read_text().split() == [f"{now + 60:.0f}", "kept", f"{now + 60:.0f}", "new"]


def with_cookie(access: PasswordAccess, cookie: str) -> Identity | None:
    return access.identify(scope_of(headers=[HOST, ("cookie", f"{COOKIE}={cookie}")]))


def test_a_change_of_the_file_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "users"
    write_user(path, "ann", "operator", PASSWORD)
    access = access_for(settings(viewer_users=path), "0.0.0.0")
    assert isinstance(access, PasswordAccess)
    cookie = access.log_in("ann", PASSWORD, "10.0.0.1")
    assert isinstance(cookie, str)
    identity = with_cookie(access, cookie)
    assert identity is not None
    assert access.current(identity) == User("ann", "operator")
    path.write_text(path.read_text().replace(":operator:", ":viewer:"))
    assert access.current(identity) == User("ann", "viewer")
    path.chmod(0o644)
    assert access.current(identity) is None, "while the file is wrong nobody gets in"
    path.chmod(0o600)
    assert access.current(identity) is not None
    write_user(path, "ann", "viewer", "a new password")
    assert access.current(identity) is None
    assert with_cookie(access, cookie) is None
    assert access.log_in("ann", PASSWORD, "10.0.0.1") is None
    assert isinstance(access.log_in("ann", "a new password", "10.0.0.1"), str)


def test_too_many_wrong_passwords_are_refused_even_with_the_right_one(users: Path) -> None:
    access = PasswordAccess(settings(), users)
    assert [access.log_in("ann", "wrong password", "10.0.0.9") for _ in range(5)] == [None] * 5
    wait = access.log_in("ann", PASSWORD, "10.0.0.9")
    assert isinstance(wait, int)
    assert wait > 0


def test_a_proxy_says_who_it_is_and_nobody_else_may() -> None:
    access = access_for(
        settings(
            viewer_proxies="10.0.0.0/24,::1",
            viewer_user_header="Remote-User",
            viewer_role_header="Remote-Groups",
        ),
        "0.0.0.0",
    )
    assert isinstance(access, ProxyAccess)

    def who(*headers: tuple[str, str], client: str = "10.0.0.7") -> User | None:
        scope = scope_of(headers=[HOST, *headers], client=(client, 1))
        identity = access.identify(scope) if access.refusal(scope) is None else None
        return identity.user if identity else None

    assert who(("remote-user", "ann"), ("remote-groups", "devs, operator,viewer")) == User("ann", "operator")
    assert who(("remote-user", "ann"), ("remote-groups", "devs")) == User("ann", "viewer")
    assert who(("remote-user", "ann")) == User("ann", "viewer")
    assert who(("remote-user", "ann"), client="::ffff:10.0.0.9") == User("ann", "viewer")
    assert who() is None
    assert who(("remote-user", " ")) is None
    assert who(("remote-user", "ann"), ("remote-user", "root")) is None
    assert who(("remote-user", "ann"), client="10.0.1.7") is None
    assert who(("remote-user", "ann"), client="127.0.0.1") is None


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"viewer_user_header": "X-User"}, "TASKMON_VIEWER_PROXIES"),
        (
            {"viewer_user_header": "X-User", "viewer_proxies": "10.0.0.1", "viewer_users": "/x"},
            "TASKMON_VIEWER_USER_HEADER",
        ),
        ({"viewer_role_header": "X-Role"}, "TASKMON_VIEWER_ROLE_HEADER"),
        ({"viewer_proxies": "10.0.0.1"}, "TASKMON_VIEWER_HOST"),
        ({}, "TASKMON_VIEWER_HOST"),
        ({"viewer_users": "/nowhere/users"}, "TASKMON_VIEWER_USERS"),
    ],
)
def test_settings_that_do_not_fit_stop_the_start(values: dict[str, object], name: str) -> None:
    with pytest.raises(SettingError, match=name):
        access_for(settings(**values), "0.0.0.0")


def test_a_file_without_users_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.touch(0o600)
    with pytest.raises(SettingError, match="add-user"):
        access_for(settings(viewer_users=path), "127.0.0.1")


def test_without_a_setting_this_machine_is_the_local_operator() -> None:
    access = access_for(settings(), "localhost")
    assert isinstance(access, LocalAccess)
    assert access.identity.user == LOCAL == User("local", "operator")


def test_the_address_behind_trusted_proxies_counts() -> None:
    proxies = Networks(("10.0.0.0/8",))

    def origin(client: str, forwarded: str) -> tuple[str, bool]:
        headers = [HOST, ("x-forwarded-for", forwarded), ("x-forwarded-proto", "https")]
        found = origin_of(scope_of(headers=headers, client=(client, 1)), proxies)
        return found.address, found.secure

    assert origin("10.0.0.1", "6.6.6.6, 192.0.2.9, 10.0.0.3") == ("192.0.2.9", True)
    assert origin("192.0.2.1", "6.6.6.6") == ("192.0.2.1", False), "anybody can write that header"
    assert origin("10.0.0.1", "") == ("10.0.0.1", True)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_changes_something_must_come_from_our_own_page(method: str) -> None:
    def refused(*headers: tuple[str, str]) -> bool:
        return foreign_page(scope_of(headers=[HOST, *headers], method=method)) is not None

    assert refused()
    assert refused(("origin", "https://evil.example"))
    assert refused(("origin", "null"))
    assert not refused(("origin", "https://tasks.example.com"))


def test_an_identity_cannot_be_made_by_others() -> None:
    for identity in (Identity(LOCAL), Identity(User("ann", "viewer"), Session("ann", "id", "f", 1.5))):
        assert unseal(seal(identity)) == identity
    for text in ("", "abc", "é", seal(Identity(LOCAL))[:-4] + "AAAA"):
        assert unseal(text) is None


def test_roles_contain_each_other() -> None:
    assert User("a", "admin").may("operator")
    assert User("a", "operator").may("viewer")
    assert not User("a", "viewer").may("operator")
    assert not LOCAL.may("admin")
