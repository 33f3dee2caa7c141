"""Registers our components with Streamlit: plain JavaScript and CSS files of this package, nothing is fetched."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Protocol

import streamlit as st


class Mounted(Protocol):
    """A registered component; a call puts it on the page."""

    def __call__(self, *, data: Any, key: str, **callbacks: Any) -> Any: ...


def register(name: str, *, everywhere: bool = False) -> Mounted:
    """The component in ``static/<name>.js`` and ``.css``. To be called once, when its module is imported.

    ``everywhere``: its style sheet, without the common one, is meant for the whole page.
    """
    folder = files(__package__) / "static"

    def text(*files: str) -> str:
        return "\n".join((folder / file).read_text(encoding="utf-8") for file in files)

    mounted: Mounted = st.components.v2.component(
        f"taskmon_{name}",
        html='<div class="root"></div>\n',
        js=text("common.js", f"{name}.js"),
        css=text(*([] if everywhere else ["common.css"]), f"{name}.css"),
        isolate_styles=not everywhere,
    )
    return mounted


def ignore() -> None:
    """A callback that does nothing: a mount with one always returns the attribute of that name."""
