"""The matrix as text for a terminal and as a table for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.truth.cell import OURS, STOCK
from tests.truth.checking import Score

BROKEN = "broken"
NOT_THERE = "–"
SHOWN_DETAILS = 4
MAY_BE_SHORT = frozenset({"hard time limit"})
"""Rows that Celery has in prefork only; where another pool offers something like it, the record may be short."""


@dataclass(frozen=True)
class Result:
    """What one cell gave: a score for each of its rows, or why there is none."""

    kind: str
    pool: str
    scores: Mapping[str, Score]
    broken: str = ""


class Matrix:
    """Results in the order in which they are to be shown."""

    def __init__(self, title: str, results: Sequence[Result], pools: Sequence[str]) -> None:
        self.title = title
        self.results = results
        self.pools = [pool for pool in pools if any(result.pool == pool for result in results)]
        self.kinds = [kind for kind in (OURS, STOCK) if any(result.kind == kind for result in results)]
        self.rows = list(dict.fromkeys(row for result in results for row in result.scores))

    @property
    def columns(self) -> list[tuple[str, str]]:
        return [(pool, kind) for pool in self.pools for kind in self.kinds]

    def cell(self, row: str, pool: str, kind: str) -> str:
        for result in self.results:
            if (result.pool, result.kind) == (pool, kind) and row in result.scores:
                return BROKEN if result.broken else result.scores[row].text
        return NOT_THERE

    def short(self) -> list[tuple[str, Result, Score]]:
        """Cells of ours that are not full and may not be."""
        return [
            (row, result, score)
            for result in self.results
            for row, score in result.scores.items()
            if result.kind == OURS
            and (result.broken or not score.full)
            and not (row in MAY_BE_SHORT and result.pool != "prefork")
        ]

    def total(self, kind: str) -> Score:
        total = Score()
        for score in (s for r in self.results if r.kind == kind for s in r.scores.values()):
            total.executed += score.executed
            total.recorded += score.recorded
            total.wrong += score.wrong
            total.extra += score.extra
        return total


def as_text(matrix: Matrix) -> str:
    """For a terminal."""
    head = ["", *(f"{pool}, {kind}" for pool, kind in matrix.columns)]
    lines = [[row, *(matrix.cell(row, pool, kind) for pool, kind in matrix.columns)] for row in matrix.rows]
    widths = [max(len(line[n]) for line in (head, *lines)) for n in range(len(head))]
    body = (
        "  ".join(text.ljust(width) if n == 0 else text.rjust(width) for n, (text, width) in enumerate(both))
        for both in (zip(line, widths, strict=True) for line in (head, *lines))
    )
    return "\n".join([matrix.title, "", *(line.rstrip() for line in body), ""])


def as_markdown(matrix: Matrix) -> str:
    """For the documentation."""
    head = [matrix.title, *(f"{pool}, {kind}" for pool, kind in matrix.columns)]
    lines = [
        _line(head),
        _line(["---", *("--:" for _ in matrix.columns)]),
        *(
            _line([row, *(matrix.cell(row, pool, kind) for pool, kind in matrix.columns)])
            for row in matrix.rows
        ),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def details(matrix: Matrix) -> list[str]:
    """What is wrong with the cells that are not full."""
    found = []
    for row, result, score in matrix.short():
        found.append(f"{row}, {result.pool}: {result.broken or score.text}")
        found += [f"    {line}" for line in score.details[:SHOWN_DETAILS]]
        more = len(score.details) - SHOWN_DETAILS
        if more > 0:
            found.append(f"    and {more} more")
    return found


def sums(matrices: Sequence[Matrix]) -> list[str]:
    """One line for each kind."""
    lines = []
    for kind in (OURS, STOCK):
        totals = [matrix.total(kind) for matrix in matrices]
        executed, recorded, wrong, extra = (
            sum(getattr(total, name) for total in totals)
            for name in ("executed", "recorded", "wrong", "extra")
        )
        if executed:
            lines.append(
                f"{kind}: {recorded} of {executed} executions recorded, {wrong} wrong fields, {extra} records too many"
            )
    return lines
