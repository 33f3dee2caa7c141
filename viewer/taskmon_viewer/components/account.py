"""Who is logged in, with the button to log out; drawn by ``static/account.js``."""

from __future__ import annotations

from taskmon_viewer.components.mounting import register
from taskmon_viewer.configuration import base_path

_mount = register("account")


def account(name: str, role: str, logout_href: str) -> None:
    """Draw it. The button is a form of the browser's own, sent to ``logout_href``: an address that we built."""
    _mount(
        key="account",
        data={
            "name": name,
            "role": role,
            "logout": logout_href,
            "asked": f"{base_path()}/_stcore/host-config",
        },
    )
