"""Says which parts of an address could not be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from taskmon_viewer.address_reader import Ignored
from taskmon_viewer.texts import safe_label

_SAID: Final = 10


def say_ignored(ignored: Sequence[Ignored]) -> None:
    if ignored:
        said = "\n".join(f"- {safe_label(str(problem), limit=300)}" for problem in ignored[:_SAID])
        more = f"\n- and {len(ignored) - _SAID} more" if len(ignored) > _SAID else ""
        st.warning(f"Parts of the address were ignored:\n{said}{more}", icon=":material/warning:")
