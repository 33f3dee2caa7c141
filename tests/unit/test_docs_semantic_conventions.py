"""``docs/semantic-conventions.md`` names every key of ``semconv``, and none of ours that does not exist."""

from __future__ import annotations

import re

from otel_taskmon import semconv
from tests.support.conventions import PAGE, documented

NO_KEYS = {"ACTION_RUN", "ACTION_PUBLISH", "STATES"}
"""Values of attributes, not names of any."""


def constants() -> set[str]:
    named = {name for name in vars(semconv) if name.isupper()} - NO_KEYS
    return {getattr(semconv, name) for name in named}


def test_every_name_is_documented_and_no_other_of_ours() -> None:
    on_the_page = set(re.findall(r"`([a-z_]+(?:[._][a-z_]+)*)`", PAGE.read_text()))
    assert constants() - on_the_page == set()
    ours = {name for name in on_the_page if name.startswith(("taskmon.", "taskmon_"))}
    assert ours - constants() == set()


def test_every_attribute_has_a_type_an_example_and_a_source() -> None:
    sources = {"stock", "OTel", "ours"}
    for key, row in documented().items():
        assert row.type in {"string", "int", "boolean", "string[]"}, key
        assert row.example, key
        assert row.source in sources, key
        assert (row.source == "ours") == key.startswith("taskmon."), key


def test_examples_fit_their_types() -> None:
    for key, row in documented().items():
        first = row.example.split(", ")[0].strip("`")
        if row.type == "int":
            assert first.isdigit(), key
        if row.type == "boolean":
            assert first in {"true", "false"}, key
