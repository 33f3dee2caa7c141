"""What Streamlit runs for every visitor: page settings, navigation, then the page of the address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from taskmon_viewer import configuration
from taskmon_viewer.access.current import current_identity
from taskmon_viewer.access.policy import Identity, LocalAccess
from taskmon_viewer.access.users import NotAllowed
from taskmon_viewer.components.account import account
from taskmon_viewer.components.page_style import page_style
from taskmon_viewer.links import (
    OVERVIEW_PAGE,
    OVERVIEW_PATH,
    QUEUES_PAGE,
    QUEUES_PATH,
    REPORTS_PAGE,
    REPORTS_PATH,
    STATISTICS_PAGE,
    STATISTICS_PATH,
    TASK_PAGE,
    TASK_PATH,
    TASKS_PAGE,
    login_href,
    logout_href,
)

_IMAGES = Path(__file__).with_name("images")


def _somebody() -> Identity:
    try:
        return current_identity()
    except NotAllowed:
        st.warning("Your session has ended.", icon=":material/lock:")
        st.link_button("Log in", login_href())
        st.stop()


# A local image: an icon by name would be fetched from the internet.
st.set_page_config(page_title="taskmon", page_icon=str(_IMAGES / "favicon.png"), layout="wide")
page_style()
st.logo(str(_IMAGES / "logo.svg"), size="medium")
_identity = _somebody()
if not isinstance(configuration.access(), LocalAccess):
    account(_identity.user.name, _identity.user.role, logout_href() if _identity.session else "")
st.navigation(
    [
        st.Page(OVERVIEW_PAGE, title="Overview", url_path=OVERVIEW_PATH),
        st.Page(TASKS_PAGE, title="Tasks", default=True),
        st.Page(REPORTS_PAGE, title="Reports", url_path=REPORTS_PATH),
        st.Page(STATISTICS_PAGE, title="Statistics", url_path=STATISTICS_PATH),
        st.Page(QUEUES_PAGE, title="Queues", url_path=QUEUES_PATH),
        st.Page(TASK_PAGE, title="Task", url_path=TASK_PATH, visibility="hidden"),
    ],
    position="top",
).run()
