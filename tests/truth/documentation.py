"""The section of docs/benchmarks.md that a run writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.support.processes import ROOT
from tests.truth.report import Matrix, as_markdown, sums

PAGE = ROOT / "docs" / "benchmarks.md"
HEADING = "## Recorded / executed: "
_LEGEND = """\
Real workers, Redis and store. Every task writes to Redis itself what Celery told it, before it does what it
does; each cell is *recorded / executed*, then how many fields of the records are wrong (`w`), then records too
many (`+`); `*` where a slow store left the rest for the next process on the host to ship.

Of ours these fields are compared: task, state, reason, worker, queue, arguments, result, retries, redelivered,
root, parent, group and its index, chord, exception type, error or not. The stock instrumentation (batch
processor with its defaults, raw `otel_traces`) is asked only for what it means to say: task, state, retries,
worker, queue, error or not, exception type. What it keeps of a worker that ends depends on whether its five
seconds between two batches had passed; a busy machine is kind to it. – is what Celery does not have in that
pool, or what is not measured.
"""


def write(command: str, matrices: Sequence[Matrix]) -> None:
    """Put the tables of this run in the place of those before."""
    day = datetime.now(UTC).date().isoformat()
    parts = [f"{HEADING}`{command}`, {day}\n", _LEGEND]
    parts += [as_markdown(matrix) for matrix in matrices]
    load = (
        f"load average at the end: {os.getloadavg()[1]:.0f} on {os.cpu_count()} cores, others' work included"
    )
    parts.append("\n".join(f"- {line}" for line in (*sums(matrices), load)) + "\n")
    section = "\n".join(parts)
    text = PAGE.read_text()
    start = text.find(HEADING)
    if start < 0:
        text = f"{text.rstrip()}\n\n{section}"
    else:
        end = text.find("\n## ", start + 1)
        text = text[:start] + section + ("" if end < 0 else text[end:])
    PAGE.write_text(text)
