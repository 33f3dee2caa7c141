"""Views of the log that people saved under a name: one list for everybody who uses the viewer.

A view is the query string of the log's page, so a range like "last hour" stays that. Reading needs no rights;
writing needs a user that may write (``writing.connect_to_write``) and leaves an audit row.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otel_taskmon.errors import TaskmonError
from otel_taskmon.queries.audit import Actor, record_audit
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.statements import statement

MAX_NAME: Final = 80
"""Characters of a name."""
MAX_QUERY: Final = 8_000
"""Characters of a query string; proxies and browsers take no longer addresses for granted."""
MAX_VIEWS: Final = 500

_UNSEEN: Final = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks of writing direction and of no width: with them two names could look the same."""
_WRITING: Final = threading.Lock()
"""Two who save at once are told apart: the second one's look at the list sees the first one's view."""


class ViewRefused(TaskmonError):
    """The view was not saved; the text says why."""


class NotNoted(TaskmonError):
    """The change was made, but its audit row was not written; the text says why."""


class ViewTaken(ViewRefused):
    """There is a view of that name."""

    def __init__(self, taken: SavedView) -> None:
        super().__init__(f"there is a view named {taken.name!r} already, saved by {taken.owner}")
        self.taken = taken


@dataclass(frozen=True)
class SavedView:
    name: str
    owner: str
    """Who saved it last."""
    query: str
    """Of the log's address, without "?"."""
    updated_at: datetime


def saved_views(client: Client) -> list[SavedView]:
    """All of them by name, ``MAX_VIEWS`` at most. Raises StoreUnavailable, QueryFailed."""
    rows = client.ask(statement("saved_views"), {"most": MAX_VIEWS}).rows
    return [SavedView(*row) for row in rows]


def view_name(text: str) -> str:
    """``text`` as a name: one line, nothing invisible in it.

    Raises ViewRefused when nothing is left of it, or more than ``MAX_NAME`` characters.
    """
    seen = _UNSEEN.sub("", unicodedata.normalize("NFC", text))
    shown = "".join(
        " " if unicodedata.category(sign).startswith("C") and sign not in _JOINERS else sign for sign in seen
    )
    name = " ".join(shown.split())
    if not name.strip(_JOINERS):
        raise ViewRefused("a view needs a name")
    if len(name) > MAX_NAME:
        raise ViewRefused(f"a name has at most {MAX_NAME} characters; this one has {len(name)}")
    return name


_JOINERS: Final = "\u200c\u200d"
"""Between letters of Persian and in the middle of many emoji."""


def save_view(
    client: Client, name: str, query: str, actor: Actor, *, instead_of: SavedView | None = None
) -> None:
    """Keep ``query`` under ``name`` as the view of ``actor``.

    ``instead_of``: the view of that name that is to be replaced. Raises ViewTaken when there is another one,
    ViewRefused for a name or a query that cannot be, or when the one to be replaced has changed; NotNoted,
    StoreUnavailable, QueryFailed.
    """
    name = view_name(name)
    if len(query) > MAX_QUERY:
        raise ViewRefused(f"its address has {len(query):,} characters, at most {MAX_QUERY:,} can be saved")
    with _WRITING:
        views = saved_views(client)
        if (name, actor.name, query) in [(view.name, view.owner, view.query) for view in views]:
            return  # saved by a first click of two
        if instead_of is not None:
            _unchanged(views, instead_of)
        _free(views, name, instead_of)
        if instead_of is None and len(views) >= MAX_VIEWS:
            raise ViewRefused(f"there are {MAX_VIEWS} views already; delete one first")
        _move(client, instead_of, name, actor.name, query)
    _note(client, actor, "save view" if instead_of is None else "replace view", name, query)


def rename_view(client: Client, view: SavedView, name: str, actor: Actor) -> None:
    """Give ``view`` another name; it stays its owner's. Raises as ``save_view``."""
    name = view_name(name)
    if name == view.name:
        return
    with _WRITING:
        views = saved_views(client)
        _unchanged(views, view)
        _free(views, name, None)
        _move(client, view, name, view.owner, view.query)
    _note(client, actor, "rename view", name, f"it was {view.name}")


def delete_view(client: Client, view: SavedView, actor: Actor) -> None:
    """Take ``view`` off the list. Raises ViewRefused when it has changed; StoreUnavailable, QueryFailed."""
    with _WRITING:
        _unchanged(saved_views(client), view)
        gone = {"name": view.name, "owner": view.owner, "query": "", "deleted": 1}
        client.run(statement("store_view"), gone)
    _note(client, actor, "delete view", view.name, view.query)


def _unchanged(views: Sequence[SavedView], view: SavedView) -> None:
    if view not in views:
        raise ViewRefused(f"somebody has changed the view {view.name!r} meanwhile; look at the list again")


def _free(views: Sequence[SavedView], name: str, besides: SavedView | None) -> None:
    for view in views:
        if view.name == name and view != besides:
            raise ViewTaken(view)


def _move(client: Client, old: SavedView | None, name: str, owner: str, query: str) -> None:
    wanted = {"name": name, "owner": owner, "query": query}
    if old is None or (old.name, old.owner) == (name, owner):
        client.run(statement("store_view"), {**wanted, "deleted": 0})
    else:
        client.run(statement("move_view"), {**wanted, "old_name": old.name, "old_owner": old.owner})


def _note(client: Client, actor: Actor, action: str, name: str, detail: str) -> None:
    try:
        record_audit(client, actor, action=action, target=name, affected=1, detail=detail)
    except TaskmonError as error:
        raise NotNoted(f"it could not be noted in the audit: {error}") from error
