"""Answers about queues that are a few seconds old at most, shared by all open pages; errors are never kept."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from otel_taskmon.broker import QueueCounts, WaitingPage, Wanted
from otel_taskmon.queries import queue_history, waiting
from otel_taskmon.queries.model import TaskFilter, TaskPage
from otel_taskmon.queries.queue_history import QueueFlow, QueueHistory, QueueSample
from otel_taskmon.queries.waiting import WaitingCounts
from taskmon_viewer import cache, queue_broker
from taskmon_viewer.queue_broker import Address, Depths

COUNTS_SECONDS = 15
"""Counting by name may read a hundred thousand messages."""

_answers = st.cache_data(ttl=cache.TTL_SECONDS, max_entries=100, show_spinner=False)
_counted = st.cache_data(ttl=COUNTS_SECONDS, max_entries=50, show_spinner="Counting what waits …")


def samples(now: datetime) -> list[QueueSample]:
    """The last sample of each queue, by the tables."""
    return _samples(cache.store(), now)


def flows(now: datetime) -> dict[str, QueueFlow]:
    return _flows(cache.store(), now)


def workers(now: datetime) -> dict[str, int]:
    """Queue -> how many living workers take from it, by what they say."""
    return _workers(cache.store(), now)


def history(queue: str, since: datetime, until: datetime) -> QueueHistory:
    return _history(cache.store(), queue, since, until)


def stored_waiting(wanted: TaskFilter) -> TaskPage:
    """The tasks that were published and not started, oldest first, by the tables."""
    return _stored_waiting(cache.store(), wanted)


def stored_counts(wanted: TaskFilter) -> WaitingCounts:
    return _stored_counts(cache.store(), wanted)


def depths(names: tuple[str, ...]) -> Depths:
    """As ``queue_broker.ask_depths``."""
    return _depths(queue_broker.address(), names)


def page(queue: str, wanted: Wanted, start: int) -> WaitingPage:
    return _page(queue_broker.address(), queue, wanted, start)


def counts(queue: str) -> QueueCounts:
    return _counts(queue_broker.address(), queue)


def forget() -> None:
    """The next questions are asked anew."""
    for cached in (
        _samples,
        _flows,
        _workers,
        _history,
        _stored_waiting,
        _stored_counts,
        _depths,
        _page,
        _counts,
    ):
        cached.clear()


@_answers
def _samples(store: cache.StoreAddress, now: datetime) -> list[QueueSample]:
    return queue_history.last_samples(cache.client_of(store), now)


@_answers
def _flows(store: cache.StoreAddress, now: datetime) -> dict[str, QueueFlow]:
    return queue_history.queue_flows(cache.client_of(store), now)


@_answers
def _workers(store: cache.StoreAddress, now: datetime) -> dict[str, int]:
    return queue_history.queue_workers(cache.client_of(store), now)


@_answers
def _history(store: cache.StoreAddress, queue: str, since: datetime, until: datetime) -> QueueHistory:
    return queue_history.queue_history(cache.client_of(store), queue, since, until)


@_answers
def _stored_waiting(store: cache.StoreAddress, wanted: TaskFilter) -> TaskPage:
    return waiting.waiting_tasks(cache.client_of(store), wanted, limit=queue_broker.PAGE_ROWS)


@_answers
def _stored_counts(store: cache.StoreAddress, wanted: TaskFilter) -> WaitingCounts:
    return waiting.waiting_counts(cache.client_of(store), wanted)


@_answers
def _depths(broker: Address, names: tuple[str, ...]) -> Depths:
    return queue_broker.ask_depths(broker, names)


@_answers
def _page(broker: Address, queue: str, wanted: Wanted, start: int) -> WaitingPage:
    return queue_broker.ask_waiting(broker, queue, wanted, start)


@_counted
def _counts(broker: Address, queue: str) -> QueueCounts:
    return queue_broker.ask_counts(broker, queue)
