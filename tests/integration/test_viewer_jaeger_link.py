"""The link from a task's trace to Jaeger: there when it is set, and only for an id that Jaeger could have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from otel_taskmon.settings import ReaderSettings, ViewerSettings
from taskmon_viewer import configuration
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert, run
from tests.support.viewer import APP, elements

pytestmark = pytest.mark.integration

TRACE = "0af7651916cd43dd8448eb211c80319c"
JAEGER = "https://jaeger.example.com/tools"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        insert(
            running.client("admin"),
            [
                run("real", "SUCCESS", started=1, ended=2, trace_id=TRACE),
                run("odd", "SUCCESS", started=1, ended=2, trace_id="/../x?" + TRACE),
            ],
        )
        yield running


def links(store: Store, task_id: str, jaeger_url: str | None) -> list[str]:
    """The addresses of all link buttons on the task's page."""
    configuration.use(
        ReaderSettings.from_environment({}, clickhouse_url=store.url),
        ViewerSettings.from_environment({}, jaeger_url=jaeger_url),
    )
    try:
        page = AppTest.from_file(str(APP), default_timeout=60)
        page.query_params["id"] = task_id
        page.switch_page("page_scripts/task.py")
        page.run()
        assert not page.exception
        return [element.proto.url for element in elements(page._tree) if element.type == "link_button"]
    finally:
        configuration.use(ReaderSettings.from_environment({}, clickhouse_url=store.url))


def test_the_trace_links_to_jaeger_when_it_is_set(store: Store) -> None:
    assert f"{JAEGER}/trace/{TRACE}" in links(store, "real", JAEGER + "/")
    assert not [url for url in links(store, "real", None) if "trace" in url]


def test_an_id_that_no_tracer_made_gets_no_link(store: Store) -> None:
    assert not [url for url in links(store, "odd", JAEGER) if "jaeger" in url]
