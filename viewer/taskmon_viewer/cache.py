"""The only wrappers of Streamlit's caches: the store's client, and answers that are a few seconds old at most.

Answers are shared by all open pages, so ten people who watch the same view cost one question per ``TTL_SECONDS``.
Errors are never kept: each call asks again until the store is back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from otel_taskmon.queries import overview, task_detail, tasks
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.model import (
    Cursor,
    Execution,
    Facets,
    Histogram,
    Related,
    SortKey,
    TaskFilter,
    TaskPage,
    TaskRow,
    TaskSpan,
    TraceSpan,
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
    return _client(_store())


def _client(store: StoreAddress) -> Client:
    return _connected(store, configuration.current().clickhouse_password or "")


def store_answers() -> None:
    """Ask the store something small, never from the cache; StoreUnavailable or QueryFailed when it is not well."""
    client().ask(statement("oldest_newest"))


def page(params: LogParams, wanted: TaskFilter) -> TaskPage:
    """The rows of this view's page."""
    return _page(_store(), wanted, params.per, params.sort, params.descending, params.after)


def span(params: LogParams, wanted: TaskFilter) -> TaskSpan:
    """What this view is based on."""
    return _span(_store(), wanted, params.per)


def facets(params: LogParams, wanted: TaskFilter) -> Facets:
    return _facets(_store(), wanted, params.per)


def histogram(params: LogParams, wanted: TaskFilter) -> Histogram:
    return _histogram(_store(), wanted, params.per)


def task(task_id: str) -> TaskRow | None:
    return _task(_store(), task_id)


def executions(task_id: str) -> list[Execution]:
    return _executions(_store(), task_id)


def related(task_id: str) -> Related:
    return _related(_store(), task_id)


def trace(trace_id: str) -> list[TraceSpan]:
    """The first ``TRACE_SPANS`` spans of a trace."""
    return _trace(_store(), trace_id)


def forget() -> None:
    """The next questions are asked anew: what a refresh button does."""
    for cached in (_page, _span, _facets, _histogram, _task, _executions, _related, _trace):
        cached.clear()


def _store() -> StoreAddress:
    settings = configuration.current()
    return settings.clickhouse_url, settings.clickhouse_user


_answers = st.cache_data(ttl=TTL_SECONDS, max_entries=200, show_spinner=False)


@_answers
def _page(
    store: StoreAddress, wanted: TaskFilter, per: Per, sort: SortKey, descending: bool, after: Cursor | None
) -> TaskPage:
    ask = tasks.list_tasks if per == "tasks" else tasks.list_executions
    return ask(_client(store), wanted, sort=sort, descending=descending, limit=PAGE_ROWS, after=after)


@_answers
def _span(store: StoreAddress, wanted: TaskFilter, per: Per) -> TaskSpan:
    return tasks.task_span(_client(store), wanted, per=per)


@_answers
def _facets(store: StoreAddress, wanted: TaskFilter, per: Per) -> Facets:
    return overview.facets(_client(store), wanted, per=per)


@_answers
def _histogram(store: StoreAddress, wanted: TaskFilter, per: Per) -> Histogram:
    return overview.histogram(_client(store), wanted, per=per, buckets=HISTOGRAM_BUCKETS)


@_answers
def _task(store: StoreAddress, task_id: str) -> TaskRow | None:
    return task_detail.find_task(_client(store), task_id)


@_answers
def _executions(store: StoreAddress, task_id: str) -> list[Execution]:
    return task_detail.executions(_client(store), task_id)


@_answers
def _related(store: StoreAddress, task_id: str) -> Related:
    return task_detail.related(_client(store), task_id)


@_answers
def _trace(store: StoreAddress, trace_id: str) -> list[TraceSpan]:
    return task_detail.trace(_client(store), trace_id, limit=TRACE_SPANS)
