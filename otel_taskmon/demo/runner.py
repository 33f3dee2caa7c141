"""``taskmon demo``: the whole product on real tasks, in child processes that all end with it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

from otel_taskmon.cli.addresses import url, without_proxy
from otel_taskmon.cli.children import (
    Awaited,
    ChildEnded,
    ChildProcess,
    StopRequested,
    StopSignals,
    check_all,
    stop_in_order,
    wait_ready,
    wait_while_running,
)
from otel_taskmon.cli.options import BOTH_FLAGS, STORE_FLAGS, spec
from otel_taskmon.demo import check, services
from otel_taskmon.demo.broker import Broker, start_broker
from otel_taskmon.demo.counters import Counts, read_counts
from otel_taskmon.demo.found import Tables
from otel_taskmon.demo.ports import choose_port
from otel_taskmon.errors import StoreUnavailable
from otel_taskmon.settings import ReaderSettings, StoreSettings

LOAD_DEADLINE_S = 120.0


@dataclass(frozen=True)
class DemoOptions:
    """What ``taskmon demo`` was asked for."""

    once: bool
    store: StoreSettings
    viewer: ReaderSettings
    chosen: frozenset[str]
    """Fields of the two that a person chose: such a port is not replaced, such a data directory is kept."""


def say(text: str) -> None:
    # Nobody may be listening any more (a closed terminal, a pipe to head); that must not keep us from cleaning up.
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _tell(name: str, what: str, seconds: float) -> None:
    say(f"{name:<10} {what}, ready ({seconds:.1f} s)")


class Demo:
    """The running demo; ``close`` ends whatever has been started so far."""

    def __init__(self, options: DemoOptions, scratch: Path, signals: StopSignals) -> None:
        self.once = options.once
        self.keeps_data = "data_dir" in options.chosen
        self.signals = signals
        self.scratch = scratch
        self.began = datetime.now(UTC)
        self.broker: Broker | None = None
        self.children: dict[str, ChildProcess] = {}
        self.store = replace(
            options.store,
            data_dir=options.store.data_dir if self.keeps_data else scratch / "data",
            **_ports(options.store, options.store.host, STORE_FLAGS, options.chosen),
        )
        self.viewer = replace(
            options.viewer, **_ports(options.viewer, options.viewer.viewer_host, BOTH_FLAGS, options.chosen)
        )

    def start(self) -> None:
        """Start everything but the publisher, at once, and wait until each is ready."""
        began = time.monotonic()
        self.broker = start_broker(self.scratch)
        self._add(ChildProcess("broker", self.broker.process, log=self.scratch / "broker.log"))
        _tell("broker", f"{self.broker.program} on port {self.broker.port}", time.monotonic() - began)
        self.env = services.environment(self.store, self.broker.url)
        self.env["TASKMON_OUTBOX_DIR"] = str(self.scratch / "outbox")  # nothing of other demos comes in here
        store = self._add(services.start_store(self.store, self.scratch, self.env))
        worker = self._add(services.start_worker(self.scratch, self.env))
        kept = f"kept in {self.store.data_dir}" if self.keeps_data else "thrown away at the end"
        awaited = [
            Awaited(
                worker, lambda: services.worker_ready(worker), f"{services.POOL_PROCESSES} pool processes"
            ),
            Awaited(store, lambda: services.store_ready(self.store), f"{self.store_url}, its data {kept}"),
        ]
        if not self.once:
            viewer = self._add(services.start_viewer(self.viewer, self.store, self.scratch, self.env))
            awaited.append(Awaited(viewer, lambda: services.viewer_ready(self.viewer), self.viewer_url))
        wait_ready(awaited, self.signals, tell=lambda entry, s: _tell(entry.child.name, entry.what, s))

    def _add(self, child: ChildProcess) -> ChildProcess:
        self.children[child.name] = child
        return child

    @property
    def store_url(self) -> str:
        return url(self.store.host, self.store.http_port)

    @property
    def viewer_url(self) -> str:
        return url(self.viewer.viewer_host, self.viewer.viewer_port)

    def start_publisher(self) -> ChildProcess:
        return self._add(services.start_publisher(self.scratch, self.env, once=self.once))

    def run_for_ever(self) -> None:
        """Publish until a signal; raises ChildEnded when a child ends."""
        self.start_publisher()
        say(_WHAT_TO_TRY.format(viewer=self.viewer_url, store=self.store_url))
        wait_while_running(list(self.children.values()), self.signals)

    def run_once(self) -> bool:
        """Run the fixed load and compare; True when the tables hold exactly what happened."""
        if self.broker is None:
            raise RuntimeError("start() comes first")
        others = list(self.children.values())

        def look() -> None:
            self.signals.check()
            check_all(others)

        began = time.monotonic()
        self._wait_for_publisher(self.start_publisher(), look)
        with Redis.from_url(self.broker.url) as counters:
            load = check.wait_until_ended(lambda: read_counts(counters), look)
            ended = time.monotonic()
            say(f"load       {load.executions.total()} executions in {ended - began:.1f} s")
            try:
                with Tables(self.store_url, self.began) as tables:
                    pair = check.wait_until_equal(lambda: read_counts(counters), tables.counts, look)
            except StoreUnavailable:
                check_all([self.children["store"]])  # a store that has ended says better why
                raise
        say(f"tables     compared {time.monotonic() - ended:.1f} s after the load's end\n")
        return _report(*pair)

    def _wait_for_publisher(self, publisher: ChildProcess, look: Callable[[], None]) -> None:
        deadline = time.monotonic() + LOAD_DEADLINE_S
        while publisher.running:
            look()
            if time.monotonic() > deadline:
                raise ChildEnded(
                    f"publisher is not done after {LOAD_DEADLINE_S:g} s; its log:\n{publisher.tail()}"
                )
            time.sleep(0.1)
        if publisher.process.returncode != 0:
            check_all([publisher])
        say(f"publisher  done ({time.monotonic() - publisher.started:.1f} s)")

    def close(self) -> None:
        """End all children: who publishes first, who stores last."""
        order = (("publisher", "viewer"), ("worker",), ("store",), ("broker",))
        groups = [[self.children[name] for name in names if name in self.children] for names in order]
        stop_in_order(groups, self.signals)


def _ports(
    settings: StoreSettings | ReaderSettings, host: str, flags: Mapping[str, str], chosen: frozenset[str]
) -> dict[str, Any]:
    """The ports to take, by field; says which are not the usual ones."""
    taken = {}
    for flag, field in flags.items():
        if not field.endswith("_port"):
            continue
        usual: int = getattr(settings, field)
        variable = spec(type(settings), field).variable
        taken[field] = choose_port(host, usual, flag=flag, variable=variable, chosen=field in chosen)
        if taken[field] != usual:
            say(f"port {usual} is taken: {taken[field]} instead (choose with {flag})")
    return taken


def _report(expected: Counts, found: Counts) -> bool:
    say(check.render(check.compare(expected, found)))
    if not expected.executions:
        say("\nFAILED: the load ran no task at all.")
        return False
    if expected == found and expected.all_ended:
        say("\nOK: the tables hold what happened.")
        return True
    say("\nFAILED: " + check.likely_cause(expected, found))
    if found.executions:  # where nothing arrived, every cell differs and none says more
        for difference in check.differences(expected, found)[:20]:
            say(f"  {difference}")
    return False


_WHAT_TO_TRY = """
  Open {viewer}
  - search for "@example.com" or for an order's number: arguments are found, too
  - filter on state FAILURE, open one: arguments, the whole traceback, the trace
  - payments.tasks.charge_card with retries: one row, each execution with its cause
  - accounts.tasks.reset_password: its secrets are masked before they leave the worker
  - with SQL: curl '{store}/' --data 'SELECT state, count() FROM otel.celery_tasks_latest GROUP BY state'
  Ctrl-C ends everything.
"""


def run_demo(options: DemoOptions) -> int:
    """Run the demo; 0 when ended by a signal or, with ``once``, when the counts agree; else 1.

    Raises TaskmonError: a port is taken, something did not start, or a child ended that should have gone on (with
    the end of its log). Nothing it started is left running.
    """
    signals = StopSignals()
    os.environ.update(without_proxy(os.environ))
    with tempfile.TemporaryDirectory(prefix="taskmon-demo-", ignore_cleanup_errors=True) as scratch:
        demo = Demo(options, Path(scratch), signals)
        try:
            demo.start()
            if options.once:
                return 0 if demo.run_once() else 1
            demo.run_for_ever()
        except StopRequested:
            # Asked to end before it could say whether the counts agree: that is no success of --once.
            return 1 if options.once else 0
        finally:
            say("ending …")
            demo.close()
            say("all child processes have ended")
        return 0
