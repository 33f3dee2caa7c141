"""A template gives the message that was made with the values."""

from __future__ import annotations

import pytest

from otel_taskmon.outbox.template import Template


def test_places_are_filled_in_their_order_and_the_rest_stays() -> None:
    template = Template(b"100%b|AAAA|%s|BB|", [b"AAAA", b"BB"])
    assert template.fill((b"%s%b", b"\x00\xff")) == b"100%b|%s%b|%s|\x00\xff|"


def test_places_at_both_ends() -> None:
    assert Template(b"AxB", [b"A", b"B"]).fill((b"1", b"2")) == b"1x2"


@pytest.mark.parametrize("marks", [[b"C"], [b"A", b"A"], [b"B", b"A"], [b""], [b"twice"]])
def test_marks_that_are_missing_or_not_alone_make_none(marks: list[bytes]) -> None:
    with pytest.raises(ValueError, match="mark"):
        Template(b"A-B-twice-twice", marks)


def test_too_few_values_are_refused() -> None:
    with pytest.raises(TypeError):
        Template(b"AB", [b"A", b"B"]).fill((b"1",))
