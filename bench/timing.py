"""Asking many times and saying how long it took: one table for every bench of questions."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from bench.loaded_store import Loaded

Question = Callable[[], int]
"""Asks, and gives the number of rows that came back."""
WARM_UP = 2


@dataclass(frozen=True)
class Timing:
    """Milliseconds; ``cpu`` is what a call cost store and caller together, whatever else the machine does."""

    p50: float
    p95: float
    cpu: float
    rows: int


def spent(store: psutil.Process) -> float:
    """Seconds of CPU that the store and this process used so far."""
    times = store.cpu_times()
    return float(times.user + times.system) + time.process_time()


def measure(ask: Question, rounds: int, store: psutil.Process) -> Timing:
    """``rounds`` calls, two at least, after two that warm up."""
    rounds = max(rounds, 2)
    took = []
    rows = 0
    before = 0.0
    for number in range(rounds + WARM_UP):
        if number == WARM_UP:
            before = spent(store)
        started = time.perf_counter()
        rows = ask()
        if number >= WARM_UP:
            took.append((time.perf_counter() - started) * 1000)
    return Timing(
        cpu=(spent(store) - before) * 1000 / rounds,
        p50=statistics.median(took),
        p95=statistics.quantiles(took, n=20, method="inclusive")[-1],
        rows=rows,
    )


def compare(
    loaded: Loaded, ranges: Mapping[str, tuple[Mapping[str, Question], float]], rounds: int, only: str = ""
) -> bool:
    """Asks every question for each range (its questions and its goal in ms), prints a line for each.

    Whether all met their goal. ``only``: those whose title holds this.
    """
    process = psutil.Process(loaded.store.child.pid)
    header = "".join(f"{f'{title} p50':>11}{'p95':>6}{'goal':>6}{'cpu':>6}" for title in ranges)
    print(f"\n{f'milliseconds, {rounds} rounds':<33}{header}{'rows':>11}")
    met = True
    (first, _), *_ = ranges.values()
    for name in (title for title in first if only in title):
        line, rows, missed = f"{name:<33}", 0, []
        for title, (questions, goal) in ranges.items():
            timing = measure(questions[name], rounds, process)
            line += f"{timing.p50:>11.0f}{timing.p95:>6.0f}{goal:>6.0f}{timing.cpu:>6.0f}"
            rows = timing.rows
            missed += [title] if timing.p95 > goal else []
        met &= not missed
        print(f"{line}{rows:>11,}" + (f"  over: {', '.join(missed)}" if missed else ""), flush=True)
    return met


def machine() -> str:
    """The state of the machine that the figures come from."""
    load = os.getloadavg()[0]
    return f"\nload average at the end: {load:.1f} on {os.cpu_count()} cores (this bench alone makes 1 to 2)"
