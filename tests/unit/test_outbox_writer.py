"""What a process has finished is in its own file, or in memory, or counted; nothing else."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

import pytest

from otel_taskmon.outbox import real_thread
from otel_taskmon.outbox.batch import collect
from otel_taskmon.outbox.data_file import DataFile
from otel_taskmon.outbox.folder import BootFolder
from otel_taskmon.outbox.fork_gate import OPENING
from otel_taskmon.outbox.limits import MAX_RECORD_BYTES, Signal
from otel_taskmon.outbox.location import find_root
from otel_taskmon.outbox.space import Space, waiting_bytes
from otel_taskmon.outbox.writer import Writer
from tests.support.outbox_records import SOURCE, files_under
from tests.support.waiting import wait_until


def writer_in(root: Path, *, max_bytes: int = 1 << 30, max_file_bytes: int = 4 << 20) -> Writer:
    return Writer(
        BootFolder.of(root, "ab12"),
        Space(root, max_bytes),
        max_file_bytes=max_file_bytes,
        max_memory_bytes=1_000,
    )


def bodies(path: Path, signal: Signal = Signal.TRACES) -> list[bytes]:
    return [item.body for item in collect(signal, [DataFile(path)], max_bytes=1 << 30).items]


def all_bodies(root: Path) -> list[bytes]:
    return [body for path in files_under(root) for body in bodies(path)]


def test_records_of_all_signals_stand_in_one_file_with_their_source_once(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    for signal in Signal:
        for number in range(3):
            assert writer.append(signal, SOURCE, b"%d-%d" % (signal, number))
    (path,) = files_under(tmp_path)
    for signal in Signal:
        items = collect(signal, [DataFile(path)]).items
        assert [item.body for item in items] == [b"%d-%d" % (signal, number) for number in range(3)]
        assert {item.source.packed() for item in items} == {SOURCE}
    assert path.read_bytes().count(SOURCE) == 1


def test_folder_and_file_are_nobody_elses_to_read(tmp_path: Path) -> None:
    root = find_root(tmp_path / "a" / "outbox")
    assert root is not None
    writer_in(root).append(Signal.TRACES, SOURCE, b"secret")
    (path,) = files_under(root)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert root.stat().st_mode & 0o777 == 0o700


def test_a_full_file_is_followed_by_another_that_stands_alone(tmp_path: Path) -> None:
    writer = writer_in(tmp_path, max_file_bytes=400)
    for number in range(20):
        writer.append(Signal.TRACES, SOURCE, b"%03d" % number * 20)
    paths = files_under(tmp_path)
    assert len(paths) > 3
    for path in paths:
        assert {item.source.packed() for item in collect(Signal.TRACES, [DataFile(path)]).items} == {SOURCE}
    assert sorted(all_bodies(tmp_path)) == [b"%03d" % number * 20 for number in range(20)]


def test_the_writers_lock_tells_that_it_lives(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.append(Signal.TRACES, SOURCE, b"x")
    (path,) = files_under(tmp_path)
    file = DataFile(path, offsets=[1 << 20] * 3)
    assert not file.try_delete()
    writer.close_file()
    assert file.try_delete()
    assert not path.exists()


def test_what_is_over_the_bound_is_counted_and_the_oldest_stay(tmp_path: Path) -> None:
    writer = writer_in(tmp_path, max_bytes=5_000)
    kept = [writer.append(Signal.TRACES, SOURCE, b"%04d" % number * 25) for number in range(100)]
    assert kept[0]
    assert not kept[-1]
    assert writer.lost[Signal.TRACES] == kept.count(False)
    assert all_bodies(tmp_path) == [b"%04d" % number * 25 for number in range(kept.count(True))]
    assert waiting_bytes(tmp_path) < 6_000


def test_the_bound_holds_for_all_boots_together_and_frees_as_they_are_shipped(tmp_path: Path) -> None:
    first = writer_in(tmp_path, max_bytes=8_000)
    while first.append(Signal.TRACES, SOURCE, b"x" * 500):
        pass
    second = Writer(BootFolder.of(tmp_path, "cd34"), Space(tmp_path, 8_000))
    assert not second.append(Signal.TRACES, SOURCE, b"y" * 500)
    (path,) = files_under(tmp_path)
    file = DataFile(path)
    for signal in Signal:
        file.shipped(signal, file.size())
    file.store()
    wait_until(lambda: second.append(Signal.TRACES, SOURCE, b"y" * 500), "room after shipping", timeout=5)


def test_a_loss_is_written_down_for_whoever_ships_the_file(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    assert not writer.append(Signal.LOGS, SOURCE, b"x" * (MAX_RECORD_BYTES + 1))
    writer.append(Signal.TRACES, SOURCE, b"kept")
    writer.settle()
    (path,) = files_under(tmp_path)
    file = DataFile(path)
    collect(Signal.TRACES, [file]).finished()
    assert file.take_loss() == [0, 1, 0]
    assert file.take_loss() == [0, 0, 0]
    assert writer.take_loss() == [0, 0, 0]


def test_without_a_folder_memory_keeps_the_oldest_within_its_bound_and_warns_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    writer = writer_in(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        kept = [writer.append(Signal.TRACES, SOURCE, b"x" * 100) for _ in range(30)]
    assert kept == [True] * 10 + [False] * 20
    assert writer.lost[Signal.TRACES] == 20
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "kept in memory" in caplog.text


def test_memory_goes_to_disk_in_order_once_the_disk_is_back(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.write_text("in the way")
    writer = writer_in(root)
    writer.append(Signal.TRACES, SOURCE, b"1")
    writer.append(Signal.TRACES, SOURCE, b"2")
    root.unlink()
    root.mkdir()
    writer.settle()
    writer.append(Signal.TRACES, SOURCE, b"3")
    assert all_bodies(root) == [b"1", b"2", b"3"]


def test_a_deleted_folder_is_made_again(tmp_path: Path) -> None:
    writer = writer_in(tmp_path, max_file_bytes=1)
    writer.append(Signal.TRACES, SOURCE, b"1")
    (path,) = files_under(tmp_path)
    path.unlink()
    (path.parent / "owner").unlink()
    path.parent.rmdir()
    assert writer.append(Signal.TRACES, SOURCE, b"2")
    assert all_bodies(tmp_path) == [b"2"]


def test_a_file_deleted_under_its_writer_is_noticed_within_a_second(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.append(Signal.TRACES, SOURCE, b"1")
    files_under(tmp_path)[0].unlink()

    def noticed() -> list[bytes]:
        writer.append(Signal.TRACES, SOURCE, b"2")
        return all_bodies(tmp_path)

    assert wait_until(noticed, "a new file", timeout=5)[0] == b"2"


def test_nothing_is_written_into_a_file_that_has_taken_over_the_descriptor(tmp_path: Path) -> None:
    """A program that becomes a daemon closes all descriptors, ours too; their numbers are given to others."""
    writer = writer_in(tmp_path)
    writer.append(Signal.TRACES, SOURCE, b"1")
    fd = writer._fd
    with (tmp_path / "users.db").open("wb") as theirs:
        os.dup2(theirs.fileno(), fd)
        writer._checked_at = 0.0  # as after a second
        assert writer.append(Signal.TRACES, SOURCE, b"2")
        assert (tmp_path / "users.db").stat().st_size == 0
        assert sorted(all_bodies(tmp_path)) == [b"1", b"2"]
        os.fstat(fd)
        child = os.fork()
        if child == 0:
            try:
                os.fstat(fd)  # not closed here either
            except OSError:
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        os.close(fd)


def test_a_finaliser_may_append_while_its_thread_appends(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    with writer.still():
        assert writer.append(Signal.TRACES, SOURCE, b"re-entered")
    assert all_bodies(tmp_path) == [b"re-entered"]


def test_threads_never_mix_their_records(tmp_path: Path) -> None:
    writer = writer_in(tmp_path, max_file_bytes=20_000)
    flags = [real_thread.Flag() for _ in range(4)]

    def work(number: int) -> None:
        for i in range(300):
            writer.append(Signal.TRACES, SOURCE, b"%d:%d:" % (number, i) + b"z" * 50)
        flags[number].set()

    for number in range(4):
        real_thread.start(lambda number=number: work(number))  # type: ignore[misc]
    assert all(flag.wait(20) for flag in flags)
    found = sorted(all_bodies(tmp_path))
    assert found == sorted(b"%d:%d:" % (n, i) + b"z" * 50 for n in range(4) for i in range(300))


def test_a_forked_process_writes_its_own_file_and_leaves_the_parents_lock_alone(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.append(Signal.TRACES, SOURCE, b"parent")
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        writer.reset()
        writer.append(Signal.TRACES, SOURCE, b"forked")
        os.write(write_end, b"!")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read_end, 1) == b"!"
    writer.append(Signal.TRACES, SOURCE, b"parent again")
    found = {tuple(bodies(path)): path for path in files_under(tmp_path)}
    assert set(found) == {(b"parent", b"parent again"), (b"forked",)}
    with found[b"forked",].open() as dead:
        fcntl.flock(dead, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with found[b"parent", b"parent again"].open() as alive, pytest.raises(BlockingIOError):
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_signal_handler_may_close_a_file_while_one_is_being_opened(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    with OPENING:
        assert writer.append(Signal.TRACES, SOURCE, b"x")
        writer.close_file()
    assert all_bodies(tmp_path) == [b"x"]


def test_two_lives_of_one_process_id_never_share_a_file_name(tmp_path: Path) -> None:
    for number in range(50):
        writer_in(tmp_path).append(Signal.TRACES, SOURCE, b"%d" % number)
    assert len(files_under(tmp_path)) == 50


def test_shares_that_are_not_used_up_are_small_beside_the_bound(tmp_path: Path) -> None:
    """Who adds up what is on disk knows nothing of them: each process may go beyond the bound by one."""
    bound, usage = 1 << 20, tmp_path / "usage"
    writers = [writer_in(tmp_path, max_bytes=bound) for _ in range(8)]
    for writer in writers:
        for _ in range(20):  # the first share is a small one anyhow
            assert writer.append(Signal.TRACES, SOURCE, b"x" * 1_000)
    usage.unlink()  # as when it is added up anew
    for writer in writers:
        while writer.append(Signal.TRACES, SOURCE, b"x" * 1_000):
            pass
    assert waiting_bytes(tmp_path) <= bound * 1.2
