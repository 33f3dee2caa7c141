"""A collector that accepts connections and never answers: do tasks take longer, and does the worker end in time?

Pairs of real prefork workers (one pool process each), one without monitoring and one with ours, traces, logs and
metrics on, all to the hung endpoint. In each pair both get the same number of tasks of 50 ms, one after the other, in
turn; then each is told to stop. Printed per pair: from the first task's start to the last one's end, the longest
gap between two tasks, and how long the warm shutdown took.

    python -m bench.hung_collector [--pairs 5] [--tasks 200] [--seconds 0.05]
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.overhead import environment, until
from otel_taskmon.demo.broker import start_broker

VARIANTS = ("plain", "ours")
ENDS_WITHIN_S = 60.0


@dataclass
class Turn:
    """What one worker did in one pair; seconds."""

    whole: float
    longest_gap: float
    ending: float


class Hung:
    """Accepts and reads nothing."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.accepted: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                self.accepted.append(self._listening.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listening.close()
        for connection in self.accepted:
            connection.close()


@contextmanager
def worker(variant: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "bench.overhead_app",
        "worker",
        "-P",
        "prefork",
        "-c",
        "1",
    ]
    command += ["-n", f"{variant}@bench", "--without-gossip", "--without-mingle", "-l", "warning"]
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def turn(variant: str, env: dict[str, str], folder: Path, tasks: int, seconds: float) -> Turn:
    """One worker from its first task to its end."""
    times = Path(env["BENCH_TIMES"])
    with worker(variant, env, folder / f"{variant}.log") as process:

        def run(count: int) -> list[tuple[float, float]]:
            """Begin and end of each, in order."""
            times.write_bytes(b"")
            subprocess.run(
                [sys.executable, "-m", "bench.overhead_app", "nap", str(count), str(seconds)],
                env={
                    **env,
                    "TASKMON_OUTBOX_DIR": str(folder / "publisher"),
                    "TASKMON_FLUSH_TIMEOUT_S": "0.1",
                },
                check=True,
            )
            until(lambda: times.read_bytes().count(b"\n") >= count, f"{count} tasks of {variant}")
            found = [line.split() for line in times.read_text().splitlines()]
            return sorted((float(began), float(ended)) for began, ended in found)

        run(5)  # warm up: the worker is there, imports and connections are made
        ran = run(tasks)
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(ran)]
        told = time.monotonic()
        process.terminate()
        process.wait(ENDS_WITHIN_S)
        return Turn(ran[-1][1] - ran[0][0], max(gaps), time.monotonic() - told)


def measure(pairs: int, tasks: int, seconds: float) -> dict[str, list[Turn]]:
    """One turn a pair for each variant; which one goes first changes from pair to pair."""
    turns: dict[str, list[Turn]] = {variant: [] for variant in VARIANTS}
    with tempfile.TemporaryDirectory(prefix="bench-hung-") as name:
        folder = Path(name)
        broker = start_broker(folder / "broker")
        hung = Hung()
        try:
            for pair in range(pairs):
                print(f"pair {pair + 1} of {pairs} …", file=sys.stderr, flush=True)
                for variant in VARIANTS if pair % 2 == 0 else reversed(VARIANTS):
                    env = environment(variant, broker.url, hung.endpoint, folder / str(pair))
                    env |= {"BENCH_TIMES": str(folder / f"{variant}-{pair}.txt")}
                    for signal in ("TRACES", "LOGS", "METRICS"):
                        env.pop(f"OTEL_{signal}_EXPORTER", None)
                    Path(env["TASKMON_OUTBOX_DIR"]).mkdir(parents=True, exist_ok=True)
                    connections = len(hung.accepted)
                    turns[variant].append(turn(variant, env, folder, tasks, seconds))
                    if variant == "ours" and len(hung.accepted) == connections:
                        raise SystemExit(
                            "the worker never tried to reach the collector: nothing was measured"
                        )
        finally:
            hung.close()
            broker.stop()
    return turns


def report(turns: dict[str, list[Turn]], tasks: int, seconds: float) -> None:
    print(f"{tasks} tasks of {seconds * 1000:.0f} ms, one after the other; seconds by pair")
    for variant in VARIANTS:
        for what, values in (
            ("all tasks", [one.whole for one in turns[variant]]),
            ("longest gap", [one.longest_gap for one in turns[variant]]),
            ("worker's end", [one.ending for one in turns[variant]]),
        ):
            print(f"{variant:6} {what:13}" + "".join(f"{value:9.3f}" for value in values))
    pairs = list(zip(turns["plain"], turns["ours"], strict=True))
    ratio = statistics.median(ours.whole / plain.whole for plain, ours in pairs)
    ending = statistics.median(ours.ending - plain.ending for plain, ours in pairs)
    print(f"\nmedian ratio of all tasks: {ratio:.3f} (goal ≤ 1.05)")
    print(f"longest gap: {max(ours.longest_gap for _, ours in pairs) * 1000:.0f} ms with ours,", end=" ")
    print(f"{max(plain.longest_gap for plain, _ in pairs) * 1000:.0f} ms without")
    print(f"the worker's end: {ending:+.2f} s, median (goal ≤ +2 s)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=200, help="per worker and pair")
    parser.add_argument("--seconds", type=float, default=0.05, help="that each task sleeps")
    options = parser.parse_args()
    report(measure(options.pairs, options.tasks, options.seconds), options.tasks, options.seconds)


if __name__ == "__main__":
    main()
