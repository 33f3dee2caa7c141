"""Goes to another of our pages, as a click on a link would: for what is clicked where we can put no link."""

from __future__ import annotations

import uuid

from taskmon_viewer.components.mounting import register

_mount = register("go")


def go(href: str) -> None:
    """The browser goes there, with one entry in its history; the page is drawn to its end meanwhile.

    ``href``: relative address that we built, of another page than this one.
    """
    _mount(key="go", data={"href": href, "turn": uuid.uuid4().hex})
