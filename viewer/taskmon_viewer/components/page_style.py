"""The few rules that Streamlit's theme settings do not reach: margins of the page and the side bar, for density."""

from __future__ import annotations

from taskmon_viewer.components.mounting import register

_mount = register("page_style", everywhere=True)


def page_style() -> None:
    """To be called once per run, by the entry script."""
    _mount(key="page_style", data={})
