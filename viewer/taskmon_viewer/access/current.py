"""Who looks at this page: what pages and their buttons ask before they do something."""

from __future__ import annotations

import streamlit as st

from taskmon_viewer import configuration
from taskmon_viewer.access.middleware import IDENTITY_HEADER, unseal
from taskmon_viewer.access.policy import Identity, LocalAccess
from taskmon_viewer.access.users import NotAllowed, Role, User


def current_identity() -> Identity:
    """Whose page this is; raises NotAllowed when the session has ended."""
    access = configuration.access()
    if isinstance(access, LocalAccess):
        return access.identity
    header = st.context.headers.get(IDENTITY_HEADER)
    identity = unseal(header) if header else None
    user = access.current(identity) if identity else None
    if identity is None or user is None:
        raise NotAllowed("your session has ended")
    return Identity(user, identity.session)


def current_user() -> User:
    """Name and role of whoever looks at this page; raises NotAllowed when the session has ended."""
    return current_identity().user


def may(role: Role) -> bool:
    """Whether to show what needs this role; whoever does it calls ``require`` as well."""
    return current_user().may(role)


def require(role: Role) -> User:
    """The user, for an action that needs this role; raises NotAllowed for a lower one.

    To be called by the action itself: a button that is not shown can still be pressed.
    """
    user = current_user()
    if not user.may(role):
        raise NotAllowed(f"this needs the role {role}; {user.name} is {user.role}")
    return user
