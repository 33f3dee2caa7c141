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
    QUEUES_PAGE,
    QUEUES_PATH,
    REPORTS_PAGE,
    REPORTS_PATH,
    STATISTICS_PAGE,
    STATISTICS_PATH,
    TASK_PAGE,
    TASK_PATH,
    TASKS_PAGE,
    TASKS_PATH,
    login_href,
    logout_href,
)
from taskmon_viewer.texts import page_title

_IMAGES = Path(__file__).with_name("images")


def _somebody() -> Identity:
    try:
        return current_identity()
    except NotAllowed:
        st.warning("Your session has ended.", icon=":material/lock:")
        st.link_button("Log in", login_href())
        st.stop()


# A local image: an icon by name would be fetched from the internet.
st.set_page_config(page_icon=str(_IMAGES / "favicon.png"), layout="wide")
page_style()
st.logo(str(_IMAGES / "logo.svg"), size="medium")
_identity = _somebody()
if not isinstance(configuration.access(), LocalAccess):
    account(_identity.user.name, _identity.user.role, logout_href() if _identity.session else "")
_page = st.navigation(
    [
        st.Page(OVERVIEW_PAGE, title="Overview", default=True),
        st.Page(TASKS_PAGE, title="Tasks", url_path=TASKS_PATH),
        st.Page(REPORTS_PAGE, title="Reports", url_path=REPORTS_PATH),
        st.Page(STATISTICS_PAGE, title="Statistics", url_path=STATISTICS_PATH),
        st.Page(QUEUES_PAGE, title="Queues", url_path=QUEUES_PATH),
        st.Page(TASK_PAGE, title="Task", url_path=TASK_PATH, visibility="hidden"),
    ],
    position="top",
)
# The title given above would stand for every page: tabs, history and screen readers tell pages by it.
st.set_page_config(page_title=page_title(_page.title))
_page.run()
