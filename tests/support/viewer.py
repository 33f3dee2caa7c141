"""The viewer for tests: its pages run in this process on a real store, or the real server as a child."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

import taskmon_viewer
from otel_taskmon.settings import ReaderSettings
from taskmon_viewer import configuration
from tests.support.processes import Child, free_port

APP = Path(taskmon_viewer.__file__).with_name("app.py")


def open_page(
    store_url: str, page: str = "page_scripts/tasks.py", query: Mapping[str, str | list[str]] | None = None
) -> AppTest:
    """The page as a visitor of that address sees it; ``page`` is the log, or "" for the first one."""
    configuration.use(ReaderSettings.from_environment({}, clickhouse_url=store_url))
    opened = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in (query or {}).items():
        opened.query_params[name] = value
    if page:
        opened.switch_page(page)
    opened.run()
    return opened


def elements(block: Any) -> Iterator[Any]:
    """Everything on a page, in order."""
    for child in getattr(block, "children", {}).values():
        yield child
        yield from elements(child)


def components(page: AppTest, name: str) -> list[dict[str, Any]]:
    """The data given to each of our components of that name."""
    return [
        json.loads(element.proto.json)
        for element in elements(page._tree)
        if element.type == "bidi_component" and element.proto.component_name == f"taskmon_{name}"
    ]


def texts(page: AppTest) -> str:
    """All that Streamlit's own widgets say."""
    kinds = (
        page.title,
        page.subheader,
        page.markdown,
        page.caption,
        page.info,
        page.warning,
        page.error,
        page.code,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@contextmanager
def running_viewer(
    store_url: str, folder: Path, *, base_path: str = "", env: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Child]]:
    """The real server on a free port: its address, and the process. ``env``: more of its settings."""
    port = free_port()
    args = [
        sys.executable,
        "-m",
        "otel_taskmon",
        "viewer",
        "--clickhouse-url",
        store_url,
        "--port",
        str(port),
    ]
    settings = {**(env or {}), **({"TASKMON_VIEWER_BASE_PATH": base_path} if base_path else {})}
    with Child(args, folder / "viewer.log", env=settings) as child:
        child.wait_for_port(port)
        yield f"http://127.0.0.1:{port}", child
