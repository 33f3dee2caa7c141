"""What Streamlit runs for every visitor: page settings, navigation, then the page of the address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from taskmon_viewer.components.page_style import page_style
from taskmon_viewer.links import TASK_PAGE, TASK_PATH, TASKS_PAGE

_IMAGES = Path(__file__).with_name("images")

# A local image: an icon by name would be fetched from the internet.
st.set_page_config(page_title="taskmon", page_icon=str(_IMAGES / "favicon.png"), layout="wide")
page_style()
st.logo(str(_IMAGES / "logo.svg"), size="medium")
st.navigation(
    [
        st.Page(TASKS_PAGE, title="Tasks", default=True),
        st.Page(TASK_PAGE, title="Task", url_path=TASK_PATH, visibility="hidden"),
    ],
    position="top",
).run()
