"""What is recorded, held against what was executed, ours and the stock instrumentation side by side: ``make truth``.

    python -m tests.truth [--only ours] [--pools prefork,solo] [--rows REGEX] [--minutes 10] [--write-docs]

Starts a Redis, the store, and one worker after the other; takes about ten minutes on two cores. Exits 1 unless
every cell of ours is full; hard time limits outside prefork may be short, since Celery has none there.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from otel_taskmon.demo.broker import Broker, start_broker
from tests.support.processes import free_port
from tests.support.store import Store, running_store
from tests.truth import documentation
from tests.truth.cell import OURS, STOCK, Cell
from tests.truth.checking import Score, check, check_failed_publishes, expected_of_end
from tests.truth.ends import ENDS, POOLS, End
from tests.truth.expected import Expected
from tests.truth.outages import DISKS, OUTAGES, can_mount
from tests.truth.report import Matrix, Result, as_text, details, sums

AT_ONCE = 3
"""Most of a cell is waiting."""
OUTAGE_MINUTES = 20 / 60
PUBLISHER = "publisher"


def calm(cell: Cell) -> dict[str, Score]:
    """Every outcome of which no process dies, in one worker."""
    return _outcomes(cell, "calm")


def violent(cell: Cell) -> dict[str, Score]:
    return _outcomes(cell, "violent")


def interrupted(cell: Cell) -> dict[str, Score]:
    return _outcomes(cell, "interrupted")


def _outcomes(cell: Cell, group: str) -> dict[str, Score]:
    worker = cell.worker(concurrency=4)
    expected = cell.publish(group, pool=cell.pool)
    cell.wait_for(worker, ended=0, running=sum(one.ran and one.told for one in expected))
    cell.lasting = True
    return settled(cell, expected)


def failed_publishes(cell: Cell) -> dict[str, Score]:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    environment = {"TRUTH_BROKER": nobody, "TRUTH_BACKEND": "disabled://"}
    return check_failed_publishes(cell, cell.publish("failing", environment=environment))


def end(cell: Cell, how: End) -> dict[str, Score]:
    how.run(cell)
    return settled(cell, expected_of_end(cell))


def settled(cell: Cell, expected: list[Expected]) -> dict[str, Score]:
    """What is recorded; a worker has two seconds at its end, and leaves the rest to the next process on its host."""
    scores = check(cell, expected)
    if cell.anything_left and not all(score.full for score in scores.values()):
        cell.worker()
        cell.lasting = True
        scores = check(cell, expected)
        for score in scores.values():
            score.next_process = True
    return scores


OUTCOMES = {
    "outcomes": calm,
    "violent outcomes": violent,
    "interrupted, outcome": interrupted,
    "failed publishes": failed_publishes,
}
ROWS: dict[str, End] = {one.row: one for one in (*ENDS, *OUTAGES, *DISKS)}


class Run:
    """One run: what is asked for, and what has been found."""

    def __init__(self, asked: argparse.Namespace, broker: Broker, store: Store, directory: Path) -> None:
        self._asked = asked
        self._broker = broker
        self._store = store
        self._directory = directory

    def cells(self) -> list[tuple[str, str, str]]:
        """(row, pool, kind) of all that is to be done; long waits first."""
        wanted = re.compile(self._asked.rows)
        disks = {one.row for one in DISKS} if not can_mount() else set()
        found = [
            (row, pool, kind)
            for row, how in sorted(ROWS.items(), key=lambda both: both[1] not in OUTAGES)
            for pool in how.pools
            for kind in how.kinds
            if row not in disks
        ]
        found += [
            (row, pool, kind)
            for row in ("outcomes", "violent outcomes")
            for pool in POOLS
            for kind in (OURS, STOCK)
        ]
        found += [("interrupted, outcome", pool, kind) for pool in ("solo",) for kind in (OURS, STOCK)]
        found += [("failed publishes", PUBLISHER, kind) for kind in (OURS, STOCK)]
        pools = {*self._asked.pools.split(","), PUBLISHER}
        return [
            (row, pool, kind)
            for row, pool, kind in found
            if pool in pools and kind in self._asked.only.split(",") and wanted.search(row)
        ]

    def one(self, row: str, pool: str, kind: str) -> Result:
        directory = (
            self._directory
            / f"{kind}-{pool}-{len(list(self._directory.iterdir()))}-{row[:20]}".replace(" ", "_")
        )
        cell = Cell(kind, pool, row, directory, self._broker, self._store, self._asked.minutes)
        try:
            with cell:
                scores = end(cell, ROWS[row]) if row in ROWS else OUTCOMES[row](cell)
        except Exception as error:  # the other cells are worth having, and this one is shown as broken
            return Result(kind, pool, {row: Score()}, f"{type(error).__name__}: {error}")
        return Result(kind, pool, scores)

    def all(self) -> dict[str, list[Result]]:
        """Results by what was to be done, with a line of progress for each."""
        cells = self.cells()
        if not cells:
            raise SystemExit("nothing fits --only, --pools and --rows")
        began, done = time.monotonic(), 0
        found: dict[str, list[Result]] = {row: [] for row, _, _ in cells}
        print(f"==> {len(cells)} cells, {AT_ONCE} at a time", flush=True)
        with ThreadPoolExecutor(AT_ONCE) as workers:
            futures = {workers.submit(self.one, *cell): cell for cell in cells}
            for future in as_completed(futures):
                row, pool, kind = futures[future]
                result = future.result()
                found[row].append(result)
                done += 1
                said = result.broken.splitlines()[0] if result.broken else _summary(result)
                at = time.monotonic() - began
                print(f"{done:>3}/{len(cells)} {at:>5.0f} s  {kind:<5} {pool:<9} {row}: {said}", flush=True)
        return found


def _summary(result: Result) -> str:
    total = Score()
    for score in result.scores.values():
        total.executed, total.recorded = total.executed + score.executed, total.recorded + score.recorded
        total.wrong, total.extra = total.wrong + score.wrong, total.extra + score.extra
    return total.text


def matrices(found: dict[str, list[Result]]) -> list[Matrix]:
    """Outcomes, and ends in their own order."""
    pools = [*POOLS, PUBLISHER]
    outcomes = [result for row in OUTCOMES for result in _sorted(found.get(row, []), pools)]
    ends = [result for row in ROWS for result in _sorted(found.get(row, []), pools)]
    both = (("Outcomes", outcomes), ("Ends, 50 executions each", ends))
    return [Matrix(title, results, pools) for title, results in both if results]


def _sorted(results: Sequence[Result], pools: Sequence[str]) -> list[Result]:
    return sorted((replace(one) for one in results), key=lambda one: (pools.index(one.pool), one.kind))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__)
    parser.add_argument("--only", default=f"{OURS},{STOCK}", help="ours, stock, or both")
    parser.add_argument("--pools", default=",".join(POOLS))
    parser.add_argument("--rows", default="", help="regular expression of ends, or outcomes, to be found")
    parser.add_argument(
        "--minutes", type=float, default=OUTAGE_MINUTES, help="how long a collector is out of order"
    )
    parser.add_argument("--keep", type=Path, help="folder for logs, kept; else a temporary one")
    parser.add_argument(
        "--write-docs", action="store_true", help=f"put the tables into docs/{documentation.PAGE.name}"
    )
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="taskmon-truth-") as temporary:
        directory = asked.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        broker = start_broker(directory / "broker")
        try:
            (directory / "store").mkdir()
            with running_store(directory / "store") as store:
                found = matrices(Run(asked, broker, store, directory).all())
        finally:
            broker.stop()
    print()
    for matrix in found:
        print(as_text(matrix))
    short = [line for matrix in found for line in details(matrix)]
    if short:
        print("Not full:", *short, sep="\n")
    print(*sums(found), sep="\n")
    print(f"took {time.monotonic() - began:.0f} s")
    if not can_mount():
        print("the disks of their own that a full and a read-only one take were not made: that needs root")
    if asked.write_docs:
        command = f'make truth ARGS="{" ".join(sys.argv[1:])}"'
        documentation.write(command, found)
    return 1 if any(matrix.short() for matrix in found) else 0


if __name__ == "__main__":
    sys.exit(main())
