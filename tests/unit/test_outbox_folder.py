"""Who may ship a folder, where it is, and when it goes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from otel_taskmon.outbox import held_files, list_folders, position, ship_now
from otel_taskmon.outbox.batch import collect
from otel_taskmon.outbox.data_file import DataFile
from otel_taskmon.outbox.folder import BootFolder, folders
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.location import existing_root, find_root
from otel_taskmon.outbox.space import Space
from otel_taskmon.outbox.writer import Writer
from tests.support.outbox_records import SOURCE, files_under


def folder_in(root: Path, boot: str = "ab12") -> BootFolder:
    folder = BootFolder.of(root, boot)
    folder.make()
    return folder


def test_two_never_hold_one_folder(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    first = folder.hold()
    assert first is not None
    assert folder.hold() is None
    held_files.close(first)
    second = folder.hold()
    assert second is not None
    held_files.close(second)


def test_the_lock_of_a_folder_that_was_deleted_meanwhile_is_worth_nothing(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    first = folder.hold()
    assert first is not None
    assert folder.remove_if_empty()
    folder.make()
    again = folder.hold()
    assert again is not None
    assert os.fstat(again).st_ino == folder.owner.stat().st_ino
    held_files.close(first)
    held_files.close(again)


def test_a_lock_that_somebody_else_closed_is_worth_nothing(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    fd = folder.hold()
    assert fd is not None
    assert not held_files.is_lost(fd)
    os.close(fd)
    assert held_files.is_lost(fd)
    again = folder.hold()
    assert again is not None
    with (tmp_path / "theirs").open("wb") as theirs:
        os.dup2(theirs.fileno(), again)
    held_files.close(again)
    os.fstat(again)  # theirs by now
    os.close(again)


def test_an_empty_folder_goes_with_its_leftovers_and_a_full_one_stays(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    data = folder.path / "1-a-000001.v1"
    data.write_bytes(b"")
    (folder.path / "1-a-000002.v1.new").write_bytes(b"")  # its writer was killed before it had a name
    (folder.path / "1-a-000003.v1.pos").write_bytes(b"")
    assert not folder.remove_if_empty()
    data.unlink()
    assert folder.remove_if_empty()
    assert not folder.path.exists()


def test_files_of_another_version_are_left_alone(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    other = folder.path / "1-a-000001.v2"
    other.write_bytes(b"from the future")
    assert folder.data_files() == []
    assert not folder.remove_if_empty()
    assert other.exists()


def test_a_folder_of_another_host_is_known_by_what_its_owner_wrote(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    assert folder.is_of_this_host()
    about = json.loads(folder.owner.read_text())
    folder.owner.write_text(json.dumps({**about, "host": "renamed"}))
    assert folder.is_of_this_host()  # another container on the same machine
    folder.owner.write_text(json.dumps({**about, "host": "elsewhere", "machine": "another"}))
    assert not folder.is_of_this_host()
    assert not list_folders(tmp_path)[0].this_host
    folder.owner.write_text("{")
    assert folder.is_of_this_host()  # by its name


def test_the_root_is_the_given_folder_or_nothing(tmp_path: Path) -> None:
    assert find_root(tmp_path / "new" / "one") == tmp_path / "new" / "one"
    (tmp_path / "file").write_text("")
    assert find_root(tmp_path / "file" / "below") is None


def test_a_relative_root_is_below_where_the_program_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task may go elsewhere: what it wrote there nobody would ship."""
    monkeypatch.chdir(tmp_path)
    assert find_root(Path("box")) == tmp_path / "box"
    assert existing_root(Path("box")) == tmp_path / "box"
    found = find_root(None, {"XDG_STATE_HOME": "state"})
    assert found == tmp_path / "state" / "taskmon" / "outbox"


def test_the_root_is_the_state_folder_else_the_temp_folder_with_the_users_id(tmp_path: Path) -> None:
    state, temp = tmp_path / "state", tmp_path / "temp"
    temp.mkdir()
    environ = {"XDG_STATE_HOME": str(state), "TMPDIR": str(temp)}
    assert find_root(None, environ) == state / "taskmon" / "outbox"
    del environ["XDG_STATE_HOME"]
    assert find_root(None, environ) == temp / f"taskmon-outbox-{os.geteuid()}"


@pytest.mark.parametrize("trick", ["link", "open"])
def test_a_folder_in_a_shared_place_that_is_not_ours_alone_is_not_used(tmp_path: Path, trick: str) -> None:
    planted = tmp_path / f"taskmon-outbox-{os.geteuid()}"
    if trick == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        planted.symlink_to(tmp_path / "theirs")
    else:
        planted.mkdir()
        planted.chmod(0o777)
    found = find_root(None, {"TMPDIR": str(tmp_path)})
    assert found is not None
    assert tmp_path not in found.parents


def test_folders_are_listed_with_what_waits_in_them(tmp_path: Path) -> None:
    writer = Writer(BootFolder.of(tmp_path, "ab12"), Space(tmp_path, 1 << 20))
    for signal in (Signal.TRACES, Signal.TRACES, Signal.LOGS):
        writer.append(signal, SOURCE, b"x" * 100)
    (status,) = list_folders(tmp_path)
    assert (status.boot, status.alive, status.files, status.records) == ("ab12", True, 1, 3)
    assert status.oldest is not None
    (path,) = files_under(tmp_path)
    assert status.bytes == path.stat().st_size
    writer.close_file()
    assert not list_folders(tmp_path)[0].alive
    file = DataFile.at(path)
    batch = collect(Signal.TRACES, [file])
    batch.done()
    batch.finished()
    (status,) = list_folders(tmp_path)
    assert status.records == 1


def test_a_folder_of_another_user_is_not_listed() -> None:
    """Below a root that several users were given: none may look into those of the others, nor ship them."""
    with TemporaryDirectory(dir="/tmp") as made:  # not tmp_path, which is below a folder of this user alone
        root = Path(made)
        root.chmod(0o755)
        folder = folder_in(root)
        if os.geteuid() != 0:
            folder.path.chmod(0)
        user = os.geteuid()
        os.seteuid(user or 65534)
        try:
            assert list_folders(root) == []
            assert ship_now(root).left == 0
        finally:
            os.seteuid(user)
            folder.path.chmod(0o700)
        assert len(list_folders(root)) == 1


def test_listing_nothing_is_empty(tmp_path: Path) -> None:
    assert list_folders(tmp_path / "nowhere") == []
    assert folders(tmp_path / "nowhere") == []


def test_a_position_is_found_again_or_is_the_start(tmp_path: Path) -> None:
    data = tmp_path / "1-a-000001.v1"
    assert position.read(data) == [0, 0, 0]
    position.write(data, [1, 2, 1 << 40])
    assert position.read(data) == [1, 2, 1 << 40]
    kept = position.path_of(data)
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert position.read(data) == [0, 0, 0]
    kept.write_bytes(b"short")
    assert position.read(data) == [0, 0, 0]


def test_reading_goes_on_after_a_restart_with_the_sources_that_stand_before(tmp_path: Path) -> None:
    writer = Writer(BootFolder.of(tmp_path, "ab12"), Space(tmp_path, 1 << 20))
    other = SOURCE + b"\x1a\x01s"
    for number in range(4):
        writer.append(Signal.TRACES, (SOURCE, other)[number % 2], b"%d" % number)
    (path,) = files_under(tmp_path)
    first = collect(Signal.TRACES, [DataFile.at(path)], max_records=2)
    first.done()
    again = collect(Signal.TRACES, [DataFile.at(path)])
    assert [(item.body, item.source.packed()) for item in again.items] == [(b"2", SOURCE), (b"3", other)]


def test_a_folder_that_is_being_made_is_nobody_elses_until_it_is_old(tmp_path: Path) -> None:
    folder = BootFolder.of(tmp_path, "ab12")
    folder.path.mkdir()
    assert folder.hold() is None
    os.utime(folder.path, (1, 1))
    lock = folder.hold()
    assert lock is not None
    held_files.close(lock)


def test_a_claimed_folder_is_held_from_the_moment_it_can_be_seen(tmp_path: Path) -> None:
    folder = BootFolder.of(tmp_path, "ab12")
    lock = folder.claim()
    assert lock is not None
    assert folder.hold() is None
    assert folder.claim() is None
    assert [path.name for path in folder.path.iterdir()] == ["owner"]
    assert json.loads(folder.owner.read_text())["boot"] == "ab12"
    held_files.close(lock)
