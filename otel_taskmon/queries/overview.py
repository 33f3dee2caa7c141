"""What stands around the log: the facets' counts and the histogram over time."""

from __future__ import annotations

from datetime import UTC, datetime

from otel_taskmon.queries import rows
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import (
    BEGINNING_US,
    Per,
    microseconds,
    moment,
    range_parameters,
)
from otel_taskmon.queries.model import Facets, FacetValue, Histogram, HistogramBucket, TaskFilter
from otel_taskmon.queries.searching import search_form
from otel_taskmon.queries.statements import statement

FACETS = ("states", "apps", "names", "exceptions", "queues", "workers", "priorities")
"""The order of the facets in ``facet_columns.sql``."""

BUCKET_SECONDS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400),
    *(172_800, 604_800, 2_592_000, 31_536_000),
)
"""Widths that a person can say."""


def facets(client: Client, wanted: TaskFilter, *, limit: int = 50, per: Per = "tasks") -> Facets:
    """Values with counts, most frequent first, at most ``limit`` each.

    Each facet obeys all filters but its own. A value that the filter names is among them whenever it occurs. Rows
    without an exception are no value of that facet.
    """
    question = "facets_filtered" if any(getattr(wanted, name) for name in FACETS) else "facets"
    slots, parameters = search_form(client, per, wanted)
    answer = client.ask(statement(question, **slots), parameters | {"limit": limit})
    found: dict[str, list[FacetValue]] = {name: [] for name in FACETS}
    for facet, text, count, *_ in answer.rows:
        name = FACETS[facet]
        value = int(text) if name == "priorities" and text is not None else text
        found[name].append(FacetValue(value=value, count=count))
    for values in found.values():
        values.sort(key=lambda v: -v.count)
    return Facets(**found)


def bucket_seconds(span_us: int, buckets: int) -> int:
    """The smallest width of the list with which ``span_us`` needs at most ``buckets`` of them."""
    for seconds in BUCKET_SECONDS:
        if span_us <= seconds * 1_000_000 * buckets:
            return seconds
    return BUCKET_SECONDS[-1]


def histogram(client: Client, wanted: TaskFilter, *, buckets: int = 60, per: Per = "tasks") -> Histogram:
    """Rows over time by state, in about ``buckets`` buckets that begin at multiples of their width.

    Without ``since`` it begins with the oldest task, without ``until`` it ends now (or with the newest task, where a
    publisher's clock is ahead).
    """
    since_us, until_us = _bounds(client, wanted, per)
    width = bucket_seconds(max(until_us - since_us, 1), buckets)
    slots, parameters = search_form(client, per, wanted)
    answer = client.ask(
        statement("histogram", **slots),
        parameters | range_parameters(since_us, until_us) | {"bucket_us": width * 1_000_000},
    )
    return Histogram(
        bucket_seconds=width,
        since=moment(since_us),
        until=moment(until_us),
        buckets=rows.many(HistogramBucket, answer),
    )


def _bounds(client: Client, wanted: TaskFilter, per: Per) -> tuple[int, int]:
    now_us = microseconds(datetime.now(UTC))
    oldest_us, newest_us = now_us, now_us
    if wanted.since is None or wanted.until is None:
        if wanted.ran_since is None and wanted.ran_until is None:
            oldest, newest = client.ask(statement("oldest_newest")).only()
        else:  # the log's time has no bound then, but the rows do not fill all of it
            slots, parameters = search_form(client, per, wanted, shows_state=False)
            _, oldest, newest = client.ask(statement("span_of_rows", **slots), parameters).only()
        if oldest is not None:
            oldest_us, newest_us = microseconds(oldest), microseconds(newest)
    until_us = max(now_us, newest_us + 1) if wanted.until is None else microseconds(wanted.until)
    since_us = min(oldest_us, until_us) if wanted.since is None else microseconds(wanted.since)
    return max(since_us, BEGINNING_US), until_us
