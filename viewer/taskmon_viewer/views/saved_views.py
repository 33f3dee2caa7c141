"""Saved views of the log: a list that everybody opens from, and that operators add to, rename and delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

import streamlit as st

from otel_taskmon.errors import QueryFailed, StoreUnavailable, TaskmonError
from otel_taskmon.queries.audit import Actor
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.saved_views import (
    MAX_NAME,
    NotNoted,
    SavedView,
    ViewTaken,
    delete_view,
    rename_view,
    save_view,
    saved_views,
)
from otel_taskmon.queries.writing import connect_to_write
from taskmon_viewer import cache, configuration
from taskmon_viewer.access.current import may, require
from taskmon_viewer.access.policy import LocalAccess
from taskmon_viewer.address import parse
from taskmon_viewer.components.menu import Entry, menu
from taskmon_viewer.links import log_address_href, log_params, write_address
from taskmon_viewer.params import RANGES, LogParams
from taskmon_viewer.texts import clipped, plain_label, safe_label
from taskmon_viewer.views.log_empty import loosened

NAME: Final = "views.name"
CHOSEN: Final = "views.chosen"
NEW_NAME: Final = "views.new_name"
_OUTCOME: Final = "views.outcome"
_MAX_FIELDS: Final = 1_000
_NOTE_LENGTH: Final = 160


@dataclass(frozen=True)
class _Outcome:
    """What came of the last button."""

    said: str
    problem: str = ""
    taken: SavedView | None = None
    """The view that has the name already."""


def saved_views_button() -> None:
    if st.button("Views", icon=":material/bookmarks:", help="Saved views: open one, or save this one"):
        for key in (NAME, CHOSEN, NEW_NAME, _OUTCOME):
            st.session_state.pop(key, None)
        _dialog()


@st.dialog("Saved views")
def _dialog() -> None:
    saved_views_panel()


def saved_views_panel() -> None:
    """The list, and for operators what changes it. Opening a view sets the address."""
    params, _ = log_params()
    writes = may("operator")
    if writes:
        _form(params)
    with st.container():  # a place of its own: what stands below it would be drawn anew, and closed
        _say_outcome()
    try:
        views = saved_views(cache.client())
    except (StoreUnavailable, QueryFailed) as error:
        # Told here, where what was typed stays, rather than by the page below, which would close this.
        st.error("The list of views is not known: the store does not answer.", icon=":material/cloud_off:")
        st.code(str(error), language=None, wrap_lines=True)
        st.button("Try again", icon=":material/refresh:")
        return
    if not views:
        st.caption("There are none yet." if writes else "There are none yet. An operator can save one.")
        return
    opened = menu(
        [("", [_entry(view) for view in views])],
        key="views.list",
        label="Saved views",
        chosen=_same(views, params),
    )
    for view in views:
        if opened == _id(view):
            write_address(view_address(view))
            st.rerun()
    if writes:
        with st.expander("Rename or delete"):
            _change(views)


def view_address(view: SavedView) -> dict[str, list[str]]:
    """The parameters of its address; what of them means nothing any more, the log says."""
    try:
        return parse_qs(view.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:  # written by something else: no view of ours has so many
        return {}


def _id(view: SavedView) -> str:
    return f"{view.owner}\n{view.name}"


def _entry(view: SavedView) -> Entry:
    address = view_address(view)
    saved_by = "" if isinstance(configuration.access(), LocalAccess) else f" · {clipped(view.owner, 60)}"
    note = clipped(description(parse(address)[0]), _NOTE_LENGTH) + saved_by
    return Entry(_id(view), clipped(view.name, 2 * MAX_NAME), log_address_href(address), note)


def description(params: LogParams) -> str:
    """A view in a few words: its range, then its filters."""
    range_text = "a fixed range" if params.absolute else RANGES[params.range][0]
    filters = [label for name, label, _ in loosened(params) if name != "range"]
    rows = ["executions"] if params.per == "executions" else []
    return ", ".join([range_text, *filters, *rows])


def _same(views: list[SavedView], params: LogParams) -> str:
    """The id of the view that is shown, else ""."""
    shown = params.changed()
    return next((_id(view) for view in views if parse(view_address(view))[0].changed() == shown), "")


def _form(params: LogParams) -> None:
    with st.form("views.form", border=False):
        st.text_input(
            "Save this view as",
            key=NAME,
            max_chars=MAX_NAME,
            autocomplete="off",
            placeholder="A name for these filters, range and order",
        )
        st.form_submit_button("Save this view", icon=":material/bookmark_add:", on_click=_save)
    if params.absolute:
        st.caption("The range from … to … stays as it is; a range like “last hour” would move on.")


def _say_outcome() -> None:
    outcome = st.session_state.pop(_OUTCOME, None)
    if not isinstance(outcome, _Outcome):
        return
    if outcome.taken is not None:
        st.warning(safe_label(outcome.said, limit=300), icon=":material/bookmark:")
        st.button("Replace it", key="views.replace", on_click=_save, args=(outcome.taken,))
    elif outcome.problem:
        st.error(safe_label(outcome.said, limit=300), icon=":material/error:")
        st.code(outcome.problem, language=None, wrap_lines=True)
    else:
        st.success(safe_label(outcome.said, limit=300), icon=":material/bookmark:")


def _change(views: list[SavedView]) -> None:
    # A choice that is gone from the list would be an error of the widget.
    if st.session_state.get(CHOSEN) not in [None, *views]:
        st.session_state[CHOSEN] = None
    chosen = st.radio(
        "View", views, key=CHOSEN, index=None, format_func=_option, label_visibility="collapsed"
    )
    if chosen is None:
        return
    st.text_input(
        "New name", key=NEW_NAME, max_chars=MAX_NAME, autocomplete="off", placeholder="Another name"
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Delete it", key="views.delete", icon=":material/delete:", on_click=_delete, args=(chosen,))
        st.button("Rename it", key="views.rename", icon=":material/edit:", on_click=_rename, args=(chosen,))


def _option(view: SavedView) -> str:
    """Options of a radio are Markdown."""
    shown = safe_label(view.name)
    return shown if isinstance(configuration.access(), LocalAccess) else f"{shown} · {safe_label(view.owner)}"


def _save(instead_of: SavedView | None = None) -> None:
    name = str(st.session_state.get(NAME) or (instead_of.name if instead_of else ""))
    query = log_params()[0].changed().to_query_string()
    _write(
        "Saved.",
        "It was not saved.",
        lambda client, actor: save_view(client, name, query, actor, instead_of=instead_of),
    )


def _rename(view: SavedView) -> None:
    name = str(st.session_state.get(NEW_NAME) or "")
    _write("Renamed.", "It was not renamed.", lambda client, actor: rename_view(client, view, name, actor))


def _delete(view: SavedView) -> None:
    _write("Deleted.", "It was not deleted.", lambda client, actor: delete_view(client, view, actor))


def _write(done: str, failed: str, change: Callable[[Client, Actor], None]) -> None:
    try:
        user = require("operator")
        with connect_to_write(configuration.current()) as client:
            change(client, Actor(user.name, user.role))
    except ViewTaken as error:
        outcome = _Outcome(
            f"“{plain_label(error.taken.name)}” is the name of a view already, saved by "
            f"{plain_label(error.taken.owner, limit=60)}.",
            taken=error.taken,
        )
    except NotNoted as error:
        outcome = _Outcome(done, str(error))
    except StoreUnavailable as error:
        # It may have come there all the same: the list says so once there is one again.
        outcome = _Outcome("The store has not confirmed it.", str(error))
    except TaskmonError as error:
        outcome = _Outcome(failed, str(error))
    else:
        outcome = _Outcome(done)
        # Set and not dropped: what was typed is the browser's until it is told another value.
        st.session_state.update({NAME: "", NEW_NAME: "", CHOSEN: None})
    st.session_state[_OUTCOME] = outcome
