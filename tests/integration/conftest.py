"""A store, or only its engine, for the tests of a file. A file that fills its store first has its own ``store``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from clickhouse_connect.driver.client import Client as Driver

from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.store.engine import Engine
from tests.support.raw_engine import emptied, engine_with_tables, throwing_view
from tests.support.store import Store, running_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A running ``taskmon serve`` with empty tables."""
    with running_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def writer(store: Store) -> Driver:
    """May insert."""
    return store.client("ingest", autogenerate_session_id=False)


@pytest.fixture(scope="module")
def reader(store: Store) -> Iterator[Client]:
    """Asks as the viewer does."""
    with connect(store.url) as client:
        yield client


@pytest.fixture(scope="module")
def whole_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine in this process, with all tables; tests take ``engine``."""
    with engine_with_tables(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture
def engine(whole_engine: Engine) -> Engine:
    """The engine with empty tables."""
    return emptied(whole_engine)


@pytest.fixture
def take_away_view(engine: Engine) -> Iterator[Callable[[], None]]:
    """Every insert of spans fails half-way until it is called."""
    with throwing_view(engine) as take_away:
        yield take_away
