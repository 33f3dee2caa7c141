"""The only wrappers of Streamlit's caches: the store's client, and answers that are a few seconds old at most.

Answers are shared by all open pages, so ten people who watch the same view cost one question per ``TTL_SECONDS``.
Errors are never kept: each call asks again until the store is back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, Protocol, TypeVar

import streamlit as st

from otel_taskmon.queries import (
    overview,
    overview_page,
    queue_lengths,
    reports,
    statistics,
    task_detail,
    tasks,
)
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.model import (
    Cursor,
    Execution,
    Facets,
    Histogram,
    LogPage,
    Related,
    SortKey,
    TaskFilter,
    TaskRow,
    TaskSpan,
    TraceSpan,
)
from otel_taskmon.queries.report_model import (
    Overview,
    QueueDepthAt,
    ReportAnswer,
    ReportFilter,
    ReportKey,
    StatisticsColumn,
    StatisticsPage,
)
from otel_taskmon.queries.statements import statement
from taskmon_viewer import configuration
from taskmon_viewer.params import LogParams, Per

TTL_SECONDS = 5
PAGE_ROWS = 100
HISTOGRAM_BUCKETS = 90
TRACE_SPANS = 2_000


def as_of() -> datetime:
    """Now, rounded down to a moment that pages asked within the same few seconds share, so that they share answers."""
    now = datetime.now(UTC)
    return now - timedelta(seconds=now.second % TTL_SECONDS, microseconds=now.microsecond)


StoreAddress = tuple[str, str]
"""URL and user: tells the answers of one store from those of another."""


@st.cache_resource(show_spinner=False, max_entries=4)
def _connected(store: StoreAddress, _password: str) -> Client:
    return connect(*store, _password)


def client() -> Client:
    """The one client of this process (safe for threads). Raises StoreUnavailable while nobody answers."""
    return client_of(store())


def client_of(store: StoreAddress) -> Client:
    """As ``client``, for the answers that are kept by this address."""
    return _connected(store, configuration.current().clickhouse_password or "")


def store_answers() -> None:
    """Ask the store something small, never from the cache; StoreUnavailable or QueryFailed when it is not well."""
    client().ask(statement("oldest_newest"))


def page(params: LogParams, wanted: TaskFilter) -> LogPage:
    """The rows of this view's page."""
    return _page(store(), wanted, params.per, params.sort, params.descending, params.after)


def span(params: LogParams, wanted: TaskFilter) -> TaskSpan:
    """What this view is based on."""
    return _span(store(), wanted, params.per)


def facets(params: LogParams, wanted: TaskFilter) -> Facets:
    return _facets(store(), wanted, params.per)


def histogram(params: LogParams, wanted: TaskFilter) -> Histogram:
    return _histogram(store(), wanted, params.per)


def task(task_id: str) -> TaskRow | None:
    return _task(store(), task_id)


def executions(task_id: str) -> list[Execution]:
    return _executions(store(), task_id)


def queue_depths(executions: Sequence[Execution]) -> dict[str, QueueDepthAt]:
    """Execution id -> how long its queue was when it began, where that is known."""
    return _queue_depths(store(), list(executions))


def related(task_id: str) -> Related:
    return _related(store(), task_id)


def trace(trace_id: str) -> list[TraceSpan]:
    """The first spans of a trace: one more than ``TRACE_SPANS`` where there are more."""
    return _trace(store(), trace_id)


def report(key: ReportKey, wanted: ReportFilter, top: int) -> ReportAnswer:
    """One of the 17 reports."""
    return _report(store(), key, wanted, top)


def first_page(wanted: ReportFilter) -> Overview:
    """Everything of the Overview."""
    return _first_page(store(), wanted)


def statistics_page(
    wanted: ReportFilter, search: str, sort: StatisticsColumn, descending: bool, page: int
) -> StatisticsPage:
    """``PAGE_ROWS`` rows of the statistics; ``page`` counts from 1."""
    return _statistics(store(), wanted, search, sort, descending, page)


def forget() -> None:
    """The next questions are asked anew: what a refresh button does."""
    for cached in _KEPT:
        cached.clear()


def store() -> StoreAddress:
    """The store that is read now."""
    settings = configuration.current()
    return settings.clickhouse_url, settings.clickhouse_user


class _Cached(Protocol):
    def clear(self) -> None: ...


_KEPT: list[_Cached] = []
"""Every function whose answers are kept, so that ``forget`` leaves none out."""
_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


def _answers(function: Callable[_Asked, _Answer]) -> Callable[_Asked, _Answer]:
    cached = st.cache_data(ttl=TTL_SECONDS, max_entries=200, show_spinner=False)(function)
    _KEPT.append(cached)
    return cached


@_answers
def _page(
    store: StoreAddress, wanted: TaskFilter, per: Per, sort: SortKey, descending: bool, after: Cursor | None
) -> LogPage:
    return tasks.log_page(
        client_of(store), wanted, per=per, sort=sort, descending=descending, limit=PAGE_ROWS, after=after
    )


@_answers
def _span(store: StoreAddress, wanted: TaskFilter, per: Per) -> TaskSpan:
    return tasks.task_span(client_of(store), wanted, per=per)


@_answers
def _facets(store: StoreAddress, wanted: TaskFilter, per: Per) -> Facets:
    return overview.facets(client_of(store), wanted, per=per)


@_answers
def _histogram(store: StoreAddress, wanted: TaskFilter, per: Per) -> Histogram:
    return overview.histogram(client_of(store), wanted, per=per, buckets=HISTOGRAM_BUCKETS)


@_answers
def _task(store: StoreAddress, task_id: str) -> TaskRow | None:
    return task_detail.find_task(client_of(store), task_id)


@_answers
def _executions(store: StoreAddress, task_id: str) -> list[Execution]:
    return task_detail.executions(client_of(store), task_id)


@_answers
def _queue_depths(store: StoreAddress, executions: list[Execution]) -> dict[str, QueueDepthAt]:
    return queue_lengths.queue_depth_at(client_of(store), executions)


@_answers
def _related(store: StoreAddress, task_id: str) -> Related:
    return task_detail.related(client_of(store), task_id)


@_answers
def _trace(store: StoreAddress, trace_id: str) -> list[TraceSpan]:
    return task_detail.trace(client_of(store), trace_id, limit=TRACE_SPANS + 1)


@_answers
def _report(store: StoreAddress, key: ReportKey, wanted: ReportFilter, top: int) -> ReportAnswer:
    return reports.ask_report(client_of(store), key, wanted, top=top)


@_answers
def _statistics(
    store: StoreAddress,
    wanted: ReportFilter,
    search: str,
    sort: StatisticsColumn,
    descending: bool,
    page: int,
) -> StatisticsPage:
    return statistics.statistics(
        client_of(store),
        wanted,
        search=search,
        sort=sort,
        descending=descending,
        limit=PAGE_ROWS,
        offset=(page - 1) * PAGE_ROWS,
    )


@_answers
def _first_page(store: StoreAddress, wanted: ReportFilter) -> Overview:
    return overview_page.ask_overview(client_of(store), wanted)
