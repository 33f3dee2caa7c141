"""Real processes, really killed: what was finished arrives, and arrives once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from otel_taskmon.outbox import Signal, list_folders, ship_now
from otel_taskmon.outbox.limits import MAX_REQUEST_RECORDS
from tests.support.outbox_records import files_under, numbered
from tests.support.outbox_sink import GrpcSink, HttpSink, Reply, Request
from tests.support.processes import Child
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

Run = Callable[..., Child]


@pytest.fixture
def sink() -> HttpSink:
    """Not started: its port refuses until a test starts it."""
    return HttpSink()


@pytest.fixture
def run(tmp_path: Path, sink: HttpSink) -> Iterator[Run]:
    with ExitStack() as children:

        def start(which: str, *args: object) -> Child:
            command = [sys.executable, "-m", "tests.support.outbox_program", which, str(tmp_path / "outbox")]
            log = tmp_path / f"{which}-{len(os.listdir(tmp_path))}.log"  # noqa: PTH208
            child = Child(
                [*command, *map(str, args)],
                log,
                env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "NO_PROXY": "*"},
            )
            return children.enter_context(child)

        yield start


def once(names: list[str]) -> Counter[str]:
    return Counter(names)


def arrived(sink: HttpSink, names: list[str], timeout: float = 20.0) -> None:
    """All of them, each once, and nothing else."""
    wait_until(lambda: set(names) <= set(sink.names()), f"{len(names)} spans", timeout=timeout)
    assert sink.names() == once(names)


def test_a_script_that_ends_at_once_ships_as_it_goes_and_leaves_nothing(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    with sink:
        child = run("script", "s", 50)
        assert child.process.wait(20) == 0, child.output()
        assert sink.names() == once(numbered("s", 50))
    assert list_folders(tmp_path / "outbox") == []


def test_without_a_server_a_script_ends_in_time_and_the_next_process_ships_for_it(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    child = run("script", "s", 50)
    assert child.process.wait(20) == 0, child.output()
    (status,) = list_folders(tmp_path / "outbox")
    assert (status.records, status.alive) == (50, False)
    with sink:
        run("adopter")
        arrived(sink, numbered("s", 50))
        wait_until(lambda: len(list_folders(tmp_path / "outbox")) == 1, "the dead folder to go")


def test_killed_pool_processes_lose_nothing_and_have_no_thread_and_no_connection(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    with sink:
        child = run("worker", 2, 40)
        for number in range(2):
            child.wait_for_output(f"pool{number} ")
        wait_until(lambda: child.output().count("done") == 2, "both pool processes", context=child.output)
        pids = [int(pid) for pid in re.findall(r"pool\d (\d+) done", child.output())]
        for pid in pids:
            assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
            open_files = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
            assert not [name for name in open_files if name.startswith("socket:")]
            assert len([name for name in open_files if str(tmp_path / "outbox") in name]) == 1
            os.kill(pid, signal.SIGKILL)
        arrived(sink, numbered("pool0", 40) + numbered("pool1", 40))
        child.signal(signal.SIGTERM)
        assert child.process.wait(10) == 0
        assert "empty True" in child.output()
    assert list_folders(tmp_path / "outbox") == []


def test_a_killed_main_process_is_shipped_for_by_the_next_process_on_the_host(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    child = run("worker", 2, 40)
    wait_until(lambda: child.output().count("done") == 2, "both pool processes", context=child.output)
    assert list_folders(tmp_path / "outbox")[0].alive
    child.stop(signal.SIGKILL)
    wait_until(lambda: not list_folders(tmp_path / "outbox")[0].alive, "the kernel to drop the locks")
    with sink:
        run("adopter")
        arrived(sink, numbered("pool0", 40) + numbered("pool1", 40))


def test_pool_processes_that_outlive_their_main_process_are_shipped_for_while_they_write(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    child = run("worker", 1, 10)
    wait_until(lambda: "done" in child.output(), "the pool process", context=child.output)
    child.signal(signal.SIGKILL)
    child.process.wait(10)
    with sink:
        run("adopter")
        arrived(sink, numbered("pool0", 10))
        assert len(files_under(tmp_path / "outbox")) == 1  # it is still open
        (pid,) = re.findall(r"pool0 (\d+) done", child.output())
        os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: not files_under(tmp_path / "outbox"), "the file to go with its writer")


def test_of_many_adopters_one_ships(run: Run, sink: HttpSink, tmp_path: Path) -> None:
    for number in range(3):
        child = run("writer", f"w{number}", 300)
        child.process.wait(20)
    assert sum(status.records for status in list_folders(tmp_path / "outbox")) == 900
    with sink:
        for _ in range(4):
            run("adopter")
        arrived(sink, [name for number in range(3) for name in numbered(f"w{number}", 300)])
        wait_until(lambda: not files_under(tmp_path / "outbox"), "everything to be shipped")
    assert max(sink.names().values()) == 1


def test_a_shipper_killed_again_and_again_sends_at_most_its_last_batch_twice(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    count, kills = 7_000, 4
    run("writer", "w", count).process.wait(30)
    adopters: list[Child] = []

    def kill_after_accepting(request: Request) -> Reply:
        """The request counts as accepted, and the process that made it never hears of it."""
        if len(adopters) <= kills:
            adopters[-1].signal(signal.SIGKILL)
            adopters[-1].process.wait(10)
        return Reply()

    sink.reply = kill_after_accepting
    with sink:
        for _ in range(kills):
            adopters.append(run("adopter"))
            adopters[-1].process.wait(20)
        adopters.append(run("adopter"))
        adopters.append(adopters[-1])  # no more kills
        names = numbered("w", count)
        wait_until(lambda: set(names) <= set(sink.names()), "all spans", timeout=30)
        wait_until(lambda: not files_under(tmp_path / "outbox"), "everything to be shipped")
    doubles = sum(sink.names().values()) - count
    assert 0 < doubles <= kills * MAX_REQUEST_RECORDS
    assert set(sink.names()) == set(names)


def test_processes_of_a_forking_web_server_ship_for_themselves(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    with sink:
        child = run("web", 3)
        names = ["parent", "parent again"]
        for number in range(3):
            names += [*numbered(f"web{number}", 5), f"grandchild{number}"]
        arrived(sink, names)
        # the folder of a process that has ended is held, too, until who shipped it has deleted it
        wait_until(
            lambda: sum(status.alive for status in list_folders(tmp_path / "outbox")) == 4,
            "a folder for each living process",
            context=child.output,
        )


def test_over_grpc_the_parent_ships_for_what_it_forked_later(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grpc_sink = GrpcSink()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", grpc_sink.url)
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")  # with it, calls after a fork killed the process
    names = ["parent", "parent again"]
    for number in range(3):
        names += [*numbered(f"web{number}", 5), f"grandchild{number}"]
    with grpc_sink:
        child = run("web", 3, "after-shipping")
        wait_until(lambda: set(names) <= set(grpc_sink.names()), "all spans", context=child.output)
        assert grpc_sink.names() == once(names)
        assert len(list_folders(tmp_path / "outbox")) == 1


def test_a_task_may_fork(run: Run, sink: HttpSink) -> None:
    with sink:
        run("task_that_forks")
        arrived(sink, ["before", "inside", "after"])


def test_a_hung_server_does_not_hold_up_the_end(run: Run, sink: HttpSink, tmp_path: Path) -> None:
    waiting = threading.Event()

    def hang(request: Request) -> Reply:
        waiting.wait(30)
        return Reply(503)

    sink.reply = hang
    with sink:
        child = run("worker", 1, 30)
        wait_until(lambda: "pool0" in child.output(), "the pool process", context=child.output)
        child.signal(signal.SIGTERM)
        assert child.process.wait(10) == 0
        (seconds,) = re.findall(r"stopped in ([\d.]+) s, empty False", child.output())
        assert float(seconds) < 2.5
        assert sum(status.records for status in list_folders(tmp_path / "outbox")) == 30
        waiting.set()
    sink.reply = lambda _: Reply()
    with sink:
        run("adopter")
        arrived(sink, numbered("pool0", 30))


def test_a_file_size_limit_only_makes_more_files(run: Run, sink: HttpSink) -> None:
    with sink:
        child = run("limited", 4_000, 100, 200)
        child.wait_for_output("longest")
        assert "'traces': 0" in child.output()
        arrived(sink, numbered("limited", 100))


def test_where_no_byte_can_be_written_memory_is_shipped(run: Run, sink: HttpSink) -> None:
    with sink:
        child = run("limited", 800, 100, 1_000)  # its few lines of output do fit
        child.wait_for_output("longest")
        longest = float(re.findall(r"longest ([\d.]+) s", child.output())[0])
        assert longest < 2
        assert "'traces': 0" in child.output()
        arrived(sink, numbered("limited", 100))
        assert child.output().count("cannot be written") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_costs_only_what_neither_it_nor_memory_held(
    run: Run, sink: HttpSink, tmp_path: Path
) -> None:
    small = tmp_path / "outbox"
    small.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no mounting here: {mounted.stderr!r}")
    try:
        child = run("limited", 1 << 30, 3_000, 200)
        child.wait_for_output("longest", timeout=60)
        assert "'traces': 0" in child.output()  # 1 MB: what the disk did not take fits into memory
        with sink:
            arrived(sink, numbered("limited", 3_000), timeout=30)
        child.stop(signal.SIGKILL)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_torn_last_record_costs_only_itself(run: Run, sink: HttpSink, tmp_path: Path) -> None:
    run("writer", "w", 10).process.wait(20)
    (path,) = files_under(tmp_path / "outbox")
    os.truncate(path, path.stat().st_size - 5)
    with sink:
        run("adopter")
        arrived(sink, numbered("w", 9))
        wait_until(lambda: not files_under(tmp_path / "outbox"), "the torn file to go")


def test_shipping_by_hand(run: Run, sink: HttpSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    run("writer", "w", 10).process.wait(20)
    run("adopter").wait_for_output("ready")
    wait_until(lambda: all(s.alive for s in list_folders(tmp_path / "outbox")), "the adopter to hold both")
    in_use = ship_now(tmp_path / "outbox")
    assert in_use.in_use == 2
    assert in_use.records == {"traces": 0, "logs": 0, "metrics": 0}


def test_shipping_by_hand_what_nobody_ships(
    run: Run, sink: HttpSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    run("writer", "w", 10).process.wait(20)
    refused = ship_now(tmp_path / "outbox")
    assert refused.left == 10
    assert "traces:" in refused.reason
    with sink:
        done = ship_now(tmp_path / "outbox")
    assert (done.records["traces"], done.left, done.reason) == (10, 0, "")
    assert sink.names(Signal.TRACES) == once(numbered("w", 10))
    assert list_folders(tmp_path / "outbox") == []
