"""The same OTLP bytes two ways into the store: through the real Collector, and through our receiver.

One store is enough: rows of our receiver carry the id of their request, the Collector's carry none.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from otel_taskmon.store.otlp_signals import RAW_TABLES
from tests.support.collector import Collector, new_collector
from tests.support.otlp_requests import send
from tests.support.store import Store, running_store
from tests.support.waiting import wait_until

TABLES = tuple(table.name for table in RAW_TABLES)

_COLUMNS = {
    # the Collector adds the name as an attribute too (otel-collector.yaml says why)
    "otel_logs": "* EXCEPT (RequestId, IngestedAt) REPLACE "
    "(mapFilter((k, v) -> k != 'event.name', LogAttributes) AS LogAttributes)",
    # the Collector leaves such numbers out when they equal zero, and with them a zero's sign
    "otel_metrics_summary": "* EXCEPT (RequestId, IngestedAt) REPLACE (Sum + 0. AS Sum, "
    "arrayMap(v -> v + 0., ValueAtQuantiles.Value) AS `ValueAtQuantiles.Value`, "
    "arrayMap(v -> v + 0., ValueAtQuantiles.Quantile) AS `ValueAtQuantiles.Quantile`)",
}
_ALL_OURS = "* EXCEPT (RequestId, IngestedAt)"


RECEIVED = "RequestId != ''"
COLLECTED = "RequestId = ''"


@dataclass
class BothWays:
    """What is sent here must end as equal rows from both senders."""

    store: Store
    collector: Collector
    compared: Counter[str] = field(default_factory=Counter)
    """Rows found equal, per table."""

    def send(self, path: str, body: bytes) -> None:
        """Both must take it."""
        ours = send(self.store.otlp_http_port, body, path=path)
        theirs = self.collector.send(path, body)
        assert (ours.status, theirs.status) == (200, 200), (ours.body, theirs.body)

    def rows(self, table: str, where: str) -> list[str]:
        """All rows, each with all columns that a sender decides as JSON, in an order that both stores have."""
        sql = f"SELECT {_COLUMNS.get(table, _ALL_OURS)} FROM otel.{table} WHERE {where} FORMAT JSONEachRow"
        exact = "output_format_json_quote_denormals=1&output_format_json_quote_64bit_floats=1"
        answer = send(self.store.http_port, sql.encode(), path=f"/?{exact}", content_type="text/plain")
        assert answer.status == 200, answer.body
        return sorted(line.decode() for line in answer.body.splitlines())

    def compare(
        self, where: str = "1", *, tables: Sequence[str] = TABLES, timeout: float = 30.0
    ) -> Counter[str]:
        """Equal rows per table. Raises AssertionError naming the columns that differ."""
        equal: Counter[str] = Counter()
        for table in tables:
            ours = self.rows(table, f"{RECEIVED} AND ({where})")
            theirs = f"{COLLECTED} AND ({where})"
            wait_until(
                partial(self._arrived, table, theirs, len(ours)),
                f"{len(ours)} rows of {table} through the Collector",
                timeout=timeout,
                context=self.collector.child.output,
            )
            found = differences(ours, self.rows(table, theirs))
            assert not found, f"{table}: {found}"
            equal[table] = len(ours)
        self.compared += equal
        return equal

    def _arrived(self, table: str, where: str, count: int) -> bool:
        return len(self.rows(table, where)) >= count


def differences(ours: list[str], theirs: list[str]) -> list[str]:
    """For people: which columns of which rows differ, at most a few."""
    if ours == theirs:
        return []
    left, right = Counter(ours), Counter(theirs)
    found = [f"{len(ours)} rows received, {len(theirs)} collected"]
    for mine, its in list(zip((left - right).elements(), (right - left).elements(), strict=False))[:3]:
        mine_row, its_row = json.loads(mine), json.loads(its)
        found += [
            f"{column}: received {mine_row[column]!r}, collected {its_row[column]!r}"
            for column in mine_row
            if mine_row[column] != its_row[column]
        ]
    return found


@contextmanager
def both_ways(directory: Path) -> Iterator[BothWays]:
    """A store and a Collector with the users' configuration, ended at the end."""
    with running_store(directory) as store:
        collector = new_collector(
            directory / "collector", store.url, store.ingest_password, env={"TASKMON_COLLECTOR_FLUSH": "20ms"}
        )
        collector.start()
        try:
            yield BothWays(store, collector)
        finally:
            collector.stop()
