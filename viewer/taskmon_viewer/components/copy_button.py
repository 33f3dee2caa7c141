"""A button that copies a text."""

from __future__ import annotations

from taskmon_viewer.components.mounting import register

_mount = register("copy_button")


def copy_button(label: str, text: str, *, key: str, help: str = "") -> None:  # noqa: A002  (Streamlit's own word)
    """Draw it; the text goes to the clipboard in the browser, the page does not run again."""
    _mount(key=key, data={"label": label, "text": text, "help": help})
