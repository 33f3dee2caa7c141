"""The viewer's process: Streamlit as an ASGI application, with our routes, access check and headers around it."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from otel_taskmon.errors import SettingError, TaskmonError
from otel_taskmon.queries.connection import Client
from otel_taskmon.settings import BrokerSettings, ReaderSettings, Settings, ViewerSettings
from taskmon_viewer import configuration, routes, theme
from taskmon_viewer.access import login_page
from taskmon_viewer.access.middleware import AccessCheck
from taskmon_viewer.access.policy import access_for
from taskmon_viewer.access.requests import is_loopback
from taskmon_viewer.report_routes import report_routes
from taskmon_viewer.security_headers import SecurityHeaders
from taskmon_viewer.texts import safe_label

log = logging.getLogger(__name__)
PAGES_MODULE = "taskmon_viewer.views.log"
APP_SCRIPT = Path(__file__).with_name("app.py")


def build_app(settings: ReaderSettings, viewer: ViewerSettings | None = None) -> st.App:
    """The ASGI application reading from the store that ``settings`` names; one per process.

    Raises SettingError when it would have to listen where others can reach it and nobody has to log in.
    """
    viewer = viewer or ViewerSettings()
    access = access_for(viewer, settings.viewer_host)
    configuration.use(settings, viewer, access=access)
    # Streamlit puts the base path before its own routes only, we before ours.
    base_path = configuration.base_path()
    return st.App(
        APP_SCRIPT,
        routes=[
            *routes.routes(base_path, _client),
            *report_routes(base_path, _client, viewer.reports_max_top),
            *login_page.routes(base_path, access),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(AccessCheck, access=access, base_path=base_path),
        ],
        on_script_error=_on_script_error,
        lifespan=_lifespan,
    )


@asynccontextmanager
async def _lifespan(_app: st.App) -> AsyncIterator[None]:
    """Imports what the pages need beside the first requests, so that the first visitor does not wait for it."""
    thread = threading.Thread(target=importlib.import_module, args=(PAGES_MODULE,), daemon=True)
    thread.start()
    settings = configuration.current()
    log.info(
        "the viewer is at http://%s:%s%s/ and reads from %s",
        f"[{settings.viewer_host}]" if ":" in settings.viewer_host else settings.viewer_host,
        settings.viewer_port,
        configuration.base_path(),
        configuration.store_address(),
    )
    yield


def _client() -> Client:
    # Imported late: Streamlit wants its caches made after its runtime has started.
    from taskmon_viewer import cache

    return cache.client()


def run_viewer(settings: ReaderSettings, viewer: ViewerSettings | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the exit code.

    Raises SettingError for an address that cannot be used, TaskmonError when the port is taken.
    """
    viewer = viewer or ViewerSettings()
    access_for(viewer, settings.viewer_host)
    # What the Queues page reads from the environment; what is wrong there is told now.
    BrokerSettings.from_environment()
    Settings.from_environment()
    _check_port(settings.viewer_host, settings.viewer_port)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    # A store that is away is told by the pages, once and not for each try of the driver.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    if not is_loopback(settings.viewer_host):
        log.warning(
            "others can reach %s: put a proxy with TLS in front (TASKMON_VIEWER_PROXIES names it), else passwords and "
            "pages cross the network in the clear",
            settings.viewer_host,
        )
    # The server would believe X-Forwarded-For of everything on this machine; whom to believe is for the check to say.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    app = build_app(settings, viewer)
    # The server ends in order on a signal and then raises it again: to be asked to end is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    app.run(config=streamlit_config(settings))
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def streamlit_config(settings: ReaderSettings) -> dict[str, Any]:
    """All of Streamlit's settings that matter to us, so that no configuration file in somebody's folder does."""
    return {
        "server.address": settings.viewer_host,
        "server.port": settings.viewer_port,
        "server.baseUrlPath": configuration.base_path().strip("/"),
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableStaticServing": False,
        "server.websocketPingInterval": 20,
        "server.disconnectedSessionTTL": 600,
        "browser.gatherUsageStats": False,
        "logger.hideWelcomeMessage": True,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.showSidebarNavigation": False,
        **theme.theme_config(),
    }


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise TaskmonError(
                    f"port {port} on {host} is taken: end what listens there, or choose another port with --port or "
                    "TASKMON_VIEWER_PORT"
                ) from error
            raise SettingError(
                "TASKMON_VIEWER_PORT", port, f"a port this user may listen on at {host} ({error.strerror})"
            ) from error


def _on_script_error(error: BaseException) -> bool:
    """A mistake of ours on a page: the log has the traceback, the page has a number to find it by (tracebacks can
    hold passwords and what tasks were given)."""
    number = uuid.uuid4().hex[:8]
    log.error("error %s on a page", number, exc_info=error)
    st.error(
        f"This page failed; it is not your fault. The viewer's log has the details under error {safe_label(number)}. "
        "Reload the page to try again."
    )
    return True
